"""Which hops circle?

Routers that send a packet to one another let its TTL run out again and again under the same addresses: the distance
between two sightings of one address is one round, or several where answers are missing. One address at two hops in a
row is no loop, some routers forward a packet whose TTL has run out.

A router may answer from the interface on which a packet came in (IPv6 in Linux; RFC 1812 section 4.3.2.4 leaves it
open for IPv4). Then the one through which packets enter the loop has another address on the first round, and is known
by its answers: those of both rounds come back over the same number of hops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import gcd

from pathprobe.core.evidence import Evidence, Observation, hops_back
from pathprobe.core.outcomes import TimeExceeded
from pathprobe.core.report import Hop

#: So many hops with an address that was there before make a loop, also where no full TTL was seen to run out:
#: one alone may be a firewall that hands packets back to the router which it got them from.
PROOF = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """One round is ``period`` hops long; ``hops`` are those of the first one that answered, in their order.

    ``again``: the first hop with an address that was there before, at hop ``before``. ``repeats``: how many there are.
    """

    period: int
    hops: tuple[Hop, ...]
    again: Hop
    before: int
    repeats: int
    seen: tuple[Observation, ...]


def find_circle(evidence: Evidence) -> Circle | None:
    """The loop that expired TTLs show; None where they show none. Controls count where they do not get through."""
    steps = _steps(evidence)
    sightings = _sightings(evidence, steps)
    rounds = [later - sooner for ttls in sightings.values() for sooner, later in pairwise(ttls)]
    period = gcd(*rounds)
    if period < 2:
        return None
    before, again = min((tuple(ttls[:2]) for ttls in sightings.values()), key=lambda pair: pair[1])
    first = min(ttls[0] for ttls in sightings.values())
    rounds_before = _hops_too_far(steps, first)
    if gcd(period, rounds_before) > 1:
        period, first = gcd(period, rounds_before), first - rounds_before
    first = _entrance(steps, first, period)
    return Circle(
        period=period,
        hops=tuple(_hops(steps, first, period)),
        again=Hop(ttl=again, address=_address(steps[again])),
        before=before,
        repeats=len(rounds),
        seen=tuple(steps[ttl] for ttls in sightings.values() for ttl in ttls),
    )


def is_loop(evidence: Evidence) -> bool:
    """Packets come back to this host, a full TTL ran out, or routers were seen again and again."""
    for seen in evidence.observations:
        if seen.returned or (isinstance(seen.outcome, TimeExceeded) and seen.probe.is_direct):
            return True
    circle = find_circle(evidence)
    return circle is not None and circle.repeats >= PROOF


def _steps(evidence: Evidence) -> Mapping[int, Observation]:
    """TTL -> the step that ran out there; the tested port's own path counts before that of the controls."""
    asked = evidence.tests if evidence.control_reaches_target else (*evidence.tests, *evidence.controls)
    steps: dict[int, Observation] = {}
    for seen in asked:
        if isinstance(seen.outcome, TimeExceeded) and not seen.probe.is_direct:
            steps.setdefault(seen.probe.ttl, seen)
    return steps


def _address(seen: Observation) -> str:
    assert isinstance(seen.outcome, TimeExceeded)
    return seen.outcome.source


def _sightings(evidence: Evidence, steps: Mapping[int, Observation]) -> Mapping[str, list[int]]:
    """Address -> its hops, of those that come more than once.

    A target that forwards lets all that lies behind it speak in its own name: that is no circle.
    """
    hops: defaultdict[str, list[int]] = defaultdict(list)
    for ttl, seen in sorted(steps.items()):
        hops[_address(seen)].append(ttl)
    return {address: ttls for address, ttls in hops.items() if len(ttls) > 1 and address != evidence.target}


def _hops_too_far(steps: Mapping[int, Observation], ttl: int) -> int:
    """How much nearer the box at this hop is, by its answer, than it was asked: rounds that nobody told of.

    0 where answers from nearer hops did not come home over as many hops as their probes went.
    """
    home = _way_back(steps[ttl])
    return max(0, ttl - home) if _is_straight(steps, home) else 0


def hop_of_the_last_round(evidence: Evidence, seen: Observation) -> int | None:
    """The hop of the box at which a full TTL ran out, by the way of its answer home; None where that shows nothing."""
    home = _way_back(seen)
    return home if _is_straight(_steps(evidence), home) else None


def _is_straight(steps: Mapping[int, Observation], before: int) -> bool:
    """What nearer hops say comes home over as many hops as it went."""
    return all(_way_back(seen) == ttl for ttl, seen in steps.items() if ttl < before)


def _entrance(steps: Mapping[int, Observation], first: int, period: int) -> int:
    """The first hop of the loop: the first that comes again, or one before it that said nothing or had another address.

    What it says on a later round comes home over as many hops as on the first.
    """
    for ttl in range(first - 1, max(first - period, 1) - 1, -1):
        outside = steps.get(ttl)
        inside = next((steps[later] for later in range(ttl + period, max(steps) + 1, period) if later in steps), None)
        if outside and inside:
            return ttl if _way_back(outside) == _way_back(inside) else first
        if inside and _way_back(inside) == ttl:
            return ttl
    return first


def _way_back(seen: Observation) -> int:
    assert isinstance(seen.outcome, TimeExceeded)
    return hops_back(seen.outcome.ttl)


def _hops(steps: Mapping[int, Observation], first: int, period: int) -> list[Hop]:
    """The hops of the first round; one that was silent then is known by a later round."""
    last = max(steps)
    hops = []
    for ttl in range(first, first + period):
        known = next((steps[later] for later in range(ttl, last + 1, period) if later in steps), None)
        if known:
            hops.append(Hop(ttl=ttl, address=_address(known)))
    return hops

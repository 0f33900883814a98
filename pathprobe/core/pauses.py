"""What can only time tell?

A router gives up on its neighbour after three seconds and only then says so. One that limits its ICMP has
an answer to spare every second. When everything asked so far has had its time and the port stays silent, or
who refuses it is not placed, these are worth waiting for; nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pathprobe.core.closed_ports import closed_ports, ports_from
from pathprobe.core.evidence import Observation, refusal_of
from pathprobe.core.forwarding import forwards_at
from pathprobe.core.locate import chance_from, of_one_box, origin_of
from pathprobe.core.loops import is_loop
from pathprobe.core.outcomes import Unreachable
from pathprobe.core.probes import FULL_TTL, Kind, Role
from pathprobe.core.senders import last_hop_passed
from pathprobe.core.situation import Situation, Want
from pathprobe.core.timing import NEIGHBOUR_LOOKUP

#: Seconds after which a router that limits its ICMP errors has one to spare (Linux: icmp_ratelimit, 1000 ms).
LIMITER_REFILL = 1.05

#: The same for errors about a missing route, which Linux charges twice, first in ip_error (net/ipv4/route.c):
#: a prober that asks once a second is never answered again.
ROUTE_ERROR_REFILL = 2.2

#: Seconds after which no more is asked for the sake of a router's limits.
LONGEST_PATIENCE = 8.0

#: Controls at the hop of a break, at most: a router that is so stingy is not pressed further.
MOST_PAIRS = 14

#: Pairs at the hop of a break at a time, where its silence is loss: one router may be asked five times in a burst.
PAIRS_WHERE_LOSSY = 2


@dataclass(frozen=True, slots=True)
class Pause:
    """Something worth waiting for: at ``due`` these probes are worth sending; none: only the waiting counts."""

    due: float
    wants: tuple[Want, ...] = ()


def pauses(now: Situation) -> Iterator[Pause]:
    """What waiting is worth, once everything asked so far has had its time."""
    if not now.all_settled:
        return
    yield from _unplaced_box(now)
    if not now.test_is_silent:
        return
    yield from _neighbour_lookup(now)
    yield from _refused_controls(now)
    started = min(seen.sent for seen in now.evidence.observations)
    if now.died_on_the_way and not now.has_passed(started + LONGEST_PATIENCE):
        yield from _limited_hops(now)
        yield from _limited_crossing(now)
        yield from _limited_target(now)


def _neighbour_lookup(now: Situation) -> Iterator[Pause]:
    """Nothing gets through and nobody said why yet: the last router may still be looking for its neighbour."""
    evidence = now.evidence
    longest = now.question.longest_wait
    if evidence.local or (longest is not None and longest < NEIGHBOUR_LOOKUP):
        return
    # One that prohibits a control says nothing of the neighbour.
    if is_loop(evidence) or any(isinstance(seen.outcome, Unreachable) for seen in evidence.observations):
        return
    if evidence.crossing(evidence.reached(Role.TEST)) is not None and forwards_at(evidence) is None:
        return
    end = min(seen.sent for seen in now.directs) + NEIGHBOUR_LOOKUP
    if now.has_passed(end):
        return
    yield Pause(end)
    again = max(seen.sent for seen in evidence.observations) + ROUTE_ERROR_REFILL
    if again < end - evidence.window:
        yield Pause(again, (now.test(FULL_TTL, fresh=True), *_controls_once_more(now)))


def _controls_once_more(now: Situation) -> Iterator[Want]:
    """A ping's controls are ports with one try each: loss alone may have silenced them all."""
    if now.question.kind is not Kind.ECHO:
        return
    direct = (seen for seen in now.evidence.controls if seen.probe.is_direct and now.evidence.is_silent(seen))
    for kind, port in dict.fromkeys((seen.probe.flow.kind, seen.probe.flow.port) for seen in direct):
        yield now.control(kind, port, FULL_TTL)


def _refused_controls(now: Situation) -> Iterator[Pause]:
    """A router told the controls why they get nowhere, and may have had no word to spare for the port: once more.

    Which packet gets there first is chance: the control's may have overtaken the port's own.
    """
    evidence = now.evidence
    if evidence.control_reaches_target or len(now.directs) > 1 or not now.died_on_the_way:
        return
    if any(refusal_of(seen.outcome) for seen in evidence.controls):
        due = max(seen.sent for seen in evidence.observations) + ROUTE_ERROR_REFILL
        yield Pause(due, (now.test(FULL_TTL, fresh=True),))


def _unplaced_box(now: Situation) -> Iterator[Pause]:
    """A box refused the port, and the TTL of its answer puts it beyond hops that say nothing: is it one of those?

    It had no answer to spare for the steps that ended there. Once it has, the first of them is asked again.
    """
    evidence = now.evidence
    refused = tuple(seen for seen in evidence.tests if refusal_of(seen.outcome))
    device = origin_of(evidence, of_one_box(evidence, refused)).device if now.traced and refused else None
    if device is None or evidence.hop_of(device.address or "") is not None:
        return
    started = min(seen.sent for seen in evidence.observations)
    if now.has_passed(started + LONGEST_PATIENCE):
        return
    later = {seen.probe.ttl for seen in evidence.tests if seen.sent >= started + ROUTE_ERROR_REFILL}
    hops = range(last_hop_passed(evidence, refused[0]) + 1, device.ttl)
    if hop := next((hop for hop in hops if hop not in later), None):
        due = max(seen.sent for seen in evidence.observations) + ROUTE_ERROR_REFILL
        yield Pause(due, (now.test(hop, fresh=True),))


def _limited_hops(now: Situation) -> Iterator[Pause]:
    """A hop around the break that left a probe unanswered may only have used up its ICMP: once more, later.

    The test goes first: if that hop refuses it, its one message is to say so.
    """
    found = now.broken_at
    if found is None:
        return
    crossing, kind, port = found
    last = now.evidence.reached(Role.TEST)
    beyond = crossing if crossing < FULL_TTL else last + 1
    limited = {ttl: asked for ttl in range(max(last, 1), beyond) if (asked := _unanswered_once(now, ttl, last))}
    if limited:
        due = max(seen.sent for asked in limited.values() for seen in asked) + LIMITER_REFILL
        controls = (Want(role=Role.CONTROL, kind=kind, port=port, ttl=ttl) for ttl in limited)
        yield Pause(due, (now.test(FULL_TTL, fresh=True), *controls))


def _unanswered_once(now: Situation, ttl: int, last: int) -> tuple[Observation, ...]:
    """The probes that ran out of TTL at a hop, if it left one unanswered and was not asked again later."""
    asked = now.evidence.at(Role.CONTROL, ttl)
    if ttl == last:
        asked += now.evidence.at(Role.TEST, ttl)
    times = [seen.sent for seen in asked]
    silent = any(now.evidence.is_silent(seen) for seen in asked)
    return asked if silent and max(times) - min(times) < LIMITER_REFILL else ()


def _limited_crossing(now: Situation) -> Iterator[Pause]:
    """Controls at the break are answered now and then: pairs, a second apart, until chance is ruled out.

    The test goes first: if the router's one answer a second is for it, the break is not there.
    """
    found = now.broken_at
    if found is None or found[0] in (FULL_TTL, now.evidence.distance):
        return
    crossing, kind, port = found
    controls = now.evidence.at(Role.CONTROL, crossing)
    if len(controls) >= MOST_PAIRS or chance_from(now.evidence, crossing) <= now.evidence.believed:
        return
    due = max(seen.sent for seen in controls) + LIMITER_REFILL
    pair = (now.test(crossing, fresh=True), now.control(kind, port, crossing))
    yield Pause(due, pair * (PAIRS_WHERE_LOSSY if _is_lost_on_the_way(now, kind, port) else 1))


def _is_lost_on_the_way(now: Situation, kind: Kind, port: int | None) -> bool:
    """Some of the controls that go all the way are lost: so it is not, or not only, a router that spares its ICMP."""
    direct = now.asked(Role.CONTROL, kind, port, FULL_TTL)
    return any(map(now.evidence.is_silent, direct)) and any(map(now.evidence.passes, direct))


def _limited_target(now: Situation) -> Iterator[Pause]:
    """A host that tells of closed UDP ports does so once a second: pairs, until it is clear whether it does.

    The test goes first: if it is closed, the host's one message is to say so.
    """
    closed = closed_ports(now.evidence)
    if not closed.asked or closed.suffices:
        return
    due = max(seen.sent for seen in (*closed.asked, *now.directs)) + LIMITER_REFILL
    known = {seen.probe.flow.port for seen in closed.asked}
    port = next(port for port in ports_from(now.question.closed_port, now.question.port) if port not in known)
    yield Pause(due, (now.test(FULL_TTL, fresh=True), now.control(Kind.UDP, port, FULL_TTL)))

"""At which hop is the box that sent this, when its address is that of no hop?

What is known of it is with which TTL its reply came, and which probes it answered. Three clues, best first:

* A machine starts all that it makes with one TTL and sends it home one way. So its reply comes with the TTL of the
  time exceeded messages of its own hop, wherever the way back leads and however many machines share the hop; and
  a hop whose messages come with another TTL is not its.
* One hop farther is one hop more on the way back, as a rule: counted on from the farthest hop that is known.
* Stacks start with few different TTLs: counted back to a hop, the reply must have had one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pathprobe.core.evidence import INITIAL_TTLS, Evidence, Observation, refusal_of
from pathprobe.core.outcomes import TimeExceeded

#: Seconds: who answers so late has looked for a neighbour, with one request a second (RFC 4861 section 10).
_LOOKED_FOR_A_NEIGHBOUR = 1.0


def hop_of_sender(evidence: Evidence, ttl: int, hops: Iterable[int], *, is_error: bool = True) -> int | None:
    """The one hop of ``hops`` from which a reply comes with this TTL; None where several may be, or none.

    ``is_error``: the reply is an ICMP error in the box's own name, as a time exceeded is; a RST, or what is forged,
    may well start with another TTL.
    """
    known = _reply_ttls(evidence)
    possible = [hop for hop in hops if not is_error or hop not in known or ttl in known[hop]]
    alike = [hop for hop in possible if ttl in known.get(hop, ())]
    counted_on = {hop + came - ttl for hop in _farthest_before(known, possible) for came in known[hop]}
    if len(alike) > 1:
        return None  # hops whose answers come home over as many hops are not told apart by counting them
    clues = (
        alike,
        [hop for hop in possible if hop in counted_on and hop not in known],
        [hop for hop in possible if ttl + hop - 1 in INITIAL_TTLS],
    )
    return next((found[0] for found in clues if len(found) == 1), None)


def not_taken(evidence: Evidence, hops: Iterable[int], ports: frozenset[int] | None = None) -> list[int]:
    """Where a box may be whose address is that of no hop: where nobody showed another one.

    ``ports``: to flows from these source ports alone; others may meet other machines at the same hop.
    """
    seen = {one.probe.ttl for one in _expired(evidence) if ports is None or one.probe.flow.source_port in ports}
    return [hop for hop in hops if hop not in seen and hop != evidence.distance]


def last_hop_passed(evidence: Evidence, seen: Observation) -> int:
    """The farthest hop at which a probe of the same service was seen to run out; 0 where none was.

    Flows that get to the target do not count: they may go another way.
    """
    service = seen.probe.flow.label
    alike = [one for one in (*evidence.tests, *evidence.controls) if one.probe.flow.label == service]
    alive = {one.probe.flow.source_port for one in alike if evidence.passes(one)}
    ttls = (
        one.probe.ttl
        for one in _expired(evidence)
        if one.probe.flow.label == service and one.probe.flow.source_port not in alive
    )
    return max(ttls, default=0)


def has_forwarded(seen: Iterable[Observation]) -> bool:
    """The box let the TTL pass and only then failed, so it is one hop nearer than the first TTL that drew its answer.

    It looks for its neighbour behind routing (ip_forward, then neigh_resolve_output), and that takes seconds.
    """
    refusals = (refusal_of(one.outcome) for one in seen)
    return any(told and told.message.of_neighbour and told.rtt >= _LOOKED_FOR_A_NEIGHBOUR for told in refusals)


def ttls_from(evidence: Evidence, hop: int) -> set[int]:
    """With which TTLs the time exceeded messages of a hop came."""
    return _reply_ttls(evidence).get(hop, set())


def _reply_ttls(evidence: Evidence) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for one in _expired(evidence):
        if isinstance(one.outcome, TimeExceeded):
            found.setdefault(one.probe.ttl, set()).add(one.outcome.ttl)
    return found


def _farthest_before(known: Iterable[int], possible: list[int]) -> list[int]:
    """The farthest hop that is known and not beyond the possible ones, if there is one."""
    return sorted(hop for hop in known if possible and hop < possible[-1])[-1:]


def _expired(evidence: Evidence) -> Iterator[Observation]:
    for one in (*evidence.tests, *evidence.controls):
        if isinstance(one.outcome, TimeExceeded) and not one.probe.is_direct:
            yield one

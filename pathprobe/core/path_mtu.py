"""How large may a packet be on this path, and what becomes of larger ones?

==========  =======================================================================================
none        packets of the interface's MTU are answered: nothing on the way is narrower
told        a box says that it cannot pass it on (RFC 1191, RFC 8201): path MTU discovery works
silent      larger packets die and nobody says so: a black hole (RFC 2923 section 2.1), in which a
            connection opens and then hangs with its first full segment
==========  =======================================================================================

A silent death is an interval of hops, as everywhere. An echo reply is as large as its request, so one that dies at
the target may have died on its way back: where a SYN of that size gets there, it is no longer the way out.
"""

from __future__ import annotations

from pathprobe.core.evidence import Evidence, Observation, hops_back, kept_back
from pathprobe.core.outcomes import Refusal, TooBig
from pathprobe.core.report import Clue, Device, Direction, Hop, Location, Loss, PathMtu, Told, Where
from pathprobe.core.sizes import SizedSteps, Trials, second_opinion, trials_of
from pathprobe.core.statistics import chance_of_guess

#: What this host's kernel says of a packet above its interface's MTU (EMSGSIZE).
_TOO_LONG = "message too long"


def path_mtu(evidence: Evidence, interface: int | None) -> PathMtu | None:
    """What is known of the path's MTU; None when it was not asked for or nothing could be compared."""
    trials = trials_of(evidence, interface) if interface is not None else None
    if trials is None or trials.largest is None:
        return None
    told = tuple(dict.fromkeys(_told(trials, seen) for seen in trials.told))
    decisive = _decisive(trials, told)
    mechanism = _mechanism(trials, decisive)
    return PathMtu(
        interface=trials.interface,
        carrier=trials.carrier.label,
        largest=trials.largest,
        smallest_lost=trials.smallest_lost,
        mechanism=mechanism,
        location=_location(trials, mechanism, decisive),
        told_by=decisive,
        told=told,
        confidence=_confidence(trials, mechanism),
        gets_there=_gets_there(trials) if mechanism is Loss.SILENT else None,
        probes=tuple(seen.probe.id for seen in evidence.sized),
    )


def _told(trials: Trials, seen: Observation) -> Told:
    outcome, size, largest = seen.outcome, seen.probe.size or 0, trials.largest or 0
    if not isinstance(outcome, Refusal):
        return Told(ttl=0, address=None, size=size, mtu=None, message=_TOO_LONG)
    mtu = outcome.next_hop_mtu if isinstance(outcome, TooBig) else None
    return Told(
        ttl=_hop_of(trials.evidence, outcome),
        address=outcome.source,
        size=size,
        mtu=mtu,
        message=outcome.message.name,
        wrong=mtu is not None and (mtu >= size or mtu < largest),
    )


def _hop_of(evidence: Evidence, refusal: Refusal) -> int:
    """The hop of a box that refused: as its expired TTLs show, else as its reply seems to have travelled."""
    if refusal.source == evidence.source:
        return 0
    if refusal.source == evidence.target and evidence.distance is not None:
        return evidence.distance
    return evidence.hop_of(refusal.source) or hops_back(refusal.ttl)


def _decisive(trials: Trials, told: tuple[Told, ...]) -> Told | None:
    """Who named the largest size that passes; else who refused the smallest that does not."""
    if trials.smallest_lost is None:
        return None
    exact = (one for one in told if one.mtu == trials.largest)
    return next(exact, None) or next((one for one in told if one.size == trials.smallest_lost), None)


def _mechanism(trials: Trials, decisive: Told | None) -> Loss | None:
    if trials.largest is not None and trials.largest >= trials.interface:
        return Loss.NONE
    if trials.smallest_lost is None:
        return None
    return Loss.TOLD if decisive else Loss.SILENT


def _gets_there(trials: Trials) -> str | None:
    """The kind of probe of which the size that draws no echo was answered by the target."""
    other, size = second_opinion(trials), trials.smallest_lost
    if other is None or size is None:
        return None
    return other.carrier.label if any(trials.evidence.passes(seen) for seen in other.of(size)) else None


def _confidence(trials: Trials, mechanism: Loss | None) -> float:
    """From the chance that loss alone let the smallest dead size die, and let it die only from that hop on."""
    if mechanism is None:
        return 0.0
    if mechanism is not Loss.SILENT:
        return 1 / (1 + chance_of_guess(len(trials.evidence.observations)))
    steps = SizedSteps(trials)
    at_hop = steps.chance(steps.first_bad) if steps.first_bad in steps.hops else 0.0
    return 1 / (1 + max(trials.chance(steps.size), at_hop))


def _location(trials: Trials, mechanism: Loss | None, decisive: Told | None) -> Location | None:
    if mechanism is Loss.TOLD and decisive:
        return _place_told(trials.evidence, decisive)
    return _place_silent(trials) if mechanism is Loss.SILENT else None


def _place_told(evidence: Evidence, told: Told) -> Location:
    hop = Hop(ttl=told.ttl, address=told.address)
    if told.ttl == 0:
        return Location(where=Where.LOCAL, direction=Direction.FORWARD, last_good=Hop(ttl=0))
    beyond = evidence.next_control_hop(told.ttl)
    return Location(
        where=Where.PATH,
        direction=Direction.FORWARD,
        last_good=hop,
        first_bad=None if beyond is None else _hop(evidence, beyond),
        device=Device(ttl=told.ttl, address=told.address, by=(Clue.ICMP_SOURCE,)),
    )


def _place_silent(trials: Trials) -> Location:
    evidence, steps = trials.evidence, SizedSteps(trials)
    lost = trials.lost(steps.size)
    if all(kept_back(seen) for seen in lost):
        return Location(where=Where.LOCAL, direction=Direction.FORWARD, last_good=Hop(ttl=0))
    target = None if steps.distance is None else Hop(ttl=steps.distance, address=evidence.target)
    if _gets_there(trials):
        return Location(where=Where.UNKNOWN, last_good=target)
    last_good = _hop(evidence, steps.last_good)
    if steps.first_bad is not None and steps.first_bad != steps.distance:
        first_bad = _hop(evidence, steps.first_bad)
        return Location(where=Where.PATH, direction=Direction.FORWARD, last_good=last_good, first_bad=first_bad)
    next_to_it = steps.distance is not None and steps.last_good == steps.distance - 1
    where = Where.TARGET_EDGE if next_to_it else Where.UNKNOWN
    return Location(where=where, direction=_direction(trials), last_good=last_good, first_bad=target)


def _direction(trials: Trials) -> Direction | None:
    """Forward where a probe died whose answer would have been small."""
    other, size = second_opinion(trials), trials.smallest_lost
    if trials.carrier.shows_way_out_only or (other and size and other.is_dead(size)):
        return Direction.FORWARD
    return None


def _hop(evidence: Evidence, ttl: int) -> Hop:
    return Hop(ttl=ttl, address=evidence.address_at(ttl))

"""Which boxes on the way change packets, or answer in the target's place, and between which hops?

==================  ========================================================================================
rewriters           a field is quoted otherwise than it left (core.rewriters)
redirectors         from one hop on the TTL runs out "at the target": a NAT that sends the packets to
                    another address or port puts the target's name on the errors that come back through it
                    (nf_nat_icmp_reply_translation; known to traceroutes as time exceeded from the target)
stand-ins           an answer in the target's name that core.locate finds to be another's
taps                a probe drew two answers in the target's name from different distances, or an answer
                    although its TTL ran out (Sundara Raman et al., CenTrace, CoNEXT 2022)
==================  ========================================================================================

Nothing shows a destination NAT with no hop behind it, nor who it is that answers. None of it changes a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pathprobe.core import places
from pathprobe.core.evidence import Evidence, Observation, hops_back
from pathprobe.core.locate import origin_of
from pathprobe.core.outcomes import Answered, Outcome, Rejected, Reply, Reset, TimeExceeded
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.quotes import Change
from pathprobe.core.report import Hop, Middlebox
from pathprobe.core.rewriters import rewriters


def middleboxes(evidence: Evidence) -> tuple[Middlebox, ...]:
    """Every box that gave itself away, from the nearest on."""
    if evidence.local:
        return ()
    found = [*rewriters(evidence), *_redirectors(evidence), *(_taps(evidence) or _stand_ins(evidence))]
    return tuple(sorted(_merged(found), key=lambda box: (box.between[1].ttl, box.between[0].ttl, box.what)))


# ---- redirectors


def _redirectors(evidence: Evidence) -> Iterator[Middlebox]:
    services: dict[str, list[Observation]] = {}
    for seen in evidence.observations:
        if isinstance(seen.outcome, TimeExceeded) and not seen.probe.is_direct:
            services.setdefault(seen.probe.flow.label, []).append(seen)
    for service, expired in services.items():
        routers = {seen.probe.ttl for seen in expired if not _is_in_targets_name(evidence, seen.outcome)}
        last = max(routers, default=0)
        beyond = [seen for seen in expired if seen.probe.ttl > last]
        if beyond:
            first = min(seen.probe.ttl for seen in beyond)
            yield Middlebox(
                between=(places.hop(evidence, last), places.hop(evidence, first)),
                what=Change.DESTINATION,
                probes=tuple(seen.probe.id for seen in beyond),
                services=(service,),
            )


# ---- stand-ins and taps


def _stand_ins(evidence: Evidence) -> Iterator[Middlebox]:
    for fate in (Answered, Reset, Rejected):
        seen = tuple(
            one
            for one in evidence.tests
            if isinstance(one.outcome, fate) and _is_in_targets_name(evidence, one.outcome)
        )
        if seen and origin_of(evidence, seen).by_target is False:
            yield _answerer(evidence, seen, Change.IN_PLACE)


def _taps(evidence: Evidence) -> list[Middlebox]:
    found = []
    for seen in evidence.observations:
        answers = [
            one
            for one in (seen.outcome, *seen.also)
            if isinstance(one, Answered | Reset | Rejected) and _is_in_targets_name(evidence, one)
        ]
        expired = any(isinstance(one, TimeExceeded) for one in seen.also) and not seen.probe.is_direct
        if answers and (expired or len({hops_back(one.ttl) for one in answers}) > 1):
            nearest = min(answers, key=lambda one: hops_back(one.ttl))
            found.append(_answerer(evidence, (replace(seen, outcome=nearest),), Change.TAP))
    return found


def _answerer(evidence: Evidence, seen: tuple[Observation, ...], what: Change) -> Middlebox:
    """The box at the hop that its answers give away, else between the ends of what is known."""
    origin = origin_of(evidence, seen)
    if origin.device:
        place = Hop(ttl=origin.device.ttl, address=origin.device.address)
        between = (place, place)
    elif origin.by_target is False and (location := places.box(evidence, origin)).last_good:
        between = (location.last_good, location.first_bad or location.last_good)
    else:
        farthest = min(origin.first_ttl, evidence.distance or FULL_TTL)
        between = (Hop(ttl=0), places.hop(evidence, farthest))
    probes = tuple(one.probe.id for one in seen)
    return Middlebox(between=between, what=what, probes=probes, services=(seen[0].probe.flow.label,))


# ---- all of them


def _is_in_targets_name(evidence: Evidence, outcome: Outcome) -> bool:
    return isinstance(outcome, Reply) and outcome.source == evidence.target


def _merged(boxes: Iterable[Middlebox]) -> list[Middlebox]:
    """One entry for what one box does to several services."""
    merged: dict[tuple[object, ...], Middlebox] = {}
    for box in boxes:
        key = (box.between, box.what, box.before, box.after, box.carried)
        known = merged.get(key)
        merged[key] = box if known is None else _both(known, box)
    return list(merged.values())


def _both(one: Middlebox, other: Middlebox) -> Middlebox:
    return replace(
        one,
        probes=tuple(sorted({*one.probes, *other.probes})),
        services=tuple(dict.fromkeys((*one.services, *other.services))),
    )

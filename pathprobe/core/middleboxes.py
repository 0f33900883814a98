"""Which boxes on the way change packets, or answer in the target's place, and between which hops?

==================  ========================================================================================
rewriters           a field is quoted otherwise than it left, from one hop on and by every later hop that
                    quotes it. The box is behind the last hop that quoted it unchanged (this host is hop 0),
                    and not behind the first that did not
redirectors         from one hop on the TTL runs out "at the target": a NAT that sends the packets to
                    another address or port puts the target's name on the errors that come back through it
                    (nf_nat_icmp_reply_translation; known to traceroutes as time exceeded from the target)
stand-ins           an answer in the target's name that core.locate finds to be another's
taps                a probe drew two answers in the target's name from different distances, or an answer
                    although its TTL ran out (Sundara Raman et al., CenTrace, CoNEXT 2022)
==================  ========================================================================================

A field that a later hop quotes as it left was not rewritten on the way: then only that hop's quote is odd.
Not shown by any quote: source NAT that turns quotes back without a fault, as Linux does (core.quotes); a
destination NAT in front of the target itself, with no hop behind it; a TTL that is set anew, unless a refusal
quotes more than was sent. None of it changes a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from pathprobe.core import places
from pathprobe.core.evidence import Evidence, Observation, hops_back
from pathprobe.core.locate import origin_of
from pathprobe.core.outcomes import Answered, Outcome, Refusal, Rejected, Reply, Reset, TimeExceeded
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.quotes import Change, Comparison, Difference, compare
from pathprobe.core.report import Hop, Middlebox


def middleboxes(evidence: Evidence) -> tuple[Middlebox, ...]:
    """Every box that gave itself away, from the nearest on."""
    if evidence.local:
        return ()
    found = [*_rewriters(evidence), *_redirectors(evidence), *(_taps(evidence) or _stand_ins(evidence))]
    return tuple(sorted(_merged(found), key=lambda box: (box.between[1].ttl, box.between[0].ttl, box.what)))


# ---- rewriters


@dataclass(frozen=True, slots=True)
class _Quoted:
    """A probe as the router at ``hop`` gave it back."""

    hop: int
    probe: int
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class _Shown:
    """One field in one quote."""

    hop: int
    probe: int
    difference: Difference


def _rewriters(evidence: Evidence) -> Iterator[Middlebox]:
    services: dict[str, list[_Quoted]] = {}
    for seen in evidence.observations:
        if quoted := _quoted(evidence, seen):
            services.setdefault(seen.probe.flow.label, []).append(quoted)
    for service, quotes in services.items():
        for name in dict.fromkeys(name for quoted in quotes for name in quoted.comparison.changed):
            shown = [
                _Shown(quoted.hop, quoted.probe, difference)
                for quoted in sorted(quotes, key=lambda quoted: quoted.hop)
                if (difference := quoted.comparison.at(name))
            ]
            for box in (*_odd_quotes(evidence, shown), *_changes(evidence, shown)):
                yield replace(box, services=(service,))


def _quoted(evidence: Evidence, seen: Observation) -> _Quoted | None:
    outcome = seen.outcome
    if not isinstance(outcome, Refusal) or seen.departure is None:
        return None
    hop = _hop_of_quote(evidence, seen, outcome)
    if hop is None:
        return None
    expired = isinstance(outcome, TimeExceeded)
    return _Quoted(hop, seen.probe.id, compare(seen.departure, outcome.quote, expired=expired))


def _hop_of_quote(evidence: Evidence, seen: Observation, outcome: Refusal) -> int | None:
    """Where the quoting router is. Of a full TTL that nobody else saw expire there it is not known."""
    if isinstance(outcome, TimeExceeded):
        return None if seen.probe.is_direct else seen.probe.ttl
    if outcome.source == evidence.source:
        return None
    if outcome.source == evidence.target:
        return evidence.distance
    known = evidence.hop_of(outcome.source)
    if known is not None or seen.probe.is_direct:
        return known
    device = origin_of(evidence, (seen,)).device
    return device.ttl if device else None


def _last_unchanged(shown: list[_Shown]) -> int:
    return max((one.hop for one in shown if not one.difference.is_one), default=0)


def _odd_quotes(evidence: Evidence, shown: list[_Shown]) -> Iterator[Middlebox]:
    """Hops that quote a field otherwise than it left, and a later one, or another quote of theirs, does not."""
    last = _last_unchanged(shown)
    odd = [one for one in shown if one.difference.is_one and one.hop <= last]
    for hop, at_hop in groupby(odd, key=lambda one: one.hop):
        place = _hop(evidence, hop)
        yield replace(_box((place, place), list(at_hop)), carried=False)


def _changes(evidence: Evidence, shown: list[_Shown]) -> Iterator[Middlebox]:
    """What was changed for good, step by step where one box follows another."""
    place, value = _last_unchanged(shown), None
    beyond = [one for one in shown if one.hop > place]
    for step in _steps(beyond):
        box = _box((_hop(evidence, place), _hop(evidence, step[0].hop)), step)
        yield box if value is None else replace(box, before=value)
        place, value = step[-1].hop, box.after


def _steps(beyond: list[_Shown]) -> list[list[_Shown]]:
    """Runs of hops that quote one value. Where every probe had a value of its own they can not be told apart."""
    if len({one.difference.before for one in beyond}) != 1:
        return [beyond] if beyond else []
    steps: list[list[_Shown]] = []
    for _, group in groupby(beyond, key=lambda one: one.hop):
        at_hop = list(group)
        values = {one.difference.after for one in at_hop}
        if steps and (len(values) > 1 or steps[-1][-1].difference.after in values):
            steps[-1] += at_hop
        else:
            steps.append(at_hop)
    return steps


def _box(between: tuple[Hop, Hop], step: list[_Shown]) -> Middlebox:
    befores = {one.difference.before for one in step}
    afters = {one.difference.after for one in step}
    return Middlebox(
        between=between,
        what=step[0].difference.change,
        before=befores.pop() if len(befores) == 1 else None,
        after=afters.pop() if len(afters) == 1 else None,
        probes=tuple(one.probe for one in step),
    )


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
                between=(_hop(evidence, last), _hop(evidence, first)),
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
        between = (Hop(ttl=0), _hop(evidence, farthest))
    probes = tuple(one.probe.id for one in seen)
    return Middlebox(between=between, what=what, probes=probes, services=(seen[0].probe.flow.label,))


# ---- all of them


def _is_in_targets_name(evidence: Evidence, outcome: Outcome) -> bool:
    return isinstance(outcome, Reply) and outcome.source == evidence.target


def _hop(evidence: Evidence, ttl: int) -> Hop:
    """A place, with its router's own address: the target's is a NAT's word for it."""
    address = evidence.address_at(ttl)
    return Hop(ttl=ttl, address=None if address == evidence.target and ttl != evidence.distance else address)


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

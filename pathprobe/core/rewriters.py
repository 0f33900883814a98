"""Between which hops was a field of our packets rewritten?

The hops that quote it (core.quotes), in order: from one hop on, every one that quotes the field quotes it
otherwise than it left. The box is behind the last hop that quoted it unchanged (this host is hop 0), and not
behind the first that did not. Where two boxes rewrite it, the value changes twice.

A field that a later hop quotes as it left was not rewritten on the way: then only that hop's quote is odd.
Each service is judged by its own packets, for a box may leave others alone. Nothing shows a source NAT that
turns quotes back without a fault, as Linux does, nor a TTL that is set anew, unless a refusal quotes more
than was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from pathprobe.core import places
from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.outcomes import Refusal, TimeExceeded
from pathprobe.core.quotes import Comparison, Difference, compare
from pathprobe.core.report import Hop, Middlebox


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


def rewriters(evidence: Evidence) -> Iterator[Middlebox]:
    """Every field that was rewritten on the way, or is quoted oddly, one entry for each service that shows it."""
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
    """Where the quoting router is; a TTL step got no farther than its TTL, whatever refused it there.

    None for a full TTL, unless the router is known from the steps, and for what this host itself refuses.
    """
    stepped = None if seen.probe.is_direct else seen.probe.ttl
    if isinstance(outcome, TimeExceeded):
        return stepped
    if outcome.source == evidence.source:
        return None
    if outcome.source == evidence.target:
        return evidence.distance
    return evidence.hop_of(outcome.source) or stepped


def _last_unchanged(shown: list[_Shown]) -> int:
    return max((one.hop for one in shown if not one.difference.is_one), default=0)


def _odd_quotes(evidence: Evidence, shown: list[_Shown]) -> Iterator[Middlebox]:
    """Hops that quote a field otherwise than it left, and a later one, or another quote of theirs, does not."""
    last = _last_unchanged(shown)
    odd = [one for one in shown if one.difference.is_one and one.hop <= last]
    for hop, at_hop in groupby(odd, key=lambda one: one.hop):
        place = places.hop(evidence, hop)
        yield replace(_box((place, place), list(at_hop)), carried=False)


def _changes(evidence: Evidence, shown: list[_Shown]) -> Iterator[Middlebox]:
    """What was changed for good, step by step where one box follows another."""
    place, value = _last_unchanged(shown), None
    beyond = [one for one in shown if one.hop > place]
    for step in _steps(beyond):
        box = _box((places.hop(evidence, place), places.hop(evidence, step[0].hop)), step)
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

"""What is the state of very many targets, and where do those die that are not open?

First a sweep over all, then a second look at those that are not open: of each segment (core.segments) one is traced,
a few at a time; the others are held against the places that these showed (core.trials). What no place fits is traced in
a later round, until nothing is left.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pathprobe.core.asked import Answer, Asked, answer_of
from pathprobe.core.evidence import Observation
from pathprobe.core.first_pass import (
    result_of_finding,
    said_by_target,
    unresolved,
    verdict_of_finding,
    with_refusal,
)
from pathprobe.core.own_resets import Resets
from pathprobe.core.pacing import Pace
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.report import Claim
from pathprobe.core.segments import Segment, segments_of
from pathprobe.core.sharing import Proof, held_against, steps_again, verdict_as
from pathprobe.core.trials import Place, Step, Trial, affordable, place_of, steps_for
from pathprobe.engine.diagnose import Options, diagnose
from pathprobe.engine.steps import STEPS_PER_SECOND, Interrupted, ask_steps
from pathprobe.engine.sweep import SweepSummary, sweep
from pathprobe.net.routes import NotOneHost

#: Targets traced at the same time, at first and at most: a router on all their ways answers each a handful of times.
#: More at once where routers answer all of it, one where they are seen to spare their answers.
_AT_FIRST, _AT_MOST = 2, 8

#: Seconds after which a router that spares its answers has one more (Linux: icmp_ratelimit, icmp(7)).
_NEXT_ANSWER = 1.1

#: Seconds between two looks at whether the user wants to stop.
_LOOK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to ask. Without ``options.trace`` there is no second look."""

    options: Options
    pace: Pace


Tell = Callable[[Answer], None]


def ask_all(asked: Iterable[Asked], plan: Plan, tell: Tell, interrupted: Interrupted) -> SweepSummary:
    """Ask about every target and tell of each once, as soon as it is known; what the first pass did.

    Blocks until all are known or ``interrupted`` is set. Raises PermissionError without CAP_NET_RAW, OSError for a bad
    source or interface.
    """
    by_pair: dict[Pair, Asked] = {}
    for one in asked:
        if one.address is None:
            tell(answer_of(one, unresolved(one.target, one.trouble or ""), settled=False))
        else:
            by_pair[one.pair] = one
    first = _FirstPass(by_pair, plan, tell)
    options = plan.options
    summary = sweep(
        by_pair,
        plan.pace,
        on_finding=first.take,
        interrupted=interrupted,
        interface=options.interface,
        source=options.source,
        wait=options.wait,
    )
    if interrupted.is_set():
        first.tell_all()
    elif first.unsure:
        second = _SecondPass(by_pair, plan, tell, interrupted)
        asyncio.run(second.run(segments_of(first.unsure)))
    return summary


class _FirstPass:
    """Tells of what needs no second look, and keeps the rest."""

    def __init__(self, by_pair: dict[Pair, Asked], plan: Plan, tell: Tell) -> None:
        self._by_pair = by_pair
        self._trace = plan.options.trace
        self._tell = tell
        self._resets = Resets()
        self._others: list[Finding] = []

    def take(self, finding: Finding) -> None:
        if not self._trace or finding.state is PairState.NOT_SENT:
            self._tell(_answer(self._by_pair, finding))
        elif finding.state in (PairState.OPEN, PairState.CLOSED):
            for sure in self._resets.take(finding):
                self._tell(_answer(self._by_pair, sure, compared=True))
        else:
            self._others.append(finding)

    @property
    def unsure(self) -> list[Finding]:
        return self._others + self._resets.unsure

    def tell_all(self) -> None:
        """It was interrupted: what is known of the rest is better than nothing."""
        for finding in self.unsure:
            self._tell(_answer(self._by_pair, finding, settled=False))


def _answer(by_pair: dict[Pair, Asked], finding: Finding, *, settled: bool = True, compared: bool = False) -> Answer:
    asked = by_pair[finding.pair]
    return Answer(
        asked=asked,
        state=verdict_of_finding(finding, compared=compared).state,
        whole=lambda: result_of_finding(asked.target, finding, compared=compared),
        alike=(finding.state, compared) if said_by_target(finding) else None,
        rtt=finding.rtt,
        settled=settled,
    )


class _SecondPass:
    """The rounds: trace a few, hold the others against what they showed."""

    def __init__(self, by_pair: dict[Pair, Asked], plan: Plan, tell: Tell, interrupted: Interrupted) -> None:
        self._by_pair = by_pair
        self._options = plan.options
        self._rate = min(plan.pace.rate or STEPS_PER_SECOND, STEPS_PER_SECOND)
        self._tell = tell
        self._interrupted = interrupted
        self._stop = asyncio.Event()
        self._at_once = _AT_FIRST
        self._spared = False

    async def run(self, segments: Sequence[Segment]) -> None:
        watch = asyncio.create_task(self._watch())
        waiting = list(segments)
        try:
            while waiting and not self._stop.is_set():
                waiting = await self._round(waiting)
        finally:
            watch.cancel()
        for segment in waiting:
            for finding in segment.findings:
                self._tell(_answer(self._by_pair, finding, settled=False))

    async def _watch(self) -> None:
        """A signal's handler sets a flag that no event loop can wait for."""
        while not self._interrupted.is_set():
            await asyncio.sleep(_LOOK)
        self._stop.set()

    async def _round(self, waiting: list[Segment]) -> list[Segment]:
        chosen, later = waiting[: self._at_once], waiting[self._at_once :]
        places = await asyncio.gather(*map(self._trace, chosen))
        self._at_once = 1 if self._spared else min(2 * self._at_once, _AT_MOST)
        trials, left = [], []
        for segment, place in zip(chosen, places, strict=True):
            rest = segment.without(segment.first)
            if rest.findings and place:
                trials.append(Trial(segment=rest, place=place))
            elif rest.findings:
                left.append(rest)
        trials += _foreign(later, [place for place in places if place])
        return await self._try(affordable(trials), later) + left

    async def _trace(self, segment: Segment) -> Place | None:
        finding = segment.first
        asked = self._by_pair[finding.pair]
        try:
            result, _ = await diagnose(asked.target, self._options, self._stop)
            result = with_refusal(result, finding)
        except (NotOneHost, OSError):  # one target that cannot be traced is no reason to lose the others
            result = result_of_finding(asked.target, finding)
        self._spared = self._spared or any(one.claim is Claim.SPARING_HOPS for one in result.verdict.reasons)
        self._tell(answer_of(asked, result, rtt=finding.rtt, settled=result.complete))
        return place_of(result, segment)

    async def _try(self, trials: Sequence[Trial], later: Sequence[Segment]) -> list[Segment]:
        """Hold segments against places; what is left for another round, the untried included."""
        tried = {id(trial.segment) for trial in trials}
        untried = [segment for segment in later if id(segment) not in tried]
        seen = await self._ask(steps_for(trials))
        if again := steps_again(trials, {step: observation.outcome for step, observation in seen.items()}):
            await asyncio.sleep(_NEXT_ANSWER)
            seen |= await self._ask(again)
        outcomes = {step: observation.outcome for step, observation in seen.items()}
        own = _by_pair(seen)
        left: list[Segment] = []
        for trial in trials:
            if self._stop.is_set() and trial.place.is_silent:
                left.append(trial.segment)
                continue
            held = held_against(trial, trials, outcomes)
            for finding, proof in held.same.items():
                self._tell(self._shared(trial.place, finding, proof, own[finding.pair]))
            left += held.left
        return left + untried

    async def _ask(self, steps: Sequence[Step]) -> dict[Step, Observation]:
        if not steps:
            return {}
        try:
            return await asyncio.to_thread(ask_steps, steps, self._options, self._interrupted, rate=self._rate)
        except OSError:
            return {}  # then nothing agrees with any place, and each is traced

    def _shared(self, place: Place, finding: Finding, proof: Proof, seen: tuple[Observation, ...]) -> Answer:
        asked = self._by_pair[finding.pair]
        result = result_of_finding(asked.target, finding)
        verdict = verdict_as(place, asked.target, finding, proof)
        observations = result.observations + seen
        result = replace(result, verdict=verdict, observations=observations, source=place.traced.source)
        return answer_of(asked, result, rtt=finding.rtt, like=place.traced.target)


def _by_pair(seen: dict[Step, Observation]) -> defaultdict[Pair, tuple[Observation, ...]]:
    """What was asked for the sake of each pair."""
    found: defaultdict[Pair, tuple[Observation, ...]] = defaultdict(tuple)
    for step, observation in seen.items():
        found[step.about] += (observation,)
    return found


def _foreign(segments: Sequence[Segment], places: Sequence[Place]) -> list[Trial]:
    """Each silent segment that was not traced yet, with the first new place of its own kind that routers bound."""
    trials = []
    for segment in segments:
        for place in places:
            alike = place.is_silent and segment.pattern.state is PairState.SILENT
            if alike and place.good and place.bad and place.pattern.kind is segment.pattern.kind:
                trials.append(Trial(segment=segment, place=place, own=False))
                break
    return trials

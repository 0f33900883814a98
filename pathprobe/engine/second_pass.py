"""Where do those targets die that are not open?

Of each segment (core.segments) one is traced, a few at a time; the others are held against the places that these showed
(core.trials). What no place fits is traced in a later round, until nothing is left.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pathprobe.core.asked import Answer, Asked, answer_of
from pathprobe.core.evidence import Observation
from pathprobe.core.first_pass import answer_of_finding, result_of_finding, with_refusal
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.report import Claim
from pathprobe.core.segments import Segment, segments_of
from pathprobe.core.sharing import Proof, held_against, steps_again, verdict_as
from pathprobe.core.sweep_schedule import FEWEST_TRIES
from pathprobe.core.trials import Place, Step, Trial, affordable, place_of, steps_for
from pathprobe.engine.audience import Audience, Plan
from pathprobe.engine.diagnose import diagnose
from pathprobe.engine.options import Options
from pathprobe.engine.steps import STEPS_PER_SECOND, Interrupted, ask_steps
from pathprobe.net.routes import NotOneHost

#: Targets traced at the same time, at first and at most: a router on all their ways answers each a handful of times.
#: More at once where routers answer all of it, one where they are seen to spare their answers.
_AT_FIRST, _AT_MOST = 2, 8

#: Seconds after which a router that spares its answers has one more (Linux: icmp_ratelimit, icmp(7)).
_NEXT_ANSWER = 1.1

#: Seconds between two looks at whether the user wants to stop.
_LOOK = 0.05


def look_again(
    unsure: Iterable[Finding],
    by_pair: Mapping[Pair, Asked],
    plan: Plan,
    audience: Audience,
    interrupted: Interrupted,
) -> None:
    """Tell of each of these findings once, with the place where it dies; blocks until all are told."""
    asyncio.run(_SecondPass(by_pair, plan, audience, interrupted).run(segments_of(unsure)))


class _SecondPass:
    """The rounds: trace a few, hold the others against what they showed."""

    def __init__(
        self,
        by_pair: Mapping[Pair, Asked],
        plan: Plan,
        audience: Audience,
        interrupted: Interrupted,
    ) -> None:
        self._by_pair = by_pair
        self._options = plan.options
        self._rate = min(plan.pace.rate or STEPS_PER_SECOND, STEPS_PER_SECOND)
        self._audience = audience
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
                self._audience.tell(answer_of_finding(self._by_pair[finding.pair], finding, settled=False))

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
            result, _ = await diagnose(asked.target, self._options_for(finding), self._stop)
            result = with_refusal(result, finding)
        except (NotOneHost, OSError):  # one target that cannot be traced is no reason to lose the others
            result = result_of_finding(asked.target, finding)
        self._spared = self._spared or any(one.claim is Claim.SPARING_HOPS for one in result.verdict.reasons)
        self._audience.tell(answer_of(asked, result, rtt=finding.rtt, settled=result.complete))
        self._audience.show()
        return place_of(result, segment)

    def _options_for(self, finding: Finding) -> Options:
        """A silent port was asked often enough to know that this was no loss: the trace need not do that again."""
        return replace(self._options, silent_tries=FEWEST_TRIES if finding.state is PairState.SILENT else 0)

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
                self._audience.tell(self._shared(trial.place, finding, proof, own[finding.pair]))
            left += held.left
        self._audience.show()
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

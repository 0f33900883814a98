"""What is the least to ask of targets that may die where another one was traced?

To trace every one of many targets would ask the routers near us once for each, and routers have few answers to spare
(Linux: six at once and one a second to one host, icmp_ratelimit in icmp(7)). So one of each segment is traced, and the
others are held against the *place* that it showed:

====================  ==============================================================================================
an answer             the same sender, words and TTL: the first pass saw it, nothing more is asked
silence, at a router  the pair's own probe with the TTL of the first bad hop. If it dies where the traced one did, no
                      router hears of it, so this costs nobody anything; and were it not to die there, that hop would
                      answer. Three controls with the same TTL show that the hop still has answers to spare
silence, anywhere     an echo request to each target: it fares as that to the traced one did
====================  ==============================================================================================

That they also get as far as the last good hop costs that hop an answer each: it is asked of one pair of each segment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pathprobe.core.evidence import Evidence
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.probes import FULL_TTL, Kind, Role
from pathprobe.core.report import Claim, Hop, Mechanism, Result, State
from pathprobe.core.segments import Pattern, Segment

#: Controls at a first bad hop, and at most so many questions to one router in a round: a kind burst.
_CONTROLS = 3
MOST_IN_A_BURST = 5

#: What another look with more probes may change is nobody else's verdict.
_STEADY = (State.CLOSED, State.FILTERED, State.UNREACHABLE, State.OPEN_FILTERED)


class Asks(StrEnum):
    """What a step is for."""

    ALIVE = "alive"
    GETS_THERE = "gets-there"
    DIES_THERE = "dies-there"
    SPARES = "spares"
    CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One probe that holds a pair against a place. ``about`` is the pair; echo goes to its address alone."""

    about: Pair
    asks: Asks
    ttl: int

    @property
    def kind(self) -> Kind:
        return self.about.kind if self.asks in (Asks.GETS_THERE, Asks.DIES_THERE) else Kind.ECHO

    @property
    def port(self) -> int:
        return 0 if self.kind is Kind.ECHO else self.about.port

    @property
    def role(self) -> Role:
        return Role.CONTROL if self.kind is Kind.ECHO else Role.TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and how a segment's traced pair met its end. ``echo_passes``: its target answers echo requests."""

    traced: Result
    pattern: Pattern
    echo_passes: bool

    @property
    def good(self) -> Hop | None:
        """The last good hop, where it is a router that can be asked."""
        hop = self.traced.verdict.location.last_good
        return hop if hop and hop.ttl > 0 and self._is_router(hop) else None

    @property
    def bad(self) -> Hop | None:
        """The first bad hop, where it is a router: the target itself is asked by its own address."""
        hop = self.traced.verdict.location.first_bad
        return hop if hop and self._is_router(hop) else None

    @property
    def is_silent(self) -> bool:
        return self.pattern.state is PairState.SILENT

    def _is_router(self, hop: Hop) -> bool:
        distance = self.traced.verdict.distance
        known = hop.address is not None and hop.address != self.traced.target.address
        return known and (distance is None or hop.ttl < distance)


def place_of(result: Result, segment: Segment) -> Place | None:
    """What a segment's traced pair shows about the others; None where its verdict is its own affair.

    Others of it may be silent where this one was refused: a box that refuses many has few answers to spare.
    """
    verdict, silent = result.verdict, segment.pattern.state is PairState.SILENT
    answered = silent and verdict.mechanism in (Mechanism.ANSWER, Mechanism.RESET)
    if not result.complete or answered or not (verdict.state in _STEADY or _is_mute(result)):
        return None
    seen = Evidence(target=result.target.address, source=result.source, observations=result.observations)
    passes = any(seen.passes(one) for one in seen.controls if one.probe.flow.kind is Kind.ECHO)
    return Place(traced=result, pattern=segment.pattern, echo_passes=passes)


def _is_mute(result: Result) -> bool:
    """A UDP port of which nobody can know more: its silence is the same however often it is asked."""
    return any(reason.claim is Claim.TEST_UNANSWERED for reason in result.verdict.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A segment that is held against a place. ``own``: the place was shown by one of this very segment."""

    segment: Segment
    place: Place
    own: bool = True

    def step(self, finding: Finding, asks: Asks) -> Step | None:
        """What one pair is asked; None where there is no router to ask."""
        if asks is Asks.ALIVE:
            return Step(about=finding.pair, asks=asks, ttl=FULL_TTL)
        hop = self.place.good if asks in (Asks.GETS_THERE, Asks.SPARES) else self.place.bad
        return Step(about=finding.pair, asks=asks, ttl=hop.ttl) if hop else None

    def spread(self, most: int) -> tuple[Finding, ...]:
        """The last of the segment, which is farthest from the traced one, and others evenly before it."""
        count = len(self.segment.findings)
        chosen = {count - 1 - number * count // most for number in range(min(most, count))}
        return tuple(self.segment.findings[number] for number in sorted(chosen))


def affordable(trials: Iterable[Trial]) -> list[Trial]:
    """As many trials as ask no last good hop more than a burst; those of a traced pair's own segment come first."""
    asked: defaultdict[str | None, int] = defaultdict(int)
    chosen = []
    for trial in sorted(trials, key=lambda trial: not trial.own):
        good = trial.place.good
        asked[good.address if good else None] += 1 if trial.own else 2
        if trial.own or asked[good.address if good else None] <= MOST_IN_A_BURST:
            chosen.append(trial)
    return chosen


def steps_for(trials: Sequence[Trial]) -> list[Step]:
    """The least to ask; controls behind what they are the controls of, for that might use up a router's answers.

    Echoes to targets stand between steps that a router may answer: it then has twice the time for each. Linux lets a
    thousand errors a second through in all, and 50 at once (icmp_msgs_per_sec and icmp_msgs_burst in icmp(7)).
    """
    silent = [trial for trial in trials if trial.place.is_silent]
    steps: list[Step | None] = []
    for trial in silent:
        ends = tuple(dict.fromkeys((trial.segment.first, trial.segment.findings[-1])))
        asked = trial.spread(_share(trial, silent)) if trial.own else ends
        steps += [trial.step(finding, Asks.GETS_THERE) for finding in asked]
    steps += [trial.step(trial.segment.first, Asks.SPARES) for trial in silent if _speaks(trial, silent, Asks.SPARES)]
    for trial in silent:
        for finding in trial.segment.findings:
            steps += [trial.step(finding, Asks.ALIVE), trial.step(finding, Asks.DIES_THERE)]
    for trial in silent:
        if _speaks(trial, silent, Asks.CONTROL):
            steps += [trial.step(finding, Asks.CONTROL) for finding in trial.spread(_CONTROLS)]
    return [step for step in steps if step]


def sharers(trial: Trial, trials: Sequence[Trial], asks: Asks) -> list[Trial]:
    """The silent trials that a control at the same hop speaks for, the one first that asks it."""
    hop = _hop(trial, asks)
    return [one for one in trials if hop and one.place.is_silent and _hop(one, asks) == hop]


def _hop(trial: Trial, asks: Asks) -> Hop | None:
    return trial.place.good if asks is Asks.SPARES else trial.place.bad


def _speaks(trial: Trial, trials: Sequence[Trial], asks: Asks) -> bool:
    return any(one is trial for one in sharers(trial, trials, asks)[:1])


def _share(trial: Trial, trials: Sequence[Trial]) -> int:
    """How many of a segment ask the last good hop, so that all together with the control are no more than a burst."""
    return max(1, (MOST_IN_A_BURST - 1) // max(1, len(sharers(trial, trials, Asks.SPARES))))

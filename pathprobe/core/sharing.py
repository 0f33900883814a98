"""Which targets die where another one died, and how sure is that?

What came of the steps in core.trials. A segment of another network is not taken for one that dies at a place before
packets from both its ends were shown to get that far. Where the first bad hop answered pairs that so do not die there,
and had no answer left for the controls, silence shows nothing: the segment is cut in two, and two are traced. Of a half
of which no more can be shown the place is told as wide as it may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pathprobe.core.outcomes import Answered, Outcome, Reply, TimeExceeded
from pathprobe.core.pairs import Finding
from pathprobe.core.report import Claim, Fact, Hop, Location, Reason, Target, Verdict, Where
from pathprobe.core.segments import Segment
from pathprobe.core.statistics import chance_of_next_passing, chance_of_split
from pathprobe.core.trials import Asks, Place, Step, Trial, sharers, steps_for

#: Tries of the first pass that stayed unanswered, at least.
_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What shows that a pair dies at a place. ``passed`` of ``sent`` controls were answered at the first bad hop.

    ``stepped``: the pair's own probe died before that hop; ``reached``: and another came to the last good one.
    ``blurred``: no hop had answers to spare, so that it may die anywhere behind the last good one.
    """

    stepped: bool = False
    blurred: bool = False
    passed: int = 0
    sent: int = 0
    reached: bool = False

    @property
    def chance(self) -> float:
        """How likely the pair would look so if it did not die there: its tries in the first pass count with the step.

        Where no control was answered at the hop that was asked, as likely as not.
        """
        if not self.stepped or self.blurred:
            return chance_of_next_passing(_TRIES)
        return chance_of_split(0, _TRIES + 1, self.passed, self.sent) if self.passed else 0.5


Outcomes = Mapping[Step, Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a trial showed: ``same`` die at the place, with the proof; the others are ``left`` for another look."""

    same: Mapping[Finding, Proof]
    left: tuple[Segment, ...]


def held_against(trial: Trial, trials: Sequence[Trial], outcomes: Outcomes) -> Held:
    """Which pairs of a trial die at its place; ``trials`` are all that were asked in the same round."""
    segment, place = trial.segment, trial.place
    if not place.is_silent:
        same = {finding: Proof() for finding in segment.findings} if trial.own else {}
        return Held(same=same, left=() if same else (segment,))
    shared = _shared(trial, trials, outcomes)
    if not _shows(trial, trials, shared, outcomes):
        if not trial.own or not segment.parted:
            return Held(same={}, left=segment.halves() if trial.own else (segment,))
        shared = replace(shared, blurred=True)
    elsewhere = {one for one in segment.findings if _is_elsewhere(trial, one, outcomes)}
    same = {
        one: replace(shared, reached=_reached(trial, one, outcomes) is True)
        for one in segment.findings
        if one not in elsewhere
    }
    left = segment.without(*same)
    return Held(same=same, left=(left,) if left.findings else ())


def _shared(trial: Trial, trials: Sequence[Trial], outcomes: Outcomes) -> Proof:
    """What the controls show at the first bad hop."""
    bad = trial.place.bad
    if bad is None:
        return Proof()
    controls = _outcomes(sharers(trial, trials, Asks.CONTROL), Asks.CONTROL, outcomes)
    passed = sum(isinstance(one, TimeExceeded) and one.source == bad.address for one in controls)
    return Proof(stepped=True, passed=passed, sent=len(controls))


def _outcomes(trials: Sequence[Trial], asks: Asks, outcomes: Outcomes) -> list[Outcome]:
    steps = (trial.step(finding, asks) for trial in trials for finding in trial.segment.findings)
    return [outcomes[step] for step in steps if step is not None and step in outcomes]


def _shows(trial: Trial, trials: Sequence[Trial], shared: Proof, outcomes: Outcomes) -> bool:
    """Whether silence at this place means anything for this segment."""
    # A hop that answers others may have had no answer left for these: all controls behind them show that it had.
    enough = shared.sent if _is_contradicted(trial, trials, outcomes) else 1
    if (shared.stepped and shared.passed < enough) or _falls_short(trial, trials, outcomes):
        return False
    # Packets of another network die here only if both ends of the interval were shown with packets of its like, and
    # for both ends of the segment, for there may be rules at two routers.
    ends = (trial.segment.first, trial.segment.findings[-1])
    return trial.own or (shared.stepped and all(_reached(trial, one, outcomes) for one in ends))


def steps_again(trials: Sequence[Trial], outcomes: Outcomes) -> list[Step]:
    """What to ask once more a moment later: the steps into silence, where the hop had no answer for any control."""
    unproved = [
        trial for trial in trials if trial.own and trial.place.is_silent and _is_unproved(trial, trials, outcomes)
    ]
    steps = steps_for(unproved)
    return [step for step in steps if step.asks in (Asks.DIES_THERE, Asks.CONTROL)]


def _is_unproved(trial: Trial, trials: Sequence[Trial], outcomes: Outcomes) -> bool:
    shared = _shared(trial, trials, outcomes)
    return shared.stepped and not shared.passed and not _is_contradicted(trial, trials, outcomes)


def _is_contradicted(trial: Trial, trials: Sequence[Trial], outcomes: Outcomes) -> bool:
    """The first bad hop answered steps of others."""
    beside = sharers(trial, trials, Asks.CONTROL)
    return any(_got_past(one, finding, outcomes) for one in beside for finding in one.segment.findings)


def _falls_short(trial: Trial, trials: Sequence[Trial], outcomes: Outcomes) -> bool:
    """Of those that asked the last good hop some were not answered, and it had answers to spare: they die before."""
    good = trial.place.good
    spared = _outcomes(sharers(trial, trials, Asks.SPARES)[:1], Asks.SPARES, outcomes)
    if good is None or not any(isinstance(one, TimeExceeded) and one.source == good.address for one in spared):
        return False
    asked = _outcomes([trial], Asks.GETS_THERE, outcomes)
    return any(not isinstance(one, Reply) for one in asked)


def _is_elsewhere(trial: Trial, finding: Finding, outcomes: Outcomes) -> bool:
    """The pair does not die at the place."""
    alive = trial.step(finding, Asks.ALIVE)
    echo = outcomes.get(alive) if alive else None
    unlike = isinstance(echo, Answered) is not trial.place.echo_passes
    return unlike or _got_past(trial, finding, outcomes) or _reached(trial, finding, outcomes) is False


def _got_past(trial: Trial, finding: Finding, outcomes: Outcomes) -> bool:
    """Its own step was answered, and not by the last good hop, which may well refuse what it does not let pass."""
    step, good = trial.step(finding, Asks.DIES_THERE), trial.place.good
    outcome = outcomes.get(step) if step else None
    return isinstance(outcome, Reply) and not (good and outcome.source == good.address)


def _reached(trial: Trial, finding: Finding, outcomes: Outcomes) -> bool | None:
    """Whether the pair's own probe came to the last good hop; None where it was not asked, or nobody answered."""
    step, good = trial.step(finding, Asks.GETS_THERE), trial.place.good
    outcome = outcomes.get(step) if step else None
    return outcome.source == good.address if good and isinstance(outcome, Reply) else None


def verdict_as(place: Place, target: Target, finding: Finding, proof: Proof) -> Verdict:
    """The traced pair's verdict for another one, with what shows it."""
    verdict = place.traced.verdict
    location = _blurred(verdict) if proof.blurred and place.bad else verdict.location
    moved = replace(
        location,
        last_good=_moved(location.last_good, place, target),
        first_bad=_moved(location.first_bad, place, target),
        device=location.device and replace(location.device, address=_address(location.device.address, place, target)),
    )
    return replace(
        verdict,
        location=moved,
        confidence=verdict.confidence / (1 + (proof.chance if place.is_silent else 0.0)),
        reasons=tuple(_reasons(place, target, finding, proof)),
    )


def _blurred(verdict: Verdict) -> Location:
    """The place where nothing but the target's own silence bounds it."""
    last = None if verdict.distance is None else Hop(ttl=verdict.distance)
    return replace(verdict.location, where=Where.UNKNOWN, direction=None, first_bad=last, device=None)


def _moved(hop: Hop | None, place: Place, target: Target) -> Hop | None:
    return hop and replace(hop, address=_address(hop.address, place, target))


def _address(address: str | None, place: Place, target: Target) -> str | None:
    """Where the traced one's place was the target itself, it is this target."""
    return target.address if address == place.traced.target.address else address


def _reasons(place: Place, target: Target, finding: Finding, proof: Proof) -> Iterator[Reason]:
    yield from _own_answer(place, target, finding)
    yield Reason(claim=Claim.AS_TRACED, facts={"like": place.traced.target.label, **_words_of_refusal(place)})
    facts: dict[str, Fact] = {"count": 1, "service": target.service}
    if proof.reached and place.good:
        yield Reason(claim=Claim.REACHED_ALIKE, facts=facts | {"ttl": place.good.ttl})
    if proof.stepped and place.bad:
        claim = Claim.STEP_UNPROVED if proof.blurred else Claim.STEP_SILENT
        yield Reason(claim=claim, facts=facts | {"ttl": place.bad.ttl, "passed": proof.passed, "sent": proof.sent})
    if place.is_silent:
        yield Reason(claim=Claim.ECHO_ALIKE)


def _words_of_refusal(place: Place) -> dict[str, Fact]:
    """What the traced one was told, for the sentence of those that the same box had no answer left for."""
    told = [reason.facts["message"] for reason in place.traced.verdict.reasons if "message" in reason.facts]
    return {"message": told[0]} if told else {}


#: What the traced one's verdict says of its own probes, where the others' were as silent, or had the same answer.
_OF_SILENCE = (Claim.TEST_SILENT, Claim.TEST_UNANSWERED)
_OF_ANSWERS = (Claim.REFUSED, Claim.RESET_BY_TARGET, Claim.NOT_SENT, Claim.GAVE_UP)


def _own_answer(place: Place, target: Target, finding: Finding) -> Iterator[Reason]:
    """The same said of this target's own probes."""
    for reason in place.traced.verdict.reasons:
        if reason.claim in (_OF_SILENCE if place.is_silent else _OF_ANSWERS):
            own: dict[str, Fact] = {"count": _TRIES if place.is_silent else 1, "service": target.service}
            if "source" in reason.facts:
                own["source"] = finding.source
            yield replace(reason, probes=(), facts={**reason.facts, **own})

"""What does a verdict owe to the place and the time of the capture?

No interval is given that this place cannot prove:

* on the way, hops count from there, and what was not stepped has no place at all;
* at the target, a request that was seen did arrive, and an answer that was seen leaving was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pathprobe.core.evidence import hops_back
from pathprobe.core.report import (
    Claim,
    Clue,
    Device,
    Direction,
    Fact,
    Location,
    Mechanism,
    Reason,
    State,
    Verdict,
    Where,
)
from pathprobe.core.statistics import chance_of_guess
from pathprobe.core.timing import WINDOW_WITHOUT_ROUND_TRIP
from pathprobe.core.witness.courses import Course
from pathprobe.core.witness.plain import Around, is_plain
from pathprobe.core.witness.questions import Question
from pathprobe.core.witness.vantage import Standing

#: Nanoseconds that somebody is taken to have listened after the last packet, where the file does not say.
_ASSUMED = int(WINDOW_WITHOUT_ROUND_TRIP * 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A question, what else its host asked the same target, and from where it was watched.

    ``last_ns``: of the file's last packet; ``ended_ns``: when listening ended, None where the file does not say.
    """

    question: Question
    others: Sequence[Question]
    around: Around
    standing: Standing
    last_ns: int
    ended_ns: int | None = None

    @property
    def end_ns(self) -> int:
        """When listening ended, if the file says so; else a moment after the last packet, as people stop a capture.

        But a question that was just put once may have been cut off.
        """
        if self.ended_ns is not None:
            return max(self.ended_ns, self.last_ns)
        return self.last_ns + (_ASSUMED if self.question.packets > 1 else 0)

    @property
    def rests_on_assumption(self) -> bool:
        """Something is called silent perhaps only because of the moment that was added."""
        return self.ended_ns is None and self.end_ns > self.last_ns and self._was_asked_last

    @property
    def _was_asked_last(self) -> bool:
        return self.question.last_asked_ns + _ASSUMED > self.last_ns

    @property
    def is_plain(self) -> bool:
        return is_plain(self.question, self.around)


def with_box(witness: Witness, verdict: Verdict) -> Verdict:
    """The box that reset a connection in the middle is as far away as its reset has come."""
    found = witness.question.courses.get(Course.RESET_BY_BOX)
    if found is None or not witness.standing.at_asker or verdict.location.device is not None:
        return verdict
    device = Device(ttl=hops_back(found[1].ttl), address=None, by=(Clue.REPLY_TTL,))
    return replace(verdict, location=replace(verdict.location, device=device))


def from_here(one: Reason) -> Reason:
    """Hop 0 is the place of the capture, and not the host that asked."""
    if one.claim not in (Claim.TEST_SILENT, Claim.TEST_UNANSWERED):
        return one
    return replace(one, facts={**one.facts, "here": "the place of the capture"})


def where_from(witness: Witness, *, silent: bool) -> Iterator[Reason]:
    standing, question = witness.standing, witness.question
    facts: dict[str, Fact] = {"asker": question.key.source, "target": question.key.target, "count": question.packets}
    if question.midway:
        yield Reason(claim=Claim.NO_BEGINNING, facts=facts | {"count": question.midway})
    if silent and witness.rests_on_assumption:
        yield Reason(claim=Claim.END_ASSUMED, facts=facts)
    if standing.at_asker:
        return
    if standing.at_target:
        yield Reason(claim=Claim.CAPTURED_AT_TARGET, facts=facts)
    elif standing.hops is None:
        yield Reason(claim=Claim.CAPTURED_SOMEWHERE, facts=facts)
    else:
        yield Reason(claim=Claim.CAPTURED_ON_THE_WAY, facts=facts | {"hops": standing.hops})


def _made_here(witness: Witness, verdict: Verdict) -> Verdict:
    """The target was seen to make the answer: nobody else can have."""
    chance = chance_of_guess(witness.question.packets)
    kept = tuple(one for one in verdict.reasons if one.claim is not Claim.NO_COMPARISON)
    return replace(verdict, confidence=1 / (1 + chance), reasons=kept)


def seen_from(witness: Witness, verdict: Verdict) -> Verdict:
    """The verdict, with no more of a place than the place of the capture can prove."""
    if witness.standing.at_asker:
        return verdict
    if witness.standing.at_target and verdict.mechanism in (Mechanism.ANSWER, Mechanism.RESET):
        verdict = _made_here(witness, verdict)
    unheard = Course.UNHEARD in witness.question.courses
    if unheard and witness.question.answered == witness.question.courses[Course.UNHEARD][0]:
        lost = Location(where=Where.PATH, direction=Direction.RETURN)
        return replace(verdict, state=State.FILTERED, mechanism=Mechanism.DROP, location=lost, distance=None)
    if verdict.mechanism is Mechanism.DROP and witness.standing.at_target and not witness.question.is_stepped:
        return replace(verdict, state=State.FILTERED, location=Location(where=Where.TARGET))
    if witness.question.is_stepped:
        return verdict
    place = verdict.location.where if verdict.location.where is Where.TARGET else Where.UNKNOWN
    device = verdict.location.device
    return replace(verdict, location=Location(where=Where.PATH if device else place, device=device), distance=None)

"""Which verdict do mere counts give?

A capture may hold a hundred thousand questions, most of them plain: every SYN answered, every SYN refused, all silent.
Where nothing is to be located, the verdict that core.verdict would give follows from the counts of core.questions, at a
hundredth of the cost. A mixture is told by its best answer, and what the others came to stands beside it as numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.core.evidence import hops_back
from pathprobe.core.icmp import Meaning, explain
from pathprobe.core.packets import IcmpError
from pathprobe.core.probes import Kind
from pathprobe.core.report import Claim, Fact, Location, Mechanism, Reason, State, Verdict, Where
from pathprobe.core.statistics import TTL_COINCIDENCE, chance_of_guess, chance_of_next_passing
from pathprobe.core.timing import WINDOW_WITHOUT_ROUND_TRIP
from pathprobe.core.witness.questions import Key, Question

_NOWHERE = Location(where=Where.UNKNOWN)
_TARGET = Location(where=Where.TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What else the same host heard of the same target in the same seconds.

    ``asked`` anything else, ``heard`` anything; ``reply_ttls`` with which the target's answers to others came.
    """

    asked: bool
    heard: bool
    reply_ttls: frozenset[int] = frozenset()


def is_plain(question: Question, around: Around) -> bool:
    """One fate only, and nothing that could tell where or who."""
    fates = (question.answered, question.reset, question.refused, question.silent)
    if question.is_stepped or question.expired or question.refused or question.unheard:
        return False
    if sum(map(bool, fates)) > 1:
        return False
    if question.silent:
        return not around.heard
    ways_back = {hops_back(ttl) for ttl in question.reply_ttls}
    return len(ways_back) <= 1 and all(hops_back(ttl) in ways_back for ttl in around.reply_ttls)


def plain_verdict(question: Question, around: Around, *, end_ns: int) -> Verdict:
    """The verdict from counts; nothing was seen after ``end_ns``."""
    if question.answered:
        bits = 16 if question.key.kind is Kind.UDP else 32
        chance = chance_of_guess(question.attempts, bits)
        if not question.reply_ttls:
            return _verdict(State.OPEN, Mechanism.ANSWER, _TARGET, chance)  # it stood before the capture began
        reason = _reason(question, Claim.ANSWERED, question.answered, ttl=min(question.reply_ttls))
        return _verdict(State.OPEN, Mechanism.ANSWER, _TARGET, chance, reason)
    if question.reset:
        ttl = min(question.reply_ttls, default=0)
        reason = _reason(question, Claim.RESET_BY_TARGET, question.reset, ttl=ttl)
        chance = 1 / TTL_COINCIDENCE if ttl and ttl in around.reply_ttls else 1.0
        return _verdict(State.CLOSED, Mechanism.RESET, _TARGET, chance, reason)
    if question.refused:
        return _refused(question)
    return _silent(question, around, end_ns)


def _refused(question: Question) -> Verdict:
    assert question.refusal is not None
    error = question.refusal.packet
    assert isinstance(error.body, IcmpError)
    message = explain(error.version, error.body.type, error.body.code)
    by_target = error.source == question.key.target
    place = _TARGET if by_target else Location(where=Where.PATH)
    reason = _reason(question, Claim.REFUSED, question.refused, message=message.name, source=error.source)
    state, mechanism = State.FILTERED, Mechanism.REJECT
    if message.meaning is Meaning.NO_ROUTE:
        state, mechanism = State.UNREACHABLE, Mechanism.NO_ROUTE
    elif by_target and message.port_unreachable and question.key.kind is Kind.UDP:
        state = State.CLOSED
    return _verdict(state, mechanism, place, chance_of_guess(question.attempts), reason)


def _silent(question: Question, around: Around, end_ns: int) -> Verdict:
    if end_ns - question.last_asked_ns < WINDOW_WITHOUT_ROUND_TRIP * 1e9 and question.packets == 1:
        return _verdict(State.UNKNOWN, None, _NOWHERE, float("inf"), _reason(question, Claim.UNFINISHED, 1))
    chance = chance_of_next_passing(question.packets)
    if question.key.kind is Kind.UDP and (around.heard or not around.asked):
        return _verdict(
            State.UNKNOWN, None, _NOWHERE, chance, _reason(question, Claim.TEST_UNANSWERED, question.packets)
        )
    state = State.UNREACHABLE if around.asked and not around.heard else State.FILTERED
    reason = _reason(question, Claim.TEST_SILENT, question.packets)
    return _verdict(state, Mechanism.DROP, _NOWHERE, chance, reason)


def label(key: Key) -> str:
    """``tcp/8080``, ``udp/53`` or ``icmp echo``."""
    return "icmp echo" if key.kind is Kind.ECHO else f"{key.kind}/{key.port}"


def _reason(question: Question, claim: Claim, count: int, **facts: Fact) -> Reason:
    return Reason(claim=claim, facts={"count": count, "service": label(question.key), **facts})


def _verdict(state: State, mechanism: Mechanism | None, place: Location, chance: float, *reasons: Reason) -> Verdict:
    return Verdict(
        state=state, mechanism=mechanism, location=place, confidence=1 / (1 + chance), distance=None, reasons=reasons
    )

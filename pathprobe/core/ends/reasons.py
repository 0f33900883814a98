"""Which reasons back a verdict that two captures give? Claims with their counts and probes; output has the words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pathprobe.core.ends.answers import is_reset, message_of
from pathprobe.core.ends.fate import Fate
from pathprobe.core.ends.fates import Try
from pathprobe.core.ends.lost_octets import LostData
from pathprobe.core.ends.questions import Question
from pathprobe.core.ends.running import Running
from pathprobe.core.ends.strange_resets import StrangeReset
from pathprobe.core.report import Claim, Fact, Reason
from pathprobe.core.sightings import Sighting
from pathprobe.core.statistics import rate_between

_Tries = Sequence[Try]


def _reason(claim: Claim, question: Question, some: _Tries, **facts: Fact) -> Reason:
    sent = sum(len(one.sent) for one in some)
    service = question.observations[0].probe.flow.label
    return Reason(
        claim=claim,
        probes=question.probes_of(some),
        facts={"count": sent, "of": len(question.sent), "service": service, **facts},
    )


def never_arrived(question: Question, some: _Tries) -> Reason:
    return _reason(Claim.NEVER_CAME, question, some)


def server_silent(question: Question, some: _Tries) -> Reason:
    return _reason(Claim.CAME_UNANSWERED, question, some, count=sum(len(one.arrived) for one in some))


def answers_lost(question: Question, some: _Tries) -> Reason:
    return _reason(Claim.ANSWERS_LOST, question, some, answers=sum(len(one.answers) for one in some))


def unheard(question: Question, some: _Tries) -> Reason:
    return _reason(Claim.ANSWER_IGNORED, question, some, answers=sum(len(one.heard) for one in some))


def answered(question: Question, some: _Tries) -> Reason:
    return _reason(Claim.SERVER_ANSWERED, question, some, count=len(some), of=len(question.tries))


def living(question: Question, some: _Tries) -> tuple[Reason, ...]:
    tries = len(question.tries)
    return (_reason(Claim.SOME_LIVE, question, some, count=len(some), of=tries),) if some else ()


def refused(question: Question, some: _Tries) -> Reason:
    return _reason(Claim.SERVER_REFUSED, question, some, message=_words(one for each in some for one in each.of_server))


def refused_on_the_way(question: Question, some: _Tries) -> tuple[Reason, ...]:
    errors = [one for each in some for one in each.refusals]
    told = _reason(Claim.REFUSED, question, some, message=_words(errors), source=errors[0].packet.source)
    return told, _arrived(question, some)


def forged(question: Question, some: _Tries, back: int, usual: int | None) -> tuple[Reason, ...]:
    strange = [one for each in some for one in each.strange]
    told = _reason(
        Claim.NEVER_SENT,
        question,
        some,
        answers=len(strange),
        source=strange[0].packet.source,
        ttl=strange[0].packet.ttl,
    )
    distance = (_reason(Claim.FORGED_FROM, question, some, back=back, usual=usual),) if usual else ()
    return told, *distance, _arrived(question, some)


def came_back(question: Question, some: _Tries, answer: Sighting) -> Reason:
    claim = Claim.RESET_BY_TARGET if is_reset(answer.packet) else Claim.ANSWERED
    return _reason(claim, question, some, ttl=answer.packet.ttl)


def one_way(question: Question) -> Reason:
    return _reason(Claim.ONE_WAY_CAPTURE, question, ())


def _arrived(question: Question, some: _Tries) -> Reason:
    arrived, sent = sum(len(one.arrived) for one in some), sum(len(one.sent) for one in some)
    return _reason(Claim.CAME, question, some, count=arrived, of=sent)


def _words(errors: Iterable[Sighting]) -> str | None:
    messages = (message_of(one.packet) for one in errors)
    return next((one.name for one in messages if one), None)


_RAN = {
    Running.SHOWN: Claim.RAN,
    Running.BY_CLOCK: Claim.RAN_BY_CLOCK,
    Running.ASSUMED: Claim.RAN_IF_CLOCKS_AGREE,
    Running.EMPTY: Claim.NOTHING_CAPTURED,
    Running.UNKNOWN: Claim.MAY_NOT_HAVE_RUN,
}


def ran(question: Question, running: Running) -> Reason:
    return _reason(_RAN[running], question, ())


def or_elsewhere(question: Question) -> Reason:
    return _reason(Claim.OR_ELSEWHERE, question, ())


def loss(question: Question, fate: Fate) -> tuple[Reason, ...]:
    """Packets that were lost beside the fate that the verdict is about, there and back."""
    reasons = []
    sent, arrived = len(question.sent), sum(len(one.arrived) for one in question.tries)
    if fate is not Fate.NEVER_ARRIVED and 0 < arrived < sent:
        reasons.append(_rate(question, "there", sent - arrived, sent))
    answers, heard = (sum(len(getattr(one, name)) for one in question.tries) for name in ("answers", "heard"))
    if fate is not Fate.ANSWER_LOST and 0 < heard < answers:
        reasons.append(_rate(question, "back", answers - heard, answers))
    return tuple(reasons)


def _rate(question: Question, way: str, lost: int, of: int) -> Reason:
    """The rate that such counts leave possible, at 95 % to either side."""
    low, high = rate_between(lost, of)
    return _reason(Claim.LOST_ON_THE_WAY, question, (), way=way, lost=lost, out_of=of, low=low, high=high)


def broken_off(question: Question, resets: Sequence[StrangeReset]) -> tuple[Reason, ...]:
    """Established connections that a reset ended which the other end never sent."""
    reasons = []
    for to_client in (True, False):
        some = [one for one in resets if one.to_client is to_client]
        if some:
            ends = (
                {"receiver": "client", "sender": "server"} if to_client else {"receiver": "server", "sender": "client"}
            )
            facts: dict[str, Fact] = {"answers": len(some), "ttl": some[0].ttl, **ends}
            reasons.append(_reason(Claim.BROKEN_OFF, question, (), **facts))
    return tuple(reasons)


def lost_data(question: Question, lost: Iterable[LostData]) -> tuple[Reason, ...]:
    return tuple(
        _reason(
            Claim.LARGE_DATA_LOST if one.is_about_size else Claim.DATA_LOST,
            question,
            (),
            sender="client" if one.forward else "server",
            octets=one.octets,
            out_of=one.sent,
            tries=one.tries,
            smallest=one.smallest_lost,
            largest=one.largest_passed,
            first=one.ranges[0][0],
            last=one.ranges[-1][1],
        )
        for one in lost
    )

"""What follows from the fate of the tries: state, mechanism, place, and how sure?

What is missing at one end and was sent at the other was lost between, and in which direction is no guess. Two things
are left to weigh: whether the server's capture ran at all (core.running), and where some tries fare otherwise than
others, whether that is more than the path loses anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pathprobe.core.ends import reasons as because
from pathprobe.core.ends.answers import is_reset, message_of
from pathprobe.core.ends.case import Case
from pathprobe.core.ends.fate import Fate
from pathprobe.core.ends.running import Running
from pathprobe.core.evidence import hops_back
from pathprobe.core.icmp import Meaning, Message
from pathprobe.core.probes import FULL_TTL, Kind
from pathprobe.core.report import (
    Clue,
    Device,
    Direction,
    Hop,
    Location,
    Mechanism,
    Reason,
    State,
    Verdict,
    Where,
)
from pathprobe.core.sightings import Sighting
from pathprobe.core.statistics import (
    chance_of_guess,
    chance_of_next_passing,
    chance_of_split,
    rate_between,
)

#: Nothing speaks for one of two explanations: the other is as likely.
_EVEN = 1.0


def verdict_on(case: Case) -> Verdict:
    verdict = _RULES[case.fate](case)
    if not case.is_intermittent:
        return replace(verdict, reasons=(*verdict.reasons, *because.loss(case.question, case.fate)))
    return replace(
        verdict,
        state=State.INTERMITTENT,
        confidence=1 / (1 + _chance_of_loss(case)),
        reasons=(*because.living(case.question, case.living), *verdict.reasons),
    )


def _chance_of_loss(case: Case) -> float:
    """How likely it is that the loss which the living tries show took all repetitions of one that died."""
    living, of = case.control_tries
    if of:
        return chance_of_split(len(case.living), len(case.question.tries), living, of)
    sent = sum(len(one.sent) for one in case.living)
    _, rate = rate_between(sent - sum(len(one.arrived) for one in case.living), sent)
    longest = max((len(one.sent) for one in case.given_up), default=1)
    return float(min(1.0, len(case.question.tries) * rate**longest))


def _made(
    case: Case,
    state: State,
    mechanism: Mechanism | None,
    location: Location,
    chance: float,
    *reasons: Reason,
) -> Verdict:
    return Verdict(
        state=state,
        mechanism=mechanism,
        location=location,
        confidence=1 / (1 + chance),
        distance=case.hops_there,
        reasons=reasons,
    )


def _never_arrived(case: Case) -> Verdict:
    sent = sum(len(one.sent) for one in case.decisive)
    arrived, of = case.control_packets
    watched = case.watched
    chance = chance_of_split(0, watched, arrived, of) if of else chance_of_next_passing(watched)
    reasons = (because.never_arrived(case.question, case.decisive), because.ran(case.question, case.running))
    if not case.running.is_known:
        mute, nowhere = case.kind is Kind.UDP, Location(where=Where.UNKNOWN)
        state, mechanism = (State.UNKNOWN, None) if mute else (State.FILTERED, Mechanism.DROP)
        return _made(case, state, mechanism, nowhere, chance_of_next_passing(sent), *reasons)
    if case.running is Running.ASSUMED:
        chance = max(chance, chance_of_next_passing(case.watch.packets))
    state = State.UNREACHABLE if of and not arrived else State.FILTERED
    good = Hop(ttl=case.reached, address=case.server.routers.get(case.reached))
    location = Location(where=Where.PATH, direction=Direction.FORWARD, last_good=good, first_bad=case.first_bad)
    return _made(case, state, Mechanism.DROP, location, chance, *reasons, because.or_elsewhere(case.question))


def _server_silent(case: Case) -> Verdict:
    arrived = sum(len(one.arrived) for one in case.decisive)
    location = Location(where=Where.TARGET, direction=Direction.FORWARD, last_good=case.target_hop)
    mute = case.kind is Kind.UDP
    return _made(
        case,
        State.OPEN_FILTERED if mute else State.FILTERED,
        None if mute else Mechanism.DROP,
        location,
        chance_of_next_passing(arrived),
        because.server_silent(case.question, case.decisive),
    )


def _answer_lost(case: Case) -> Verdict:
    answers = sum(len(one.answers) for one in case.decisive)
    location = Location(where=Where.PATH, direction=Direction.RETURN, last_good=case.target_hop)
    reason = because.answers_lost(case.question, case.decisive)
    return _made(case, State.FILTERED, Mechanism.DROP, location, chance_of_next_passing(answers), reason)


def _unheard(case: Case) -> Verdict:
    location = Location(where=Where.LOCAL, direction=Direction.RETURN, last_good=case.target_hop)
    heard = sum(len(one.heard) for one in case.decisive)
    reason = because.unheard(case.question, case.decisive)
    return _made(case, State.FILTERED, Mechanism.DROP, location, chance_of_next_passing(heard), reason)


def _answered(case: Case) -> Verdict:
    location = Location(where=Where.TARGET, last_good=case.target_hop)
    reason = because.answered(case.question, case.decisive)
    return _made(case, State.OPEN, Mechanism.ANSWER, location, _guess(case), reason)


def _refused(case: Case) -> Verdict:
    """The server's own word: a RST, or an ICMP error."""
    location = Location(where=Where.TARGET, last_good=case.target_hop)
    reason = because.refused(case.question, case.decisive)
    told = _refusal(one.of_server for one in case.decisive)
    if told is None:
        return _made(case, State.CLOSED, Mechanism.RESET, location, _guess(case), reason)
    state = State.CLOSED if told.port_unreachable and case.kind is Kind.UDP else State.FILTERED
    return _made(case, state, _MECHANISMS[told.meaning], location, _guess(case), reason)


def _refusal(errors: Iterable[Iterable[Sighting]]) -> Message | None:
    """What the first of these ICMP errors says."""
    messages = (message_of(seen.packet) for some in errors for seen in some)
    return next((one for one in messages if one), None)


_MECHANISMS = {
    Meaning.REJECT: Mechanism.REJECT,
    Meaning.NO_ROUTE: Mechanism.NO_ROUTE,
    Meaning.TIME_EXCEEDED: Mechanism.LOOP,
}


def _refused_on_the_way(case: Case) -> Verdict:
    told, error = (
        _refusal(one.refusals for one in case.decisive),
        next(seen for one in case.decisive for seen in one.refusals),
    )
    assert told is not None
    mechanism = _MECHANISMS[told.meaning]
    passes = case.control_tries[0] > 0
    state = State.FILTERED if mechanism is Mechanism.REJECT or passes else State.UNREACHABLE
    reasons = because.refused_on_the_way(case.question, case.decisive)
    if error.packet.source == case.question.source:
        here = Location(where=Where.LOCAL, direction=Direction.FORWARD, last_good=Hop(ttl=0))
        return _made(case, state, mechanism, here, _guess(case), *reasons)
    by_hop = next((ttl for ttl, address in case.server.routers.items() if address == error.packet.source), None)
    clues = (Clue.ICMP_SOURCE,) if by_hop else (Clue.ICMP_SOURCE, Clue.REPLY_TTL)
    device = Device(ttl=by_hop or hops_back(error.packet.ttl), address=error.packet.source, by=clues)
    if error.packet.source == case.target:  # in the server's name, which never got the packet
        location = _made_by(case, by_reply_ttl(case, error.packet.ttl))
    else:
        location = _made_by(case, device)
    return _made(case, state, mechanism, location, _guess(case), *reasons)


def _forged(case: Case) -> Verdict:
    strange = next(seen for one in case.decisive for seen in one.strange)
    if not case.running.is_known or case.server.is_one_way:
        return _of_unknown_maker(case, strange)
    device = by_reply_ttl(case, strange.packet.ttl)
    location = _made_by(case, device)
    if any(one.arrived for one in case.decisive):
        location = replace(location, last_good=case.target_hop, first_bad=None)  # a tap: it lets packets pass
    reasons = because.forged(case.question, case.decisive, hops_back(strange.packet.ttl), case.hops_back)
    if is_reset(strange.packet):
        return _made(case, State.FILTERED, Mechanism.RESET, location, _guess(case), *reasons)
    return _made(case, State.OPEN, Mechanism.ANSWER, location, _guess(case), *reasons)


def _of_unknown_maker(case: Case, answer: Sighting) -> Verdict:
    """What came to the client is not in the server's capture, which may just not have held it."""
    nowhere = Location(where=Where.UNKNOWN)
    why = because.one_way(case.question) if case.server.is_one_way else because.ran(case.question, case.running)
    reasons = (because.came_back(case.question, case.decisive, answer), why)
    if is_reset(answer.packet):
        return _made(case, State.UNKNOWN, Mechanism.RESET, nowhere, _EVEN, *reasons)
    return _made(case, State.OPEN, Mechanism.ANSWER, nowhere, _guess(case), *reasons)


def _made_by(case: Case, device: Device | None) -> Location:
    return Location(
        where=Where.PATH,
        direction=Direction.FORWARD,
        last_good=Hop(ttl=device.ttl, address=device.address) if device else Hop(ttl=0),
        first_bad=case.target_hop,
        device=device,
    )


def by_reply_ttl(case: Case, ttl: int) -> Device | None:
    """The box from which a reply comes with this TTL; None where the server's own packets come with the same."""
    hop = hops_back(ttl)
    if ttl == case.server.reply_ttl or hop >= (case.hops_back or case.hops_there or FULL_TTL):
        return None
    return Device(ttl=hop, address=case.server.routers.get(hop), by=(Clue.REPLY_TTL,))


def _guess(case: Case) -> float:
    """A stranger's packet had our numbers by chance: an answer over UDP carries no more than a port's 16 bits."""
    return chance_of_guess(len(case.question.sent), 16 if case.kind is Kind.UDP else 32)


_RULES: dict[Fate, Callable[[Case], Verdict]] = {
    Fate.ANSWERED: _answered,
    Fate.UNHEARD: _unheard,
    Fate.REFUSED: _refused,
    Fate.FORGED: _forged,
    Fate.REFUSED_ON_THE_WAY: _refused_on_the_way,
    Fate.ANSWER_LOST: _answer_lost,
    Fate.SERVER_SILENT: _server_silent,
    Fate.NEVER_ARRIVED: _never_arrived,
}

"""Which questions are in this traffic, and who asked them?

One pass over all packets of a capture. Who asked is whoever sent the SYN, the first datagram, the echo request; of a
conversation whose beginning is missing the end with the service's port is the target, if one has it.

What is kept is bounded by the conversations and not by the packets: of each question its first packets
(core.questions), and of each TCP connection its counters (core.conversations).

A packet may be seen twice (a mirror port, ``-i any`` on a router). It counts as sent again only if its IP-ID differs,
or if it comes so much later that no capture shows the same packet so late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pathprobe.core.icmp import Meaning, explain
from pathprobe.core.packets import Echo, EchoKind, IcmpError, Protocol, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.probes import Kind
from pathprobe.core.sightings import Sighting
from pathprobe.core.witness.conversations import Conversation
from pathprobe.core.witness.courses import Course, Fate
from pathprobe.core.witness.questions import ARRIVES, Key, Question
from pathprobe.core.witness.vantage import Host

#: Datagrams and answers kept of one UDP conversation in which answers came.
_MOST_OF_EXCHANGE = 8

#: Nanoseconds within which the same request is one packet that was seen twice.
_SEEN_TWICE = 100_000_000

#: Echo requests of one question that are remembered as unanswered.
_MOST_WAITING = 1024

#: Ports below are services': they do not ask, unless both ends have one (NTP, DNS between servers).
_SERVICE_PORTS = 1024

#: Octets of options in a SYN, below which no operating system made it: they all offer MSS, SACK and window scale.
_OPTIONS_OF_A_STACK = 8

_SEQUENCE_SPACE = 1 << 32

_SYN, _ACK = int(TcpFlags.SYN), int(TcpFlags.ACK)

_KINDS = {
    int(Protocol.TCP): Kind.TCP,
    int(Protocol.UDP): Kind.UDP,
    int(Protocol.ICMP): Kind.ECHO,
    int(Protocol.ICMPV6): Kind.ECHO,
}


class _Ends(NamedTuple):
    """Both ends of a conversation; the one that asked first."""

    source: str
    source_port: int
    target: str
    port: int


@dataclass(slots=True)
class _Exchange:
    """One UDP conversation: datagrams of the one that asked, and answers."""

    asked: int = 0
    answered: int = 0
    stepped: bool = False
    refused: bool = False
    last_ns: int = 0
    last_mark: tuple[int, int | None] = (-1, None)
    midway: bool = False


class Traffic:
    """Takes every packet of a capture, in the order of the file, and then tells the questions.

    ``wanted``: whether a question is of interest; others leave no trace but in ``passed_over``.
    """

    def __init__(self, wanted: Callable[[Key], bool] = lambda _: True) -> None:
        self.hosts: dict[str, Host] = {}
        self.packets = 0
        self.passed_over = 0
        self.midway = 0
        self.end_ns = 0
        self._wanted = wanted
        self._questions: dict[Key, Question] = {}
        self._connections: dict[_Ends, tuple[Question, Conversation]] = {}
        self._earlier: list[tuple[_Ends, Question, Conversation]] = []
        self._by_sequence: dict[int, tuple[Question, Conversation]] = {}
        self._exchanges: dict[_Ends, tuple[Question, _Exchange]] = {}
        self._askers: dict[tuple[str, int, str], _Ends] = {}
        self._waiting: dict[Key, dict[int, tuple[int, int | None]]] = {}
        self._midway: dict[_Ends, Conversation] = {}

    def take_all(self, seen: Iterable[Sighting]) -> None:
        for one in seen:
            self.take(one)

    def take(self, one: Sighting) -> None:
        """One packet more."""
        body = one.packet.body
        self.packets += 1
        self.end_ns = max(self.end_ns, one.time_ns)
        self._learn(one)
        if type(body) is Tcp:
            self._segment(one, body)
        elif type(body) is Udp:
            self._datagram(one, body)
        elif type(body) is Echo:
            self._echo(one, body)
        elif type(body) is IcmpError and body.quote is not None:
            self._error(one, body, body.quote)
        else:
            self.passed_over += 1

    def _learn(self, one: Sighting) -> None:
        packet = one.packet
        host = self.hosts.get(packet.source)
        if host is None:
            host = self.hosts[packet.source] = Host()
        if packet.ttl >= ARRIVES:
            host.ttls.add(packet.ttl)

    def _question(self, key: Key, now: int) -> Question | None:
        found = self._questions.get(key)
        if found is None:
            if is_to_many(key.target) or not self._wanted(key):
                self.passed_over += 1
                return None
            found = self._questions[key] = Question(key=key, first_ns=now, last_ns=now)
        return found

    # ---- TCP

    def _segment(self, one: Sighting, segment: Tcp) -> None:
        packet, flags = one.packet, int(segment.flags)
        there = _Ends(packet.source, segment.source_port, packet.destination, segment.destination_port)
        if flags & (_SYN | _ACK) == _SYN:
            self._syn(one, segment, there)
            return
        from_asker, known = True, self._connections.get(there)
        if known is None:
            there = _Ends(there.target, there.port, there.source, there.source_port)
            from_asker, known = False, self._connections.get(there)
        if known is None:
            self._without_beginning(one, segment, there)
            return
        question, conversation = known
        if not from_asker and conversation.fate is Fate.SILENT:
            # Steps of one flow are out at the same time, each with a sequence number of its own.
            conversation = self._acknowledged(question, segment) or conversation
        question.last_ns = one.time_ns
        conversation.keeps(one.number)
        if conversation.takes(packet, segment, from_asker=from_asker, now=one.time_ns):
            question.is_answered(one)

    def _acknowledged(self, question: Question, segment: Tcp) -> Conversation | None:
        found = self._by_sequence.get((segment.acknowledgement - 1) % _SEQUENCE_SPACE)
        return found[1] if found and found[0] is question else None

    def _syn(self, one: Sighting, segment: Tcp, ends: _Ends) -> None:
        now, known = one.time_ns, self._connections.get(ends)
        if known and known[1].initial == segment.sequence:
            question, conversation = known
            if conversation.is_asked_again(one.packet, now):
                conversation.keeps(one.number)
                conversation.asks(one.packet, now)
                question.asks(one)
            return
        found = self._question(Key(Kind.TCP, ends.source, ends.target, ends.port), now)
        if found is None:
            return
        if known:
            self._earlier.append((ends, *known))
        if len(segment.options) < _OPTIONS_OF_A_STACK:
            self.hosts[ends.source].crafts = True
        conversation = Conversation(segment.sequence, now)
        conversation.keeps(one.number)
        conversation.asks(one.packet, now)
        self._connections[ends] = found, conversation
        self._by_sequence[segment.sequence] = found, conversation
        found.attempts += 1
        found.asks(one)

    def _without_beginning(self, one: Sighting, segment: Tcp, ends: _Ends) -> None:
        """The SYN is not in the file. ``ends`` as if the sender were the target."""
        if int(segment.flags) & _SYN:
            self._answer_alone(one, segment, ends)
            return
        other = _Ends(ends.target, ends.port, ends.source, ends.source_port)
        known = self._midway.get(ends)
        from_asker = False
        if known is None:
            known, from_asker = self._midway.get(other), True
        if known is None:
            from_asker = _asks(other.source_port, other.port)
            ends = other if from_asker else ends
            known = self._midway[ends] = Conversation.midway(one.time_ns)
        known.takes(one.packet, segment, from_asker=from_asker, now=one.time_ns)

    def _answer_alone(self, one: Sighting, segment: Tcp, ends: _Ends) -> None:
        question = self._question(Key(Kind.TCP, ends.source, ends.target, ends.port), one.time_ns)
        if question is None:
            return
        conversation = Conversation((segment.acknowledgement - 1) % _SEQUENCE_SPACE, one.time_ns)
        conversation.takes(one.packet, segment, from_asker=False, now=one.time_ns)
        self._connections[ends] = question, conversation
        question.attempts += 1
        question.midway += 1
        question.is_answered(one)

    # ---- UDP

    def _datagram(self, one: Sighting, datagram: Udp) -> None:
        packet = one.packet
        there = _Ends(packet.source, datagram.source_port, packet.destination, datagram.destination_port)
        if known := self._exchanges.get(there):
            self._asks_again(one, datagram, *known)
            return
        back = _Ends(there.target, there.port, there.source, there.source_port)
        # Some answer from another port than they were asked at (TFTP, RFC 1350 section 4).
        asked = back if back in self._exchanges else self._askers.get(back[:3], back)
        if known := self._exchanges.get(asked):
            self._is_told(one, *known)
            return
        asks = _asks(there.source_port, there.port)
        ends = there if asks else back
        question = self._question(Key(Kind.UDP, ends.source, ends.target, ends.port), one.time_ns)
        if question is None:
            return
        exchange = _Exchange(last_ns=-_SEEN_TWICE, midway=not asks)
        self._exchanges[ends] = question, exchange
        self._askers[ends[:3]] = ends
        question.attempts += 1
        question.midway += not asks
        if asks:
            self._asks_again(one, datagram, question, exchange)
        else:
            self._is_told(one, question, exchange)

    @staticmethod
    def _asks_again(one: Sighting, datagram: Udp, question: Question, exchange: _Exchange) -> None:
        mark = datagram.checksum, one.packet.identification
        if mark == exchange.last_mark and one.time_ns - exchange.last_ns < _SEEN_TWICE:
            return
        stepped = one.packet.ttl < ARRIVES
        exchange.asked += 1
        exchange.stepped = exchange.stepped or stepped
        exchange.last_ns, exchange.last_mark = one.time_ns, mark
        if stepped or not exchange.answered or exchange.asked <= _MOST_OF_EXCHANGE:
            question.asks(one)
        else:
            question.packets += 1
            question.last_ns = one.time_ns

    @staticmethod
    def _is_told(one: Sighting, question: Question, exchange: _Exchange) -> None:
        exchange.answered += 1
        question.answered += exchange.answered == 1
        if exchange.answered <= _MOST_OF_EXCHANGE:
            question.is_answered(one)
        else:
            question.last_ns = one.time_ns

    # ---- echo

    def _echo(self, one: Sighting, echo: Echo) -> None:
        packet, token = one.packet, echo.identifier << 16 | echo.sequence
        if echo.kind is EchoKind.REPLY:
            key = Key(Kind.ECHO, packet.destination, packet.source, 0)
            if (found := self._questions.get(key)) and self._waiting[key].pop(token, None):
                found.answered += 1
                found.is_answered(one)
            return
        key = Key(Kind.ECHO, packet.source, packet.destination, 0)
        question = self._question(key, one.time_ns)
        if question is None:
            return
        waiting = self._waiting.setdefault(key, {})
        before = waiting.get(token)
        if before and one.time_ns - before[0] < _SEEN_TWICE:
            return
        waiting[token] = one.time_ns, packet.identification
        if len(waiting) > _MOST_WAITING:
            del waiting[next(iter(waiting))]
        question.attempts += 1
        question.asks(one)

    # ---- what routers say

    def _error(self, one: Sighting, error: IcmpError, quote: Quote) -> None:
        kind = _KINDS.get(quote.protocol)
        is_cut = quote.first is None or quote.second is None
        if kind is None or (is_cut and kind is not Kind.ECHO):  # an echo's question is known by the addresses alone
            self.passed_over += 1
            return
        meaning = explain(one.packet.version, error.type, error.code).meaning
        refuses = meaning in (Meaning.REJECT, Meaning.NO_ROUTE)
        question = self._quoted(kind, quote, refuses=refuses)
        if question is None:
            self.passed_over += 1
            return
        question.last_ns = one.time_ns
        question.expired += meaning is Meaning.TIME_EXCEEDED
        if refuses and question.refusal is None:
            question.refusal = one
        question.keep(one)

    def _quoted(self, kind: Kind, quote: Quote, *, refuses: bool) -> Question | None:
        """The question that an error is about; a NAT may have rewritten what is quoted."""
        if kind is Kind.ECHO:
            return self._quoted_echo(quote, refuses=refuses)
        ends = _Ends(quote.source, quote.first or 0, quote.destination, quote.second or 0)
        if kind is Kind.TCP:
            known = self._by_sequence.get(quote.word or 0) or self._connections.get(ends)
            if known and refuses and known[1].fate is Fate.SILENT:
                known[1].fate = Fate.REFUSED
            return known[0] if known else None
        told = self._exchanges.get(ends)
        if told and refuses and not told[1].refused and not told[1].answered:
            told[1].refused = True
            told[0].refused += 1
        return told[0] if told else None

    def _quoted_echo(self, quote: Quote, *, refuses: bool) -> Question | None:
        key = Key(Kind.ECHO, quote.source, quote.destination, 0)
        question = self._questions.get(key)
        if question and refuses and self._waiting[key].pop(quote.word or 0, None):
            question.refused += 1
        return question

    # ---- the end

    def questions(self) -> list[Question]:
        """All questions, in the order in which they were first put. Call it once, at the end."""
        for ends, question, conversation in self._earlier:
            question.closes(conversation, ends.source_port, self.end_ns)
        for ends, (question, conversation) in self._connections.items():
            question.closes(conversation, ends.source_port, self.end_ns)
        self._connections.clear()
        for ends, conversation in self._midway.items():
            self._close_midway(ends, conversation)
        self._midway.clear()
        return list(self._questions.values())

    def _close_midway(self, ends: _Ends, conversation: Conversation) -> None:
        """Counted; and where there is trouble a question of its own, for that needs no beginning."""
        self.midway += 1
        told = conversation.told(self.end_ns)
        if told.course not in _SHOWS_WITHOUT_BEGINNING:
            return
        question = self._question(Key(Kind.TCP, ends.source, ends.target, ends.port), conversation.asked_ns)
        if question is not None:
            question.attempts += 1
            question.midway += 1
            question.closes(conversation, ends.source_port, self.end_ns)


#: What can be told of a connection whose beginning nobody saw.
_SHOWS_WITHOUT_BEGINNING = frozenset({Course.STALLED, Course.CUT, Course.RESET_BY_BOX, Course.RESET, Course.SHUT})


def _asks(source_port: int, port: int) -> bool:
    """Whether who sent the first packet in the file is who asked: not if it speaks from a service's port to none."""
    return not (source_port < _SERVICE_PORTS <= port)


def is_to_many(address: str) -> bool:
    """Multicast, broadcast and no address at all: nobody answers from there."""
    if ":" in address:
        return address.startswith("ff") or address == "::"
    first = int(address.partition(".")[0])
    return 224 <= first < 240 or first in (0, 255)

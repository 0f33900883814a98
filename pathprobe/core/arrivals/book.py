"""Which attempt does this packet, this drop, this trace belong to?

- A TCP attempt is a SYN and its repetitions: the same ends and the same sequence number (RFC 9293 section 3.10.7.2).
  The number is also what is left of it when a port is published: addresses and ports are then others inside. A number
  that two SYNs share (a port scanner uses one for all) tells nothing there.
- Its answers acknowledge that number; an ICMP error quotes it.
- UDP has no number: all datagrams from one port of one host are one attempt, and what goes back there is its answer.
- The same packet seen again at once on another interface (a bridge, a bond, a VLAN) is no repetition.
- Memory is bounded: what arrives when so many attempts are known is counted, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from pathprobe.core.arrivals.facts import Attempt, Dropped, HandedOn, Refusal, Seen, Traced, deciding_step
from pathprobe.core.arrivals.fate import Endings, judge
from pathprobe.core.icmp import Meaning, explain
from pathprobe.core.packets import IcmpError, Packet, Protocol, Quote, Tcp, TcpFlags, Udp

#: Attempts that are told one by one.
MOST = 1000
#: Facts of one kind that are kept of one attempt.
_MOST_OF_A_KIND = 64
#: Nanoseconds in which one packet passes all interfaces that are stacked on each other.
_STACKED = 100_000_000

_Fact = TypeVar("_Fact")
_SYN_ACK = TcpFlags.SYN | TcpFlags.ACK
#: Sequence numbers of SYNs to other ports that are remembered.
_MOST_STRANGE = 4096

#: Source, its port, destination, and the sequence number, 0 for UDP.
_Flow = tuple[str, int, str, int]


@dataclass(slots=True, kw_only=True)
class _Entry:
    """What is known so far of one attempt; ``number`` counts them from 1."""

    number: int
    first: Seen
    tries: list[int]
    answers: list[int] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    drops: list[Dropped] = field(default_factory=list)
    answer_drops: list[Dropped] = field(default_factory=list)
    handed_on: HandedOn | None = None
    trace: Traced | None = None
    answer_trace: Traced | None = None

    def endings(self) -> Endings:
        return Endings(
            answers=self.answers,
            resets=self.resets,
            refusals=[one.time_ns for one in self.refusals],
            answer_dropped=bool(self.answer_drops) or _is_dropped(self.answer_trace),
            dropped=bool(self.drops) or _is_dropped(self.trace),
            handed_on=self.handed_on is not None,
        )


class Book:
    """What arrived at one port, and what became of it."""

    def __init__(self, protocol: str, port: int, most: int = MOST) -> None:
        self.untold = 0
        self._tcp, self._port, self._most = protocol == "tcp", port, most
        self._entries: list[_Entry] = []
        self._flows: dict[_Flow, _Entry] = {}
        #: By sequence number alone; None for one that is shared.
        self._numbers: dict[int, _Entry | None] = {}
        self._strange_numbers: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def see(self, seen: Seen) -> int | None:
        """Take note of a packet, in the order in which they were seen; the number of the attempt that it is part of."""
        body = seen.packet.body
        entry: _Entry | None = None
        if isinstance(body, IcmpError):
            entry = self._refused(seen, body)
        elif not seen.outgoing and self._arrives(seen.packet):
            entry = self._arrived(seen)
        elif isinstance(body, Tcp | Udp) and (seen.outgoing or seen.looped):
            entry = self._left(seen)
        elif isinstance(body, Tcp) and body.flags & _SYN_ACK == TcpFlags.SYN:
            self._strange(body.sequence)
        return entry.number if entry else None

    def drop(self, dropped: Dropped) -> None:
        """Take note of a packet that was thrown away, after what was seen before it."""
        if entry := self._entry_of(dropped.packet):
            _keep(entry.drops, dropped)
        elif entry := self._answered_by(dropped.packet):
            _keep(entry.answer_drops, dropped)

    def trace(self, traced: Traced) -> None:
        """Take note of a packet's way through the rules, after it was seen."""
        if entry := self._entry_of(traced.packet):
            entry.trace = traced
        elif entry := self._answered_by(traced.packet):
            entry.answer_trace = traced

    def attempts(self) -> tuple[Attempt, ...]:
        """What became of each, in the order of their arrival."""
        return tuple(_attempt(entry) for entry in self._entries)

    def _arrives(self, packet: Packet) -> bool:
        body = packet.body
        if isinstance(body, Tcp):
            return self._tcp and body.destination_port == self._port and body.flags & _SYN_ACK == TcpFlags.SYN
        return isinstance(body, Udp) and not self._tcp and body.destination_port == self._port

    def _arrived(self, seen: Seen) -> _Entry | None:
        body = seen.packet.body
        number = body.sequence if isinstance(body, Tcp) else 0
        source_port = body.source_port if isinstance(body, Tcp | Udp) else 0
        flow = (seen.packet.source, source_port, seen.packet.destination, number)
        entry = self._flows.get(flow)
        if entry is None:
            return self._begin(seen, flow)
        is_soon = seen.time_ns - entry.tries[-1] < _STACKED
        if is_soon and seen.interface != entry.first.interface:
            return entry
        _keep(entry.tries, seen.time_ns)
        return entry

    def _begin(self, seen: Seen, flow: _Flow) -> _Entry | None:
        if len(self._entries) >= self._most:
            self.untold += 1
            return None
        entry = _Entry(number=len(self._entries) + 1, first=seen, tries=[seen.time_ns])
        self._entries.append(entry)
        self._flows[flow] = entry
        if self._tcp:
            number = flow[-1]
            is_shared = number in self._numbers or number in self._strange_numbers
            self._numbers[number] = None if is_shared else entry
        return entry

    def _strange(self, number: int) -> None:
        """A SYN to another port."""
        if number in self._numbers:
            self._numbers[number] = None
        while len(self._strange_numbers) >= _MOST_STRANGE:
            del self._strange_numbers[next(iter(self._strange_numbers))]
        self._strange_numbers[number] = None

    def _entry_of(self, packet: Packet) -> _Entry | None:
        """The attempt that a packet on its way in belongs to, under whatever addresses it goes by now."""
        body = packet.body
        if isinstance(body, Tcp) and self._tcp and body.flags & _SYN_ACK == TcpFlags.SYN:
            exact = (packet.source, body.source_port, packet.destination, body.sequence)
            found = self._flows.get(exact) if body.destination_port == self._port else None
            return found or self._numbers.get(body.sequence)
        if isinstance(body, Udp) and not self._tcp:
            return self._flows.get((packet.source, body.source_port, packet.destination, 0))
        return None

    def _answered_by(self, packet: Packet) -> _Entry | None:
        body = packet.body
        if isinstance(body, Tcp) and self._tcp and body.flags & TcpFlags.ACK:
            if body.flags & (TcpFlags.SYN | TcpFlags.RST):
                number = body.acknowledgement - 1 & 0xFFFFFFFF
                exact = (packet.destination, body.destination_port, packet.source, number)
                found = self._flows.get(exact) if body.source_port == self._port else None
                return found or self._numbers.get(number)
        elif isinstance(body, Udp) and not self._tcp and body.source_port == self._port:
            return self._flows.get((packet.destination, body.destination_port, packet.source, 0))
        return None

    def _left(self, seen: Seen) -> _Entry | None:
        packet, body = seen.packet, seen.packet.body
        if entry := self._answered_by(packet):
            # Before its addresses are put back, the answer of a published port is no answer to the asker yet.
            if _goes_back(packet, entry):
                is_reset = isinstance(body, Tcp) and TcpFlags.RST in body.flags
                _keep(entry.resets if is_reset else entry.answers, seen.time_ns)
            return entry
        entry = self._entry_of(packet) if seen.outgoing else None
        if entry and isinstance(body, Tcp | Udp):
            self._handed_on(entry, seen, body.destination_port)
        return entry

    def _handed_on(self, entry: _Entry, seen: Seen, port: int) -> None:
        if entry.handed_on is None and seen.time_ns >= entry.tries[0]:
            entry.handed_on = HandedOn(
                time_ns=seen.time_ns,
                interface=seen.interface,
                source=seen.packet.source,
                destination=seen.packet.destination,
                port=port,
            )

    def _refused(self, seen: Seen, error: IcmpError) -> _Entry | None:
        if not (seen.outgoing or seen.looped) or error.quote is None:
            return None
        entry = self._quoted(error.quote)
        if entry is None:
            return None
        message = explain(seen.packet.version, error.type, error.code)
        if message.meaning in (Meaning.REJECT, Meaning.NO_ROUTE):
            refusal = Refusal(
                time_ns=seen.time_ns,
                by=seen.packet.source,
                name=message.name,
                port_unreachable=message.port_unreachable,
            )
            _keep(entry.refusals, refusal)
        return entry

    def _quoted(self, quote: Quote) -> _Entry | None:
        """By the addresses that the asker knows: an error that leaves quotes those."""
        if quote.first is None or quote.second != self._port:
            return None
        if quote.protocol != (Protocol.TCP if self._tcp else Protocol.UDP):
            return None
        number = (quote.word or 0) if self._tcp else 0
        return self._flows.get((quote.source, quote.first, quote.destination, number))


def _attempt(entry: _Entry) -> Attempt:
    packet, body = entry.first.packet, entry.first.packet.body
    assert isinstance(body, Tcp | Udp)
    fate, after_ms = judge(entry.tries, entry.endings())
    return Attempt(
        protocol="tcp" if isinstance(body, Tcp) else "udp",
        source=packet.source,
        source_port=body.source_port,
        destination=packet.destination,
        port=body.destination_port,
        interface=entry.first.interface,
        fate=fate,
        tries=tuple(entry.tries),
        answers=tuple(entry.answers),
        resets=tuple(entry.resets),
        after_ms=after_ms,
        refusal=entry.refusals[0] if entry.refusals else None,
        drops=tuple(entry.drops),
        answer_drops=tuple(entry.answer_drops),
        handed_on=entry.handed_on,
        trace=entry.trace,
        answer_trace=entry.answer_trace,
    )


def _is_dropped(trace: Traced | None) -> bool:
    step = deciding_step(trace) if trace else None
    return step is not None and step.verdict == "drop"


def _goes_back(packet: Packet, entry: _Entry) -> bool:
    asked, arrived, body = entry.first.packet, entry.first.packet.body, packet.body
    if not isinstance(body, Tcp | Udp) or not isinstance(arrived, Tcp | Udp):
        return False
    ends = (packet.source, body.source_port, packet.destination, body.destination_port)
    return ends == (asked.destination, arrived.destination_port, asked.source, arrived.source_port)


def _keep(facts: list[_Fact], fact: _Fact) -> None:
    if len(facts) < _MOST_OF_A_KIND:
        facts.append(fact)

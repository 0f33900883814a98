"""Whose answer is this packet?

The ledger keeps every probe and believes a packet only if it carries a probe's token: how a probe is found again
by what answers and quotes carry is core.register's knowledge, and core.rewritten's where a box rewrote it.
A bare RST, or one that acknowledges anything else, proves nothing: anybody can send it. The first answer
counts, later ones are duplicates; but an expired TTL gives way to an answer, whichever came first (a tap
answers packets that it lets pass: Sundara Raman et al., CenTrace, CoNEXT 2022). Our own packets, seen leaving,
give the honest send time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TypedDict

from pathprobe.core.evidence import Observation
from pathprobe.core.icmp import Meaning, Message, explain
from pathprobe.core.outcomes import (
    NOT_SEEN,
    Answered,
    Ended,
    NotSent,
    Outcome,
    Rejected,
    Reply,
    Reset,
    Silent,
    TimeExceeded,
    TooBig,
    Unreachable,
)
from pathprobe.core.packets import Echo, EchoKind, Extension, IcmpError, Packet, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.probes import FAREWELL_WINDOW, Kind, Probe
from pathprobe.core.register import Register
from pathprobe.core.rewritten import unmask

_REFUSALS: dict[Meaning, type[Rejected | Unreachable | TimeExceeded]] = {
    Meaning.REJECT: Rejected,
    Meaning.NO_ROUTE: Unreachable,
    Meaning.TIME_EXCEEDED: TimeExceeded,
}

#: Seconds after which a packet that no tap saw leave counts as kept back by this host. A neighbour
#: lookup delays the first packet by a round trip on the link; nothing else does.
_SEEN_WITHIN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Our own probe, seen leaving."""

    probe: Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A packet that answers ``probe``. ``duplicate``: the probe had an answer already."""

    probe: Probe
    outcome: Outcome
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """The reset that ends the half-open connection of an answered probe, seen leaving."""

    probe: Probe
    by: Ended


Reading = Departure | Match | Farewell


@dataclass(slots=True, kw_only=True)
class _Entry:
    probe: Probe
    sent: float
    seen: bool = False
    outcome: Outcome | None = None
    ended: Ended | None = None
    farewell_tried: bool = False
    departure: Packet | None = None
    also: tuple[Outcome, ...] = ()
    left_by: tuple[str, ...] = ()
    came_by: tuple[str, ...] = ()
    returned: bool = False

    def leave(self, packet: Packet, interface: str, now: float) -> None:
        """It was seen: leaving, or coming back to us with a smaller TTL than it had left with."""
        if self.departure is None:
            self.seen, self.sent, self.departure = True, now, packet
        if packet.ttl < self.departure.ttl:
            # A datagram of another program may share an IP-ID and a port; it does not carry the same.
            self.returned = self.returned or packet.transport == self.departure.transport
        else:
            self.left_by = _with(self.left_by, interface)


class Ledger:
    """Every probe of one diagnosis and what is known of its fate."""

    def __init__(self, target: str, register: Register | None = None) -> None:
        """``register``: another way to find a probe by what answers carry (core.recurring)."""
        self.target = target
        self._entries: dict[int, _Entry] = {}
        self._register = register or Register()

    def __len__(self) -> int:
        return len(self._entries)

    def sent(self, probe: Probe, now: float) -> None:
        """The probe was handed to the kernel at ``now``."""
        self._entries[probe.id] = _Entry(probe=probe, sent=now)
        self._register.add(probe)

    def not_sent(self, probe: Probe, now: float, error: str) -> None:
        """The kernel refused the probe with the errno called ``error``."""
        self.sent(probe, now)
        self._entries[probe.id].outcome = NotSent(error=error)

    def unheard(self) -> tuple[tuple[Probe, float], ...]:
        """Probes whose SYN-ACK came, with the time, and which nobody ended or tried to."""
        return tuple(
            (entry.probe, entry.outcome.received)
            for entry in self._entries.values()
            if isinstance(entry.outcome, Answered)
            and entry.probe.flow.kind is Kind.TCP
            and entry.ended is None
            and not entry.farewell_tried
        )

    def farewell_sent(self, probe: Probe) -> None:
        """We tried to end the probe's half-open connection ourselves; that it left is seen, or not."""
        self._entries[probe.id].farewell_tried = True

    def read(self, packet: Packet, now: float, interface: str = "") -> Reading | None:
        """Enter a packet seen at ``now`` on an interface; None when it is nobody's answer."""
        if departed := self._departure(packet):
            departed.leave(packet, interface, now)
            return Departure(probe=departed.probe)
        if farewell := self._farewell(packet):
            return farewell
        found = self._answer(packet, now)
        if found is None:
            return None
        entry, outcome = found
        duplicate = entry.outcome is not None and not _outweighs(outcome, entry.outcome)
        _keep_also(entry, outcome if duplicate else entry.outcome)
        if not duplicate:
            entry.outcome, entry.came_by = outcome, ()
        if entry.outcome is not None and type(outcome) is type(entry.outcome):
            entry.came_by = _with(entry.came_by, interface)
        return Match(probe=entry.probe, outcome=outcome, duplicate=duplicate)

    def observations(self, now: float) -> tuple[Observation, ...]:
        """What is known at ``now``: an unanswered probe has been silent for as long as it is out."""
        return tuple(
            Observation(
                probe=entry.probe,
                sent=entry.sent,
                outcome=entry.outcome or _unanswered(entry, now),
                departed=entry.seen,
                ended=entry.ended,
                departure=entry.departure,
                also=entry.also,
                left_by=entry.left_by,
                came_by=entry.came_by,
                returned=entry.returned,
            )
            for entry in self._entries.values()
        )

    def _departure(self, packet: Packet) -> _Entry | None:
        if packet.destination != self.target:
            return None
        return self._entry(self._register.leaving(packet))

    def _farewell(self, packet: Packet) -> Farewell | None:
        body = packet.body
        if packet.destination != self.target or not isinstance(body, Tcp):
            return None
        if body.flags & (TcpFlags.RST | TcpFlags.ACK | TcpFlags.SYN) != TcpFlags.RST:
            return None
        entry = self._entry(self._register.ended_by(body))
        if entry is None:
            return None
        by = Ended.BY_US if body.window == FAREWELL_WINDOW else Ended.BY_KERNEL
        entry.ended = Ended.BY_KERNEL if Ended.BY_KERNEL in (by, entry.ended) else by
        return Farewell(probe=entry.probe, by=by)

    def _answer(self, packet: Packet, now: float) -> tuple[_Entry, Outcome] | None:
        if isinstance(packet.body, IcmpError):
            return self._icmp_error(packet, packet.body, now)
        if packet.source != self.target:
            return None
        match packet.body:
            case Tcp(flags=flags) as segment if TcpFlags.ACK in flags:
                return self._segment(packet, segment, now)
            case Echo(kind=EchoKind.REPLY) as echo:
                return self._answered(self._entry(self._register.echoed(echo)), packet, now)
            case Udp() as datagram:
                return self._answered(self._likeliest(datagram), packet, now)
        return None

    def _segment(self, packet: Packet, segment: Tcp, now: float) -> tuple[_Entry, Outcome] | None:
        entry = self._entry(self._register.acknowledged(segment))
        if entry and TcpFlags.RST in segment.flags:
            return entry, Reset(**_reply(entry, packet, now))
        return self._answered(entry, packet, now) if TcpFlags.SYN in segment.flags else None

    def _likeliest(self, datagram: Udp) -> _Entry | None:
        """The datagram that a UDP answer is to: of those still out the one that goes farthest, the last of these.

        Once one was answered, what goes less far and left before is none: it is that answer doubled, or its next part.
        """
        sent = [self._entries[probe.id] for probe in self._register.sent_from(datagram.destination_port)]
        answered = [entry for entry in sent if isinstance(entry.outcome, Answered)]
        last = max(map(_answered_at, answered), default=-inf)
        farthest = max((entry.probe.ttl for entry in answered), default=0)
        out = [entry for entry in sent if entry.outcome is None]
        open_ones = [entry for entry in out if entry.sent >= last or entry.probe.ttl >= farthest]
        return max(open_ones or answered or sent, key=lambda entry: (entry.probe.ttl, entry.sent), default=None)

    def _answered(self, entry: _Entry | None, packet: Packet, now: float) -> tuple[_Entry, Outcome] | None:
        return (entry, Answered(**_reply(entry, packet, now))) if entry else None

    def _icmp_error(self, packet: Packet, error: IcmpError, now: float) -> tuple[_Entry, Outcome] | None:
        entry = self._entry(self._quoted(error.quote)) if error.quote else None
        message = explain(packet.version, error.type, error.code)
        if entry is None or error.quote is None:
            return None
        facts = _refusal(entry, packet, now, message, error, error.quote)
        if message.meaning is Meaning.TOO_BIG and entry.probe.size is not None:
            # To a probe that asks nothing about sizes it is no answer: that one is smaller than what links take.
            return entry, TooBig(**facts, next_hop_mtu=error.next_hop_mtu)
        refusal = _REFUSALS.get(message.meaning)
        return (entry, refusal(**facts)) if refusal else None

    def _quoted(self, quote: Quote) -> Probe | None:
        """The probe that a quote gives back, however much of it boxes on the way have rewritten."""
        return self._register.quoted(quote) or unmask(
            quote, ((entry.probe, entry.departure) for entry in self._entries.values() if entry.departure)
        )

    def _entry(self, probe: Probe | None) -> _Entry | None:
        return self._entries[probe.id] if probe else None


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if not name or name in names else (*names, name)


def _answered_at(entry: _Entry) -> float:
    return entry.outcome.received if isinstance(entry.outcome, Answered) else -inf


def _outweighs(new: Outcome, old: Outcome) -> bool:
    return isinstance(old, TimeExceeded) and not isinstance(new, TimeExceeded)


def _keep_also(entry: _Entry, outcome: Outcome | None) -> None:
    """One more answer to a probe; a repetition of what is known is none."""
    known = [entry.outcome, *entry.also] if outcome is not entry.outcome else list(entry.also)
    if isinstance(outcome, Reply) and not any(isinstance(one, Reply) and _says_the_same(one, outcome) for one in known):
        entry.also += (outcome,)


def _says_the_same(one: Reply, other: Reply) -> bool:
    return (type(one), one.source, one.ttl) == (type(other), other.source, other.ttl)


class _ReplyFacts(TypedDict):
    source: str
    received: float
    rtt: float
    ttl: int


def _reply(entry: _Entry, packet: Packet, now: float) -> _ReplyFacts:
    return {"source": packet.source, "received": now, "rtt": max(0.0, now - entry.sent), "ttl": packet.ttl}


class _RefusalFacts(_ReplyFacts):
    message: Message
    quote: Quote
    extensions: tuple[Extension, ...]


def _refusal(
    entry: _Entry, packet: Packet, now: float, message: Message, error: IcmpError, quote: Quote
) -> _RefusalFacts:
    return {**_reply(entry, packet, now), "message": message, "quote": quote, "extensions": error.extensions}


def _unanswered(entry: _Entry, now: float) -> Outcome:
    waited = max(0.0, now - entry.sent)
    if not entry.seen and waited >= _SEEN_WITHIN:
        return NotSent(error=NOT_SEEN)
    return Silent(waited=waited)

"""Whose answer is this packet?

The ledger keeps every probe and believes a packet only if it carries a probe's token:

====================  =========================================================================
SYN-ACK, RST          from the target, to the probe's port, acknowledging its sequence + 1
                      (RFC 9293 section 3.10.7.3)
echo reply            identifier and sequence of the probe, from the address asked
ICMP error            quotes the probe's 32-bit word at transport offset 4 and at least one of its ports;
                      or, where a box rewrote the sequence, its IP-ID and both its ports
====================  =========================================================================

A bare RST, or one that acknowledges anything else, proves nothing: anybody can send it. The first answer
counts, later ones are duplicates; but an expired TTL gives way to an answer, whichever came first (a tap
answers packets that it lets pass: Sundara Raman et al., CenTrace, CoNEXT 2022). Our own packets, seen leaving,
give the honest send time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from pathprobe.core.evidence import Observation
from pathprobe.core.icmp import Meaning, explain
from pathprobe.core.outcomes import (
    NOT_SEEN,
    Answered,
    Ended,
    NotSent,
    Outcome,
    Rejected,
    Reset,
    Silent,
    TimeExceeded,
    Unreachable,
)
from pathprobe.core.packets import Echo, EchoKind, IcmpError, Packet, Protocol, Quote, Tcp, TcpFlags
from pathprobe.core.probes import Kind, Probe

_REFUSALS: dict[Meaning, type[Rejected | Unreachable | TimeExceeded]] = {
    Meaning.REJECT: Rejected,
    Meaning.NO_ROUTE: Unreachable,
    Meaning.TIME_EXCEEDED: TimeExceeded,
}

_KINDS: dict[int, Kind] = {Protocol.TCP: Kind.TCP, Protocol.ICMP: Kind.ECHO, Protocol.ICMPV6: Kind.ECHO}

_SEQUENCE_SPACE = 1 << 32

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

#: The window in a reset of ours; the kernel's own has 0 (net/ipv4/tcp_ipv4.c, tcp_v4_send_reset).
FAREWELL_WINDOW = 1


@dataclass(slots=True, kw_only=True)
class _Entry:
    probe: Probe
    sent: float
    seen: bool = False
    outcome: Outcome | None = None
    ended: Ended | None = None
    farewell_tried: bool = False


class Ledger:
    """Every probe of one diagnosis and what is known of its fate."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._entries: dict[int, _Entry] = {}
        self._by_token: dict[tuple[Kind, int], _Entry] = {}
        self._by_identification: dict[tuple[int, int, int], _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def sent(self, probe: Probe, now: float) -> None:
        """The probe was handed to the kernel at ``now``."""
        entry = _Entry(probe=probe, sent=now)
        self._entries[probe.id] = entry
        self._by_token[probe.flow.kind, probe.token] = entry
        if probe.flow.kind is Kind.TCP and probe.flow.version == 4:
            ports = probe.flow.source_port, probe.flow.destination_port
            self._by_identification[(probe.identification, *ports)] = entry

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

    def read(self, packet: Packet, now: float) -> Reading | None:
        """Enter a packet seen at ``now``; None when it is nobody's answer."""
        if departed := self._departure(packet):
            if not departed.seen:
                departed.seen, departed.sent = True, now
            return Departure(probe=departed.probe)
        if farewell := self._farewell(packet):
            return farewell
        found = self._answer(packet, now)
        if found is None:
            return None
        entry, outcome = found
        duplicate = entry.outcome is not None and not _outweighs(outcome, entry.outcome)
        if not duplicate:
            entry.outcome = outcome
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
            )
            for entry in self._entries.values()
        )

    def _departure(self, packet: Packet) -> _Entry | None:
        body = packet.body
        if packet.destination != self.target:
            return None
        if isinstance(body, Tcp) and body.flags & (TcpFlags.SYN | TcpFlags.ACK) == TcpFlags.SYN:
            return self._by_token.get((Kind.TCP, body.sequence))
        if isinstance(body, Echo) and body.kind is EchoKind.REQUEST:
            return self._by_token.get((Kind.ECHO, body.identifier << 16 | body.sequence))
        return None

    def _farewell(self, packet: Packet) -> Farewell | None:
        body = packet.body
        if packet.destination != self.target or not isinstance(body, Tcp):
            return None
        if body.flags & (TcpFlags.RST | TcpFlags.ACK | TcpFlags.SYN) != TcpFlags.RST:
            return None
        entry = self._by_token.get((Kind.TCP, (body.sequence - 1) % _SEQUENCE_SPACE))
        if entry is None or entry.probe.flow.source_port != body.source_port:
            return None
        by = Ended.BY_US if body.window == FAREWELL_WINDOW else Ended.BY_KERNEL
        entry.ended = Ended.BY_KERNEL if Ended.BY_KERNEL in (by, entry.ended) else by
        return Farewell(probe=entry.probe, by=by)

    def _answer(self, packet: Packet, now: float) -> tuple[_Entry, Outcome] | None:
        match packet.body:
            case Tcp() as segment:
                return self._segment(packet, segment, now)
            case Echo() as echo:
                return self._echo_reply(packet, echo, now)
            case IcmpError() as error:
                return self._icmp_error(packet, error, now)
        return None

    def _segment(self, packet: Packet, segment: Tcp, now: float) -> tuple[_Entry, Outcome] | None:
        if packet.source != self.target or TcpFlags.ACK not in segment.flags:
            return None
        token = (segment.acknowledgement - 1) % _SEQUENCE_SPACE
        entry = self._by_token.get((Kind.TCP, token))
        if entry is None or not _answers_ports(entry.probe, segment):
            return None
        if TcpFlags.RST in segment.flags:
            return entry, Reset(**_reply(entry, packet, now))
        if TcpFlags.SYN in segment.flags:
            return entry, Answered(**_reply(entry, packet, now))
        return None

    def _echo_reply(self, packet: Packet, echo: Echo, now: float) -> tuple[_Entry, Outcome] | None:
        if echo.kind is not EchoKind.REPLY or packet.source != self.target:
            return None
        entry = self._by_token.get((Kind.ECHO, echo.identifier << 16 | echo.sequence))
        return None if entry is None else (entry, Answered(**_reply(entry, packet, now)))

    def _icmp_error(self, packet: Packet, error: IcmpError, now: float) -> tuple[_Entry, Outcome] | None:
        entry = self._quoted(error.quote) if error.quote else None
        message = explain(packet.version, error.type, error.code)
        refusal = _REFUSALS.get(message.meaning)
        if entry is None or error.quote is None or refusal is None:
            return None
        return entry, refusal(**_reply(entry, packet, now), message=message, quote=error.quote)

    def _quoted(self, quote: Quote) -> _Entry | None:
        """The probe that an ICMP error gives back."""
        if quote.word is None or quote.protocol not in _KINDS:
            return None
        kind = _KINDS[quote.protocol]
        entry = self._by_token.get((kind, quote.word))
        if kind is Kind.ECHO:
            return entry
        ports = quote.first or 0, quote.second or 0
        if entry is None:
            # Firewalls that randomise sequence numbers leave the IP-ID and the ports alone; IPv6 has no IP-ID.
            return self._by_identification.get((quote.identification or 0, *ports)) if quote.version == 4 else None
        # A NAT between us and the router rewrites one end of the quote, never our sequence too.
        flow = entry.probe.flow
        return entry if flow.source_port == ports[0] or flow.destination_port == ports[1] else None


def _outweighs(new: Outcome, old: Outcome) -> bool:
    return isinstance(old, TimeExceeded) and not isinstance(new, TimeExceeded)


def _answers_ports(probe: Probe, segment: Tcp) -> bool:
    flow = probe.flow
    return (segment.source_port, segment.destination_port) == (flow.destination_port, flow.source_port)


class _ReplyFacts(TypedDict):
    source: str
    received: float
    rtt: float
    ttl: int


def _reply(entry: _Entry, packet: Packet, now: float) -> _ReplyFacts:
    return {"source": packet.source, "received": now, "rtt": max(0.0, now - entry.sent), "ttl": packet.ttl}


def _unanswered(entry: _Entry, now: float) -> Outcome:
    waited = max(0.0, now - entry.sent)
    if not entry.seen and waited >= _SEEN_WITHIN:
        return NotSent(error=NOT_SEEN)
    return Silent(waited=waited)

"""Who talks with whom in one capture, who of the two asked, and what went which way?

A conversation is what two ends say to each other over one pair of ports, or with one echo identifier. Who sent the SYN
asked (RFC 9293 section 3.5), who sent the first datagram did, or the echo request. A capture that began later shows
none of that: then the greater port is the asker's, as ephemeral ports are (RFC 6056).

ICMP errors belong to the conversation whose packet they quote. The second sight of a packet, on a bridge and on its
port, is none of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pathprobe.core.packets import Echo, EchoKind, IcmpError, Packet, Protocol, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.probes import Flow, Kind
from pathprobe.core.sightings import Sighting

End = tuple[str, int]
_Key = tuple[Kind, End, End]

#: Nanoseconds between two sights of one packet inside a host; a router that repeats packets takes longer.
_INSIDE_A_HOST = 2_000_000
#: Interfaces that one host may show a packet on: bond, VLAN, bridge, port.
_SIGHTS = 4

_WELL_KNOWN = 1024
_KINDS = {
    Protocol.TCP: Kind.TCP,
    Protocol.UDP: Kind.UDP,
    Protocol.ICMP: Kind.ECHO,
    Protocol.ICMPV6: Kind.ECHO,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """``flow`` goes from who asked; ``there`` are the asker's packets, ``back`` the other's.

    ``errors``: ICMP errors that quote the asker's packets.
    """

    flow: Flow
    there: tuple[Sighting, ...]
    back: tuple[Sighting, ...]
    errors: tuple[Sighting, ...] = ()


@dataclass(slots=True)
class _Talk:
    kind: Kind
    seen: list[tuple[End, Sighting]] = field(default_factory=list)
    errors: list[tuple[End, Sighting]] = field(default_factory=list)
    last: deque[Sighting] = field(default_factory=lambda: deque(maxlen=_SIGHTS))


def conversations(sightings: Iterable[Sighting]) -> tuple[Conversation, ...]:
    """All of a capture, in the order in which they begin; takes time and memory in proportion to its packets."""
    talks: dict[_Key, _Talk] = {}
    for one in sightings:
        if ends := _ends(one.packet):
            kind, sender, receiver = ends
            talk = talks.setdefault(_key(kind, sender, receiver), _Talk(kind))
            if not _is_second_sight(talk, one):
                talk.seen.append((sender, one))
        elif quoted := _quoted(one.packet):
            known = talks.get(_key(*quoted))
            if known and not _is_second_sight(known, one):
                known.errors.append((quoted[1], one))
    return tuple(_conversation(key, talk) for key, talk in talks.items())


def _key(kind: Kind, one: End, other: End) -> _Key:
    return (kind, *sorted((one, other)))  # type: ignore[return-value]


def _ends(packet: Packet) -> tuple[Kind, End, End] | None:
    """Kind, sender and receiver; an echo has its identifier on both ends."""
    match packet.body:
        case Tcp(source_port=source, destination_port=destination):
            return Kind.TCP, (packet.source, source), (packet.destination, destination)
        case Udp(source_port=source, destination_port=destination):
            return Kind.UDP, (packet.source, source), (packet.destination, destination)
        case Echo(identifier=identifier):
            return Kind.ECHO, (packet.source, identifier), (packet.destination, identifier)
    return None


def _quoted(packet: Packet) -> tuple[Kind, End, End] | None:
    """The same of the packet that an ICMP error gives back."""
    if not isinstance(packet.body, IcmpError) or packet.body.quote is None:
        return None
    quote: Quote = packet.body.quote
    kind = _KINDS.get(Protocol(quote.protocol)) if quote.protocol in _KINDS else None
    if kind is None or quote.first is None or quote.second is None or quote.word is None:
        return None
    source, destination = quote.first, quote.second
    if kind is Kind.ECHO:
        source = destination = quote.word >> 16
    return kind, (quote.source, source), (quote.destination, destination)


def _is_second_sight(talk: _Talk, one: Sighting) -> bool:
    packet = one.packet
    for before in talk.last:
        known = before.packet
        alike = (known.source, known.identification, known.transport) == (
            packet.source,
            packet.identification,
            packet.transport,
        )
        elsewhere = before.interface != one.interface or not one.interface
        if alike and elsewhere and 0 <= one.time_ns - before.time_ns < _INSIDE_A_HOST:
            return True
    talk.last.append(one)
    return False


def _conversation(key: _Key, talk: _Talk) -> Conversation:
    kind, *ends = key
    asker = _asker(talk, ends)
    asked = ends[1] if asker == ends[0] else ends[0]
    return Conversation(
        flow=Flow(
            kind=kind,
            source=asker[0],
            destination=asked[0],
            source_port=asker[1],
            destination_port=0 if kind is Kind.ECHO else asked[1],
        ),
        there=tuple(one for sender, one in talk.seen if sender == asker),
        back=tuple(one for sender, one in talk.seen if sender != asker),
        errors=tuple(one for sender, one in talk.errors if sender == asker),
    )


def _asker(talk: _Talk, ends: list[End]) -> End:
    for sender, one in talk.seen:
        other = ends[1] if sender == ends[0] else ends[0]
        match one.packet.body:
            case Tcp(flags=flags) if flags & TcpFlags.SYN:
                return other if flags & TcpFlags.ACK else sender
            case Echo(kind=kind):
                return sender if kind is EchoKind.REQUEST else other
            case Udp():
                return other if sender[1] < _WELL_KNOWN <= other[1] else sender
    return max(ends, key=lambda end: end[1])

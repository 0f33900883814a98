"""Which packets ask, which packet answers which, and which one does an ICMP error give back?"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from pathprobe.core.ends.conversations import Conversation
from pathprobe.core.icmp import Message, explain
from pathprobe.core.packets import Echo, EchoKind, IcmpError, Packet, Protocol, Tcp, TcpFlags, Udp
from pathprobe.core.sightings import Sighting


def asks(client: Conversation) -> tuple[Sighting, ...]:
    """The packets that ask: SYNs, datagrams, echo requests; of a connection that began earlier, all."""
    return tuple(one for one in client.there if is_syn(one.packet)) or client.there


def errors_by_packet(client: Conversation) -> dict[int, list[Sighting]]:
    """Number of a packet of the asker -> the ICMP errors that give it back."""
    return by_packet(client.errors, client.there)


def _known(packet: Packet) -> Hashable:
    return _in_quote(packet.identification, packet.transport, _protocol(packet))


def _in_quote(identification: int | None, transport: bytes, protocol: int) -> Hashable:
    """What a quote and its packet have in common: not the checksum, which a card fills in after the capture."""
    start, end = _UNCHANGED.get(protocol, (4, 8))
    return identification, transport[start:end]


def _protocol(packet: Packet) -> Protocol:
    match packet.body:
        case Tcp():
            return Protocol.TCP
        case Udp():
            return Protocol.UDP
    return Protocol.ICMPV6 if packet.version == 6 else Protocol.ICMP


#: Octets of the transport header that a quote gives back as the capture has them.
_UNCHANGED: dict[int, tuple[int, int]] = {Protocol.TCP: (0, 8), Protocol.UDP: (0, 6)}


def is_syn(packet: Packet) -> bool:
    return isinstance(packet.body, Tcp) and packet.body.flags & (TcpFlags.SYN | TcpFlags.ACK) == TcpFlags.SYN


def by_answer(seen: Iterable[Sighting]) -> dict[Hashable, list[Sighting]]:
    groups: dict[Hashable, list[Sighting]] = {}
    for one in seen:
        groups.setdefault(answer_key(one.packet), []).append(one)
    return groups


def answer_key(packet: Packet) -> Hashable:
    """What an echo request and its reply have in common; other conversations have few questions each."""
    return packet.body.sequence if isinstance(packet.body, Echo) else None


def by_packet(errors: Iterable[Sighting], sent: Sequence[Sighting]) -> dict[int, list[Sighting]]:
    """Number of a packet -> the errors that give it back."""
    groups: dict[int, list[Sighting]] = {}
    known: dict[Hashable, list[Sighting]] = {}
    for one in sent:
        known.setdefault(_known(one.packet), []).append(one)
    for error in errors:
        if quoted := _quoted_by(error, known, sent):
            groups.setdefault(quoted.number, []).append(error)
    return groups


def _quoted_by(error: Sighting, known: dict[Hashable, list[Sighting]], sent: Sequence[Sighting]) -> Sighting | None:
    """Which packet an ICMP error gives back; where a NAT hid it, the last one before the error."""
    body = error.packet.body
    if not isinstance(body, IcmpError) or body.quote is None:
        return None
    alike = known.get(_in_quote(body.quote.identification, body.quote.transport, body.quote.protocol), ())
    before = next((one for one in reversed(alike) if one.number < error.number), None)
    return before or next((one for one in reversed(sent) if one.number < error.number), None)


def answers_to(packet: Packet, asked: Packet) -> bool:
    """An answer acknowledges the SYN (RFC 9293 section 3.10.7.3), or carries the echo's numbers."""
    match asked.body, packet.body:
        case Tcp() as syn, Tcp() as segment if is_syn(asked):
            octets = segment.acknowledgement - syn.sequence & _ALL
            ends = segment.flags & (TcpFlags.SYN | TcpFlags.RST)
            return bool(ends and segment.flags & TcpFlags.ACK) and octets in (1, 1 + _data_of(asked))
        case Echo() as request, Echo(kind=EchoKind.REPLY) as reply:
            return reply.sequence == request.sequence
    return not is_syn(asked)


def _data_of(asked: Packet) -> int:
    """Octets that a SYN carries (RFC 7413); a stack acknowledges them or does not."""
    options = len(asked.body.options) if isinstance(asked.body, Tcp) else 0
    return asked.total_length - (40 if asked.version == 6 else 20) - 20 - options


_ALL = (1 << 32) - 1


def is_syn_ack(packet: Packet) -> bool:
    both = TcpFlags.SYN | TcpFlags.ACK
    return isinstance(packet.body, Tcp) and packet.body.flags & both == both


def is_reset(packet: Packet) -> bool:
    return isinstance(packet.body, Tcp) and bool(packet.body.flags & TcpFlags.RST)


def message_of(packet: Packet) -> Message | None:
    """What an ICMP error says; None for any other packet."""
    return explain(packet.version, packet.body.type, packet.body.code) if isinstance(packet.body, IcmpError) else None

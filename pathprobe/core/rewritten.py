"""Whose quote is this, when a box rewrote what a probe is found by?

core.register finds a probe by the 32-bit word at transport offset 4, or by its IP-ID and ports. A firewall that
randomises sequence numbers and is a NAT besides leaves neither, a NAT may give an echo another identifier. What
is left must still be more than a stranger's packet has by accident:

=======  ===================================================================================================
SYN, v4  the IP-ID, and the TCP timestamp: 48 bits, the timestamp being this run's own
SYN, v6  both ports, of a flow that carried no other probe, and the timestamp
UDP, v6  both ports, of a flow that carried no other probe, and the checksum or what was carried
echo     the sequence number, and in IPv4 the IP-ID; in IPv6 the destination and what was carried, of
         which the first two octets differ from probe to probe (wire.craft)
=======  ===================================================================================================

All of it is held against the packet as it was seen to leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pathprobe.core.packets import Packet, Protocol, Quote
from pathprobe.core.probes import Kind, Probe
from pathprobe.core.quotes import tcp_options
from pathprobe.core.tcp_options import TIMESTAMPS

#: Octets of an echo's header, and of UDP's.
_HEADER = 8
#: Octets of a payload that a quote must hold to be recognised by them.
_PAYLOAD_ENOUGH = 16

_UDP_CHECKSUM = slice(6, 8)

_KINDS: dict[int, Kind] = {
    Protocol.TCP: Kind.TCP,
    Protocol.UDP: Kind.UDP,
    Protocol.ICMP: Kind.ECHO,
    Protocol.ICMPV6: Kind.ECHO,
}


_Departed = list[tuple[Probe, Packet]]


def unmask(quote: Quote, departed: Iterable[tuple[Probe, Packet]]) -> Probe | None:
    """The one probe, of those that were seen to leave, which a quote can only be of."""
    kind = _KINDS.get(quote.protocol)
    if kind is None or quote.word is None:
        return None
    candidates = [(probe, packet) for probe, packet in departed if probe.flow.kind is kind]
    alike = _ALIKE[kind](quote, candidates)
    return alike[0] if len(alike) == 1 else None


def _alike_syns(quote: Quote, candidates: _Departed) -> list[Probe]:
    stamp = _timestamp(quote)
    if stamp is None:
        return []
    return [
        probe
        for probe, packet in candidates
        if _timestamp(packet) == stamp
        and (_same_identification(quote, packet) if quote.version == 4 else _same_ports(quote, probe))
    ]


def _alike_echoes(quote: Quote, candidates: _Departed) -> list[Probe]:
    return [
        probe
        for probe, packet in candidates
        if probe.token & 0xFFFF == (quote.word or 0) & 0xFFFF
        and (_same_identification(quote, packet) if quote.version == 4 else _same_payload(quote, packet))
    ]


def _alike_datagrams(quote: Quote, candidates: _Departed) -> list[Probe]:
    """In IPv4 the IP-ID tells: core.register knows it."""
    own = [(probe, packet) for probe, packet in candidates if _same_ports(quote, probe)]
    if quote.version == 4 or len(own) != 1:
        return []
    probe, packet = own[0]
    return [probe] if _same_checksum(quote, packet) or _same_payload(quote, packet) else []


_ALIKE: dict[Kind, Callable[[Quote, _Departed], list[Probe]]] = {
    Kind.TCP: _alike_syns,
    Kind.UDP: _alike_datagrams,
    Kind.ECHO: _alike_echoes,
}


def _timestamp(head: Packet | Quote) -> bytes | None:
    options = tcp_options(head.transport)
    return options.get(TIMESTAMPS) if options else None


def _same_identification(quote: Quote, packet: Packet) -> bool:
    return quote.identification is not None and quote.identification == packet.identification


def _same_ports(quote: Quote, probe: Probe) -> bool:
    return (quote.first, quote.second) == (probe.flow.source_port, probe.flow.destination_port)


def _same_checksum(quote: Quote, packet: Packet) -> bool:
    return quote.transport[_UDP_CHECKSUM] == packet.transport[_UDP_CHECKSUM] != b""


def _same_payload(quote: Quote, packet: Packet) -> bool:
    payload = quote.transport[_HEADER:]
    sent = packet.transport[_HEADER : _HEADER + len(payload)]
    return len(payload) >= _PAYLOAD_ENOUGH and payload == sent and quote.destination == packet.destination

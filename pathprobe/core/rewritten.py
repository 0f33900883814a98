"""Whose quote is this, when a box rewrote what a probe is found by?

core.register finds a probe by the 32-bit word at transport offset 4, or by its IP-ID and ports. A firewall that
randomises sequence numbers and is a NAT besides leaves neither, a NAT may give an echo another identifier. What
is left must still be more than a stranger's packet has by accident:

=======  ===================================================================================================
SYN, v4  the IP-ID, and the TCP timestamp: 48 bits, the timestamp being this run's own
SYN, v6  both ports, of a flow that carried no other probe, and the timestamp
echo     the sequence number, and in IPv4 the IP-ID; in IPv6 the destination and what was carried, of
         which the first two octets differ from probe to probe (wire.craft)
=======  ===================================================================================================

All of it is held against the packet as it was seen to leave.
"""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.core.packets import Packet, Protocol, Quote
from pathprobe.core.probes import Kind, Probe
from pathprobe.core.quotes import tcp_options
from pathprobe.core.tcp_options import TIMESTAMPS

_ECHO_HEADER = 8
#: Octets of an echo's payload that a quote must hold to be recognised by them.
_PAYLOAD_ENOUGH = 16

_KINDS: dict[int, Kind] = {Protocol.TCP: Kind.TCP, Protocol.ICMP: Kind.ECHO, Protocol.ICMPV6: Kind.ECHO}


def unmask(quote: Quote, departed: Iterable[tuple[Probe, Packet]]) -> Probe | None:
    """The one probe, of those that were seen to leave, which a quote can only be of."""
    kind = _KINDS.get(quote.protocol)
    if kind is None or quote.word is None:
        return None
    candidates = [(probe, packet) for probe, packet in departed if probe.flow.kind is kind]
    alike = _alike_syns(quote, candidates) if kind is Kind.TCP else _alike_echoes(quote, candidates)
    return alike[0] if len(alike) == 1 else None


def _alike_syns(quote: Quote, candidates: list[tuple[Probe, Packet]]) -> list[Probe]:
    stamp = _timestamp(quote)
    if stamp is None:
        return []
    return [
        probe
        for probe, packet in candidates
        if _timestamp(packet) == stamp
        and (_same_identification(quote, packet) if quote.version == 4 else _same_ports(quote, probe))
    ]


def _alike_echoes(quote: Quote, candidates: list[tuple[Probe, Packet]]) -> list[Probe]:
    return [
        probe
        for probe, packet in candidates
        if probe.token & 0xFFFF == (quote.word or 0) & 0xFFFF
        and (_same_identification(quote, packet) if quote.version == 4 else _same_payload(quote, packet))
    ]


def _timestamp(head: Packet | Quote) -> bytes | None:
    options = tcp_options(head.transport)
    return options.get(TIMESTAMPS) if options else None


def _same_identification(quote: Quote, packet: Packet) -> bool:
    return quote.identification is not None and quote.identification == packet.identification


def _same_ports(quote: Quote, probe: Probe) -> bool:
    return (quote.first, quote.second) == (probe.flow.source_port, probe.flow.destination_port)


def _same_payload(quote: Quote, packet: Packet) -> bool:
    payload = quote.transport[_ECHO_HEADER:]
    sent = packet.transport[_ECHO_HEADER : _ECHO_HEADER + len(payload)]
    return len(payload) >= _PAYLOAD_ENOUGH and payload == sent and quote.destination == packet.destination

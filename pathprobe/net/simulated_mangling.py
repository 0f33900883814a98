"""What is left of a packet after a router rewrote a field of it?

Checksums are mended as netfilter does it, by the difference (RFC 1624): one that was wrong stays wrong.
Also a datagram that is cut short can be rewritten, as the one that an ICMP error quotes.
"""

from __future__ import annotations

import socket
import struct

from pathprobe.core.packets import Protocol
from pathprobe.net.actions import OPTIONS, Mangling, SetField, StripOption
from pathprobe.net.simulated_packets import Datagram, read, with_header_checksum

_TTL_OFFSET = {4: 8, 6: 7}
_ADDRESSES_OFFSET = {4: 12, 6: 8}
_CHECKSUM_OFFSET: dict[int, int] = {Protocol.TCP: 16, Protocol.UDP: 6, Protocol.ICMPV6: 2}
_TCP_HEADER_SIZE, _TCP_OFFSET_OCTET = 20, 12
_MSS_SIZE = 4
_END, _NOP = 0, 1


def mangled(packet: Datagram, action: Mangling) -> Datagram:
    """The packet after ``set`` or ``strip``; the same one when it has no such field."""
    match action:
        case SetField(field="mss", value=value):
            return _with_mss(packet, value)
        case SetField(field="ttl", value=value):
            octets = bytearray(packet.octets)
            octets[_TTL_OFFSET[packet.version]] = value
            return read(with_header_checksum(octets))
        case SetField(field=field, value=value):
            old = packet.traffic_class
            return _with_traffic_class(packet, old & 0x03 | value << 2 if field == "dscp" else old & 0xFC | value)
        case StripOption(option=option):
            return _without_option(packet, OPTIONS[option])


def readdressed(octets: bytes, source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """The datagram with other addresses and ports; an echo's identifier stays what it is."""
    version, start = octets[0] >> 4, _payload_start(octets)
    protocol = octets[9] if version == 4 else octets[6]
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    changes = [
        (_ADDRESSES_OFFSET[version], b"".join(socket.inet_pton(family, end[0]) for end in (source, destination)))
    ]
    if protocol in (Protocol.TCP, Protocol.UDP):
        changes.append((start, struct.pack("!HH", source[1], destination[1])))
    result, checksum = bytearray(octets), _CHECKSUM_OFFSET.get(protocol)
    for offset, new in changes:
        old = bytes(result[offset : offset + len(new)])
        result[offset : offset + len(new)] = new
        if checksum is not None:
            _mend(result, start + checksum, old, new, optional=protocol == Protocol.UDP)
    return with_header_checksum(result)


def _payload_start(octets: bytes) -> int:
    return (octets[0] & 0x0F) * 4 if octets[0] >> 4 == 4 else 40


def _with_traffic_class(packet: Datagram, value: int) -> Datagram:
    octets = bytearray(packet.octets)
    if packet.version == 4:
        octets[1] = value
    else:
        octets[0], octets[1] = 0x60 | value >> 4, value << 4 & 0xF0 | octets[1] & 0x0F
    return read(with_header_checksum(octets))


def _with_mss(packet: Datagram, value: int) -> Datagram:
    place = _option(packet, OPTIONS["maxseg"])
    if place is None or place[1] != _MSS_SIZE or value >= struct.unpack_from("!H", packet.octets, place[0] + 2)[0]:
        return packet
    return with_tcp_octets(packet, place[0] + 2, struct.pack("!H", value))


def _without_option(packet: Datagram, kind: int) -> Datagram:
    place = _option(packet, kind)
    return packet if place is None else with_tcp_octets(packet, place[0], bytes([_NOP]) * place[1])


def _option(packet: Datagram, kind: int) -> tuple[int, int] | None:
    """Where a TCP option starts in the datagram, and its size; None when it is not there, or not whole."""
    if packet.protocol != Protocol.TCP or len(packet.payload) < _TCP_HEADER_SIZE:
        return None
    start = _payload_start(packet.octets)
    position = start + _TCP_HEADER_SIZE
    end = min(start + (packet.payload[_TCP_OFFSET_OCTET] >> 4) * 4, len(packet.octets))
    while position + 1 < end and packet.octets[position] != _END:
        size = 1 if packet.octets[position] == _NOP else packet.octets[position + 1]
        if packet.octets[position] == kind:
            return (position, size) if position + size <= end else None
        position += max(size, 1)
    return None


def with_tcp_octets(packet: Datagram, offset: int, new: bytes) -> Datagram:
    """The TCP segment with other octets from ``offset`` of the datagram on."""
    octets, start = bytearray(packet.octets), _payload_start(packet.octets)
    # The checksum adds up pairs of octets: what is changed is widened to whole pairs.
    first, last = offset - (offset - start) % 2, offset + len(new) + (offset + len(new) - start) % 2
    old = bytes(octets[first:last])
    octets[offset : offset + len(new)] = new
    _mend(octets, start + _CHECKSUM_OFFSET[Protocol.TCP], old, bytes(octets[first:last]), optional=False)
    return read(bytes(octets))


def _mend(octets: bytearray, position: int, old: bytes, new: bytes, *, optional: bool) -> None:
    """Mend a checksum after a change, if the datagram goes that far (RFC 1624, equation 3)."""
    if position + 2 > len(octets):
        return
    (before,) = struct.unpack_from("!H", octets, position)
    if optional and before == 0:
        return  # UDP over IPv4 without a checksum (RFC 768).
    total = ~before & 0xFFFF
    total += sum(~word & 0xFFFF for word in _words(old)) + sum(_words(new))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", octets, position, ~total & 0xFFFF)


def _words(octets: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(octets) // 2}H", octets)

"""What stands in a packet, and which packets do Linux machines write in answer to it?

Layouts are those of RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 792 and RFC 4443 (ICMP).
The simulation writes few kinds of packet, so struct is enough. It also keeps the simulated answers
independent of the code that reads them. Extension headers and fragments do not occur.
"""

from __future__ import annotations

import socket
import struct
import zlib
from dataclasses import dataclass

from pathprobe.core.icmp import ERROR_TYPES
from pathprobe.core.packets import Protocol, Tcp, TcpFlags

#: net.ipv4.ip_default_ttl and net.ipv6.conf.*.hop_limit: what Linux gives to a packet that it makes.
INITIAL_TTL = 64

_V4_HEADER = struct.Struct("!BBHHHBBH4s4s")
_V6_HEADER = struct.Struct("!IHBB16s16s")
_TCP_HEADER = struct.Struct("!HHLLBBHHH")
_UDP_HEADER = struct.Struct("!HHHH")
_DONT_FRAGMENT = 0x4000

#: Octets of the offending packet in an ICMP error: all that fits into 576 (RFC 1812 section 4.3.2.3,
#: icmp_send) or 1280 octets (RFC 4443 section 2.4, icmp6_send) with both headers.
_QUOTE_ROOM = {4: 576 - 20 - 8, 6: 1280 - 40 - 8}
#: IPv4 errors travel as "internetwork control" (RFC 1812 section 4.3.2.5); Linux leaves IPv6 ones unmarked.
_ERROR_TRAFFIC_CLASS = {4: 0xC0, 6: 0}
_ICMP_HEADER_LENGTH = 8
#: Fragmentation needed and DF set (RFC 792), packet too big (RFC 4443 section 3.2).
TOO_BIG = {4: (3, 4), 6: (2, 0)}
_ICMP = {4: Protocol.ICMP, 6: Protocol.ICMPV6}
_ECHO_REQUEST = {4: 8, 6: 128}
_ECHO_REPLY = {4: 0, 6: 129}
_CHECKSUM_OFFSET = {Protocol.TCP: 16, Protocol.UDP: 6, Protocol.ICMP: 2, Protocol.ICMPV6: 2}
_PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}

#: What a Linux listener answers over Ethernet when the SYN brings no options but MSS: 1500 less both headers.
_MAXIMUM_SEGMENT = {4: 1460, 6: 1440}
_WINDOW = {4: 64240, 6: 64800}
_TCP_OPTION_MSS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """One IP datagram and those of its fields that routes and rules go by."""

    octets: bytes
    version: int
    source: str
    destination: str
    traffic_class: int
    ttl: int
    protocol: int
    payload: bytes

    @property
    def ports(self) -> tuple[int, int] | None:
        """Source and destination port; None when there are none."""
        if self.protocol not in (Protocol.TCP, Protocol.UDP) or len(self.payload) < 4:
            return None
        source, destination = struct.unpack_from("!HH", self.payload)
        return source, destination

    @property
    def icmp_type(self) -> int | None:
        return self.payload[0] if self.protocol == _ICMP[self.version] and len(self.payload) >= 8 else None

    @property
    def is_echo_request(self) -> bool:
        return self.icmp_type == _ECHO_REQUEST[self.version]

    @property
    def may_be_fragmented(self) -> bool:
        """By a router: in IPv4 without DF, in IPv6 never."""
        return self.version == 4 and not struct.unpack_from("!H", self.octets, 6)[0] & _DONT_FRAGMENT

    @property
    def is_too_big(self) -> bool:
        """An ICMP error about a packet that was too big for a link."""
        return self.icmp_type is not None and (self.payload[0], self.payload[1]) == TOO_BIG[self.version]

    @property
    def is_icmp_error(self) -> bool:
        return self.icmp_type in ERROR_TYPES[self.version]


def read(octets: bytes) -> Datagram:
    """The fields of one IP datagram; ValueError when its IP header is not whole."""
    version, start = (octets[0] >> 4, (octets[0] & 0x0F) * 4) if octets else (0, 0)
    if version == 4 and _V4_HEADER.size <= start <= len(octets):
        _, traffic_class, _, _, _, ttl, protocol, _, source, destination = _V4_HEADER.unpack_from(octets)
    elif version == 6 and len(octets) >= _V6_HEADER.size:
        start = _V6_HEADER.size
        first, _, protocol, ttl, source, destination = _V6_HEADER.unpack_from(octets)
        traffic_class = first >> 20 & 0xFF
    else:
        raise ValueError(f"no whole IP header in {len(octets)} octets")
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return Datagram(
        octets=octets,
        version=version,
        source=socket.inet_ntop(family, source),
        destination=socket.inet_ntop(family, destination),
        traffic_class=traffic_class,
        ttl=ttl,
        protocol=protocol,
        payload=octets[start:],
    )


def read_tcp(packet: Datagram) -> Tcp | None:
    """The TCP header of a packet; None when it holds no whole one."""
    if packet.protocol != Protocol.TCP or len(packet.payload) < _TCP_HEADER.size:
        return None
    fields = _TCP_HEADER.unpack_from(packet.payload)
    source, destination, sequence, acknowledgement, offset, flags, window, _, _ = fields
    return Tcp(
        source_port=source,
        destination_port=destination,
        sequence=sequence,
        acknowledgement=acknowledgement,
        flags=TcpFlags(flags),
        window=window,
        options=packet.payload[_TCP_HEADER.size : (offset >> 4) * 4],
    )


def forwarded(packet: Datagram) -> Datagram:
    """The packet one hop on: its TTL is one less."""
    octets = bytearray(packet.octets)
    octets[8 if packet.version == 4 else 7] -= 1
    return read(with_header_checksum(octets))


def with_header_checksum(octets: bytes | bytearray) -> bytes:
    """The same datagram with a right IPv4 header checksum; IPv6 has none (RFC 8200 section 8.1)."""
    if octets[0] >> 4 == 6:
        return bytes(octets)
    header = bytearray(octets[: (octets[0] & 0x0F) * 4])
    struct.pack_into("!H", header, 10, 0)
    struct.pack_into("!H", header, 10, internet_checksum(bytes(header)))
    return bytes(header) + bytes(octets[len(header) :])


def echo_reply(request: Datagram) -> Datagram:
    """Identifier, sequence and payload come back as they were (RFC 792, RFC 4443 section 4.2)."""
    message = struct.pack("!BBH", _ECHO_REPLY[request.version], 0, 0) + request.payload[4:]
    return _answer(request, message, traffic_class=request.traffic_class)


def icmp_error(packet: Datagram, *, source: str, type_: int, code: int, mtu: int = 0) -> Datagram | None:
    """The error that ``source`` sends about a packet; None about an ICMP error (RFC 1122 section 3.2.2).

    ``mtu`` is what a packet that is too big is told of the next link (RFC 1191 section 4, RFC 4443 section 3.2).
    """
    if packet.is_icmp_error:
        return None
    quote = packet.octets[: _QUOTE_ROOM[packet.version]]
    message = struct.pack("!BBHL", type_, code, 0, mtu) + quote
    traffic_class = _ERROR_TRAFFIC_CLASS[packet.version]
    return _datagram(source, packet.source, _ICMP[packet.version], message, traffic_class)


def quoted(packet: Datagram) -> Datagram | None:
    """The packet that an ICMP error is about, as far as it is quoted; None without one."""
    if not packet.is_icmp_error:
        return None
    try:
        return read(packet.payload[_ICMP_HEADER_LENGTH:])
    except ValueError:
        return None


def port_unreachable(packet: Datagram) -> Datagram | None:
    """What the destination says of a UDP port without a service (__udp4_lib_rcv, __udp6_lib_rcv)."""
    type_, code = _PORT_UNREACHABLE[packet.version]
    return icmp_error(packet, source=packet.destination, type_=type_, code=code)


def udp_payload(packet: Datagram) -> bytes | None:
    """What a UDP datagram carries; None when it is none, or not whole."""
    if packet.protocol != Protocol.UDP or len(packet.payload) < _UDP_HEADER.size:
        return None
    length: int = _UDP_HEADER.unpack_from(packet.payload)[2]
    return packet.payload[_UDP_HEADER.size : length] if length <= len(packet.payload) else None


def udp_answer(request: Datagram, source_port: int, content: bytes) -> Datagram:
    """What a service sends from ``source_port`` to whom a request came from."""
    (asker, _) = request.ports or (0, 0)
    header = _UDP_HEADER.pack(source_port, asker, _UDP_HEADER.size + len(content), 0)
    return _answer(request, header + content)


def with_payload(packet: Datagram, source: str, destination: str, payload: bytes) -> Datagram:
    """The packet under the same IP header with other addresses and another payload of the same length."""
    family, offset = (socket.AF_INET, 12) if packet.version == 4 else (socket.AF_INET6, 8)
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    header = bytearray(packet.octets[: len(packet.octets) - len(packet.payload)])
    header[offset : offset + len(addresses)] = addresses
    protocol, filled = Protocol(packet.protocol), bytearray(payload)
    pseudo_header = addresses + struct.pack("!II", len(payload), protocol) if packet.version == 6 else b""
    struct.pack_into("!H", filled, _CHECKSUM_OFFSET[protocol], 0)
    _fill_checksum(filled, protocol, pseudo_header)
    return read(with_header_checksum(header + filled))


def syn_ack(packet: Datagram, syn: Tcp, *, window: int | None = None) -> Datagram:
    """A listener's answer to a SYN; ``window`` is Linux's own when it is None."""
    options = struct.pack("!BBH", _TCP_OPTION_MSS, 4, _MAXIMUM_SEGMENT[packet.version])
    # A number that follows from the SYN, as a SYN cookie does: the listener here keeps no state.
    sequence = zlib.crc32(packet.payload)
    flags = TcpFlags.SYN | TcpFlags.ACK
    offered = _WINDOW[packet.version] if window is None else window
    return _tcp_answer(packet, syn, flags, sequence, syn.sequence + 1, offered, options)


def reset(packet: Datagram, segment: Tcp) -> Datagram | None:
    """The RST about a segment, by RFC 9293 section 3.10.7.1; None about a RST.

    Linux's TCP (tcp_v4_send_reset) and its firewall (nf_send_reset) write the same, the latter in the
    name of the packet's destination.
    """
    if segment.flags & TcpFlags.RST:
        return None
    if segment.flags & TcpFlags.ACK:
        return _tcp_answer(packet, segment, TcpFlags.RST, segment.acknowledgement, 0)
    content = len(packet.payload) - _TCP_HEADER.size - len(segment.options)
    length = content + bool(segment.flags & TcpFlags.SYN) + bool(segment.flags & TcpFlags.FIN)
    return _tcp_answer(packet, segment, TcpFlags.RST | TcpFlags.ACK, 0, segment.sequence + length)


def _tcp_answer(
    packet: Datagram,
    segment: Tcp,
    flags: TcpFlags,
    sequence: int,
    acknowledgement: int,
    window: int = 0,
    options: bytes = b"",
) -> Datagram:
    header = _TCP_HEADER.pack(
        segment.destination_port,
        segment.source_port,
        sequence,
        acknowledgement & 0xFFFFFFFF,
        (_TCP_HEADER.size + len(options)) // 4 << 4,
        flags,
        window,
        0,
        0,
    )
    return _answer(packet, header + options)


def _answer(packet: Datagram, payload: bytes, traffic_class: int = 0) -> Datagram:
    return _datagram(packet.destination, packet.source, Protocol(packet.protocol), payload, traffic_class)


def _datagram(source: str, destination: str, protocol: Protocol, payload: bytes, traffic_class: int) -> Datagram:
    """A new datagram; the payload's checksum field has to be zero, and is filled in."""
    write = _v6_datagram if ":" in destination else _v4_datagram
    return read(write(source, destination, protocol, bytearray(payload), traffic_class))


def _v4_datagram(source: str, destination: str, protocol: Protocol, payload: bytearray, traffic_class: int) -> bytes:
    addresses = socket.inet_pton(socket.AF_INET, source), socket.inet_pton(socket.AF_INET, destination)
    from_socket = protocol is not Protocol.ICMP
    pseudo_header = struct.pack("!4s4sHH", *addresses, protocol, len(payload)) if from_socket else b""
    _fill_checksum(payload, protocol, pseudo_header)
    # Linux's TCP and UDP answers have DF and IP-ID 0, its ICMP messages neither.
    identification = 0 if from_socket else zlib.crc32(payload) & 0xFFFF or 1
    fragment = _DONT_FRAGMENT if from_socket else 0
    header = _V4_HEADER.pack(
        0x45,
        traffic_class,
        _V4_HEADER.size + len(payload),
        identification,
        fragment,
        INITIAL_TTL,
        protocol,
        0,
        *addresses,
    )
    return with_header_checksum(header + bytes(payload))


def _v6_datagram(source: str, destination: str, protocol: Protocol, payload: bytearray, traffic_class: int) -> bytes:
    addresses = socket.inet_pton(socket.AF_INET6, source), socket.inet_pton(socket.AF_INET6, destination)
    _fill_checksum(payload, protocol, struct.pack("!16s16sII", *addresses, len(payload), protocol))
    first = 6 << 28 | traffic_class << 20
    return _V6_HEADER.pack(first, len(payload), protocol, INITIAL_TTL, *addresses) + bytes(payload)


def _fill_checksum(payload: bytearray, protocol: Protocol, pseudo_header: bytes) -> None:
    checksum = internet_checksum(pseudo_header + bytes(payload))
    # In UDP 0 says that there is no checksum (RFC 768, RFC 8200 section 8.1).
    checksum = checksum or 0xFFFF if protocol is Protocol.UDP else checksum
    struct.pack_into("!H", payload, _CHECKSUM_OFFSET[protocol], checksum)


def internet_checksum(octets: bytes) -> int:
    """The Internet checksum, RFC 1071."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

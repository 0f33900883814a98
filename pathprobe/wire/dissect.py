"""What does this datagram say?

One raw IP datagram, without link header, becomes the facts of core.packets. This is the hot path, so
it reads with struct. It never raises: bytes that are no packet become Malformed.

- What link layers pad behind the datagram is not part of it (RFC 791 and RFC 8200: the lengths rule);
  what a capture's snap length cut off is missing, and the facts it held are missing too.
- A length of 0 over TCP or UDP is a datagram on its way to a card that cuts it into segments itself (Windows' large
  send offload, Linux's BIG TCP above 64 KiB): it ends with its octets. A quote's 0 is left alone.
- A later fragment has no transport header: its first octets are no ports.
- An ICMP error gives back the head of our packet: the IP header and 8 octets (RFC 792), 548 of them
  (Linux, RFC 1812 section 4.3.2.3) or as much as fits 1280 (RFC 4443). What follows the quoted
  datagram is padding and extensions such as MPLS labels (wire.extensions), and not ours.
- Checksums are not verified: a packet socket sees outgoing packets, and incoming ones between virtual
  interfaces, before the network card fills the checksum in. The kernel checks what it delivers, and
  an answer is believed by its token (core.probes), which a broken one would not carry.
"""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from typing import NamedTuple

from pathprobe.core.icmp import ERROR_TYPES
from pathprobe.core.packets import (
    Body,
    Echo,
    EchoKind,
    IcmpError,
    Malformed,
    OtherPayload,
    Packet,
    Protocol,
    Quote,
    Tcp,
    TcpFlags,
    Udp,
)
from pathprobe.wire.extensions import find_extension, quote_end, read_extensions

_IPV4 = struct.Struct("!BBHHHBBxx4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_TCP = struct.Struct("!HHIIBBHxxxx")
_UDP = struct.Struct("!HHHH")
_ICMP = struct.Struct("!BBxxHH")

#: TcpFlags by number: looking one up is cheaper than constructing it.
_FLAGS = tuple(TcpFlags(number) for number in range(256))

_ECHO = {
    4: {8: EchoKind.REQUEST, 0: EchoKind.REPLY},
    6: {128: EchoKind.REQUEST, 129: EchoKind.REPLY},
}

_HOP_BY_HOP, _FRAGMENT = 0, 44
#: What network cards cut into segments themselves.
_SEGMENTED = frozenset({Protocol.TCP, Protocol.UDP})
#: Hop-by-hop, routing, fragment and destination options, RFC 8200 section 4.
_EXTENSION_HEADERS = frozenset({_HOP_BY_HOP, 43, _FRAGMENT, 60})
#: RFC 8200 knows four kinds, one of them twice; a longer chain is an attempt to keep readers busy.
_MOST_EXTENSION_HEADERS = 8

#: What every quote holds of the transport header, RFC 792.
_QUOTED_TRANSPORT = 8


class _Header(NamedTuple):
    """An IP header's facts, and where in the octets its payload starts and ends."""

    version: int
    source: str
    destination: str
    ttl: int
    protocol: int
    identification: int | None
    traffic_class: int
    total_length: int
    later_fragment: bool
    start: int
    end: int
    is_cut: bool

    @property
    def chain_is_cut(self) -> bool:
        """The IPv6 extension headers end before the transport header is reached."""
        return self.version == 6 and self.protocol in _EXTENSION_HEADERS and not self.later_fragment


def dissect(octets: bytes) -> Packet | Malformed:
    """The facts of one IP datagram, or why it is none."""
    header = _header(octets, 0)
    if isinstance(header, Malformed):
        return header
    body = _body(octets, header)
    if isinstance(body, Malformed):
        return body
    return Packet(
        version=header.version,
        source=header.source,
        destination=header.destination,
        ttl=header.ttl,
        body=body,
        identification=header.identification,
        traffic_class=header.traffic_class,
        total_length=header.total_length,
        transport=b"" if header.later_fragment else octets[header.start : header.end],
    )


def _header(octets: bytes, at: int) -> _Header | Malformed:
    if at >= len(octets):
        return Malformed(reason="no octets", offset=at)
    version = octets[at] >> 4
    if version == 4:
        return _ipv4(octets, at)
    if version == 6:
        return _ipv6(octets, at)
    return Malformed(reason=f"IP version {version}", offset=at)


def _ipv4(octets: bytes, at: int) -> _Header | Malformed:
    if len(octets) - at < _IPV4.size:
        return Malformed(reason="IPv4 header does not fit", offset=at)
    first, tos, total, identification, fragment, ttl, protocol, source, destination = _IPV4.unpack_from(octets, at)
    length = (first & 0x0F) * 4
    if length < _IPV4.size or at + length > len(octets):
        return Malformed(reason=f"IPv4 header length {length}", offset=at)
    if not total and at == 0 and protocol in _SEGMENTED:
        total = len(octets) - at
    return _Header(
        version=4,
        source=_address(source),
        destination=_address(destination),
        ttl=ttl,
        protocol=protocol,
        identification=identification,
        traffic_class=tos,
        total_length=total,
        later_fragment=fragment & 0x1FFF != 0,
        start=at + length,
        end=min(len(octets), at + total),
        is_cut=at + total > len(octets),
    )


def _ipv6(octets: bytes, at: int) -> _Header | Malformed:
    if len(octets) - at < _IPV6.size:
        return Malformed(reason="IPv6 header does not fit", offset=at)
    first, payload_length, following, ttl, source, destination = _IPV6.unpack_from(octets, at)
    if not payload_length and at == 0 and (following in _SEGMENTED or following == _HOP_BY_HOP):
        payload_length = len(octets) - at - _IPV6.size
    end = min(len(octets), at + _IPV6.size + payload_length)
    protocol, later_fragment, start = _skip_extension_headers(octets, following, at + _IPV6.size, end)
    return _Header(
        version=6,
        source=_address(source),
        destination=_address(destination),
        ttl=ttl,
        protocol=protocol,
        identification=None,
        traffic_class=first >> 20 & 0xFF,
        total_length=_IPV6.size + payload_length,
        later_fragment=later_fragment,
        start=start,
        end=end,
        is_cut=at + _IPV6.size + payload_length > len(octets),
    )


def _skip_extension_headers(octets: bytes, protocol: int, at: int, end: int) -> tuple[int, bool, int]:
    """The protocol behind the extension headers, whether this is a later fragment of it, and where it starts.

    A chain that is cut or too long stops at the extension header that could not be passed.
    """
    for _ in range(_MOST_EXTENSION_HEADERS):
        if protocol not in _EXTENSION_HEADERS or end - at < 8:
            break
        length = 8 if protocol == _FRAGMENT else (octets[at + 1] + 1) * 8
        if end - at < length:
            break
        later_fragment = protocol == _FRAGMENT and int.from_bytes(octets[at + 2 : at + 4], "big") >> 3 != 0
        protocol, at = octets[at], at + length
        if later_fragment:
            return protocol, True, at
    return protocol, False, at


def _body(octets: bytes, header: _Header) -> Body | Malformed:
    if header.end < header.start:
        return Malformed(reason=f"total length {header.total_length} ends inside the IP header", offset=2)
    if header.chain_is_cut:
        return Malformed(reason=f"IPv6 extension header {header.protocol} does not fit", offset=header.start)
    match header.later_fragment, header.version, header.protocol:
        case False, _, Protocol.TCP:
            return _tcp(octets, header)
        case False, _, Protocol.UDP:
            return _udp(octets, header.start, header.end)
        case (False, 4, Protocol.ICMP) | (False, 6, Protocol.ICMPV6):
            return _icmp(octets, header)
        case _:
            return OtherPayload(protocol=header.protocol, later_fragment=header.later_fragment)


def _tcp(octets: bytes, header: _Header) -> Tcp | Malformed:
    """What a snap length cuts off the options is missing; ports, numbers and flags are there."""
    at, end = header.start, header.end
    if end - at < _TCP.size:
        return Malformed(reason="TCP header does not fit", offset=at)
    source_port, destination_port, sequence, acknowledgement, offset, flags, window = _TCP.unpack_from(octets, at)
    length = (offset >> 4) * 4
    if length < _TCP.size or (at + length > end and not header.is_cut):
        return Malformed(reason=f"TCP header length {length}", offset=at + 12)
    return Tcp(
        source_port=source_port,
        destination_port=destination_port,
        sequence=sequence,
        acknowledgement=acknowledgement,
        flags=_FLAGS[flags],
        window=window,
        options=octets[at + _TCP.size : min(end, at + length)],
    )


def _udp(octets: bytes, at: int, end: int) -> Udp | Malformed:
    if end - at < _UDP.size:
        return Malformed(reason="UDP header does not fit", offset=at)
    source_port, destination_port, length, checksum = _UDP.unpack_from(octets, at)
    if length < _UDP.size:
        return Malformed(reason=f"UDP length {length}", offset=at + 4)
    payload = octets[at + _UDP.size : min(end, at + length)]
    return Udp(source_port=source_port, destination_port=destination_port, payload=payload, checksum=checksum)


def _icmp(octets: bytes, header: _Header) -> Echo | IcmpError | OtherPayload | Malformed:
    at = header.start
    if header.end - at < _ICMP.size:
        return Malformed(reason="ICMP header does not fit", offset=at)
    type_, code, identifier, sequence = _ICMP.unpack_from(octets, at)
    if type_ in ERROR_TYPES[header.version]:
        message = octets[at : header.end]
        extension = find_extension(message, header.version, type_)
        return IcmpError(
            type=type_,
            code=code,
            next_hop_mtu=_next_hop_mtu(header.version, type_, code, message[4:8]),
            quote=_quote(message, header.version, type_, extension),
            extensions=read_extensions(message, extension),
        )
    kind = _ECHO[header.version].get(type_)
    if kind is None:
        return OtherPayload(protocol=header.protocol)
    payload = octets[at + _ICMP.size : header.end]
    return Echo(kind=kind, identifier=identifier, sequence=sequence, payload=payload)


def _next_hop_mtu(version: int, type_: int, code: int, rest: bytes) -> int | None:
    """RFC 1191 section 4 and RFC 4443 section 3.2; a router older than RFC 1191 leaves 0, which is no MTU."""
    if (version, type_, code) == (4, 3, 4):
        return int.from_bytes(rest[2:], "big") or None
    if (version, type_) == (6, 2):
        return int.from_bytes(rest, "big")
    return None


def _quote(message: bytes, version: int, type_: int, extension: int | None) -> Quote | None:
    """The packet that an ICMP error message gives back; None when not even its IP header is there."""
    header = _header(message, _ICMP.size)
    if isinstance(header, Malformed) or header.version != version:
        return None
    whole = not header.later_fragment and not header.chain_is_cut
    transport = message[header.start : _quote_end(message, header, type_, extension)] if whole else b""
    return Quote(
        version=version,
        source=header.source,
        destination=header.destination,
        ttl=header.ttl,
        protocol=header.protocol,
        identification=header.identification,
        total_length=header.total_length,
        traffic_class=header.traffic_class,
        first=_number(transport, 0, 2),
        second=_number(transport, 2, 4),
        word=_number(transport, 4, 8),
        transport=transport,
    )


def _quote_end(message: bytes, header: _Header, type_: int, extension: int | None) -> int:
    """Where the quoted datagram ends: by its own length, by RFC 4884's, before the extension, or with the message.

    A length that leaves less than RFC 792 promises is not believed: BSD kernels give the total length
    back byte-swapped, and old routers leave anything in what RFC 792 called unused.
    """
    stated = (header.end, quote_end(message, header.version, type_), extension)
    return min([len(message), *(end for end in stated if end and end >= header.start + _QUOTED_TRANSPORT)])


def _number(transport: bytes, start: int, stop: int) -> int | None:
    return int.from_bytes(transport[start:stop], "big") if len(transport) >= stop else None


@lru_cache(maxsize=4096)
def _address(octets: bytes) -> str:
    """Canonical text (RFC 5952 for IPv6); a run meets few addresses, and each many times."""
    return socket.inet_ntop(socket.AF_INET6 if len(octets) == 16 else socket.AF_INET, octets)

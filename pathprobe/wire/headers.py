"""Which octets stand before what a probe carries?

The templates are scapy's own octets, kept here because importing scapy takes longer than asking about an open port:
0.13 s of 0.40 s from the command to the verdict. tests/wire/test_headers.py has scapy build them anew, and whole
datagrams too. What differs from flow to flow is written into a copy, then the lengths, then the checksums (RFC 1071).
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

from pathprobe.core.packets import Protocol
from pathprobe.core.probes import Flow

IPV4_SIZE, IPV6_SIZE, TCP_SIZE, UDP_SIZE = 20, 40, 20, 8

#: By IP version: IP(src="0.0.0.0", dst="0.0.0.0", len=0, id=0, flags="DF", ttl=0, proto=0, chksum=0) and
#: IPv6(src="::", dst="::", plen=0, nh=0, hlim=0, fl=0).
IP_TEMPLATES = {
    4: bytes.fromhex("4500000000004000000000000000000000000000"),
    6: bytes.fromhex("60000000" + 36 * "00"),
}

#: TCP(sport=0, dport=0, flags="S", window=0, chksum=0, options=[("MSS", 0), ("SAckOK", b""), ("Timestamp", (0, 0)),
#: ("NOP", None), ("WScale", 0)]).
SYN_TEMPLATE = bytes.fromhex("000000000000000000000000a002000000000000020400000402080a000000000000000001030300")

#: TCP(sport=0, dport=0, flags="R", window=0, chksum=0).
RESET_TEMPLATE = bytes.fromhex("0000000000000000000000005004000000000000")

#: By IP version: ICMP(type="echo-request", chksum=0) and ICMPv6EchoRequest(cksum=0).
ECHO_TEMPLATES = {4: bytes.fromhex("0800000000000000"), 6: bytes.fromhex("8000000000000000")}

_WORD, _LONG, _PORTS = struct.Struct("!H"), struct.Struct("!I"), struct.Struct("!HH")
_MODULUS = 0xFFFF

# Offsets in the IP headers.
_V4_LENGTH, _V4_TTL, _V4_PROTOCOL, _V4_CHECKSUM, _V4_SOURCE = 2, 8, 9, 10, 12
_V6_LENGTH, _V6_NEXT, _V6_HOP_LIMIT, _V6_SOURCE = 4, 6, 7, 8

# Offsets in the transport headers and in a SYN's options.
_SEQUENCE, _WINDOW, _SEGMENT_SIZE, _TIMESTAMP, _SCALE = 4, 14, 22, 28, 39
_IDENTIFIER = 4

#: Where the checksum is in a transport header.
CHECKSUM_AT = {Protocol.TCP: 16, Protocol.UDP: 6, Protocol.ICMP: 2, Protocol.ICMPV6: 2}


def syn(flow: Flow, *, window: int, segment_size: int, timestamp: int, scale: int) -> bytes:
    """A TCP header with Linux's options, its sequence number 0."""
    header = _with_ports(SYN_TEMPLATE, flow)
    _WORD.pack_into(header, _WINDOW, window)
    _WORD.pack_into(header, _SEGMENT_SIZE, segment_size)
    _LONG.pack_into(header, _TIMESTAMP, timestamp)
    header[_SCALE] = scale
    return bytes(header)


def reset(flow: Flow, *, sequence: int, window: int) -> bytes:
    """A TCP header that ends a connection."""
    header = _with_ports(RESET_TEMPLATE, flow)
    _LONG.pack_into(header, _SEQUENCE, sequence)
    _WORD.pack_into(header, _WINDOW, window)
    return bytes(header)


def udp(flow: Flow, payload: bytes) -> bytes:
    """A UDP header and its payload; the length is ``datagram``'s to fill in."""
    return bytes(_with_ports(bytes(UDP_SIZE), flow)) + payload


def echo(flow: Flow, payload: bytes) -> bytes:
    """An echo request with sequence 0, and its payload."""
    header = bytearray(ECHO_TEMPLATES[flow.version])
    _WORD.pack_into(header, _IDENTIFIER, flow.source_port)
    return bytes(header) + payload


def datagram(flow: Flow, transport: bytes, *, ttl: int, label: int) -> bytes:
    """The IP datagram of a transport header with all that follows it; ``label`` is IPv6's flow label."""
    packet = bytearray(IP_TEMPLATES[flow.version] + transport)
    start = _fill_ipv4(packet, flow, ttl) if flow.version == 4 else _fill_ipv6(packet, flow, ttl, label)
    if flow.protocol is Protocol.UDP:
        _WORD.pack_into(packet, start + 4, len(transport))
    found = checksum(_pseudo_header(flow, len(transport)) + packet[start:])
    # UDP's 0 means that there is none (RFC 768).
    _WORD.pack_into(
        packet, start + CHECKSUM_AT[flow.protocol], found or (_MODULUS if flow.protocol is Protocol.UDP else 0)
    )
    return bytes(packet)


def _with_ports(template: bytes, flow: Flow) -> bytearray:
    header = bytearray(template)
    _PORTS.pack_into(header, 0, flow.source_port, flow.destination_port)
    return header


def _fill_ipv4(packet: bytearray, flow: Flow, ttl: int) -> int:
    _WORD.pack_into(packet, _V4_LENGTH, len(packet))
    packet[_V4_TTL], packet[_V4_PROTOCOL] = ttl, flow.protocol
    packet[_V4_SOURCE:IPV4_SIZE] = _addresses(flow)
    _WORD.pack_into(packet, _V4_CHECKSUM, checksum(packet[:IPV4_SIZE]))
    return IPV4_SIZE


def _fill_ipv6(packet: bytearray, flow: Flow, ttl: int, label: int) -> int:
    _LONG.pack_into(packet, 0, 6 << 28 | label)
    _WORD.pack_into(packet, _V6_LENGTH, len(packet) - IPV6_SIZE)
    packet[_V6_NEXT], packet[_V6_HOP_LIMIT] = flow.protocol, ttl
    packet[_V6_SOURCE:IPV6_SIZE] = _addresses(flow)
    return IPV6_SIZE


def _addresses(flow: Flow) -> bytes:
    return ip_address(flow.source).packed + ip_address(flow.destination).packed


def _pseudo_header(flow: Flow, length: int) -> bytes:
    """What a transport checksum also covers (RFC 9293 section 3.1, RFC 8200 section 8.1); ICMP of IPv4 has none."""
    if flow.protocol is Protocol.ICMP:
        return b""
    return _addresses(flow) + _LONG.pack(length) + _LONG.pack(flow.protocol)


def checksum(octets: bytes | bytearray) -> int:
    """RFC 1071, of octets that are not all 0: their sum as words is their value modulo 65535."""
    return -int.from_bytes(octets + bytes(len(octets) % 2), "big") % _MODULUS

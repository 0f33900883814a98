"""What does an arriving frame say about one of very many pairs?

A look at the few octets that count, for when packets come in by the thousand; dissect.py reads them all. What is not
plainly an answer (fragments, extension headers, anything cut short) is nothing here: its pair will be asked again, and
in the end be looked at closely.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from pathprobe.core.icmp import Meaning, explain
from pathprobe.core.pair_table import ECHO, TCP, UDP, key_of
from pathprobe.core.pairs import PairState

#: The most octets of a packet that are looked at: an IPv6 error that quotes IPv6, with room for IPv4 options.
LONGEST_LOOK = 160

_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58
_SYN, _RST, _ACK = 0x02, 0x04, 0x10

_V4_HEADER, _FRAGMENT_OFFSET = struct.Struct("!HBBxxI"), 0x1FFF
_V4_ADDRESSES, _V6_ADDRESS = struct.Struct("!II"), struct.Struct("!QQ")
_SEGMENT = struct.Struct("!HHIIxB")
_PORTS = struct.Struct("!HHHH")
_ECHO_WORD, _QUOTED = struct.Struct("!I"), struct.Struct("!HHI")
_ECHO_REPLY = {4: 0, 6: 129}
_ECHO_REQUEST = {4: 8, 6: 128}
_PROTOCOLS = {_TCP: TCP, _UDP: UDP}

#: Errors that end a pair. "Too big" and what is unknown say nothing about a port.
_FINAL = (Meaning.REJECT, Meaning.NO_ROUTE, Meaning.TIME_EXCEEDED)


class Glance(NamedTuple):
    """An answer, to be believed when its token is right.

    ``key`` is that of a pair (key_of). ``word``: the sequence number that a TCP answer acknowledges or an error quotes;
    echo's identifier and sequence; the checksum of a quoted UDP datagram; None for a UDP answer. ``port`` is the source
    port of our probe, None for echo. ``source``: who made an error, None for an answer by the target itself.
    """

    key: int
    state: PairState
    port: int | None
    word: int | None
    ttl: int
    source: str | None = None
    message: str | None = None


def glance(octets: bytes) -> Glance | None:
    """What an IP packet says, which may be cut after LONGEST_LOOK octets; None when it is no answer."""
    try:
        if octets[0] >> 4 == 4:
            return _glance_v4(octets)
        return _glance_v6(octets)
    except (IndexError, struct.error):
        return None


def _glance_v4(octets: bytes) -> Glance | None:
    fragment, ttl, protocol, source = _V4_HEADER.unpack_from(octets, 6)
    if fragment & _FRAGMENT_OFFSET:
        return None
    return _transport(4, protocol, octets, (octets[0] & 0x0F) * 4, source, ttl)


def _glance_v6(octets: bytes) -> Glance | None:
    high, low = _V6_ADDRESS.unpack_from(octets, 8)
    return _transport(6, octets[6], octets, 40, high << 64 | low, octets[7])


def _transport(version: int, protocol: int, octets: bytes, start: int, source: int, ttl: int) -> Glance | None:
    if protocol == _TCP:
        theirs, ours, _, acknowledged, flags = _SEGMENT.unpack_from(octets, start)
        if not flags & _ACK or not flags & (_SYN | _RST):
            return None
        state = PairState.CLOSED if flags & _RST else PairState.OPEN
        word = (acknowledged - 1) & 0xFFFFFFFF
        return Glance(key_of(version, TCP, source, theirs), state, ours, word, ttl)
    if protocol == _UDP:
        theirs, ours, _, _ = _PORTS.unpack_from(octets, start)
        return Glance(key_of(version, UDP, source, theirs), PairState.OPEN, ours, None, ttl)
    if protocol == (_ICMP if version == 4 else _ICMPV6):
        return _control_message(version, octets, start, source, ttl)
    return None


def _control_message(version: int, octets: bytes, start: int, source: int, ttl: int) -> Glance | None:
    type_ = octets[start]
    if type_ == _ECHO_REPLY[version]:
        (word,) = _ECHO_WORD.unpack_from(octets, start + 4)
        return Glance(key_of(version, ECHO, source, 0), PairState.OPEN, None, word, ttl)
    message = explain(version, type_, octets[start + 1])
    if message.meaning not in _FINAL:
        return None
    quote = _quoted(version, octets, start + 8)
    if quote is None:
        return None
    key, kind, destination, port, word = quote
    closed = kind == UDP and message.port_unreachable and destination == source
    state = PairState.CLOSED if closed else PairState.REFUSED
    return Glance(key, state, port, word, ttl, _text(version, octets), None if closed else message.name)


def _quoted(version: int, octets: bytes, start: int) -> tuple[int, int, int, int | None, int] | None:
    """Key, kind, destination, source port and word of the probe in a quote."""
    if octets[start] >> 4 != version:
        return None
    if version == 4:
        (_, destination), protocol = _V4_ADDRESSES.unpack_from(octets, start + 12), octets[start + 9]
        transport = start + (octets[start] & 0x0F) * 4
    else:
        high, low = _V6_ADDRESS.unpack_from(octets, start + 24)
        destination, protocol, transport = high << 64 | low, octets[start + 6], start + 40
    first, second, word = _QUOTED.unpack_from(octets, transport)
    if protocol in (_ICMP, _ICMPV6) and first >> 8 == _ECHO_REQUEST[version]:
        return key_of(version, ECHO, destination, 0), ECHO, destination, None, word
    kind = _PROTOCOLS.get(protocol)
    if kind is None:
        return None
    return key_of(version, kind, destination, second), kind, destination, first, word & 0xFFFF if kind == UDP else word


def _text(version: int, octets: bytes) -> str:
    if version == 4:
        return socket.inet_ntop(socket.AF_INET, octets[12:16])
    return socket.inet_ntop(socket.AF_INET6, octets[8:24])

"""What can strangers send who know a probe's addresses and ports, and nothing of its 32 bits?

Whole IP datagrams, made of one of ours. Checksums are left out, for nobody here looks at them.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from random import Random

from pathprobe.core.packets import Echo, EchoKind, Packet, Protocol, Tcp, TcpFlags, Udp

#: A host that has nothing to do with it, by IP version.
STRANGER = {4: "203.0.113.66", 6: "2001:db8::66"}

_ERROR_CODES = {
    4: ((3, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 9), (3, 10), (3, 13), (5, 1), (11, 0), (11, 1), (12, 0)),
    6: ((1, 0), (1, 1), (1, 3), (1, 4), (1, 5), (2, 0), (3, 0), (3, 1), (4, 1)),
}
_ICMP = {4: Protocol.ICMP, 6: Protocol.ICMPV6}
_ANSWERS = (TcpFlags.SYN | TcpFlags.ACK, TcpFlags.RST | TcpFlags.ACK, TcpFlags.RST, TcpFlags.ACK)
_MORE_FRAGMENTS, _LATER_FRAGMENT = 0x2000, 0x00B9


def strangers(ours: Packet, octets: bytes, chance: Random) -> Iterator[bytes]:
    """Packets to us that a probe of ours, ``octets``, may seem to be answered by."""
    yield from _noise(ours, octets, chance)
    match ours.body:
        case Tcp(flags=TcpFlags.SYN) as segment:
            yield from _segments(ours, segment, chance)
        case Udp() as datagram:
            yield from _datagrams(ours, datagram)
        case Echo(kind=EchoKind.REQUEST) as echo:
            yield from _echoes(ours, echo)
        case _:
            return
    yield from _errors(ours, octets, chance)


def ip(
    version: int,
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    *,
    fragment: int = 0,
    ttl: int = 61,
) -> bytes:
    """One IP datagram; ``fragment``: flags and offset as IPv4 has them, there only."""
    if version == 4:
        addresses = socket.inet_aton(source) + socket.inet_aton(destination)
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, fragment, ttl, protocol, 0) + addresses + payload
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, one) for one in (source, destination))
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) + addresses + payload


def tcp(source_port: int, destination_port: int, acknowledgement: int, flags: int) -> bytes:
    return struct.pack("!HHIIBBHHH", source_port, destination_port, 99, acknowledgement, 5 << 4, flags, 1024, 0, 0)


def udp(source_port: int, destination_port: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def icmp(type_: int, code: int, rest: bytes) -> bytes:
    return struct.pack("!BBHI", type_, code, 0, 0) + rest


def _noise(ours: Packet, octets: bytes, chance: Random) -> Iterator[bytes]:
    """What is no packet, is of no interest, or only the end of one."""
    me, there = ours.source, ours.destination
    yield chance.randbytes(chance.randrange(1, 120))
    yield octets[: chance.randrange(len(octets))]
    for protocol in (2, 47, _ICMP[ours.version]):
        yield ip(ours.version, there, me, protocol, chance.randbytes(chance.randrange(40)))
    if ours.version == 4:
        for fragment in (_LATER_FRAGMENT, _MORE_FRAGMENTS | 1):
            yield ip(4, there, me, octets[9], octets[20:], fragment=fragment)


def _segments(ours: Packet, segment: Tcp, chance: Random) -> Iterator[bytes]:
    me, there, version = ours.source, ours.destination, ours.version
    mine, its = segment.source_port, segment.destination_port
    right = (segment.sequence + 1) % (1 << 32)
    for flags in _ANSWERS:
        for wrong in (0, segment.sequence, (right + 1) % (1 << 32), chance.getrandbits(32)):
            yield ip(version, there, me, Protocol.TCP, tcp(its, mine, wrong, flags))
        yield ip(version, there, me, Protocol.TCP, tcp(its, mine ^ 0x4000, right, flags))
        yield ip(version, there, me, Protocol.TCP, tcp(its ^ 0x4000, mine, right, flags))
        yield ip(version, STRANGER[version], me, Protocol.TCP, tcp(its, mine, right, flags))


def _datagrams(ours: Packet, datagram: Udp) -> Iterator[bytes]:
    me, there, version = ours.source, ours.destination, ours.version
    mine, its = datagram.source_port, datagram.destination_port
    yield ip(version, STRANGER[version], me, Protocol.UDP, udp(its, mine, b"pong"))
    yield ip(version, there, me, Protocol.UDP, udp(its, mine ^ 0x4000, b"pong"))


def _echoes(ours: Packet, echo: Echo) -> Iterator[bytes]:
    me, there, version = ours.source, ours.destination, ours.version
    for kind in ((0, 8), (129, 128))[version == 6]:
        for identifier, sequence in ((echo.identifier ^ 1, echo.sequence), (echo.identifier, echo.sequence ^ 0x8000)):
            words = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence)
            yield ip(version, there, me, _ICMP[version], words + echo.payload)
        words = struct.pack("!BBHHH", kind, 0, 0, echo.identifier, echo.sequence)
        yield ip(version, STRANGER[version], me, _ICMP[version], words + echo.payload)


def _errors(ours: Packet, octets: bytes, chance: Random) -> Iterator[bytes]:
    """ICMP errors about packets of ours that never were: the ports are right, sequence and IP-ID are not."""
    for type_, code in _ERROR_CODES[ours.version]:
        source = chance.choice((STRANGER[ours.version], ours.destination))
        quoted = _misquoted(ours, octets, chance)
        length = chance.choice((0, 1, 19, 27, 28, 39, 44, 47, 48, len(quoted)))
        for quote in (quoted, quoted[:length]):
            yield ip(ours.version, source, ours.source, _ICMP[ours.version], icmp(type_, code, quote))


def _misquoted(ours: Packet, octets: bytes, chance: Random) -> bytes:
    """Our packet with another token: all that is not printed on the outside of a conversation is guessed."""
    quote = bytearray(octets)
    start = 20 if ours.version == 4 else 40
    if ours.version == 4:
        quote[4:6] = _other(quote[4:6], chance)
    if isinstance(ours.body, Echo):
        quote[start + 4 : start + 8] = _other(quote[start + 4 : start + 8], chance)
        quote[start + 8 :] = chance.randbytes(len(quote) - start - 8)
    elif isinstance(ours.body, Udp):
        quote[start + 6 : start + 8] = _other(quote[start + 6 : start + 8], chance)
        quote[start + 8 :] = chance.randbytes(len(quote) - start - 8)
    else:
        quote[start + 4 : start + 8] = _other(quote[start + 4 : start + 8], chance)
        quote[start + 20 :] = bytes(len(quote) - start - 20)
    return bytes(quote)


def _other(octets: bytes, chance: Random) -> bytes:
    """Other octets than these, and than their neighbours: counters of ours go up by a few."""
    changed = bytearray(octets)
    changed[0] ^= 1 << chance.randrange(1, 7)
    return bytes(changed)

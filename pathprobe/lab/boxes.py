"""What do machines on the way do to packets that no Linux router does?

A box stands on a link that a process of ours carries (lab.tun). It sees every packet that crosses, and
says what goes on instead and which way; outwards is from the client to the target. What it writes has
right checksums.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import assert_never

from pathprobe.core.packets import TcpFlags
from pathprobe.net.graph import Link
from pathprobe.net.scenario import Box, BoxKind
from pathprobe.net.simulated_mangling import with_tcp_octets
from pathprobe.net.simulated_packets import (
    Datagram,
    internet_checksum,
    read,
    read_tcp,
    reset,
    with_header_checksum,
    with_payload,
)


@dataclass(frozen=True, slots=True)
class Crossing:
    """An IP datagram on a link, and its direction."""

    octets: bytes
    outwards: bool


Rewriter = Callable[[Crossing], tuple[Crossing, ...]]


def rewriter(box: Box | None, link: Link) -> Rewriter:
    """What a box does to each packet on its link; without a box all pass as they are."""
    if box is None:
        return lambda crossing: (crossing,)
    match box.kind:
        case BoxKind.MPLS:
            return _Extending(link.right_address, _object(_MPLS, _INCOMING_LABEL_STACK, _LABEL_STACK))
        case BoxKind.INTERFACE_NAMES:
            return _Extending(link.right_address, _object(_INTERFACE, _INDEX_AND_NAME, _INTERFACE_INFORMATION))
        case BoxKind.SEQUENCE:
            return _Sequence(Random())
        case BoxKind.FORGE_RST_RACE:
            return _ForgedReset(box.port)
        case BoxKind.MANGLE_IPID:
            return _Identification()
        case _:
            assert_never(box.kind)


# --- ICMP extensions: RFC 4884 section 7 (structure), RFC 4950 (MPLS), RFC 5837 section 4 (interfaces)

_EXTENSION_VERSION = 2
_MPLS, _INCOMING_LABEL_STACK = 1, 1
#: Label, traffic class, bottom of stack, TTL.
_LABEL_STACK = struct.pack("!L", 16001 << 12 | 0 << 9 | 1 << 8 | 1)
_INTERFACE = 2
#: Role 0, the interface on which the quoted datagram came; its index and its name follow.
_INDEX_AND_NAME = 0 << 6 | 1 << 3 | 1 << 1
#: The name with its own length octet, in whole words.
_INTERFACE_INFORMATION = struct.pack("!L", 2) + struct.pack("!B7s", 8, b"eth1")

_TIME_EXCEEDED = {4: 11, 6: 3}
_ICMP_HEADER_LENGTH = 8
#: Octets of the quote: what RFC 4884 section 4 asks for at least, and routers commonly send.
_QUOTE_LENGTH = 128
#: Where the ICMP header has the length of the quote, and in units of how many octets.
_LENGTH_FIELD = {4: (5, 4), 6: (4, 8)}


def _object(class_: int, type_: int, content: bytes) -> bytes:
    return struct.pack("!HBB", 4 + len(content), class_, type_) + content


@dataclass(frozen=True, slots=True)
class _Extending:
    """The router at ``address`` adds an object to its time exceeded messages."""

    address: str
    object: bytes

    def __call__(self, crossing: Crossing) -> tuple[Crossing, ...]:
        packet = read(crossing.octets)
        its_own = packet.source == self.address and packet.icmp_type == _TIME_EXCEEDED[packet.version]
        return (Crossing(self._extended(packet), crossing.outwards) if its_own else crossing,)

    def _extended(self, packet: Datagram) -> bytes:
        header = bytearray(packet.payload[:_ICMP_HEADER_LENGTH])
        offset, unit = _LENGTH_FIELD[packet.version]
        header[offset] = _QUOTE_LENGTH // unit
        quote = packet.payload[_ICMP_HEADER_LENGTH:][:_QUOTE_LENGTH].ljust(_QUOTE_LENGTH, b"\0")
        return _with_message(packet, bytes(header) + quote + self._extension())

    def _extension(self) -> bytes:
        first = _EXTENSION_VERSION << 12
        checksum = internet_checksum(struct.pack("!HH", first, 0) + self.object)
        return struct.pack("!HH", first, checksum) + self.object


def _with_message(packet: Datagram, message: bytes) -> bytes:
    """The datagram with another ICMP message, of whatever length."""
    octets = bytearray(packet.octets[: len(packet.octets) - len(packet.payload)])
    if packet.version == 4:
        struct.pack_into("!H", octets, 2, len(octets) + len(message))
    else:
        struct.pack_into("!H", octets, 4, len(message))
    return with_payload(read(bytes(octets) + message), packet.source, packet.destination, message).octets


# --- TCP

_SEQUENCE_OFFSET, _ACKNOWLEDGEMENT_OFFSET = 4, 8
_Ends = tuple[str, int, str, int]


class _Sequence:
    """A firewall that gives the client's connections other sequence numbers, and does not look into ICMP errors."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._shifts: dict[_Ends, int] = {}

    def __call__(self, crossing: Crossing) -> tuple[Crossing, ...]:
        packet = read(crossing.octets)
        segment = read_tcp(packet)
        if segment is None:
            return (crossing,)
        near, far = (packet.source, segment.source_port), (packet.destination, segment.destination_port)
        if crossing.outwards:
            shift = self._shifts.setdefault((*near, *far), self._rng.getrandbits(32))
            return (Crossing(_shifted(packet, _SEQUENCE_OFFSET, shift), outwards=True),)
        shift = self._shifts.get((*far, *near), 0)
        if not segment.flags & TcpFlags.ACK:
            return (crossing,)
        return (Crossing(_shifted(packet, _ACKNOWLEDGEMENT_OFFSET, -shift), outwards=False),)


def _shifted(packet: Datagram, offset: int, shift: int) -> bytes:
    (before,) = struct.unpack_from("!L", packet.payload, offset)
    place = len(packet.octets) - len(packet.payload) + offset
    return with_tcp_octets(packet, place, struct.pack("!L", before + shift & 0xFFFFFFFF)).octets


@dataclass(frozen=True, slots=True)
class _ForgedReset:
    """A tap beside the link: it answers a SYN in the target's name, and can not stop it. ``port`` None: any."""

    port: int | None

    def __call__(self, crossing: Crossing) -> tuple[Crossing, ...]:
        packet = read(crossing.octets)
        segment = read_tcp(packet)
        if not crossing.outwards or segment is None or segment.flags & (TcpFlags.SYN | TcpFlags.ACK) != TcpFlags.SYN:
            return (crossing,)
        forged = reset(packet, segment) if self.port in (None, segment.destination_port) else None
        return (crossing, Crossing(forged.octets, outwards=False)) if forged else (crossing,)


# --- IP

_IDENTIFICATION_OFFSET = 4
#: Not 0: none is what it was, and two that differed still differ.
_IDENTIFICATION_SHIFT = 0x5A5B


@dataclass(frozen=True, slots=True)
class _Identification:
    """Gives IPv4 datagrams on their way out another identification."""

    def __call__(self, crossing: Crossing) -> tuple[Crossing, ...]:
        octets = bytearray(crossing.octets)
        if not crossing.outwards or octets[0] >> 4 != 4:
            return (crossing,)
        (before,) = struct.unpack_from("!H", octets, _IDENTIFICATION_OFFSET)
        struct.pack_into("!H", octets, _IDENTIFICATION_OFFSET, before + _IDENTIFICATION_SHIFT & 0xFFFF)
        return (Crossing(with_header_checksum(octets), outwards=True),)

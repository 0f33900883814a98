"""What does a router say behind the quote of an ICMP error?

RFC 4884 lets it append objects: the MPLS labels with which the packet arrived (RFC 4950), its interfaces
(RFC 5837). A length in the message's second word says where the quote ends and they begin. Routers older
than that RFC leave the length 0 and append at octet 128 of the quote; that is believed only if what stands
there has version 2 and a checksum that fits (RFC 4884 section 5.5).

Nothing here raises: what is cut off or makes no sense is left out, and what stands before it counts.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from pathprobe.core.packets import Extension, InterfaceInfo, InterfaceRole, MplsLabel

#: Where the length of the quote lies and the octets it counts in, by IP version and type: RFC 4884 section 4.
_QUOTE_LENGTH = {(4, 3): (5, 4), (4, 11): (5, 4), (4, 12): (5, 4), (6, 1): (4, 8), (6, 3): (4, 8)}

_ICMP_HEADER = 8
#: Octets that a router older than RFC 4884 pads its quote to, section 5.5.
_OLD_QUOTE = 128

_HEADER = struct.Struct("!BxH")
_VERSION = 2
_OBJECT = struct.Struct("!HBB")
_WORD = struct.Struct("!I")

_MPLS, _INTERFACE = 1, 2
_MPLS_INCOMING_STACK = 1

# Bits of the C-Type of an interface object, RFC 5837 section 4.1.
_ROLES = tuple(InterfaceRole)
_HAS_INDEX, _HAS_ADDRESS, _HAS_NAME, _HAS_MTU = 0x08, 0x04, 0x02, 0x01

#: Address family numbers of IANA -> the system's own, and the octets of an address.
_FAMILIES = {1: (socket.AF_INET, 4), 2: (socket.AF_INET6, 16)}

#: A name object counts its length octet too, and has 64 octets at most: RFC 5837 section 4.3.
_LONGEST_NAME = 64


def quote_end(message: bytes, version: int, type_: int) -> int | None:
    """Where the message says that its quote ends, as an offset in it; None when it does not say."""
    position, unit = _QUOTE_LENGTH.get((version, type_), (0, 0))
    if not unit or len(message) <= position or not message[position]:
        return None
    return _ICMP_HEADER + message[position] * unit


def find_extension(message: bytes, version: int, type_: int) -> int | None:
    """The offset at which the extension structure of an ICMP message begins; None when it has none."""
    if (version, type_) not in _QUOTE_LENGTH:
        return None
    stated = quote_end(message, version, type_)
    start = _ICMP_HEADER + _OLD_QUOTE if stated is None else stated
    if len(message) < start + _HEADER.size:
        return None
    first, checksum = _HEADER.unpack_from(message, start)
    if first >> 4 != _VERSION:
        return None
    if checksum == 0:  # "no checksum was transmitted", RFC 4884 section 7: too little where nothing else points here
        return None if stated is None else start
    return start if _sum(message[start:]) == 0xFFFF else None


def read_extensions(message: bytes, start: int | None) -> tuple[Extension, ...]:
    """The objects that begin at ``start``, as find_extension gives it; classes that nobody asked for are left out."""
    return () if start is None else tuple(_objects(message[start + _HEADER.size :]))


def _objects(octets: bytes) -> Iterator[Extension]:
    while len(octets) >= _OBJECT.size:
        length, class_, c_type = _OBJECT.unpack_from(octets)
        if not _OBJECT.size <= length <= len(octets):
            return
        body, octets = octets[_OBJECT.size : length], octets[length:]
        if (class_, c_type) == (_MPLS, _MPLS_INCOMING_STACK):
            yield from _label_stack(body)
        elif class_ == _INTERFACE:
            yield _interface(c_type, body)


def _label_stack(body: bytes) -> Iterator[MplsLabel]:
    for (entry,) in _WORD.iter_unpack(body[: len(body) // _WORD.size * _WORD.size]):
        yield MplsLabel(label=entry >> 12, traffic_class=entry >> 9 & 7, bottom=bool(entry >> 8 & 1), ttl=entry & 0xFF)


def _interface(c_type: int, body: bytes) -> InterfaceInfo:
    """The parts stand in this order, each only if its bit is set; what follows a broken one can not be found."""
    parts = _Parts(body)
    return InterfaceInfo(
        role=_ROLES[c_type >> 6],
        index=parts.number() if c_type & _HAS_INDEX else None,
        address=parts.address() if c_type & _HAS_ADDRESS else None,
        name=parts.name() if c_type & _HAS_NAME else None,
        mtu=parts.number() if c_type & _HAS_MTU else None,
    )


class _Parts:
    """Takes one part after the other from the head of an interface object; None for one that is broken or cut."""

    def __init__(self, body: bytes) -> None:
        self._rest = body

    def number(self) -> int | None:
        octets = self._take(_WORD.size)
        return int.from_bytes(octets, "big") if octets else None

    def address(self) -> str | None:
        family, size = _FAMILIES.get(int.from_bytes(self._rest[:2], "big"), (None, 0))
        octets = self._take(4 + size if family else None)
        return socket.inet_ntop(family, octets[4:]) if family and octets else None

    def name(self) -> str | None:
        """UTF-8, padded with zeros; what is no printable text comes as its escapes: it goes to a terminal."""
        length = self._rest[0] if self._rest else 0
        octets = self._take(length if 1 <= length <= _LONGEST_NAME else None)
        text = octets[1:].rstrip(b"\0").decode(errors="backslashreplace")
        return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text) or None

    def _take(self, size: int | None) -> bytes:
        """The next octets; none when they are not all there or ``size`` makes no sense, and then never any more."""
        if size is None or len(self._rest) < size:
            self._rest = b""
            return b""
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def _sum(octets: bytes) -> int:
    """The ones' complement sum of RFC 1071; 0xFFFF when a checksum inside fits."""
    padded = octets + bytes(len(octets) % 2)
    total: int = sum(word for (word,) in struct.iter_unpack("!H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total

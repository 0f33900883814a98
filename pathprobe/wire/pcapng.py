"""How are packets, and what is known of them, kept in a file that Wireshark opens?

The pcapng format (draft-ietf-opsawg-pcapng): a chain of blocks, each with its type and its length on
both ends. A section header, an interface description when an interface is first seen, one enhanced
packet block per packet with its direction and its comments, and at the end interface statistics.

- Times are integer nanoseconds since 1970; a float has no room for them.
- Every packet is flushed: a run that is killed leaves a file that opens, without statistics at its end.
- Packets are raw IP datagrams (LINKTYPE_RAW): the link header differs by interface and says nothing here.
- The reader takes both byte orders, any time resolution and any link type, and skips what it does not know;
  so it also skips simple packet blocks, which have no time.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

#: The packet begins with an IPv4 or IPv6 header: www.tcpdump.org/linktypes.html.
LINKTYPE_RAW = 101

# Block types, section 11.1. The section header's reads the same in both byte orders.
_SECTION_HEADER, _INTERFACE, _STATISTICS, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 5, 6

# Options: section 3.5 (all blocks), 4.1 (section), 4.2 (interface), 4.3 (packet), 4.6 (statistics).
_END_OF_OPTIONS, _COMMENT = 0, 1
_SECTION_SYSTEM, _SECTION_APPLICATION = 3, 4
_INTERFACE_NAME, _INTERFACE_RESOLUTION, _INTERFACE_OFFSET = 2, 9, 14
_PACKET_FLAGS = 2
_STATISTICS_START, _STATISTICS_END = 2, 3

_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_SECTION_LENGTH_UNKNOWN = -1
_MICROSECONDS, _NANOSECONDS = 6, 9
_INBOUND, _OUTBOUND, _DIRECTION_MASK = 1, 2, 3
_LONGEST_OPTION = 0xFFFF

_SMALLEST_BLOCK = 12
#: No packet needs more; a length beyond it is damage, and reading that much would be an attack on memory.
_LARGEST_BLOCK = 16 * 1024 * 1024

_NANOSECONDS_PER_SECOND = 1_000_000_000

_Option = tuple[int, bytes]


class Writer:
    """Writes one section, little endian, with nanosecond times."""

    def __init__(self, stream: BinaryIO, *, comment: str = "", application: str = "") -> None:
        """``comment`` is about the whole file; ``application`` the program's name and version."""
        self._stream = stream
        self._interfaces: dict[str, int] = {}
        system = os.uname()
        options = [
            *_texts(_COMMENT, [comment] if comment else []),
            *_texts(_SECTION_SYSTEM, [f"{system.sysname} {system.release}"]),
            *_texts(_SECTION_APPLICATION, [application] if application else []),
        ]
        fixed = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, _SECTION_LENGTH_UNKNOWN)
        self._block(_SECTION_HEADER, fixed, options)

    def interface(self, name: str) -> int:
        """The number of an interface; its description is written when the name is new."""
        if name not in self._interfaces:
            options = [*_texts(_INTERFACE_NAME, [name]), (_INTERFACE_RESOLUTION, bytes([_NANOSECONDS]))]
            self._block(_INTERFACE, struct.pack("<HHI", LINKTYPE_RAW, 0, 0), options)
            self._interfaces[name] = len(self._interfaces)
        return self._interfaces[name]

    def packet(
        self, time_ns: int, octets: bytes, *, interface: str, outgoing: bool, comments: Sequence[str] = ()
    ) -> None:
        """One IP datagram, seen at ``time_ns`` (nanoseconds since 1970), as it leaves or arrives."""
        number = self.interface(interface)
        fixed = struct.pack("<IIIII", number, *_halves(time_ns), len(octets), len(octets))
        flags = struct.pack("<I", _OUTBOUND if outgoing else _INBOUND)
        self._block(_ENHANCED_PACKET, fixed + _padded(octets), [(_PACKET_FLAGS, flags), *_texts(_COMMENT, comments)])

    def statistics(self, start_ns: int, end_ns: int, comments: Sequence[str] = ()) -> None:
        """When watching began and ended, per interface: a silence counts only while somebody listened.

        The comments go to the first interface. A run that saw no packet has them too, so it gets the
        interface ``any``, which is libpcap's name for all of them.
        """
        if not self._interfaces:
            self.interface("any")
        for number in self._interfaces.values():
            options = [
                *_texts(_COMMENT, comments if number == 0 else []),
                (_STATISTICS_START, struct.pack("<II", *_halves(start_ns))),
                (_STATISTICS_END, struct.pack("<II", *_halves(end_ns))),
            ]
            self._block(_STATISTICS, struct.pack("<III", number, *_halves(end_ns)), options)

    def _block(self, type_: int, fixed: bytes, options: Sequence[_Option]) -> None:
        """One write and one flush, so that a kill falls between blocks and seldom inside one."""
        listed = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
        body = fixed + listed + struct.pack("<HH", _END_OF_OPTIONS, 0)
        length = struct.pack("<I", _SMALLEST_BLOCK + len(body))
        self._stream.write(struct.pack("<I", type_) + length + body + length)
        self._stream.flush()


def _texts(code: int, texts: Sequence[str]) -> list[_Option]:
    encoded = [text.encode(errors="backslashreplace") for text in texts]
    if any(len(value) > _LONGEST_OPTION for value in encoded):
        raise ValueError(f"a pcapng comment or name holds at most {_LONGEST_OPTION} octets: split or shorten it")
    return [(code, value) for value in encoded]


def _halves(time_ns: int) -> tuple[int, int]:
    """The upper and the lower 32 bits, in that order whatever the byte order."""
    return time_ns >> 32, time_ns & 0xFFFFFFFF


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPacket:
    """One packet of a file; ``outgoing`` is None when the file does not say."""

    time_ns: int
    octets: bytes
    interface: str
    outgoing: bool | None
    comments: tuple[str, ...]
    linktype: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What a file holds.

    ``comment`` is the first section's, ``notes`` are the statistics' comments. ``ended_ns`` is when
    watching ended, None when nothing says so: the run was killed. ``truncated``: the file ends inside a block.
    """

    comment: str
    packets: tuple[CapturedPacket, ...]
    ended_ns: int | None
    notes: tuple[str, ...]
    truncated: bool


def read(stream: BinaryIO) -> Capture:
    """The packets of a pcapng file; ValueError when it is none, or is damaged otherwise than by being cut."""
    contents = _Contents()
    truncated = False
    try:
        for block in _blocks(stream):
            contents.take(block)
    except EOFError:
        truncated = True
    return Capture(
        comment=contents.comments[0] if contents.comments else "",
        packets=tuple(contents.packets),
        ended_ns=contents.ended_ns,
        notes=tuple(contents.notes),
        truncated=truncated,
    )


class _Block(NamedTuple):
    """One block as it lies in the file; ``order`` is struct's sign for its section's byte order."""

    offset: int
    order: str
    type: int
    body: bytes

    def unpack(self, layout: str, at: int = 0) -> tuple[int, ...]:
        return struct.unpack_from(self.order + layout, self.body, at)

    def options(self, at: int) -> Iterator[_Option]:
        """Code and value of the options that start at ``at``; none of them has to be there."""
        while at < len(self.body):
            code, length = self.unpack("HH", at)
            if code == _END_OF_OPTIONS:
                return
            yield code, self.octets(at + 4, length)
            at += 4 + length + -length % 4

    def octets(self, at: int, length: int) -> bytes:
        if at + length > len(self.body):
            raise ValueError(f"it ends before the {length} octets it announces")
        return self.body[at : at + length]


def _blocks(stream: BinaryIO) -> Iterator[_Block]:
    """The blocks of a file; EOFError where it ends inside one."""
    magic = _SECTION_HEADER.to_bytes(4, "little")
    order, offset = "", 0
    while (head := stream.read(_SMALLEST_BLOCK)) or offset == 0:
        if offset == 0 and not magic.startswith(head[:4]):
            raise ValueError("not a pcapng file: it does not start with a section header block")
        if len(head) < _SMALLEST_BLOCK:
            raise EOFError
        if head.startswith(magic):
            order = _byte_order(head[8:], offset)
        type_, length = struct.unpack(order + "II", head[:8])
        body = _body(stream, head[8:], length, order, offset)
        yield _Block(offset, order, type_, body)
        offset += length


def _body(stream: BinaryIO, start: bytes, length: int, order: str, offset: int) -> bytes:
    """What lies between a block's two lengths; ``start`` is the part of it that was read already."""
    if not _SMALLEST_BLOCK <= length <= _LARGEST_BLOCK or length % 4:
        raise _damaged(offset, f"it claims a length of {length} octets")
    rest = start + stream.read(length - _SMALLEST_BLOCK)
    if len(rest) < length - 8:
        raise EOFError
    if struct.unpack(order + "I", rest[-4:]) != (length,):
        raise _damaged(offset, "the lengths at its two ends differ")
    return rest[:-4]


def _byte_order(magic: bytes, offset: int) -> str:
    for order in "<>":
        if struct.unpack(order + "I", magic) == (_BYTE_ORDER_MAGIC,):
            return order
    raise _damaged(offset, "its byte-order magic is unknown")


def _damaged(offset: int, reason: str) -> ValueError:
    return ValueError(f"pcapng block at octet {offset} is damaged: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    """An interface description: how to read the packets that refer to it."""

    name: str
    linktype: int
    ticks_per_second: int
    offset_seconds: int

    def nanoseconds(self, high: int, low: int) -> int:
        ticks = high << 32 | low
        return ticks * _NANOSECONDS_PER_SECOND // self.ticks_per_second + self.offset_seconds * _NANOSECONDS_PER_SECOND


class _Contents:
    """What the blocks said so far; interface numbers count from 0 in every section."""

    def __init__(self) -> None:
        self.comments: list[str] = []
        self.packets: list[CapturedPacket] = []
        self.notes: list[str] = []
        self.ended_ns: int | None = None
        self._interfaces: list[_Interface] = []
        self._readers: dict[int, Callable[[_Block], None]] = {
            _SECTION_HEADER: self._section,
            _INTERFACE: self._interface,
            _ENHANCED_PACKET: self._packet,
            _STATISTICS: self._statistics,
        }

    def take(self, block: _Block) -> None:
        """Read one block of a known type; ValueError names the octet where a damaged one starts."""
        reader = self._readers.get(block.type)
        try:
            if reader:
                reader(block)
        except struct.error:
            raise _damaged(block.offset, "a field of it has the wrong size") from None
        except ValueError as error:
            raise _damaged(block.offset, str(error)) from None

    def _section(self, block: _Block) -> None:
        _, major, _, _ = block.unpack("IHHq")
        if major != 1:
            raise ValueError(f"it is of version {major}, and only version 1 is known")
        self._interfaces = []
        self.comments += _comments(list(block.options(16)))

    def _interface(self, block: _Block) -> None:
        linktype, _, _ = block.unpack("HHI")
        values = dict(block.options(8))
        (offset,) = struct.unpack(block.order + "q", values.get(_INTERFACE_OFFSET, bytes(8)))
        described = _Interface(
            name=_text(values.get(_INTERFACE_NAME, b"")),
            linktype=linktype,
            ticks_per_second=_ticks_per_second(values.get(_INTERFACE_RESOLUTION, bytes([_MICROSECONDS]))),
            offset_seconds=offset,
        )
        self._interfaces.append(described)

    def _packet(self, block: _Block) -> None:
        number, high, low, length, _ = block.unpack("IIIII")
        interface = self._described(number)
        octets = block.octets(20, length)
        options = list(block.options(20 + length + -length % 4))
        (flags,) = struct.unpack(block.order + "I", dict(options).get(_PACKET_FLAGS, bytes(4)))
        packet = CapturedPacket(
            time_ns=interface.nanoseconds(high, low),
            octets=octets,
            interface=interface.name,
            outgoing={_INBOUND: False, _OUTBOUND: True}.get(flags & _DIRECTION_MASK),
            comments=_comments(options),
            linktype=interface.linktype,
        )
        self.packets.append(packet)

    def _statistics(self, block: _Block) -> None:
        number, _, _ = block.unpack("III")
        interface = self._described(number)
        options = list(block.options(12))
        self.notes += _comments(options)
        ended = dict(options).get(_STATISTICS_END)
        if ended is not None:
            high, low = struct.unpack(block.order + "II", ended)
            self.ended_ns = max(self.ended_ns or 0, self._end(interface.nanoseconds(high, low)))

    def _end(self, time_ns: int) -> int:
        """dumpcap counts this one time in microseconds whatever the resolution is: decades before its packets."""
        in_microseconds = self.packets and time_ns < self.packets[0].time_ns // 2
        return time_ns * 1000 if in_microseconds else time_ns

    def _described(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise ValueError(f"it refers to interface {number}, which nothing describes")
        return self._interfaces[number]


def _ticks_per_second(value: bytes) -> int:
    """if_tsresol: a negative power of 10, or of 2 when the highest bit is set."""
    (exponent,) = struct.unpack("B", value)
    return int(2 ** (exponent & 0x7F) if exponent & 0x80 else 10**exponent)


def _comments(options: Sequence[_Option]) -> tuple[str, ...]:
    return tuple(_text(value) for code, value in options if code == _COMMENT)


def _text(value: bytes) -> str:
    """UTF-8 as the draft wants it; a foreign file's bad octets must not hide its packets."""
    return value.decode(errors="replace")

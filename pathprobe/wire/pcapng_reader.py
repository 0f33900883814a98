"""Which packets, and which words about them, does a pcapng file hold?

Both byte orders, several sections and interfaces, any time resolution and any link type; enhanced and obsolete packet
blocks. Simple packet blocks have no time, so they are counted and not handed on, and so is what Wireshark numbers
beside packets. Other blocks are skipped.
Times are integer nanoseconds since 1970; a float has no room for them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pathprobe.wire import pcapng_format as form
from pathprobe.wire.captured import CapturedPacket, Damaged, FileFacts

#: How a pcapng file begins.
MAGIC = form.SECTION_HEADER.to_bytes(4, "little")

#: No packet needs more; a length beyond it is damage, and reading that much would be an attack on memory.
_LARGEST_BLOCK = 16 * 1024 * 1024
#: No writer comes near either of them; a file that does was made to keep readers busy.
_MOST_INTERFACES = _MOST_OPTIONS = 65_536

_NANOSECONDS_PER_SECOND = 1_000_000_000
#: Up to the year 9999, the last that calendars of programs know; a later time is damage.
_LATEST_NS = 253_402_300_799 * _NANOSECONDS_PER_SECOND

_DIRECTIONS = {form.INBOUND: False, form.OUTBOUND: True}


def read_pcapng(stream: BinaryIO, facts: FileFacts) -> Iterator[CapturedPacket]:
    """The packets, one by one; ``facts`` grows with them. Raises Damaged where the rest cannot be read."""
    contents = _Contents(facts)
    for block in _blocks(stream):
        try:
            packet = contents.take(block)
        except struct.error:
            raise _damaged(block.offset, "a field of it has the wrong size") from None
        except ValueError as error:
            raise _damaged(block.offset, str(error)) from None
        if packet:
            yield packet


class _Block(NamedTuple):
    """One block as it lies in the file; ``order`` is struct's sign for its section's byte order."""

    offset: int
    order: str
    type: int
    body: bytes

    def unpack(self, layout: str, at: int = 0) -> tuple[int, ...]:
        return struct.unpack_from(self.order + layout, self.body, at)

    def options(self, at: int) -> Iterator[form.Option]:
        """Code and value of the options that start at ``at``; none of them has to be there."""
        for _ in range(_MOST_OPTIONS):
            if at >= len(self.body):
                return
            code, length = self.unpack("HH", at)
            if code == form.END_OF_OPTIONS:
                return
            yield code, self.octets(at + 4, length)
            at += 4 + length + -length % 4
        raise ValueError(f"it has more than {_MOST_OPTIONS} options")

    def octets(self, at: int, length: int) -> bytes:
        if at + length > len(self.body):
            raise ValueError(f"it ends before the {length} octets it announces")
        return self.body[at : at + length]


def _blocks(stream: BinaryIO) -> Iterator[_Block]:
    order, offset = "<", 0
    while head := stream.read(form.SMALLEST_BLOCK):
        if len(head) < form.SMALLEST_BLOCK:
            raise Damaged(offset, "the file ends inside a block")
        if head.startswith(MAGIC):
            order = _byte_order(head[8:], offset)
        type_, length = struct.unpack(order + "II", head[:8])
        yield _Block(offset, order, type_, _body(stream, head[8:], length, order, offset))
        offset += length


def _body(stream: BinaryIO, start: bytes, length: int, order: str, offset: int) -> bytes:
    """What lies between a block's two lengths; ``start`` is the part of it that was read already."""
    if not form.SMALLEST_BLOCK <= length <= _LARGEST_BLOCK or length % 4:
        raise _damaged(offset, f"it claims a length of {length} octets")
    rest = start + stream.read(length - form.SMALLEST_BLOCK)
    if len(rest) < length - 8:
        raise Damaged(offset, "the file ends inside a block")
    if struct.unpack(order + "I", rest[-4:]) != (length,):
        raise _damaged(offset, "the lengths at its two ends differ")
    return rest[:-4]


def _byte_order(magic: bytes, offset: int) -> str:
    for order in "<>":
        if struct.unpack(order + "I", magic) == (form.BYTE_ORDER_MAGIC,):
            return order
    raise _damaged(offset, "its byte-order magic is unknown")


def _damaged(offset: int, reason: str) -> Damaged:
    return Damaged(offset, f"a pcapng block is damaged: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    """An interface description: how to read the packets that refer to it."""

    name: str
    linktype: int
    ticks_per_second: int
    offset_seconds: int

    def nanoseconds(self, high: int, low: int) -> int:
        ticks = high << 32 | low
        time = ticks * _NANOSECONDS_PER_SECOND // self.ticks_per_second + self.offset_seconds * _NANOSECONDS_PER_SECOND
        if not 0 <= time <= _LATEST_NS:
            raise ValueError("its time is not within the years 1970 to 9999")
        return time


class _Contents:
    """What the blocks said so far; interface numbers count from 0 in every section."""

    def __init__(self, facts: FileFacts) -> None:
        self._facts = facts
        self._interfaces: list[_Interface] = []
        self._sections = 0
        self._first_ns: int | None = None

    def take(self, block: _Block) -> CapturedPacket | None:
        """The packet in a block, if it is one; ValueError and struct.error say what is wrong with it."""
        match block.type:
            case form.ENHANCED_PACKET:
                number, high, low, length, original = block.unpack("IIIII")
                return self._packet(block, number, high, low, length, original)
            case form.OBSOLETE_PACKET:
                number, _, high, low, length, original = block.unpack("HHIIII")
                return self._packet(block, number, high, low, length, original)
            case form.SIMPLE_PACKET | form.JOURNAL | form.CUSTOM | form.CUSTOM_NOT_COPIED:
                self._facts.frames += 1
                self._facts.without_time += 1
            case form.SECTION_HEADER:
                self._section(block)
            case form.INTERFACE:
                self._interface(block)
            case form.STATISTICS:
                self._statistics(block)
        return None

    def _section(self, block: _Block) -> None:
        _, major, _, _ = block.unpack("IHHq")
        if major != 1:
            raise ValueError(f"it is of version {major}, and only version 1 is known")
        self._interfaces = []
        self._sections += 1
        if self._sections == 1:
            options = list(block.options(16))
            self._facts.comment = next(iter(_comments(options)), "")
            self._facts.application = _text(dict(options).get(form.SECTION_APPLICATION, b""))

    def _interface(self, block: _Block) -> None:
        linktype, _, _ = block.unpack("HHI")
        values = dict(block.options(8))
        (offset,) = struct.unpack(block.order + "q", values.get(form.INTERFACE_OFFSET, bytes(8)))
        described = _Interface(
            name=_text(values.get(form.INTERFACE_NAME, b"")),
            linktype=linktype,
            ticks_per_second=_ticks_per_second(values.get(form.INTERFACE_RESOLUTION, bytes([form.MICROSECONDS]))),
            offset_seconds=offset,
        )
        if len(self._interfaces) == _MOST_INTERFACES:
            raise ValueError(f"it describes more than {_MOST_INTERFACES} interfaces")
        self._interfaces.append(described)
        self._facts.linktypes.add(linktype)

    def _packet(self, block: _Block, number: int, high: int, low: int, length: int, original: int) -> CapturedPacket:
        """Both kinds have 20 octets before the packet's, and options behind them."""
        interface = self._described(number)
        octets = block.octets(20, length)
        time_ns = interface.nanoseconds(high, low)
        options = list(block.options(20 + length + -length % 4))
        (flags,) = struct.unpack(block.order + "I", dict(options).get(form.PACKET_FLAGS, bytes(4)))
        self._facts.frames += 1
        if self._first_ns is None:
            self._first_ns = time_ns
        return CapturedPacket(
            number=self._facts.frames,
            time_ns=time_ns,
            octets=octets,
            linktype=interface.linktype,
            original_length=original,
            interface=interface.name,
            outgoing=_DIRECTIONS.get(flags & form.DIRECTION_MASK),
            comments=_comments(options),
        )

    def _statistics(self, block: _Block) -> None:
        number, _, _ = block.unpack("III")
        interface = self._described(number)
        options = list(block.options(12))
        self._facts.notes += _comments(options)
        known, facts = dict(options), self._facts
        if (started := known.get(form.STATISTICS_START)) is not None:
            time_ns = self._bound(interface.nanoseconds(*struct.unpack(block.order + "II", started)))
            facts.started_ns = time_ns if facts.started_ns is None else min(facts.started_ns, time_ns)
        if (ended := known.get(form.STATISTICS_END)) is not None:
            time_ns = self._bound(interface.nanoseconds(*struct.unpack(block.order + "II", ended)))
            facts.ended_ns = max(facts.ended_ns or 0, time_ns)
        if (delivered := known.get(form.STATISTICS_DELIVERED)) is not None:
            (count,) = struct.unpack(block.order + "Q", delivered)
            facts.delivered = (facts.delivered or 0) + count

    def _bound(self, time_ns: int) -> int:
        """dumpcap counts this one time in microseconds whatever the resolution is: decades before its packets."""
        in_microseconds = self._first_ns is not None and time_ns < self._first_ns // 2
        return time_ns * 1000 if in_microseconds else time_ns

    def _described(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise ValueError(f"it refers to interface {number}, which nothing describes")
        return self._interfaces[number]


def _ticks_per_second(value: bytes) -> int:
    """if_tsresol: a negative power of 10, or of 2 when the highest bit is set."""
    (exponent,) = struct.unpack("B", value)
    return int(2 ** (exponent & 0x7F) if exponent & 0x80 else 10**exponent)


def _comments(options: Sequence[form.Option]) -> tuple[str, ...]:
    return tuple(_text(value) for code, value in options if code == form.COMMENT)


def _text(value: bytes) -> str:
    """UTF-8 as the draft wants it; a foreign file's bad octets must not hide its packets."""
    return value.decode(errors="replace")

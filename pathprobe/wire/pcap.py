"""Which packets does a pcap file hold? (draft-ietf-opsawg-pcap)

A header of 24 octets, then records of a time, two lengths and the packet. The first four octets tell byte order and
whether times count microseconds or nanoseconds. The files of Alexey Kuznetzov's libpcap have 8 octets more in each
record, which begin with the interface's number and say nothing that is needed here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pathprobe.wire.captured import CapturedPacket, Damaged, FileFacts


class _Dialect(NamedTuple):
    nanoseconds_per_tick: int
    #: Octets of a record's header.
    record: int


_DIALECTS = {
    0xA1B2C3D4: _Dialect(1000, 16),
    0xA1B23C4D: _Dialect(1, 16),
    0xA1B2CD34: _Dialect(1000, 24),
}
#: How a pcap file begins -> struct's sign for its byte order, and the dialect.
MAGICS = {struct.pack(order + "I", number): (order, dialect) for number, dialect in _DIALECTS.items() for order in "<>"}

_FILE_HEADER = 24
#: libpcap's MAXIMUM_SNAPLEN, which no program exceeds on a network; a longer packet is damage.
_LONGEST_PACKET = 262_144
#: The link type's upper bits tell the length of the frame check sequence behind each packet, which IP ignores.
_LINKTYPE_MASK = 0xFFFF


def read_pcap(stream: BinaryIO, facts: FileFacts) -> Iterator[CapturedPacket]:
    """The packets, one by one; ``facts`` grows with them. Raises Damaged where the rest cannot be read."""
    header = stream.read(_FILE_HEADER)
    if len(header) < _FILE_HEADER:
        raise Damaged(0, "the file ends inside its header")
    order, dialect = MAGICS[header[:4]]
    linktype = struct.unpack_from(order + "I", header, 20)[0] & _LINKTYPE_MASK
    facts.linktypes.add(linktype)
    for time_ns, original_length, octets in _records(stream, struct.Struct(order + "IIII"), dialect):
        facts.frames += 1
        yield CapturedPacket(
            number=facts.frames, time_ns=time_ns, octets=octets, linktype=linktype, original_length=original_length
        )


def _records(stream: BinaryIO, layout: struct.Struct, dialect: _Dialect) -> Iterator[tuple[int, int, bytes]]:
    """Time, length on the wire and octets of each packet."""
    offset = _FILE_HEADER
    while head := stream.read(dialect.record):
        if len(head) < dialect.record:
            raise Damaged(offset, "the file ends inside a packet's header")
        seconds, ticks, length, original_length = layout.unpack_from(head)
        if length > _LONGEST_PACKET:
            raise Damaged(offset, f"a packet claims a length of {length} octets")
        if not length and not original_length:
            raise Damaged(offset, "a packet claims to have no octets")  # a hole, which disks fill with zeros
        octets = stream.read(length)
        if len(octets) < length:
            raise Damaged(offset, "the file ends inside a packet")
        yield seconds * 1_000_000_000 + ticks * dialect.nanoseconds_per_tick, original_length, octets
        offset += dialect.record + length

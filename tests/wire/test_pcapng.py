"""Does a file hold what was written, wherever it was cut?"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.wire.captured import CapturedPacket
from pathprobe.wire.captures import NotACapture
from pathprobe.wire.pcapng import LINKTYPE_RAW, Writer
from tests.wire.whole_files import WholeFile, read_whole

deterministic = settings(derandomize=True, deadline=None, max_examples=100)

#: A time whose nanoseconds no float holds.
START = 1_753_000_000_123_456_789

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
packets = st.builds(
    CapturedPacket,
    number=st.just(0),
    time_ns=st.integers(START - 10**15, START + 10**15),
    octets=st.binary(max_size=70),
    interface=st.sampled_from(["eth0", "wlan0", "lo"]),
    outgoing=st.booleans(),
    comments=st.lists(texts, max_size=3).map(tuple),
    linktype=st.just(LINKTYPE_RAW),
    original_length=st.just(0),
)


def captured(octets: bytes = b"\x45" + bytes(19), time_ns: int = START, outgoing: bool = True) -> CapturedPacket:
    return CapturedPacket(
        number=0,
        time_ns=time_ns,
        octets=octets,
        interface="eth0",
        outgoing=outgoing,
        comments=("probe 1 test",),
        linktype=LINKTYPE_RAW,
        original_length=0,
    )


def as_read(kept: Sequence[CapturedPacket]) -> tuple[CapturedPacket, ...]:
    """The same packets with what the file gives them: a place, and their length."""
    return tuple(
        replace(packet, number=number, original_length=len(packet.octets)) for number, packet in enumerate(kept, 1)
    )


def add(writer: Writer, packet: CapturedPacket) -> None:
    writer.packet(
        packet.time_ns,
        packet.octets,
        interface=packet.interface,
        outgoing=packet.outgoing is True,
        comments=packet.comments,
    )


def written(kept: list[CapturedPacket], comment: str = "run 1", notes: tuple[str, ...] = ("all done",)) -> bytes:
    stream = io.BytesIO()
    writer = Writer(stream, comment=comment, application="pathprobe 1.0")
    for packet in kept:
        add(writer, packet)
    writer.statistics(START, START + 5, notes)
    return stream.getvalue()


def reading(octets: bytes) -> WholeFile:
    return read_whole(octets)


# The reader's other half: blocks in any byte order, as other programs write them.


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(order: str, type_: int, body: bytes) -> bytes:
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", type_) + length + body + length


def section(order: str, major: int = 1) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1))


def interface(order: str, *options: bytes, linktype: int = 1) -> bytes:
    return block(order, 1, struct.pack(order + "HHI", linktype, 0, 0) + b"".join(options))


def enhanced(order: str, ticks: int, *options: bytes, number: int = 0, octets: bytes = b"ipv4") -> bytes:
    fixed = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(octets), len(octets))
    return block(order, 6, fixed + octets + bytes(-len(octets) % 4) + b"".join(options))


@deterministic
@given(kept=st.lists(packets, max_size=4), comment=texts, notes=st.lists(texts, max_size=2).map(tuple))
def test_what_was_written_is_read(kept: list[CapturedPacket], comment: str, notes: tuple[str, ...]) -> None:
    found = reading(written(kept, comment, notes))
    assert found.packets == as_read(kept)
    assert (found.comment, found.notes, found.ended_ns, found.facts.cut) == (comment, notes, START + 5, None)
    assert (found.facts.application, found.facts.frames) == ("pathprobe 1.0", len(kept))


def test_a_file_cut_anywhere_gives_the_packets_before_the_cut() -> None:
    kept = [captured(), captured(b"odd", START + 1, outgoing=False), captured(b"last", START + 2)]
    octets = written(kept)
    ends = [len(written_until(kept[:count])) for count in range(1, 4)]
    for length in range(4, len(octets)):
        found = reading(octets[:length])
        assert found.packets == as_read(kept)[: sum(end <= length for end in ends)]
        assert found.ended_ns is None
        assert (found.facts.cut is None) == (length in block_ends(octets))
        assert found.comment == ("run 1" if length >= block_ends(octets)[0] else "")


def written_until(kept: list[CapturedPacket]) -> bytes:
    """The file of a run that was killed after these packets."""
    stream = io.BytesIO()
    writer = Writer(stream, comment="run 1", application="pathprobe 1.0")
    for packet in kept:
        add(writer, packet)
    return stream.getvalue()


def block_ends(octets: bytes) -> list[int]:
    ends, at = [], 0
    while at < len(octets):
        at += struct.unpack_from("<I", octets, at + 4)[0]
        ends.append(at)
    return ends


def test_a_killed_run_leaves_whole_blocks_and_no_end() -> None:
    found = reading(written_until([captured()]))
    assert (found.packets, found.ended_ns, found.facts.cut) == (as_read([captured()]), None, None)


def test_every_packet_is_flushed() -> None:
    class Stream(io.BytesIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed = len(self.getvalue())

    stream = Stream()
    writer = Writer(stream)
    for _ in range(3):
        add(writer, captured())
        assert stream.flushed == len(stream.getvalue())


def test_a_run_that_saw_no_packet_keeps_its_end_and_notes() -> None:
    found = reading(written([], notes=("every send failed: EPERM",)))
    assert (found.packets, found.ended_ns, found.notes) == ((), START + 5, ("every send failed: EPERM",))


def test_an_interface_is_described_once() -> None:
    stream = io.BytesIO()
    writer = Writer(stream)
    assert [writer.interface(name) for name in ("eth0", "lo", "eth0")] == [0, 1, 0]
    assert len(block_ends(stream.getvalue())) == 3


def test_a_comment_that_fits_no_option_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="at most 65535 octets"):
        Writer(io.BytesIO(), comment="x" * 65536)


def test_a_comment_with_octets_of_a_foreign_file_name_is_kept_readable() -> None:
    stream = io.BytesIO()
    Writer(stream, comment=b"caf\xe9.pcapng".decode(errors="surrogateescape"))
    assert reading(stream.getvalue()).comment == "caf\\udce9.pcapng"


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    flags, comment = option(order, 2, struct.pack(order + "I", 1)), option(order, 1, b"hello")
    octets = section(order) + interface(order, option(order, 2, b"eth0")) + enhanced(order, 5_000_001, flags, comment)
    assert reading(octets).packets == (
        CapturedPacket(
            number=1,
            time_ns=5_000_001_000,
            octets=b"ipv4",
            interface="eth0",
            outgoing=False,
            comments=("hello",),
            linktype=1,
            original_length=4,
        ),
    )


@pytest.mark.parametrize(
    ("resolution", "ticks", "time_ns"),
    [
        (None, 1_500_000, 1_500_000_000),
        (b"\x00", 3, 3_000_000_000),
        (b"\x03", 1_500, 1_500_000_000),
        (b"\x09", START, START),
        (b"\x09", 2**64 - 1, 2**64 - 1),
        (b"\x0c", 1_999, 1),
        (b"\x8a", 1536, 1_500_000_000),
    ],
)
def test_any_time_resolution_is_read(resolution: bytes | None, ticks: int, time_ns: int) -> None:
    options = [option("<", 9, resolution)] if resolution is not None else []
    found = reading(section("<") + interface("<", *options) + enhanced("<", ticks))
    assert [packet.time_ns for packet in found.packets] == [time_ns]


def test_an_interfaces_time_offset_is_added() -> None:
    offset = option("<", 14, struct.pack("<q", -2))
    found = reading(section("<") + interface("<", offset) + enhanced("<", 5_000_000))
    assert found.packets[0].time_ns == 3_000_000_000


@pytest.mark.parametrize(("flags", "outgoing"), [(0, None), (1, False), (2, True), (3, None), (0xFF02, True)])
def test_the_direction_is_in_the_lowest_two_bits(flags: int, outgoing: bool | None) -> None:
    octets = section("<") + interface("<") + enhanced("<", 0, option("<", 2, struct.pack("<I", flags)))
    assert reading(octets).packets[0].outgoing is outgoing


def test_the_end_that_dumpcap_counts_in_microseconds_is_read() -> None:
    end = struct.pack("<II", START // 1000 >> 32, START // 1000 & 0xFFFFFFFF)
    statistics = block("<", 5, bytes(12) + option("<", 3, end))
    octets = section("<") + interface("<", option("<", 9, b"\x09")) + enhanced("<", START - 1000) + statistics
    assert reading(octets).ended_ns == START // 1000 * 1000


def test_unknown_blocks_and_options_are_skipped() -> None:
    unknown = block("<", 0x0BAD, b"whatever")
    octets = section("<") + unknown + interface("<", option("<", 99, b"x")) + unknown + enhanced("<", 0)
    assert len(reading(octets + unknown).packets) == 1


def test_a_second_section_counts_its_interfaces_anew_in_its_own_byte_order() -> None:
    first = section("<") + interface("<", linktype=1) + enhanced("<", 0)
    second = section(">") + interface(">", linktype=101) + enhanced(">", 0)
    assert [packet.linktype for packet in reading(first + second).packets] == [1, 101]


GOOD = section("<") + interface("<")


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (section("<", major=2), "version 2"),
        (section("<").replace(b"\x4d\x3c", b"\x4d\x3d"), "byte-order magic"),
        (GOOD + struct.pack("<III", 6, 13, 0) + bytes(100), "a length of 13"),
        (GOOD + struct.pack("<III", 6, 0, 0), "a length of 0"),
        (GOOD + struct.pack("<III", 6, 0xFFFFFFFC, 0), "a length of 4294967292"),
        (GOOD[:-4] + struct.pack("<I", 24), "two ends differ"),
        (section("<") + enhanced("<", 0), "interface 0, which nothing describes"),
        (GOOD + block("<", 6, bytes(8)), "wrong size"),
        (GOOD + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "the 99 octets it announces"),
        (GOOD + enhanced("<", 0, struct.pack("<HH", 1, 40)), "the 40 octets it announces"),
        (GOOD + enhanced("<", 0, option("<", 2, b"\1")), "wrong size"),
        (section("<") + interface("<", option("<", 9, b"")), "wrong size"),
        (section("<") + interface("<", option("<", 9, b"\0")) + enhanced("<", 2**64 - 1), "1970 to 9999"),
    ],
)
def test_nonsense_is_named_in_one_sentence(octets: bytes, reason: str) -> None:
    found = reading(octets)
    assert (found.packets, found.facts.cut is not None) == ((), True)
    assert re.search(reason, found.facts.cut.reason)
    assert "\n" not in found.facts.cut.reason


@deterministic
@given(octets=st.binary(max_size=60), flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_damage_raises_nothing_but_that_it_is_no_capture(octets: bytes, flips: list[tuple[int, int]]) -> None:
    damaged = bytearray(written([captured()]))
    for position, value in flips:
        damaged[position % len(damaged)] = value
    for tried in (octets, bytes(damaged), GOOD + octets):
        with contextlib.suppress(NotACapture):
            reading(tried)


@pytest.mark.tools
def test_tshark_reads_the_same(tmp_path: Path) -> None:
    from scapy.layers.inet import IP, TCP

    octets = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=40001, dport=8080))
    file = tmp_path / "run.pcapng"
    file.write_bytes(written([captured(octets), captured(octets, START + 1, outgoing=False)]))
    fields = [
        "frame.comment",
        "frame.time_epoch",
        "frame.packet_flags_direction",
        "frame.interface_name",
        "tcp.dstport",
    ]
    command = ["tshark", "-r", str(file), "-T", "fields", *(word for field in fields for word in ("-e", field))]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    lines = [line.split("\t") for line in shown]
    assert [(line[0], line[3], line[4]) for line in lines] == [("probe 1 test", "eth0", "8080")] * 2
    assert [int(line[2], 0) for line in lines] == [2, 1]
    assert [line[1] for line in lines] == ["1753000000.123456789", "1753000000.123456790"]


def test_an_excerpt_says_when_listening_began_and_how_many_packets_there_were() -> None:
    stream = io.BytesIO()
    Writer(stream).statistics(START, START + 5, delivered=12_345)
    facts = reading(stream.getvalue()).facts
    assert (facts.started_ns, facts.ended_ns, facts.delivered) == (START, START + 5, 12_345)
    assert reading(written([])).facts.delivered is None

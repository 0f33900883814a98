"""Is every capture file read, in each of its formats, up to where it makes sense?"""

from __future__ import annotations

import gzip
import io
import random
import struct
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from pathprobe.core.packets import Packet, Tcp, Udp
from pathprobe.wire.captures import Capture, NotACapture, open_capture
from pathprobe.wire.dissect import dissect
from pathprobe.wire.link_layers import Datagram, unwrap
from tests.wire.test_pcapng import block, enhanced, interface, option, section
from tests.wire.whole_files import read_whole

RECORDED = sorted(Path(__file__).parents[2].glob("captures/*/capture.pcapng"))

SECOND = 1_753_000_000
FRAMES = (b"first", b"the second", b"3")


def pcap(
    *frames: bytes, order: str = "<", magic: int = 0xA1B2C3D4, linktype: int = 1, snap: int = 262_144, more: int = 0
) -> bytes:
    """A file with a frame a second, and 123456 ticks; ``more`` octets follow each record's header."""
    records = [
        struct.pack(order + "IIII", SECOND + number, 123_456, len(frame[:snap]), len(frame))
        + bytes(more)
        + frame[:snap]
        for number, frame in enumerate(frames)
    ]
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, linktype) + b"".join(records)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "nanoseconds", "more"),
    [(0xA1B2C3D4, 123_456_000, 0), (0xA1B23C4D, 123_456, 0), (0xA1B2CD34, 123_456_000, 8)],
)
def test_a_pcap_file_of_any_dialect_is_read(order: str, magic: int, nanoseconds: int, more: int) -> None:
    found = read_whole(pcap(*FRAMES, order=order, magic=magic, more=more))
    assert [packet.octets for packet in found.packets] == list(FRAMES)
    assert [packet.number for packet in found.packets] == [1, 2, 3]
    assert found.packets[2].time_ns == (SECOND + 2) * 1_000_000_000 + nanoseconds
    assert (found.facts.linktypes, found.facts.frames, found.facts.cut) == ({1}, 3, None)


def test_the_length_of_a_frame_check_sequence_is_no_part_of_the_link_type() -> None:
    assert read_whole(pcap(b"x", linktype=0x2400_0071)).packets[0].linktype == 113


def test_what_the_snap_length_cut_off_is_counted_in_the_original_length() -> None:
    (packet,) = read_whole(pcap(b"0123456789", snap=4)).packets
    assert (packet.octets, packet.original_length) == (b"0123", 10)


def test_a_pcap_file_cut_anywhere_gives_the_packets_before_the_cut_and_says_where_it_is() -> None:
    octets = pcap(*FRAMES)
    ends = [24, 24 + 16 + 5, 24 + 32 + 15, len(octets)]
    for length in range(4, len(octets)):
        found = read_whole(octets[:length])
        assert found.facts.frames == max(0, sum(end <= length for end in ends) - 1)
        assert (found.facts.cut is None) == (length in ends)
        if found.facts.cut:
            assert found.facts.cut.offset == max([end for end in ends if end <= length], default=0)
            assert found.facts.cut.reason.startswith("the file ends inside")


def test_a_gzipped_file_is_read() -> None:
    plain = pcap(*FRAMES)
    assert read_whole(gzip.compress(plain)).packets == read_whole(plain).packets


def test_gzipped_files_one_behind_the_other_are_one_file_and_padding_behind_them_is_ignored() -> None:
    plain = pcap(*FRAMES)
    joined = gzip.compress(plain[:50]) + gzip.compress(b"") + gzip.compress(plain[50:]) + bytes(512)
    found = read_whole(joined)
    assert (found.packets, found.facts.cut) == (read_whole(plain).packets, None)


def test_a_gzipped_file_cut_anywhere_gives_a_beginning_of_its_packets_and_says_so() -> None:
    plain = pcap(*(random.Random(number).randbytes(300) for number in range(20)))
    packed = gzip.compress(plain)
    counts = []
    for length in range(100, len(packed), 97):
        found = read_whole(packed[:length])
        assert found.packets == read_whole(plain).packets[: len(found.packets)]
        assert found.facts.cut is not None
        assert found.facts.cut.reason == "the gzipped file is cut"
        counts.append(len(found.packets))
    assert counts == sorted(counts)
    assert counts[-1] >= 18


def test_a_gzipped_file_with_damage_inside_says_so() -> None:
    packed = bytearray(gzip.compress(pcap(*(random.Random(number).randbytes(300) for number in range(20)))))
    packed[-6] ^= 0xFF  # the check sum
    found = read_whole(bytes(packed))
    assert len(found.packets) >= 19
    assert found.facts.cut is not None
    assert found.facts.cut.reason == "the gzipped file is damaged"


def test_a_gzip_bomb_is_left_before_it_is_unpacked() -> None:
    packed = gzip.compress(pcap(*[bytes(262_144)] * 80), compresslevel=1)
    found = read_whole(packed)
    assert found.facts.cut is not None
    assert "unpack it first" in found.facts.cut.reason
    assert 0 < found.facts.frames < 60


def test_packets_without_a_time_are_counted_and_obsolete_ones_are_read() -> None:
    obsolete = block("<", 2, struct.pack("<HHIIII", 0, 0, 0, 7_000_000, 4, 9) + b"old!")
    simple = block("<", 3, struct.pack("<I", 4) + b"none")
    found = read_whole(section("<") + interface("<") + simple + obsolete + enhanced("<", 8_000_000))
    assert [(packet.number, packet.time_ns) for packet in found.packets] == [(2, 7 * 10**9), (3, 8 * 10**9)]
    assert (found.packets[0].octets, found.packets[0].original_length) == (b"old!", 9)
    assert (found.facts.frames, found.facts.without_time) == (3, 1)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (pcap(b"x")[:24] + struct.pack("<IIII", 1, 0, 262_145, 262_145), "a length of 262145"),
        (pcap(b"x")[:24] + b"\xff" * 64, "a length of 4294967295"),
        (pcap(b"x")[:24] + bytes(4096), "claims to have no octets"),
        (section("<") + interface("<") * 65_537, "more than 65536 interfaces"),
        (section("<") + interface("<", *[option("<", 99, b"")] * 65_537), "more than 65536 options"),
    ],
)
def test_absurd_claims_end_the_reading_with_a_reason(octets: bytes, reason: str) -> None:
    found = read_whole(octets)
    assert found.facts.cut is not None
    assert reason in found.facts.cut.reason


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "the file is empty"),
        (gzip.compress(b""), "the file is empty"),
        (bytes(100), "not a pcap or pcapng file: name"),
        (b"\xd4\xc3", "not a pcap or pcapng file: name"),
        (random.Random(1).randbytes(100_000), "not a pcap or pcapng file: name"),
        (b"12:00:01.1 IP a > b: Flags [S]\n", "but text: name a file written by tcpdump -w"),
        ("Möglich wär's\n".encode(), "but text"),
        (gzip.compress(b"hello\n"), "but text"),
        (b"PK\x03\x04" + bytes(50), "but a zip archive: unpack it"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "but compressed with zstd: unpack it with unzstd"),
        (b"snoop\x00\x00\x00" + bytes(50), "but a snoop capture: convert it with editcap"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 50, "the gzipped file is damaged"),
        (gzip.compress(pcap(b"x"))[:12], "the gzipped file is cut"),
    ],
)
def test_what_is_no_capture_is_named_with_what_to_do(octets: bytes, words: str) -> None:
    with pytest.raises(NotACapture) as raised:
        read_whole(octets)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.tools
def test_frames_of_every_kind_of_block_are_counted_as_wireshark_counts_them(tmp_path: Path) -> None:
    packet = bytes.fromhex("4500001400010000400661d10a0000010a000002")
    blocks = [
        enhanced("<", 0, octets=packet),
        block("<", 3, struct.pack("<I", len(packet)) + packet),
        block("<", 0x0BAD, struct.pack("<I", 32473) + b"custom.."),
        block("<", 0x40000BAD, struct.pack("<I", 32473) + b"custom.."),
        block("<", 4, bytes(4)),
        block("<", 9, b"__REALTIME_TIMESTAMP=1\n\0"),
        block("<", 0x7777, b"none"),
        enhanced("<", 1, octets=packet),
    ]
    path = tmp_path / "it.pcapng"
    path.write_bytes(section("<") + interface("<", linktype=101) + b"".join(blocks))
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.number"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert read_whole(path).facts.frames == len(shown)


def test_a_directory_is_the_operating_systems_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_capture(tmp_path)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "long.pcap"
    path.write_bytes(pcap(*[bytes(1500)] * 5000))
    tracemalloc.start()
    with open_capture(path) as capture:
        assert sum(1 for _ in capture) == 5000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("number", range(4))
def test_damage_anywhere_leaves_a_beginning_and_raises_nothing(number: int) -> None:
    """Files of the lab with octets changed, left out, doubled and cut, as pcapng, pcap and gzipped."""
    rng = random.Random(number)
    for path in rng.sample(RECORDED, 12):
        plain = path.read_bytes()
        as_pcap = pcap(*(packet.octets for packet in read_whole(plain).packets), linktype=101)
        for octets in (plain, as_pcap, gzip.compress(plain)):
            for _ in range(10):
                _read_all(damaged(octets, rng))


def damaged(octets: bytes, rng: random.Random) -> bytes:
    """Mostly octets changed in place, which packets and notes take without the format noticing."""
    changed = bytearray(octets)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed))
        length = rng.choice([1, 1, 2, 4])
        match rng.randrange(20):
            case 0:
                changed[at:at] = changed[at : at + length]
            case 1:
                del changed[at : at + length]
            case even if even % 2 == 0:
                changed[at : at + length] = rng.randbytes(length)
            case _:
                changed[at : at + length] = rng.choice([b"\x00", b"\xff"]) * length
    return bytes(changed[: rng.randrange(4, len(changed))] if rng.randrange(8) == 0 else changed)


def _read_all(octets: bytes) -> None:
    try:
        capture = Capture(io.BytesIO(octets))
    except NotACapture:
        return
    with capture:
        for packet in capture:
            unwrapped = unwrap(packet.linktype, packet.octets)
            if isinstance(unwrapped, Datagram):
                dissect(unwrapped.octets)


# ---- against Wireshark's own reader

FIELDS = (
    *("frame.number", "frame.time_epoch", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst"),
    *("tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"),
)

#: Number, nanoseconds, the outermost addresses, and the ports that are not quoted by an ICMP error.
Shown = tuple[int, int, str, str, str, str]


def shown_by_tshark(path: Path) -> list[Shown]:
    """The frames that tshark takes for IP, without putting fragments together."""
    fields = [word for field in FIELDS for word in ("-e", field)]
    options = ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-E", "occurrence=f"]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *options, *fields]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [shown for line in lines if (shown := _row(*line.split("\t")))]


def _row(number: str, time: str, protocols: str, *values: str) -> Shown | None:
    v4_source, v4_destination, v6_source, v6_destination, *ports = values
    if not v4_source and not v6_source:
        return None
    tcp_source, tcp_destination, udp_source, udp_destination = [""] * 4 if "icmp" in protocols else ports
    addresses = (v4_source or v6_source, v4_destination or v6_destination)
    nanoseconds = int(time.replace(".", ""))
    return (int(number), nanoseconds, *addresses, tcp_source or udp_source, tcp_destination or udp_destination)


def shown_by_us(path: Path) -> list[Shown]:
    found = []
    with open_capture(path) as capture:
        for captured in capture:
            unwrapped = unwrap(captured.linktype, captured.octets)
            packet = dissect(unwrapped.octets) if isinstance(unwrapped, Datagram) else None
            if isinstance(packet, Packet):
                ports = ("", "")
                if isinstance(packet.body, Tcp | Udp):
                    ports = (str(packet.body.source_port), str(packet.body.destination_port))
                found.append((captured.number, captured.time_ns, packet.source, packet.destination, *ports))
    return found


@pytest.mark.tools
@pytest.mark.parametrize("name", ["drop-r2-forward-v6", "closed"])
def test_wireshark_and_we_see_the_same_packets_in_every_format(name: str, tmp_path: Path) -> None:
    recorded = Path(__file__).parents[2] / "captures" / name / "capture.pcapng"
    expected = shown_by_tshark(recorded)
    assert expected
    for kind in ("pcapng", "nsecpcap", "pcap", "modpcap"):
        path = tmp_path / kind
        subprocess.run(["editcap", "-F", kind, str(recorded), str(path)], check=True)
        exact = kind in ("pcapng", "nsecpcap")
        assert shown_by_us(path) == [
            (number, time if exact else time // 1000 * 1000, *ends) for number, time, *ends in expected
        ]

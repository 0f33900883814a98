"""``pathprobe analyze`` on captures of our own and of anybody's."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from tests.commands.test_cli import assert_refused, pathprobe
from tests.engine.runs import run
from tests.engine.strangers import ip

_MICROSECONDS_LITTLE_ENDIAN, _RAW = 0xA1B2C3D4, 101
SYN, ANSWER, REFUSAL = 0x02, 0x12, 0x14


def tcp(source_port: int, port: int, sequence: int, acknowledges: int, flags: int) -> bytes:
    return struct.pack("!HHIIBBHHH", source_port, port, sequence, acknowledges, 5 << 4, flags, 1024, 0, 0)


def written(folder: Path, *packets: tuple[float, bytes]) -> str:
    """A pcap of IP datagrams, as tcpdump writes it."""
    octets = struct.pack("<IHHiIII", _MICROSECONDS_LITTLE_ENDIAN, 2, 4, 0, 0, 65535, _RAW)
    for seconds, packet in packets:
        time = 1_780_000_000 + seconds
        octets += struct.pack("<IIII", int(time), round(time % 1 * 1e6), len(packet), len(packet)) + packet
    path = folder / "theirs.pcap"
    path.write_bytes(octets)
    return str(path)


def asked(at: float, port: int, *, flags: int | None = None, source: str = "10.9.1.9") -> list[tuple[float, bytes]]:
    """A SYN, and an answer with ``flags``; without, it is sent three times in vain."""
    syn = ip(4, source, "10.0.0.5", 6, tcp(4000, port, 1000, 0, SYN), ttl=64)
    if flags is None:
        return [(at, syn), (at + 1, syn), (at + 3, syn)]
    return [(at, syn), (at + 0.01, ip(4, "10.0.0.5", source, 6, tcp(port, 4000, 0, 1001, flags)))]


def test_others_traffic_is_judged_without_a_hint(tmp_path: Path) -> None:
    result = pathprobe("analyze", written(tmp_path, *asked(0, 80, flags=ANSWER), *asked(1, 81, flags=REFUSAL)))
    assert result.exit_code == 8
    first, second = (line for line in result.stdout.splitlines() if line.startswith("10.0.0.5:"))
    assert first.startswith("10.0.0.5:81/tcp  CLOSED")
    assert second.startswith("10.0.0.5:80/tcp  OPEN")


def test_the_exit_status_is_that_of_the_only_state(tmp_path: Path) -> None:
    for flags, status in ((ANSWER, 0), (REFUSAL, 3), (None, 4)):
        assert pathprobe("analyze", written(tmp_path, *asked(0, 80, flags=flags))).exit_code == status


def test_a_target_narrows_what_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, *asked(0, 80, flags=ANSWER), *asked(1, 81, flags=REFUSAL))
    result = pathprobe("analyze", path, "--target", "10.0.0.5:81", "--json")
    assert result.exit_code == 3
    assert [one["target"]["port"] for one in json.loads(result.stdout)["results"]] == [81]


def test_a_host_narrows_what_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, *asked(0, 80, flags=ANSWER), *asked(1, 80, flags=REFUSAL, source="10.9.9.9"))
    result = pathprobe("analyze", path, "--host", "10.9.9.0/24", "--json")
    assert [one["asked_by"] for one in json.loads(result.stdout)["results"]] == ["10.9.9.9"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target", "web:80"), "a capture holds addresses, no names"),
        (("--target", "10.0.0.5:http"), "--target"),
        (("--host", "10.0.0.0/99"), "write an address or a prefix"),
        (("--host", "web"), "write an address or a prefix"),
    ],
)
def test_narrowing_that_makes_no_sense_is_a_wrong_command_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    assert words in assert_refused(pathprobe("analyze", written(tmp_path), *arguments), 2)


def test_a_capture_without_a_question_is_told_in_one_line(tmp_path: Path) -> None:
    datagram = ip(4, "10.9.1.9", "10.0.0.5", 6, tcp(4000, 80, 5, 5, 0x10))
    line = assert_refused(pathprobe("analyze", written(tmp_path, (0, datagram))), 1)
    assert "no question in it" in line
    assert line.endswith("began before the capture and did not fail: 1)")


def test_a_narrowing_that_nothing_matches_says_that_there_is_more(tmp_path: Path) -> None:
    path = written(tmp_path, *asked(0, 80, flags=ANSWER))
    line = assert_refused(pathprobe("analyze", path, "--target", "10.0.0.6"), 1)
    assert "without them all are told" in line


def test_our_own_run_is_told_as_our_own_with_and_without_narrowing(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    path.write_bytes(run("drop-r2-forward").octets)
    for arguments in ((), ("--target", "10.0.0.5:8080")):
        result = pathprobe("analyze", str(path), *arguments, "--json")
        (told,) = json.loads(result.stdout)["results"]
        assert (told["state"], told["counted"]) == ("filtered", None)

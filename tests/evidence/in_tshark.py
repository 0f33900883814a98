"""Does Wireshark read our captures as we mean them? Run by `make evidence`, which brings tshark."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms
from pathprobe.engine.redacted_capture import redacted_capture
from pathprobe.output.verify import display_filter, frame_filter
from tests.engine.runs import run
from tests.wire.whole_files import read_whole

NAMES = (
    "drop-r2-forward",
    "drop-r2-forward-v6",
    "reset-r2-forward",
    "reject-r2-admin-prohibited",
    "echo-drop-r2-v6",
    "udp-dns-open",
    "udp-closed-v6",
    "snat-r1-drop-r2",
    "pmtu-r2-r3-1400-told",
    "open",
)

CHECKED = [f"-o{protocol}.check_checksum:TRUE" for protocol in ("ip", "tcp", "udp")]


def tshark(path: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), *CHECKED, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["as it was", "redacted"])
def capture(request: pytest.FixtureRequest, name: str, tmp_path: Path) -> Path:
    octets = run(name).octets
    if request.param == "redacted":
        octets = redacted_capture(octets, Pseudonyms(b"k" * KEY_SIZE), lambda comment: comment.partition("\n")[2])
    path = tmp_path / "evidence.pcapng"
    path.write_bytes(octets)
    return path


def test_each_frame_has_its_comment(capture: Path) -> None:
    comments = tshark(capture, "-T", "fields", "-e", "frame.comment")
    assert comments == [packet.comments[0] for packet in read_whole(capture).packets]
    assert all(comments)


def test_the_head_of_the_file_has_the_verdict(name: str, capture: Path) -> None:
    shown = subprocess.run(["capinfos", "-k", str(capture)], capture_output=True, text=True, check=True).stdout
    assert read_whole(capture).comment.splitlines()[-1] in shown
    assert f" is {run(name).result.verdict.state}" in shown


def test_no_frame_is_malformed_and_every_checksum_is_right(capture: Path) -> None:
    assert tshark(capture, "-Y", "_ws.malformed || _ws.short || _ws.unreassembled") == []
    bad = " || ".join(f"{protocol}.checksum.status == 0" for protocol in ("ip", "tcp", "udp", "icmp", "icmpv6"))
    # A quote's checksums are those of the packet as the router got it, and of more than what is quoted.
    assert tshark(capture, "-Y", f"({bad}) && !icmp.type in {{3, 5, 11, 12}} && !icmpv6.type in {{1..4}}") == []


def test_the_filters_of_the_ticket_show_the_packets_that_they_promise(name: str, tmp_path: Path) -> None:
    path = tmp_path / "evidence.pcapng"
    path.write_bytes(run(name).octets)
    result = run(name).result
    tests = {
        number
        for seen in result.observations
        if seen.probe.role == "test" and seen.departed
        for number in result.frames[seen.probe.id]
    }
    shown = {int(number) for number in tshark(path, "-Y", display_filter(result), "-T", "fields", "-e", "frame.number")}
    assert tests <= shown
    numbers = [1, 2, 3, 5]
    assert tshark(path, "-Y", frame_filter(numbers), "-T", "fields", "-e", "frame.number") == list(map(str, numbers))

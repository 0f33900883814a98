"""Does ``analyze`` answer any file at all with one line, or with an answer that says it is partial?"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import main
from tests.engine.runs import run
from tests.wire.test_captures import RECORDED, damaged, pcap
from tests.wire.test_pcapng import interface, section
from tests.wire.whole_files import read_whole

#: Every status of a verdict, and 130 for a run that was interrupted.
VERDICTS = {0, 3, 4, 5, 6, 7, 8, 130}


def analyzed(octets: bytes, folder: Path, *options: str) -> Result:
    """In this process; an exception that would be a traceback comes out."""
    path = folder / "it"
    path.write_bytes(octets)
    return CliRunner(catch_exceptions=False).invoke(main, ["analyze", str(path), *options])


def assert_refused(done: Result) -> None:
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("pathprobe: ")
    assert done.stderr.count("\n") == 1


def assert_refused_or_judged(done: Result) -> None:
    if done.exit_code == 1:
        assert_refused(done)
        return
    document = json.loads(done.stdout)
    assert done.exit_code in VERDICTS
    assert not (document["complete"] and document["capture"]["truncated"])


def noise(length: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(length)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\n",
        bytes(1_000_000),
        b"\xff" * 1_000_000,
        noise(1_000_000),
        b"hello world\n" * 10_000,
        gzip.compress(noise(100_000)),
        gzip.compress(bytes(50_000_000), compresslevel=1),
        gzip.compress(pcap())[:20],
        b"\x1f\x8b",
        pcap()[:10],
        pcap(),
        pcap() + noise(1_000_000),
        pcap() + bytes(1_000_000),
        pcap(*(noise(60, seed) for seed in range(300))),
        pcap(*(noise(60, seed) for seed in range(300)), linktype=65_000),
        section("<"),
        section("<") + noise(1_000_000),
        section("<") + bytes(1_000_000),
        section(">") + interface(">"),
    ],
    ids=lambda octets: f"{len(octets)} octets of {octets[:8].hex() or 'nothing'}",
)
def test_garbage_of_every_kind_is_refused_in_one_line(octets: bytes, tmp_path: Path) -> None:
    assert_refused(analyzed(octets, tmp_path))


def test_a_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    done = CliRunner(catch_exceptions=False).invoke(main, ["analyze", str(tmp_path)])
    assert_refused(done)
    assert "Is a directory" in done.stderr


def test_a_capture_cut_in_its_last_block_gives_the_verdict_and_says_that_it_is_partial(tmp_path: Path) -> None:
    octets = run("drop-r2-forward").octets
    done = analyzed(octets + b"\6\0\0\0", tmp_path, "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["complete"], document["results"][0]["state"]) == (4, False, "filtered")
    assert document["capture"]["truncated"] == {"octet": len(octets), "reason": "the file ends inside a block"}
    assert document["capture"]["frames"] == len(read_whole(octets).packets)
    text = analyzed(octets + b"\6\0\0\0", tmp_path).stdout
    assert f"This answer is partial: at octet {len(octets)} the file ends inside a block" in text


def test_a_capture_that_is_whole_says_so(tmp_path: Path) -> None:
    document = json.loads(analyzed(run("drop-r2-forward").octets, tmp_path, "--json").stdout)
    assert (document["complete"], document["capture"]["truncated"]) == (True, None)


@pytest.mark.parametrize("number", range(5))
def test_a_damaged_capture_is_refused_in_one_line_or_judged(number: int, tmp_path: Path) -> None:
    rng = random.Random(number)
    for path in rng.sample(RECORDED, 6):
        assert_refused_or_judged(analyzed(damaged(path.read_bytes(), rng), tmp_path, "--json"))


@pytest.mark.parametrize("linktype", [1, 101, 113, 276])
def test_frames_of_noise_behind_a_good_header_are_refused_in_one_line_or_judged(linktype: int, tmp_path: Path) -> None:
    head = {1: bytes(12) + b"\x08\0", 101: b"", 113: bytes(14) + b"\x08\0", 276: b"\x08\0" + bytes(18)}[linktype]
    start = head + b"\x45" + bytes(8)
    frames = (start + protocol + noise(50, seed) for seed in range(100) for protocol in (b"\1", b"\6", b"\x11"))
    assert_refused_or_judged(analyzed(pcap(*frames, linktype=linktype), tmp_path, "--json"))

"""``host PORT --watch-arrivals``: the exit status, and the document for programs."""

from __future__ import annotations

import errno
import json
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pathprobe.commands import host_arrivals
from pathprobe.commands.host_arrivals import document, status_of
from pathprobe.core.arrivals.facts import Dropped, Seen, Watched
from pathprobe.engine.arrival_capture import ArrivalCapture
from pathprobe.engine.sightings import open_sightings
from pathprobe.net.doorstep import Passing
from pathprobe.output.arrival_words import packet_comment
from tests.core.arrivals.packets import PORT, SECOND, answer, comes, dropped, leaves, refusal, reset, syn
from tests.output.test_arrivals import watched

FIRST, SECOND_SYN = comes(syn(1)), comes(syn(2))


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([], 6),
        ([FIRST], 6),
        ([FIRST, leaves(answer(1))], 0),
        ([FIRST, SECOND_SYN, leaves(answer(1))], 6),
        ([FIRST, SECOND_SYN, leaves(answer(1)), leaves(reset(2))], 3),
        ([FIRST, SECOND_SYN, leaves(reset(1)), dropped(syn(2))], 4),
        ([FIRST, SECOND_SYN, leaves(answer(1)), leaves(refusal(syn(2)))], 4),
        ([FIRST, dropped(answer(1))], 4),
    ],
)
def test_the_worst_arrival_decides_the_status(facts: Sequence[Seen | Dropped], status: int) -> None:
    assert status_of(watched(*facts)) == status


def test_an_interrupted_watch_has_its_own_status() -> None:
    assert status_of(replace(watched(FIRST, leaves(answer(1))), complete=False)) == 130


def test_the_document_is_of_the_layer_commands_schema() -> None:
    found = json.loads(json.dumps(document(watched(FIRST), None)))
    assert found["schema"] == "pathprobe-layers/1"
    assert found["target"] == {
        "given": "8080/tcp",
        "address": None,
        "port": 8080,
        "protocol": "tcp",
        "from": None,
        "version": None,
    }
    assert (found["started"], found["duration_s"], found["capture"]) == ("1970-01-01T00:00:00.000Z", 10.0, None)
    assert (found["conclusion"]["layer"], found["conclusion"]["word"]) == (None, "UNKNOWN")
    assert found["conclusion"]["next_steps"] == found["arrivals"]["attempts"][0]["hints"]
    assert found["conclusion"]["summary"] == found["arrivals"]["summary"]
    assert len(found["arrivals"]["attempts"]) == 1


DATAGRAM = bytes.fromhex("4500001c00000000401100000a0901090a000005 9c411f9000080000")
PASSING = Passing(time_ns=SECOND, octets=DATAGRAM, interface="eth0", outgoing=False, looped=False)


def begun(path: Path) -> ArrivalCapture:
    return ArrivalCapture(path, packet_comment, application="pathprobe 0", command="pathprobe host 8080")


def test_a_capture_holds_every_packet_and_says_which_attempt_it_is(tmp_path: Path) -> None:
    path = tmp_path / "server.pcapng"
    capture = begun(path)
    capture.keep(PASSING, FIRST, 1)
    capture.keep(PASSING, FIRST, None)
    capture.finish(0, 2 * SECOND, ["it was dropped"])
    assert b"attempt 1: SYN arrives" in path.read_bytes()
    assert b"it was dropped" in path.read_bytes()
    with open_sightings(path) as sightings:
        assert [one.interface for one in sightings] == ["eth0", "eth0"]
    assert (capture.packets, sightings.facts.started_ns, sightings.facts.ended_ns) == (2, 0, 2 * SECOND)
    assert capture.error is None


@contextmanager
def room_for(octets: int) -> Iterator[None]:
    """Files can become so large, as on a disk that has no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_becomes_full_ends_the_file_behind_its_last_whole_packet(tmp_path: Path) -> None:
    path = tmp_path / "server.pcapng"
    capture = begun(path)
    capture.keep(PASSING, FIRST, 1)
    whole = path.read_bytes()
    with room_for(len(whole) + 10):
        capture.keep(PASSING, FIRST, 2)
    capture.keep(PASSING, FIRST, 3)
    capture.finish(0, 2 * SECOND, ["it was dropped"])
    assert capture.error is not None
    assert (capture.error.errno, capture.packets) == (errno.EFBIG, 1)
    assert path.read_bytes() == whole
    found = document(watched(FIRST), capture)["capture"]
    assert found == {"path": str(path), "packets": 1, "error": "File too large"}


@pytest.mark.parametrize("as_json", [True, False])
def test_what_arrived_is_told_though_the_disk_is_full(
    as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def watch(*_: object, capture: ArrivalCapture, **__: object) -> Watched:
        with room_for(10):
            capture.keep(PASSING, FIRST, 1)
        return watched(FIRST, leaves(answer(1)))

    path = tmp_path / "x.pcapng"
    monkeypatch.setattr(host_arrivals, "require_privileges", lambda: None)
    monkeypatch.setattr(host_arrivals, "watch", watch)
    with pytest.raises(SystemExit) as raised:
        host_arrivals.run(PORT, "tcp", 10, write=path, as_json=as_json)
    out, error = capsys.readouterr()
    assert (raised.value.code, error) == (1, f"pathprobe: cannot write {path}: File too large\n")
    assert "SYN-ACK left" in out
    assert "for pathprobe analyze" not in out
    assert not as_json or json.loads(out)["capture"]["error"] == "File too large"


def test_what_cannot_be_opened_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def watch(*_: object, **__: object) -> Watched:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/proc/thread-self/ns/net")

    monkeypatch.setattr(host_arrivals, "require_privileges", lambda: None)
    monkeypatch.setattr(host_arrivals, "watch", watch)
    with pytest.raises(SystemExit) as raised:
        host_arrivals.run(PORT, "tcp", 10)
    assert raised.value.code == 1
    assert capsys.readouterr().err == ("pathprobe: cannot watch: /proc/thread-self/ns/net: No such file or directory\n")


def test_a_capture_that_cannot_be_written_says_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        ArrivalCapture(tmp_path / "no" / "x.pcapng", packet_comment, application="", command="")
    assert raised.value.filename == str(tmp_path / "no" / "x.pcapng")

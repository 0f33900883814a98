"""The packets of a run are evidence: all of them, each with its probe, and the verdict at the head."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.report import Result
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.output.comments import section_comment
from pathprobe.wire.dissect import dissect
from tests.engine.runs import COMMAND, ask_in_turn, belongs, recorder, run
from tests.wire.whole_files import read_whole

EVERY = pytest.mark.parametrize("name", catalogue.simulable())


def observations(result: Result) -> dict[int, Observation]:
    return {seen.probe.id: seen for seen in result.observations}


@EVERY
def test_each_frame_number_points_at_a_packet_of_that_probe(name: str) -> None:
    one = run(name)
    packets, seen = read_whole(one.octets).packets, observations(one.result)
    for probe_id, numbers in one.result.frames.items():
        probe = seen[probe_id].probe
        for number in numbers:
            assert belongs(packets[number - 1].octets, probe), f"frame {number}"


@EVERY
def test_every_packet_of_the_file_belongs_to_one_probe(name: str) -> None:
    one = run(name)
    numbers = sorted(chain.from_iterable(one.result.frames.values()))
    assert numbers == list(range(1, len(read_whole(one.octets).packets) + 1))


@EVERY
def test_every_probe_that_left_is_in_the_file(name: str) -> None:
    one = run(name)
    left = {seen.probe.id for seen in one.result.observations if seen.departed}
    assert left <= one.result.frames.keys()


@EVERY
def test_every_packet_has_one_comment_that_names_its_probe(name: str) -> None:
    one = run(name)
    owner = {number: probe for probe, numbers in one.result.frames.items() for number in numbers}
    for number, packet in enumerate(read_whole(one.octets).packets, start=1):
        (comment,) = packet.comments
        assert named(comment) == owner[number], comment


def named(comment: str) -> int | None:
    found = re.search(r"\bprobe (\d+)\b", comment)
    return int(found[1]) if found else None


@EVERY
def test_the_comment_of_a_sent_packet_says_what_it_was_for_and_what_came_of_it(name: str) -> None:
    one = run(name)
    packets = read_whole(one.octets).packets
    for seen in one.result.observations:
        if seen.departed:
            comment = packets[one.result.frames[seen.probe.id][0] - 1].comments[0]
            assert comment.startswith(f"probe {seen.probe.id}, {seen.probe.role}: ")
            assert " -> " in comment


@EVERY
def test_the_head_of_the_file_has_the_command_and_the_verdict(name: str) -> None:
    one = run(name)
    assert read_whole(one.octets).comment.splitlines() == [COMMAND, section_comment(one.result)]


@EVERY
def test_packets_lie_in_the_file_in_the_order_of_their_time(name: str) -> None:
    times = [packet.time_ns for packet in read_whole(run(name).octets).packets]
    assert times == sorted(times)


def test_a_run_that_is_not_finished_has_its_packets_already() -> None:
    one = run("drop-r2-forward")
    unfinished, finished = read_whole(one.killed), read_whole(one.octets)
    assert [packet.octets for packet in unfinished.packets] == [packet.octets for packet in finished.packets]
    assert [note.split()[0] for note in unfinished.notes] == ["asking"]
    assert [note.split()[0] for note in finished.notes] == ["asked"]
    assert unfinished.facts.cut is None
    assert unfinished.comment == COMMAND
    assert [named(packet.comments[0]) for packet in unfinished.packets] == [
        named(packet.comments[0]) for packet in finished.packets
    ]


def test_an_answer_s_comment_is_the_same_before_and_after_the_end() -> None:
    one = run("reject-r2-admin-prohibited")
    pairs = zip(read_whole(one.killed).packets, read_whole(one.octets).packets, strict=True)
    assert all(before.comments == after.comments for before, after in pairs if not before.outgoing)


def test_several_targets_share_a_file_and_keep_their_frames_apart(tmp_path: Path) -> None:
    names = ("open", "drop-r2-forward", "closed-v6", "local-no-route")
    keeper = recorder(tmp_path / "run.pcapng")
    results = ask_in_turn(names, keeper)
    keeper.finish(tuple(results))
    capture = read_whole(tmp_path / "run.pcapng")
    numbers = [sorted(chain.from_iterable(result.frames.values())) for result in results]
    assert list(chain.from_iterable(numbers)) == list(range(1, len(capture.packets) + 1))
    for result, frames in zip(results, numbers, strict=True):
        inside = [dissect(capture.packets[number - 1].octets) for number in frames]
        assert all(result.source in (packet.source, packet.destination) for packet in inside)  # type: ignore[union-attr]
    assert capture.comment.splitlines() == [COMMAND, *map(section_comment, results)]
    assert keeper.packets == len(capture.packets)


def test_the_file_is_replaced_at_once_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    keeper = recorder(path)
    keeper.finish((ask_simulated(catalogue.load("open"), recorder=keeper),))
    assert os.listdir(tmp_path) == ["run.pcapng"]


def test_an_earlier_capture_of_the_same_name_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    path.write_bytes(run("drop-r2-forward").octets)
    keeper = recorder(path)
    keeper.finish((ask_simulated(catalogue.load("open"), recorder=keeper),))
    (result,) = analyze(path)
    assert result.verdict.state == "open"


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # The reader comes first and does not wait, or the writer's open() would.
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


def test_a_pipe_gets_the_stream_and_stays_a_pipe(fifo: tuple[Path, int], tmp_path: Path) -> None:
    path, reader = fifo
    keeper = recorder(path)
    result = ask_simulated(catalogue.load("open"), recorder=keeper)
    keeper.finish((result,))
    capture = read_whole(os.read(reader, 1 << 16))
    assert len(capture.packets) == keeper.packets
    assert capture.ended_ns is not None
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_device_is_written_to_and_left_alone() -> None:
    path = Path(os.devnull)
    keeper = recorder(path)
    keeper.finish((ask_simulated(catalogue.load("open"), recorder=keeper),))
    assert stat.S_ISCHR(path.stat().st_mode)


@pytest.mark.parametrize("place", ["missing/run.pcapng", "file/run.pcapng", "."])
def test_a_path_that_cannot_be_written_is_told_before_any_packet(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        recorder(tmp_path / place)

"""A capture gives the verdict that the run gave, whoever reads it and however the run ended."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from pathprobe.core.report import Result, State
from pathprobe.engine.diagnose import Options
from pathprobe.engine.offline import NotOurs, analyze
from pathprobe.lab import catalogue
from pathprobe.output.advice import next_steps
from pathprobe.output.wording import summary
from pathprobe.wire.pcapng import Writer
from tests.engine.runs import ask_in_turn, belongs, recorder, run
from tests.wire.whole_files import read_whole

EVERY = pytest.mark.parametrize("name", catalogue.simulable())

#: One of each way a run can go; the last one leaves packets of the control only.
KINDS = ("open", "closed-v6", "drop-r2-forward", "reset-r2-forward", "host-down", "echo-open", "local-output-drop")


def analyzed(octets: bytes, folder: Path) -> tuple[Result, ...]:
    path = folder / "run.pcapng"
    path.write_bytes(octets)
    return analyze(path)


@EVERY
def test_the_file_alone_gives_the_verdict_of_the_run(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.octets, tmp_path)
    said, says = one.result.verdict, result.verdict
    assert (says.state, says.mechanism, says.location) == (said.state, said.mechanism, said.location)
    assert says.distance == said.distance
    assert says.confidence == pytest.approx(said.confidence)
    assert summary(result) == summary(one.result)
    assert next_steps(result) == next_steps(one.result)


@EVERY
def test_the_file_alone_gives_the_question_and_the_hops_of_the_run(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.octets, tmp_path)
    target, asked = result.target, one.result.target
    assert (target.address, target.port, target.protocol) == (asked.address, asked.port, asked.protocol)
    assert (result.source, result.source_port) == (one.result.source, one.result.source_port)
    assert result.duration == pytest.approx(one.result.duration, abs=1e-6)
    assert result.control == one.result.control
    for here, there in zip(result.hops, one.result.hops, strict=True):
        assert (here.ttl, here.address) == (there.ttl, there.address)
        for leg, other in ((here.test, there.test), (here.control, there.control)):
            assert (leg is None) == (other is None)
            if leg and other:
                assert (leg.sent, leg.answered, leg.addresses) == (other.sent, other.answered, other.addresses)


@EVERY
def test_the_file_alone_gives_the_boxes_of_the_run(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.octets, tmp_path)
    boxes, of_the_run = result.middleboxes, one.result.middleboxes
    for field in ("between", "what", "before", "after", "services", "carried"):
        assert [getattr(box, field) for box in boxes] == [getattr(box, field) for box in of_the_run]


@EVERY
def test_frame_numbers_of_an_analysis_point_at_packets_of_that_probe(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.octets, tmp_path)
    packets = read_whole(one.octets).packets
    probes = {seen.probe.id: seen.probe for seen in result.observations}
    for probe_id, numbers in result.frames.items():
        probe = probes[probe_id]
        for number in numbers:
            assert belongs(packets[number - 1].octets, probe), f"frame {number}"
    assert frame_numbers(result) == list(range(1, len(packets) + 1))


@EVERY
def test_a_run_that_was_killed_gives_a_verdict_and_says_that_it_is_not_complete(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.killed, tmp_path)
    assert (result.complete, result.target.port) == (False, one.result.target.port)
    assert 0 <= result.verdict.confidence <= 1
    assert summary(result).endswith(".")


@pytest.mark.parametrize("name", ["open", "closed", "drop-r2-forward", "reset-r2-forward", "reject-r2-host-prohibited"])
def test_a_run_that_was_killed_at_its_very_end_lacks_only_the_last_wait(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.killed, tmp_path)
    assert (result.verdict.state, result.verdict.mechanism) == (
        one.result.verdict.state,
        one.result.verdict.mechanism,
    )


@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_was_killed_at_any_moment_gives_a_verdict_or_not_ours(name: str, tmp_path: Path) -> None:
    killed = run(name).killed
    for length in range(0, len(killed), 61):
        try:
            (result,) = analyzed(killed[:length], tmp_path)
        except NotOurs as error:
            assert str(tmp_path) in str(error)  # noqa: PT017
        else:
            assert summary(result)


@pytest.mark.parametrize("name", KINDS)
def test_a_finished_file_that_was_cut_later_gives_a_verdict_or_not_ours(name: str, tmp_path: Path) -> None:
    octets = run(name).octets
    for length in range(len(octets) - 1, 0, -211):
        try:
            (result,) = analyzed(octets[:length], tmp_path)
        except NotOurs as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert summary(result)


@pytest.mark.parametrize(
    "name", ["flows-r2-open", "flows-r2-drop-r2b", "flows-r2-reject-r2b-v6", "flows-4-drop-r2c-prerouting"]
)
def test_the_file_alone_gives_the_paths_of_the_run(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.octets, tmp_path)
    assert len(one.result.paths) == one.scenario.flows
    assert result.paths == one.result.paths


@pytest.mark.parametrize("name", ["flows-r2-open", "flows-r2-drop-r2b", "flows-4-drop-r2c"])
def test_a_run_with_flows_that_was_killed_at_its_end_still_knows_its_flows(name: str, tmp_path: Path) -> None:
    one = run(name)
    (result,) = analyzed(one.killed, tmp_path)
    assert result.verdict.state is one.result.verdict.state
    assert [path.hops for path in result.paths] == [path.hops for path in one.result.paths]


def test_several_targets_in_one_file_keep_their_verdicts(tmp_path: Path) -> None:
    names = ("open", "drop-r2-forward", "local-output-drop", "reset-r1-forward-v6", "echo-open", "local-no-route")
    path = tmp_path / "run.pcapng"
    keeper = recorder(path)
    asked = ask_in_turn(names, keeper)
    keeper.finish(tuple(asked))
    read_back = analyze(path)
    assert [result.verdict.location for result in read_back] == [result.verdict.location for result in asked]
    assert [summary(result) for result in read_back] == [summary(result) for result in asked]
    assert [frame_numbers(result) for result in read_back] == [frame_numbers(result) for result in asked]


def frame_numbers(result: Result) -> list[int]:
    return sorted(chain.from_iterable(result.frames.values()))


def test_a_run_without_a_trace_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    keeper = recorder(path)
    asked = ask_in_turn(("drop-r2-forward", "open"), keeper, options=lambda: Options(trace=False))
    keeper.finish(tuple(asked))
    assert [summary(result) for result in analyze(path)] == [summary(result) for result in asked]


def test_a_silent_target_that_a_user_waited_shortly_for_is_read_with_that_wait(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    keeper = recorder(path)
    (asked,) = ask_in_turn(["drop-r2-forward"], keeper, options=lambda: Options(wait=0.05))
    keeper.finish((asked,))
    (result,) = analyze(path)
    assert result.verdict.state is asked.verdict.state is State.FILTERED
    assert result.window == pytest.approx(asked.window)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "the file is empty"),
        (b"#!/bin/sh\necho hello\n", "not a pcap or pcapng file but text"),
        (b"\x00" * 4096, "not a pcap or pcapng file"),
        (bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"), "no probe of pathprobe in it"),
        (bytes.fromhex("0a0d0d0a1c0000004d3c2b1a") + bytes(12) + bytes(4), "damaged"),
        (bytes.fromhex("0a0d0d0affffff7f4d3c2b1a"), "damaged"),
    ],
)
def test_what_is_no_capture_of_ours_is_told_with_its_name(octets: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(NotOurs, match=reason) as caught:
        analyzed(octets, tmp_path)
    assert str(tmp_path / "run.pcapng") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_capture_without_a_probe_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    with path.open("wb") as stream:
        writer = Writer(stream, comment="somebody else's")
        writer.packet(1, b"\x45" + bytes(19), interface="eth0", outgoing=False)
        writer.statistics(0, 2, comments=["Counters provided by dumpcap"])
    with pytest.raises(NotOurs, match="no probe of pathprobe in it"):
        analyze(path)


def test_a_stranger_s_packets_between_ours_change_nothing(tmp_path: Path) -> None:
    one = run("drop-r2-forward")
    capture = read_whole(one.octets)
    path = tmp_path / "run.pcapng"
    with path.open("wb") as stream:
        writer = Writer(stream)
        for packet in capture.packets:
            for octets in (b"\x00", b"\x45" + bytes(19), b"", packet.octets):
                writer.packet(packet.time_ns, octets, interface="eth0", outgoing=bool(packet.outgoing))
        writer.statistics(capture.packets[0].time_ns, capture.ended_ns or 0, comments=capture.notes)
    (result,) = analyze(path)
    assert summary(result) == summary(one.result)
    assert all(number % 4 == 0 for number in chain.from_iterable(result.frames.values()))


@pytest.mark.parametrize("place", ["missing.pcapng", "."])
def test_a_file_that_cannot_be_read_raises_os_error(place: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No such file|Is a directory"):
        analyze(tmp_path / place)

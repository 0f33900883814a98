"""A program that does not answer holds nobody up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathprobe.net import program
from pathprobe.net.program import Interrupted, NoAnswer, Said
from tests.commands.processes import wait_until_gone

LONGEST = 20.0


@pytest.fixture
def stop() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_what_it_says_on_both_ways_and_its_status_are_told() -> None:
    said = program.ask("sh", "-c", "cat; echo wrong >&2; exit 3", text="its input", patience=LONGEST)
    assert said == Said(status=3, out="its input", error="wrong\n")


def test_much_input_that_nobody_reads_and_much_output_do_not_stop_it() -> None:
    said = program.ask("seq", "100000", text="x" * 1_000_000, patience=LONGEST)
    assert (said.status, len(said.out.splitlines())) == (0, 100_000)


@pytest.mark.parametrize("script", ["sleep 1000", "exec >/dev/null 2>&1; sleep 1000"])
def test_one_that_does_not_answer_is_given_up_with_all_that_it_started(
    script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    end = program.end

    def noted(process: subprocess.Popen[bytes]) -> None:
        ended.append(process.pid)
        end(process)

    monkeypatch.setattr(program, "end", noted)
    with pytest.raises(NoAnswer, match=r"^sh does not answer$"):
        program.ask("sh", "-c", script, patience=0.05)
    wait_until_gone(ended[0])


def test_who_wants_to_stop_need_not_wait(stop: tuple[int, int]) -> None:
    os.write(stop[1], b"x")
    with pytest.raises(Interrupted, match=r"^interrupted before sleep answered$"):
        program.ask("sleep", "1000", patience=1000, stop=stop[0])


def test_one_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="No such file or directory"):
        program.ask(str(tmp_path / "none"), patience=LONGEST)

"""A state file survives whatever ends the run that writes it, and is one run's at a time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pathprobe.engine.state_file import CannotResume, StateFile


def entry(port: int) -> dict[str, Any]:
    return {"target": {"address": "10.0.0.5", "port": port, "protocol": "tcp"}, "state": "open"}


def kept(path: Path, *, trace: bool = True) -> list[dict[str, Any]]:
    with StateFile(path, trace=trace) as state:
        return list(state.entries())


def test_what_was_appended_is_there_in_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with StateFile(path, trace=True) as state:
        state.append(entry(1))
    with StateFile(path, trace=True) as state:
        state.append(entry(2))
    assert kept(path) == [entry(1), entry(2)]


def test_an_answer_is_on_its_way_to_the_disk_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    with StateFile(tmp_path / "state", trace=True) as state:
        state.append(entry(1))
        assert (tmp_path / "state").read_text().endswith('"state":"open"}\n')


@pytest.mark.parametrize("torn", range(1, 80, 6))
def test_a_torn_last_line_is_no_answer_and_spoils_no_later_one(torn: int, tmp_path: Path) -> None:
    path, line = tmp_path / "state", len(json.dumps(entry(2), separators=(",", ":"))) + 1
    with StateFile(path, trace=True) as state:
        state.append(entry(1))
        state.append(entry(2))
    os.truncate(path, path.stat().st_size - torn)
    with StateFile(path, trace=True) as state:
        state.append(entry(3))
    ports = [one["target"]["port"] for one in kept(path)]
    # Without its newline alone a line is whole all the same, once another one has begun behind it.
    assert ports == ([1, 2, 3] if torn == 1 else [1, 3] if torn <= line else [3])


def test_lines_that_are_no_objects_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with StateFile(path, trace=True) as state:
        state.append(entry(1))
    with path.open("ab") as stream:
        stream.write(b"[]\n\xff\xfe\n" + b"[" * 100_000 + b"\n")
    with StateFile(path, trace=True) as state:
        state.append(entry(2))
    assert kept(path) == [entry(1), entry(2)]


def test_a_second_run_on_the_same_file_is_told_so(tmp_path: Path) -> None:
    with StateFile(tmp_path / "state", trace=True), pytest.raises(CannotResume, match="another run"):
        StateFile(tmp_path / "state", trace=True)


@pytest.mark.parametrize("text", ["10.0.0.5:80\n", '{"schema": "pathprobe/1"}\n', "\n", "{", "\x00\x00"])
def test_any_other_file_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text(text)
    with pytest.raises(CannotResume, match="no state of a batch run"):
        StateFile(path, trace=True)
    assert path.read_text() == text


def test_answers_that_do_not_say_where_are_none_for_a_run_that_asks(tmp_path: Path) -> None:
    StateFile(tmp_path / "state", trace=False).__exit__(None, None, None)
    with pytest.raises(CannotResume, match="without tracing"):
        StateFile(tmp_path / "state", trace=True)
    assert kept(tmp_path / "state", trace=False) == []

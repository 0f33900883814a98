"""What ``pathprobe batch`` says before it sends anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pathprobe.commands import status
from pathprobe.core.report import State
from tests.commands.processes import pathprobe, without_privileges


def written(folder: Path, text: str) -> str:
    path = folder / "targets"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "options", "code", "said"),
    [
        ("", (), status.CANNOT, "no targets in"),
        ("# nothing\n\n", (), status.CANNOT, "no targets in"),
        ("oops\n", (), status.CANNOT, "line 1: 'oops' has no port"),
        ("127.0.0.1:1\noops\n", ("--strict",), status.USAGE, "nothing was asked, for 1 line could not be read"),
        ("10.0.0.0/8:1-100\n", (), status.USAGE, "--limit"),
        ("127.0.0.1:1\n", ("--only", "shut"), status.USAGE, "name states with commas between them"),
        ("127.0.0.1:1\n", ("--rate", "fast"), status.USAGE, "neither a number of packets a second nor max"),
        ("127.0.0.1:1\n", ("-i", "nope0"), status.CANNOT, "there is no interface 'nope0' here"),
        ("127.0.0.1:1\n", ("-s", "192.0.2.7"), status.CANNOT, "192.0.2.7 is not an address of this host"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    text: str, options: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    run = pathprobe("batch", written(tmp_path, text), *options)
    assert run.returncode == code
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        run = pathprobe("batch", str(path))
        assert (run.returncode, run.stderr.count("\n")) == (status.CANNOT, 1)


def test_without_privileges_it_says_what_is_needed(tmp_path: Path) -> None:
    run = without_privileges("batch", written(tmp_path, "127.0.0.1:1\n"), "--json", cwd=tmp_path)
    assert run.returncode == status.CANNOT
    assert "CAP_NET_RAW" in run.stderr
    assert run.stdout == ""


@pytest.mark.usefixtures("lab_host")
@pytest.mark.parametrize("state", ["targets", "folder"])
def test_a_state_that_is_none_is_said_before_the_first_probe(state: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    targets = written(tmp_path, "127.0.0.1:1\n")
    run = pathprobe("batch", targets, "--resume", str(tmp_path / state))
    assert run.returncode in (status.CANNOT, status.USAGE)
    assert state in run.stderr
    assert Path(targets).read_text() == "127.0.0.1:1\n"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({State.OPEN}, 0),
        ({State.CLOSED}, 3),
        ({State.UNKNOWN, State.OPEN_FILTERED}, 6),
        ({State.OPEN, State.FILTERED}, 8),
    ],
)
def test_the_status_of_many(states: set[State], expected: int) -> None:
    assert status.of_states(states, complete=True) == expected
    assert status.of_states(states, complete=False) == status.INTERRUPTED


@pytest.mark.usefixtures("lab_host")
def test_this_hosts_own_ports_are_told_from_one_another(tmp_path: Path) -> None:
    run = pathprobe("batch", written(tmp_path, "127.0.0.1:1\n[::1]:1\n127.0.0.1:1/udp\n"), "--jsonl")
    states = [json.loads(line)["state"] for line in run.stdout.splitlines()]
    assert states == ["closed"] * 3
    assert run.returncode == status.of_states({State.CLOSED}, complete=True)

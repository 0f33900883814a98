"""The captures of other tools are as their table says, and say nothing about the machine that made them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from pathprobe.lab import catalogue
from pathprobe.lab.listen import EXPECTED, TOOLS, expected, listen
from pathprobe.lab.netns import LabUnavailable
from pathprobe.lab.recordings import load, names, read

CAPTURES = Path(__file__).parents[2] / "captures"
FOLDERS = sorted(path.parent for kind in ("foreign", "pairs") for path in (CAPTURES / kind).glob(f"*/{EXPECTED}"))
LEAST = {"foreign": 25, "pairs": 8}
#: Octets of all other tools' captures together: everybody who clones has them.
MOST_OCTETS = 100_000


def test_there_is_a_fixture_for_each_recording_and_no_other() -> None:
    assert [str(folder.relative_to(CAPTURES)) for folder in FOLDERS] == sorted(load(name).folder for name in names())
    assert all(sum(folder.parent.name == kind for folder in FOLDERS) >= least for kind, least in LEAST.items())


def test_no_recording_has_the_name_of_a_network() -> None:
    assert not set(names()) & set(catalogue.names())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_stands_beside_a_capture_is_what_its_table_says(folder: Path) -> None:
    stored = json.loads((folder / EXPECTED).read_text())
    assert stored == json.loads(json.dumps(expected(load(folder.name), stored["tools"])))
    assert {file.name for file in folder.iterdir()} == {EXPECTED, *stored["listened"]}


def test_the_captures_are_small() -> None:
    assert sum(file.stat().st_size for folder in FOLDERS for file in folder.glob("*.pcap*")) <= MOST_OCTETS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_path_and_no_kernel_of_the_recording_machine_is_in_a_capture(folder: Path) -> None:
    octets = b"".join(file.read_bytes() for file in folder.iterdir())
    assert not re.search(rb"/(root|home|tmp|work|usr|var)/|Linux \d|Intel|AMD", octets)


def test_make_installs_every_tool_that_records() -> None:
    makefile = (CAPTURES.parent / "Makefile").read_text()
    assert all(f"{tool}:{package}" in makefile for tool, (_, package) in TOOLS.items())


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LabUnavailable, match="install the package"):
        listen(load("dig-answered"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "complaint"),
    [('network = "opne"', "did you mean open"), ('servers = { 8080 = "sings" }', "sings"), ("speed = 3", "speed")],
)
def test_a_table_with_a_mistake_says_which(line: str, complaint: str) -> None:
    stated = {"name": '"x"', "summary": '"x"', "network": '"open"', "commands": '["true"]'}
    stated.pop(line.split(" =")[0], None)
    lines = (*(f"{key} = {value}" for key, value in stated.items()), line, "question = []")
    with pytest.raises((ValueError, catalogue.UnknownScenario), match=complaint):
        read("\n".join(("[[recording]]", *lines)))

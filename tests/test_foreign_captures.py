"""Other tools' captures, of one end and of both, give what a person can tell from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pathprobe.commands import main

CAPTURES = Path(__file__).parent.parent / "captures"
FOLDERS = sorted(path.parent for kind in ("foreign", "pairs") for path in (CAPTURES / kind).glob("*/expected.json"))

#: How an accepted connection went on -> the kinds of reasons of which one says so.
AFTERWARDS = {
    "answered": set[str](),
    "unanswered": {"request-unanswered"},
    "stalled": {"stalled", "large-stalled"},
    "reset": {"reset-by-box", "reset-midway", "broken-off"},
}
TROUBLES = set[str]().union(*AFTERWARDS.values())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_capture_of_other_tools_gives_what_a_person_can_tell(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    captures = [str(folder / name) for name in expected["listened"]]
    shown = CliRunner().invoke(main, ["analyze", *captures, "--json"])
    results = {_asked(result): result for result in json.loads(shown.stdout)["results"]}
    assert results.keys() == {_asked(question) for question in expected["questions"]}
    for question in expected["questions"]:
        told = _told(results[_asked(question)])
        fields = {name: value for name, value in question.items() if name not in ("target", "afterwards", "changed")}
        assert {name: told[name] for name in fields} == fields
        if "changed" in question:
            assert sorted(told["changed"]) == sorted(question["changed"])
        if "afterwards" in question:
            wanted = AFTERWARDS[question["afterwards"]]
            assert bool(told["kinds"] & wanted) == bool(wanted)
            assert not told["kinds"] & (TROUBLES - wanted)


def _asked(entry: dict[str, Any]) -> tuple[str, int | None, str]:
    target = entry["target"]
    return target["address"], target["port"], target["protocol"]


def _told(result: dict[str, Any]) -> dict[str, Any]:
    location = dict(result["location"])
    if location["device"]:
        location["device"] = {name: location["device"][name] for name in ("ttl", "address")}
    kinds = {reason["kind"] for reason in result["reasons"]}
    changed = {box["what"] for box in result["middleboxes"]}
    return {**{name: result[name] for name in ("state", "mechanism", "distance")}, **location} | {
        "kinds": kinds,
        "changed": changed,
    }

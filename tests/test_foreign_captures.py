"""What a person can tell from other tools' traffic, ``analyze`` tells too: every fixture of captures/foreign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pathprobe.core.report import Claim, Result
from pathprobe.core.urgency import trouble_of
from pathprobe.engine.foreign import witness
from pathprobe.output.json import document
from tests.output.reports import report

FOREIGN = Path(__file__).parent.parent / "captures" / "foreign"
FIXTURES = sorted(path.parent for path in FOREIGN.glob("*/expected.json"))

#: What an expectation calls the way a connection went on.
AFTERWARDS: dict[str, frozenset[Claim | None]] = {
    "answered": frozenset({None}),
    "unanswered": frozenset({Claim.REQUEST_UNANSWERED}),
    "stalled": frozenset({Claim.STALLED, Claim.LARGE_STALLED, Claim.CUT}),
    "reset": frozenset({Claim.RESET_MIDWAY, Claim.RESET_BY_BOX}),
}

#: Fields of an expectation that are not fields of a verdict.
_OTHER = ("target", "afterwards", "changed")


def about(results: tuple[Result, ...], target: dict[str, Any]) -> Result:
    wanted = target["address"], target["port"], target["protocol"]
    (found,) = (one for one in results if (one.target.address, one.target.port, str(one.target.protocol)) == wanted)
    return found


def told_of(result: Result) -> dict[str, Any]:
    (entry,) = document(report(result))["results"]
    return {**entry, **entry["location"]}


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)
def test_a_capture_of_another_tool_gives_what_a_person_can_tell_from_it(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    for file in expected["listened"]:
        results = witness(folder / file).results
        for question in expected["questions"]:
            result = about(results, question["target"])
            told = told_of(result)
            judged = {name: value for name, value in question.items() if name not in _OTHER}
            assert {name: _as_far_as(told[name], value) for name, value in judged.items()} == judged
            if afterwards := question.get("afterwards"):
                assert trouble_of(result) in AFTERWARDS[afterwards]


def _as_far_as(told: Any, expected: Any) -> Any:
    """Of a place the fields that are judged: how a box gave itself away is not."""
    if isinstance(told, dict) and isinstance(expected, dict):
        return {name: told.get(name) for name in expected}
    return told

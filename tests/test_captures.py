"""Every recorded capture gives its verdict, to anybody, without the network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pathprobe.core.report import Report, Vantage
from pathprobe.engine.offline import analyze
from pathprobe.lab.record import CAPTURE, EXPECTED
from pathprobe.output.json import document

CAPTURES = Path(__file__).parent.parent / "captures"
FIXTURES = sorted(path.parent for path in CAPTURES.glob(f"*/{EXPECTED}"))
LEAST = 25
#: Folders of what other tools sent.
OTHERS = ("foreign", "pairs")


def test_there_are_enough_fixtures_and_none_is_half_there() -> None:
    folders = [path for path in CAPTURES.iterdir() if path.is_dir() and path.name not in OTHERS]
    assert len(folders) >= LEAST
    assert all({file.name for file in folder.iterdir()} >= {CAPTURE, EXPECTED} for folder in folders)


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)
def test_a_capture_gives_the_verdict_that_stands_beside_it(folder: Path) -> None:
    expected = json.loads((folder / EXPECTED).read_text())
    results = analyze(folder / CAPTURE)
    report = Report(
        engine="capture",
        started=0.0,
        duration=0.0,
        vantage=Vantage(hostname=None, interface=None, source=None),
        results=results,
    )
    (result,) = document(report)["results"]
    location = result["location"]
    if location["device"]:
        del location["device"]["by"]
    got = {**{name: result[name] for name in ("state", "mechanism", "distance")}, **location}
    assert got == {name: expected[name] for name in got}

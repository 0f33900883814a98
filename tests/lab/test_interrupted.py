"""A run that was interrupted is not complete, in what it says and in the file that it leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pathprobe.engine.diagnose import Options, diagnose
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import question
from pathprobe.lab.network import Lab
from tests.engine.runs import recorder

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]


@pytest.mark.parametrize("early", [True, False])
def test_the_capture_of_a_run_says_whether_it_was_interrupted(early: bool, tmp_path: Path) -> None:
    scenario, path = catalogue.load("drop-r2-forward"), tmp_path / "run.pcapng"
    keeper, interrupted = recorder(path), asyncio.Event()
    with Lab(scenario) as lab, lab.inside("client"):
        result, _ = asyncio.run(
            diagnose(
                question(scenario),
                Options(),
                interrupted,
                recorder=keeper,
                progress=lambda *_: interrupted.set() if early else None,
            )
        )
    keeper.finish((result,))
    assert [one.complete for one in (result, *analyze(path))] == [not early, not early]

"""The packaged scenarios can be read, and their verdicts do not contradict themselves."""

from __future__ import annotations

from importlib import resources

import pytest

from pathprobe.lab import catalogue
from pathprobe.net.scenario import BoxKind, read

FILES = [file for file in (resources.files("pathprobe.lab") / "scenarios").iterdir() if file.name.endswith(".toml")]


def test_there_are_scenarios_enough() -> None:
    assert len(catalogue.names()) >= 32


def test_names_are_unique_over_all_files() -> None:
    names = [scenario.name for file in FILES for scenario in read(file.name.removesuffix(".toml"), file.read_text())]
    assert sorted(names) == sorted(set(names)) == list(catalogue.names())


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(catalogue.UnknownScenario, match=r"^no scenario 'opne': did you mean .*open"):
        catalogue.load("opne")


@pytest.mark.parametrize("name", catalogue.names())
def test_a_scenario_is_complete_and_its_verdict_consistent(name: str) -> None:
    scenario = catalogue.load(name)
    expect = scenario.expect
    assert scenario.name == name
    assert scenario.summary.strip(" .") == scenario.summary != ""
    assert (expect.mechanism == "answer") == (expect.state == "open")
    assert expect.last_good is not None
    assert expect.first_bad is None or expect.last_good < expect.first_bad <= (expect.distance or scenario.routers + 1)
    taps = any(box.kind is BoxKind.FORGE_RST_RACE for box in scenario.boxes)  # a tap lets the probes pass
    assert expect.device in (None, expect.last_good) or taps
    assert expect.state != "unreachable" or expect.distance is None

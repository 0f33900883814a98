"""Every network of the lab has its right verdict: simulated, and made of namespaces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pathprobe.core.session import MOST_PER_FLOW
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_live, ask_simulated, differences, observed
from pathprobe.lab.judge import judge
from pathprobe.lab.network import Lab
from tests.engine.runs import recorder

SEEDS = range(3)

#: Packets: a diagnosis of one port on a path of four hops sends fewer.
BUDGET = 60


@pytest.mark.parametrize("name", catalogue.simulable())
def test_the_simulated_network_gives_the_right_verdict_whatever_the_dice(name: str) -> None:
    scenario = catalogue.load(name)
    for seed in SEEDS:
        result = ask_simulated(scenario, seed=seed)
        assert differences(scenario, result) == () or (not scenario.is_steady and judge(scenario, result) == "wider")


def steady() -> list[str]:
    """Real dice can not be thrown twice: networks that lose by chance are judged by the simulated ones' seeds."""
    return [name for name in catalogue.names() if catalogue.load(name).is_steady]


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@pytest.mark.parametrize("name", steady())
def test_the_real_network_gives_the_right_verdict_within_the_budget(name: str, tmp_path: Path) -> None:
    capture = recorder(tmp_path / "capture.pcapng")
    with Lab(catalogue.load(name)) as lab:
        result = ask_live(lab, recorder=capture)
    capture.finish((result,))
    assert differences(lab.scenario, result) == ()
    (analyzed,) = analyze(capture.path)
    # What this host itself tells, beside the packets, only the live run knows.
    assert replace(analyzed.verdict, reasons=()) == replace(result.verdict, reasons=())
    if lab.scenario.is_simulable:
        assert observed(result.verdict) == observed(ask_simulated(lab.scenario).verdict)
    assert len(result.observations) < BUDGET + MOST_PER_FLOW * (lab.scenario.flows - 1)
    assert result.frames_lost == 0

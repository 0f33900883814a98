"""Networks that nobody designed: no verdict contradicts what is true by construction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.report import Location, State, Where
from pathprobe.lab.ask import ask_live, ask_simulated
from pathprobe.lab.generate import Network, contradictions, generate
from pathprobe.lab.network import Lab

SIMULATED, REAL = range(300), range(1000, 1030)

#: Packets that one diagnosis may send, whatever the network.
BUDGET = 60


@pytest.mark.parametrize("seed", SIMULATED)
def test_no_verdict_on_a_simulated_network_contradicts_the_truth(seed: int) -> None:
    network = generate(seed)
    result = ask_simulated(network.scenario, seed=seed)
    assert contradictions(network, result) == []
    assert len(result.observations) < BUDGET


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@pytest.mark.parametrize("seed", REAL)
def test_no_verdict_on_a_real_network_contradicts_the_truth(seed: int) -> None:
    network = generate(seed)
    with Lab(network.scenario) as lab:
        result = ask_live(lab)
    assert contradictions(network, result) == []


def test_a_seed_gives_the_same_network_again() -> None:
    assert [generate(seed) for seed in range(50)] == [generate(seed) for seed in range(50)]


def dropped() -> Network:
    """The first network with a filter on the way that shows where it is."""
    return next(
        network
        for network in map(generate, SIMULATED)
        if network.truth.states == {State.FILTERED}
        and ask_simulated(network.scenario).verdict.location.where is Where.PATH
        and network.truth.device is None
    )


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"state": State.OPEN}, "state open, not filtered"),
        ({"distance": 9}, "distance 9"),
        ({"location": Location(where=Where.TARGET)}, "where target"),
    ],
)
def test_a_wrong_verdict_is_told(lie: dict[str, object], told: str) -> None:
    network = dropped()
    result = ask_simulated(network.scenario)
    wrong = replace(result, verdict=replace(result.verdict, **lie))
    assert any(told in line for line in contradictions(network, wrong))


@pytest.mark.parametrize(("end", "beyond"), [("last_good", 1), ("first_bad", 0)])
def test_an_interval_that_does_not_hold_the_fault_is_told(end: str, beyond: int) -> None:
    network = dropped()
    result = ask_simulated(network.scenario)
    location = result.verdict.location
    hop = replace(getattr(location, end), ttl=network.truth.reach + beyond)
    wrong = replace(result, verdict=replace(result.verdict, location=replace(location, **{end: hop})))
    assert contradictions(network, wrong)

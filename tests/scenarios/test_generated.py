"""Networks that nobody designed: no verdict contradicts what is true by construction."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import count, islice
from math import sqrt

import pytest

from pathprobe.core.report import Device, Direction, Hop, Location, Mechanism, Result, State, Where
from pathprobe.lab.ask import ask_live, ask_simulated
from pathprobe.lab.generate import Network, generate
from pathprobe.lab.network import Lab
from pathprobe.lab.truth import contradictions, knows_nothing

SIMULATED = range(300)

#: How many real ones, and from which seed on.
REAL, FIRST_REAL = 30, 1000

#: Packets that one diagnosis may send: on the hardest network, and where the port answers and nothing gets lost.
BUDGET, HEALTHY_BUDGET = 250, 40


@cache
def asked(seed: int) -> tuple[Network, Result]:
    network = generate(seed)
    return network, ask_simulated(network.scenario, seed=seed)


def real_seeds() -> list[int]:
    """Real dice can not be thrown twice, and slow links take time: the simulated networks have those."""
    networks = ((seed, generate(seed)) for seed in count(FIRST_REAL))
    return list(islice((seed for seed, network in networks if not network.throws_dice and not network.is_slow), REAL))


def without_chance() -> list[int]:
    return [seed for seed in SIMULATED if not generate(seed).truth.by_chance]


@pytest.mark.parametrize("seed", without_chance())
def test_no_verdict_on_a_simulated_network_contradicts_the_truth(seed: int) -> None:
    network, result = asked(seed)
    assert contradictions(network.truth, result.verdict) == []
    assert len(result.observations) < (HEALTHY_BUDGET if network.truth.healthy else BUDGET)


def test_where_packets_get_lost_verdicts_are_wrong_no_more_often_than_they_say() -> None:
    noisy = [asked(seed) for seed in SIMULATED if generate(seed).truth.by_chance]
    doubts = [1 - result.verdict.confidence for _, result in noisy]
    wrong = [network.scenario.name for network, result in noisy if contradictions(network.truth, result.verdict)]
    # Three standard deviations of a sum of independent chances.
    assert len(wrong) <= sum(doubts) + 3 * sqrt(sum(doubt * (1 - doubt) for doubt in doubts))
    assert max(len(result.observations) for _, result in noisy) < BUDGET


def test_a_state_is_known_wherever_the_network_hides_none_and_loses_nothing() -> None:
    unknown = [seed for seed in SIMULATED if knows_nothing(asked(seed)[0].truth, asked(seed)[1].verdict)]
    assert [seed for seed in unknown if not generate(seed).truth.by_chance] == []
    assert len(unknown) <= 3


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@pytest.mark.parametrize("seed", real_seeds())
def test_no_verdict_on_a_real_network_contradicts_the_truth(seed: int) -> None:
    network = generate(seed)
    with Lab(network.scenario) as lab:
        result = ask_live(lab)
    assert contradictions(network.truth, result.verdict) == []
    assert len(result.observations) < (HEALTHY_BUDGET if network.truth.healthy else BUDGET)


def test_a_seed_gives_the_same_network_again() -> None:
    assert [generate(seed) for seed in range(50)] == [generate(seed) for seed in range(50)]


def dropped() -> tuple[Network, Result]:
    """The first network with a filter on the way that shows where it is, as the only truth."""
    return next(
        (network, result)
        for network, result in map(asked, SIMULATED)
        if network.truth.states == {State.FILTERED}
        and result.verdict.location.where is Where.PATH
        and not network.truth.devices
    )


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"state": State.OPEN}, "state open, not filtered"),
        ({"distance": 31}, "distance 31, not "),
        ({"mechanism": Mechanism.LOOP}, "mechanism loop, not drop"),
        ({"location": Location(where=Where.TARGET)}, "where target, not path"),
        ({"location": Location(where=Where.PATH, direction=Direction.RETURN)}, "direction return, not forward"),
        ({"location": Location(where=Where.PATH, device=Device(ttl=1, address=None, by=()))}, "device 1, not any"),
    ],
    ids=["state", "distance", "mechanism", "where", "direction", "device"],
)
def test_a_wrong_verdict_is_told(lie: dict[str, object], told: str) -> None:
    network, result = dropped()
    wrong = contradictions(network.truth, replace(result.verdict, **lie))
    assert [line for line in wrong if line.startswith(told)]


@pytest.mark.parametrize(("end", "ttl"), [("last_good", "reach"), ("first_bad", "first_bad")])
def test_an_interval_that_does_not_hold_the_fault_is_told(end: str, ttl: str) -> None:
    network, result = dropped()
    step = 1 if end == "last_good" else -1
    location = replace(result.verdict.location, **{end: Hop(ttl=getattr(network.truth, ttl) + step)})
    assert contradictions(network.truth, replace(result.verdict, location=location))


def test_who_knows_less_than_the_truth_does_not_contradict_it() -> None:
    network, result = dropped()
    less = replace(
        result.verdict, state=State.UNKNOWN, mechanism=None, distance=None, location=Location(where=Where.UNKNOWN)
    )
    assert contradictions(network.truth, less) == []
    assert knows_nothing(network.truth, less)
    assert not knows_nothing(replace(network.truth, hidden=True), less)

"""What is true of a generated network follows from how it was made."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from pathprobe.core.report import State
from pathprobe.lab.calibration import Judged, calibration
from pathprobe.lab.generate import Network, generate
from pathprobe.lab.surroundings import draw_surroundings
from pathprobe.lab.terrain import Terrain, draw_terrain
from pathprobe.net.layout import Branch, Layout, WayBack
from pathprobe.net.scenario import Hook, Match

NETWORKS = [generate(seed) for seed in range(2000)]


def terrain(routers: int, **parts: object) -> Terrain:
    return Terrain(family=4, protocol="tcp", layout=Layout(routers=routers, **parts))


def test_a_rule_at_a_hop_stands_on_all_its_parallel_routers() -> None:
    rules = terrain(3, branches=(Branch(at="r2", width=3),)).on(2, Hook.FORWARD, Match(), "drop")
    assert [rule.at for rule in rules] == ["r2", "r2b", "r2c"]


def test_what_comes_back_another_way_spares_the_routers_in_between() -> None:
    around = terrain(5, way_back=WayBack(leaves="r4", joins="r1", routers=2))
    assert list(around.spared) == [2, 3]
    assert around.seen_both_ways == (1, 4, 5)
    assert around.routers_back == (("r1",), ("r4",), ("r5",), ("b1",), ("b2",))


def of(networks: Iterable[Network], **wanted: object) -> list[Network]:
    return [
        network for network in networks if all(getattr(network.scenario, name) == it for name, it in wanted.items())
    ]


@pytest.mark.parametrize("routers", [0, 1, 3, 7, 14])
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_all_lengths_families_and_protocols_are_drawn(routers: int, family: int, protocol: str) -> None:
    assert of(NETWORKS, routers=routers, family=family, protocol=protocol)


@pytest.mark.parametrize(
    "wanted",
    ["drop", "reset", "reject", "lose", "limit", "snat", "masquerade", "dnat"],
)
def test_every_kind_of_rule_is_drawn(wanted: str) -> None:
    assert any(rule.action.startswith(wanted) for network in NETWORKS for rule in network.scenario.rules)


@pytest.mark.parametrize("state", [state for state in State if state not in (State.UNKNOWN, State.INTERMITTENT)])
def test_every_state_is_the_truth_of_some_network(state: State) -> None:
    assert any(state in network.truth.states for network in NETWORKS)


@pytest.mark.parametrize("hook", [hook for hook in Hook if hook is not Hook.OUTPUT])
def test_packets_die_in_every_hook(hook: Hook) -> None:
    assert any(rule.hook is hook for network in NETWORKS for rule in network.scenario.rules)


def test_no_network_has_two_translators_of_one_flow_or_one_in_a_loop() -> None:
    for network in NETWORKS:
        nat = {rule.at for rule in network.scenario.rules if rule.action.startswith(("snat", "masquerade"))}
        circling = {route.at for route in network.scenario.routes if route.kind == "back"}
        assert not nat & circling
        assert not (network.scenario.served_by and network.scenario.destination in nat)


def test_surroundings_alone_leave_the_port_reachable() -> None:
    for seed in range(500):
        rng = Random(seed)
        place = draw_terrain(rng)
        for rule in draw_surroundings(rng, place).rules:
            partial = rule.action.startswith(("lose", "limit", "snat", "masquerade"))
            assert partial or rule.match.protocol == "icmp" or rule.match.ct_state == "invalid"
            assert place.protocol != "icmp" or rule.match.icmp != "echo-request"


def test_a_silent_udp_port_is_hidden_where_the_errors_of_closed_ones_die() -> None:
    hidden = [network for network in NETWORKS if network.truth.hidden]
    assert {network.scenario.protocol for network in hidden} == {"udp"}
    assert not any(network.truth.states == {State.OPEN} for network in hidden)


def judged(confidence: float, *found: str) -> Judged:
    return Judged(found=found, knows_nothing=False, by_chance=True, confidence=confidence, packets=9)


def test_verdicts_are_counted_by_their_confidence() -> None:
    rows = calibration([judged(0.3), judged(0.5), judged(0.96), judged(0.97, "distance 3, not 2"), judged(1.0)])
    assert [(row.least, row.verdicts, row.right) for row in rows] == [
        (0.0, 1, 1),
        (0.5, 1, 1),
        (0.95, 2, 1),
        (0.99, 1, 1),
    ]

"""The simulated network's rules by chance, by the clock, and the hosts that are not like others."""

from __future__ import annotations

import pytest
from scapy.layers.inet import UDP
from scapy.packet import Raw

from pathprobe.net.scenario import Route, Rule, Scenario, Service, ServiceKind
from pathprobe.net.simulated import SimulatedNetwork
from tests.net.test_simulated import FAMILIES, answers, echo, header, parsed, rule, scenario, syn

PINGS = {"protocol": "icmp", "icmp": "echo-request"}


def answered(place: Scenario, seed: int, probes: int) -> list[bool]:
    """Which of so many pings, a second apart, were answered."""
    network, answers = SimulatedNetwork(place, seed=seed), []
    for _ in range(probes):
        network.send(echo(place))
        network.advance(network.now + 1)
        answers.append(any(not frame.outgoing for frame in network.receive()))
    return answers


def udp(place: Scenario, *, port: int = 5353, content: bytes = b"hello") -> bytes:
    return bytes(header(place, 64) / UDP(sport=40001, dport=port) / Raw(content))


# --- By chance and by the clock


def test_a_share_of_the_packets_is_lost() -> None:
    place = scenario(rule("r2", "forward", "lose 30%", **PINGS))

    assert 640 < sum(answered(place, seed=1, probes=1000)) < 760


def test_what_is_lost_follows_from_the_seed() -> None:
    place = scenario(rule("r2", "forward", "lose 30%", **PINGS))

    assert answered(place, 1, 50) == answered(place, 1, 50) != answered(place, 2, 50)


@pytest.mark.parametrize(("share", "expected"), [(0, [True] * 20), (100, [False] * 20)])
def test_none_and_all_are_no_chance(share: int, expected: list[bool]) -> None:
    assert answered(scenario(rule("r2", "forward", f"lose {share}%", **PINGS)), 1, 20) == expected


def test_only_what_matches_is_lost() -> None:
    place = scenario(rule("r2", "forward", "lose 100%", **PINGS))

    assert answers(place, echo(place), syn(place)) == ["10.0.0.5 SA ttl 61"]


def test_looking_ahead_throws_no_dice_and_takes_no_token() -> None:
    place = scenario(rule("r2", "forward", "lose 50%", **PINGS), rule("r3", "forward", "limit 1/second", **PINGS))
    looking, other = SimulatedNetwork(place, seed=3), SimulatedNetwork(place, seed=3)
    seen: list[list[bytes]] = [[], []]
    for _ in range(30):
        for network, frames in zip((looking, other), seen, strict=True):
            network.send(echo(place))
            if network is looking:
                network.next_event()
            network.advance(network.now + 0.3)
            frames.extend(frame.octets for frame in network.receive())

    assert seen[0] == seen[1]


@FAMILIES
@pytest.mark.parametrize(("gap", "expected"), [(0.0, 5), (0.1, 7), (1.0, 30)])
def test_a_limit_lets_a_burst_of_five_through_and_then_its_rate(family: int, gap: float, expected: int) -> None:
    place = scenario(rule("r2", "forward", "limit 1/second", **PINGS), family=family)

    assert len(answers(place, *[echo(place)] * 30, gap=gap)) == expected


def test_two_limits_count_for_themselves() -> None:
    limits = [rule(at, "output", "limit 1/second", protocol="icmp", icmp="time-exceeded") for at in ("r1", "r2")]
    place = scenario(*limits)

    assert len(answers(place, *[syn(place, ttl=1)] * 10, *[syn(place, ttl=2)] * 10)) == 10


# --- Hosts


@FAMILIES
def test_port_unreachable_is_limited_as_other_errors_are(family: int) -> None:
    place = scenario(family=family)

    assert len(answers(place, *[udp(place)] * 30)) == 6


def test_an_answer_of_a_udp_service_has_no_limit() -> None:
    place = scenario(services=(Service(port=5353, kind=ServiceKind.ANSWERS),))

    assert answers(place, *[udp(place)] * 30) == ["10.0.0.5 UDP from 5353 ttl 61"] * 30


def test_half_a_datagram_draws_nothing() -> None:
    place = scenario(services=(Service(port=5353, kind=ServiceKind.ANSWERS),))

    assert answers(place, udp(place)[:-1]) == []


@pytest.mark.parametrize("family", [4, 6])
def test_a_tcp_listener_is_no_udp_service(family: int) -> None:
    place = scenario(family=family, listen=(5353,))
    (answer,) = answers(place, udp(place))

    assert answer.split()[1] == {4: "3/3", 6: "1/4"}[family]


def test_a_node_s_ttl_is_that_of_no_packet_that_it_forwards() -> None:
    place = scenario(ttl={"r1": 200, "r2": 200, "r3": 200})

    assert answers(place, syn(place), syn(place, ttl=2)) == ["10.9.2.2 11/0 ttl 199", "10.0.0.5 SA ttl 61"]


def test_a_loop_ends_with_the_ttl_of_the_packet() -> None:
    place = scenario(routes=(Route(at="r3", kind="back"),))

    assert answers(place, syn(place, ttl=255)) == ["10.9.3.2 11/0 ttl 62"]


def test_a_loop_leaves_other_networks_alone() -> None:
    place = scenario(routes=(Route(at="r3", kind="back"),), destination="r3")

    assert answers(place, echo(place)) == ["10.9.3.2 0/0 ttl 62"]


def test_a_syn_proxy_says_nothing_to_what_is_no_syn() -> None:
    place = scenario(rule("r2", "forward", "synproxy"))
    synack = answers(place, syn(place))

    # The client's kernel resets what it did not open; the proxy does not answer that.
    assert synack == ["10.0.0.5 SA ttl 63"]


def test_a_syn_proxy_offers_no_window_before_it_knows_the_server_s() -> None:
    place = scenario(rule("r2", "forward", "synproxy"))
    network = SimulatedNetwork(place)
    network.send(syn(place))
    network.advance(1)

    assert [parsed(frame.octets).window for frame in network.receive() if not frame.outgoing] == [0]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (rule("r2", "prerouting", "masquerade"), "no simulated masquerade in prerouting"),
        (rule("r2", "output", "dnat 10.0.0.5"), "no simulated dnat 10.0.0.5 in output"),
        (rule("r2", "forward", "lose"), "unknown action"),
    ],
)
def test_a_rule_that_can_not_be_simulated_is_refused(wrong: Rule, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SimulatedNetwork(scenario(wrong))

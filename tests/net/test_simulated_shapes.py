"""The simulated network spreads flows, takes other ways back and measures packets as Linux 6.18 did in namespaces."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

from pathprobe.net.graph import Graph
from pathprobe.net.layout import Branch, WayBack
from pathprobe.net.scenario import Expectation, Hook, Match, Rule, Scenario
from pathprobe.net.simulated import SimulatedNetwork

FAMILIES = pytest.mark.parametrize("family", [4, 6])
PORTS = range(40000, 40040)


def scenario(**fields: Any) -> Scenario:
    return Scenario(**{"name": "x", "summary": "", "family": 4, "expect": Expectation(state="open")} | fields)


def probe(place: Scenario, ttl: int, source_port: int) -> bytes:
    return bytes(_ip(place, ttl) / TCP(sport=source_port, dport=8080, flags="S"))


def echo(place: Scenario, ttl: int, identifier: int) -> bytes:
    return bytes(_ip(place, ttl) / (ICMPv6EchoRequest if place.family == 6 else ICMP)(id=identifier))


def _ip(place: Scenario, ttl: int) -> Any:
    ends = {"src": place.link_address(0, "left"), "dst": place.destination_address}
    return IPv6(**ends, hlim=ttl) if place.family == 6 else IP(**ends, ttl=ttl)


def answer(place: Scenario, octets: bytes, *, seed: int = 0) -> Any:
    """The first packet that comes; None when none does."""
    network = SimulatedNetwork(place, seed=seed)
    network.send(octets)
    network.advance(5.0)
    frame = next((frame for frame in network.receive() if not frame.outgoing), None)
    return frame and (IPv6 if place.family == 6 else IP)(frame.octets)


def ttl_of(packet: Any) -> int:
    return packet.hlim if packet.version == 6 else packet.ttl


@FAMILIES
@pytest.mark.parametrize("width", [2, 5, 16])
def test_flows_spread_over_all_branches(family: int, width: int) -> None:
    place = scenario(family=family, branches=(Branch(at="r2", width=width),))
    sources = [answer(place, probe(place, 2, port)).src for port in range(40000, 40000 + 20 * width)]
    assert set(sources) == Graph(place).hop_addresses(2)
    assert all(sources.count(source) > 5 for source in set(sources))


@FAMILIES
def test_a_flow_sticks_to_its_branch(family: int) -> None:
    dead = Rule(at="r2b", hook=Hook.FORWARD, match=Match(protocol="tcp", destination_port=8080), action="drop")
    place = scenario(family=family, branches=(Branch(at="r2"),), rules=(dead,))
    twin = min(Graph(place).hop_addresses(2) - {place.hop_address(2)})
    for port in PORTS:
        assert (answer(place, probe(place, 2, port)).src == twin) == (answer(place, probe(place, 64, port)) is None)


def test_another_network_has_another_hash() -> None:
    place = scenario(branches=(Branch(at="r2"),))
    assert len({answer(place, probe(place, 2, 40000), seed=seed).src for seed in range(20)}) == 2


def test_branches_choose_independently_of_each_other() -> None:
    place = scenario(routers=5, branches=(Branch(at="r2"), Branch(at="r4")))
    pairs = {tuple(answer(place, probe(place, ttl, port)).src for ttl in (2, 4)) for port in PORTS}
    assert len(pairs) == 4


@FAMILIES
def test_echo_takes_one_branch_whatever_its_identifier(family: int) -> None:
    place = scenario(family=family, branches=(Branch(at="r2", width=4),))
    assert len({answer(place, echo(place, 2, identifier)).src for identifier in range(50)}) == 1


@FAMILIES
@pytest.mark.parametrize("both_ways", [False, True])
def test_the_hop_behind_a_branch_has_one_name(family: int, both_ways: bool) -> None:
    place = scenario(family=family, branches=(Branch(at="r2", both_ways=both_ways),))
    assert {answer(place, probe(place, 3, port)).src for port in PORTS} == {place.hop_address(3)}


@FAMILIES
@pytest.mark.parametrize(("both_ways", "arriving"), [(False, 40), (True, range(1, 40))])
def test_answers_come_back_through_the_first_router_unless_both_ways(
    family: int, both_ways: bool, arriving: int | range
) -> None:
    deaf = Rule(at="r2b", hook=Hook.FORWARD, match=Match(protocol="tcp", source_port=8080), action="drop")
    place = scenario(family=family, branches=(Branch(at="r2", both_ways=both_ways),), rules=(deaf,))
    arrived = sum(answer(place, probe(place, 64, port)) is not None for port in PORTS)
    assert arrived in (arriving if isinstance(arriving, range) else [arriving])


@FAMILIES
def test_the_target_is_reached_through_both_routers_next_to_it(family: int) -> None:
    place = scenario(family=family, branches=(Branch(at="r3"),))
    assert {answer(place, probe(place, 3, port)).src for port in PORTS} == Graph(place).hop_addresses(3)
    assert {answer(place, probe(place, 4, port)).src for port in PORTS} == {place.destination_address}


@FAMILIES
def test_a_target_that_is_down_is_missed_by_each_router_next_to_it(family: int) -> None:
    place = scenario(family=family, branches=(Branch(at="r3"),), target_up=False)
    assert {answer(place, probe(place, 64, port)).src for port in PORTS} == Graph(place).hop_addresses(3)


@FAMILIES
def test_answers_from_beyond_take_the_other_way_back(family: int) -> None:
    place = scenario(family=family, way_back=WayBack(leaves="r3", joins="r1", routers=3))
    answers = [answer(place, probe(place, ttl, 40000)) for ttl in (1, 2, 3, 4)]
    assert [packet.src for packet in answers] == [place.hop_address(ttl) for ttl in (1, 2, 3, 4)]
    assert [64 - ttl_of(packet) for packet in answers] == [0, 1, 4, 5]


@FAMILIES
def test_a_rule_on_the_way_back_sees_answers_only(family: int) -> None:
    deaf = Rule(at="b1", hook=Hook.FORWARD, match=Match(), action="drop")
    place = scenario(family=family, way_back=WayBack(leaves="r3"), rules=(deaf,))
    assert [answer(place, probe(place, ttl, 40000)) is None for ttl in (1, 2, 3, 4)] == [False, False, True, True]


# --- Packets that are too big

NARROW = {"mtu": {"r2-r3": 1400}}
TOO_BIG = {4: (3, 4), 6: (2, 0)}
DUMB = Rule(at="r2", hook=Hook.OUTPUT, match=Match(protocol="icmp", icmp="too-big"), action="drop")


def sized(place: Scenario, length: int, *, ttl: int = 64, flags: str = "DF") -> bytes:
    """An echo request of ``length`` octets in all."""
    request = _ip(place, ttl)
    if place.family == 4:
        request.flags = flags
    request /= (ICMPv6EchoRequest if place.family == 6 else ICMP)(id=7)
    return bytes(request / Raw(bytes(length - len(bytes(request)))))


@FAMILIES
def test_a_packet_that_fills_the_link_gets_through(family: int) -> None:
    place = scenario(family=family, **NARROW)
    assert answer(place, sized(place, 1400)).src == place.destination_address


@FAMILIES
def test_a_packet_that_is_too_big_is_reported_with_the_mtu_of_the_next_link(family: int) -> None:
    place = scenario(family=family, **NARROW)
    error = answer(place, sized(place, 1401))
    message = error.payload
    assert error.src == place.hop_address(2)
    assert (message.type, message.code) == TOO_BIG[family]
    assert (message.mtu if family == 6 else message.nexthopmtu) == 1400
    # The forward hook, and with it the TTL's decrement, comes later: r1 took one, r2 none.
    quote = message.payload
    assert (quote.hlim if family == 6 else quote.ttl) == 63


@FAMILIES
def test_a_ttl_that_ends_is_reported_before_the_size(family: int) -> None:
    place = scenario(family=family, **NARROW)
    assert answer(place, sized(place, 1500, ttl=2)).payload.type == {4: 11, 6: 3}[family]


def test_a_packet_without_df_is_not_too_big() -> None:
    place = scenario(**NARROW)
    assert answer(place, sized(place, 1500, flags="")).src == place.destination_address


@FAMILIES
def test_without_the_report_a_big_packet_is_lost_silently(family: int) -> None:
    place = scenario(family=family, rules=(DUMB,), **NARROW)
    assert answer(place, sized(place, 1401)) is None
    assert answer(place, sized(place, 100, ttl=2)).src == place.hop_address(2)


@FAMILIES
def test_reports_of_the_mtu_are_never_held_back(family: int) -> None:
    place = scenario(family=family, **NARROW)
    network = SimulatedNetwork(place)
    for _ in range(20):
        network.send(sized(place, 1500))
    network.advance(1.0)
    assert sum(not frame.outgoing for frame in network.receive()) == 20


@FAMILIES
def test_the_client_itself_refuses_what_its_own_link_does_not_take(family: int) -> None:
    place = scenario(family=family)
    network = SimulatedNetwork(place)
    assert network.send(sized(place, 1501)) == "EMSGSIZE"
    assert network.send(sized(place, 1500)) is None


@pytest.mark.parametrize(("family", "mtu"), [(4, 67), (6, 1279)])
def test_a_link_too_narrow_for_its_protocol_is_refused(family: int, mtu: int) -> None:
    with pytest.raises(ValueError, match=f"an MTU of {mtu + 1} at least"):
        scenario(family=family, mtu={"r2-r3": mtu})

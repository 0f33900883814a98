"""A network's shape follows from its length, its branches and its way back; impossible ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.net.graph import Graph
from pathprobe.net.layout import Branch, Layout, WayBack
from pathprobe.net.scenario import Expectation, Scenario, read

FORK = (Branch(at="r2", width=3),)
OPEN = '[expect]\nstate = "open"\n'
ROUND = WayBack(leaves="r3", joins="r1", routers=2)


def scenario(**fields: Any) -> Scenario:
    return Scenario(**{"name": "x", "summary": "", "family": 4, "expect": Expectation(state="open")} | fields)


def test_a_chain_is_client_routers_target() -> None:
    layout = Layout(routers=2)
    assert layout.nodes == layout.chain == ("client", "r1", "r2", "target")
    assert [ends.name for ends in layout.links] == ["client-r1", "r1-r2", "r2-target"]


def test_a_twin_is_linked_to_both_neighbours_of_its_hop() -> None:
    layout = Layout(routers=3, branches=FORK)
    assert layout.nodes == ("client", "r1", "r2", "r3", "target", "r2b", "r2c")
    assert [ends.name for ends in layout.links[4:]] == ["r1-r2b", "r2b-r3", "r1-r2c", "r2c-r3"]
    assert [layout.position(node) for node in layout.nodes] == [0, 1, 2, 3, 4, 2, 2]


def test_a_way_back_is_counted_from_its_end() -> None:
    layout = Layout(routers=3, way_back=ROUND)
    assert layout.nodes[-2:] == ("b1", "b2")
    assert [ends.name for ends in layout.links[4:]] == ["r1-b1", "b1-b2", "b2-r3"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"branches": (Branch(at="r1"),)}, "no branch at r1: the client has one link"),
        ({"branches": (Branch(at="r4"),)}, "no router 'r4'; there are r1, r2, r3"),
        ({"branches": (Branch(at="target"),)}, "no router 'target'"),
        ({"branches": (Branch(at="r2"), Branch(at="r3"))}, "no branches at neighbouring hops"),
        ({"branches": (Branch(at="r2"), Branch(at="r2"))}, "no branches at neighbouring hops"),
        ({"branches": (Branch(at="r2", width=17),)}, "a width of 2 to 16"),
        ({"branches": (Branch(at="r2", width=1),)}, "a width of 2 to 16"),
        ({"way_back": WayBack(leaves="r1", joins="r3")}, "leads from a router to one that is nearer to the client"),
        ({"way_back": WayBack(leaves="r3", joins="client")}, "no router 'client'"),
        ({"way_back": WayBack(leaves="r3", routers=0)}, "1 to 16 routers"),
        ({"way_back": WayBack(leaves="r3"), "branches": (Branch(at="r3"),)}, "begins and ends at routers without"),
    ],
)
def test_a_shape_that_can_not_be_built_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Layout(routers=3, **fields)


@pytest.mark.parametrize(
    ("family", "hop_2", "hop_3"),
    [
        (4, {"10.9.2.2", "10.11.2.2", "10.12.2.2"}, "10.9.3.2"),
        (6, {"fd00:9:2::2", "fd00:b:2::2", "fd00:c:2::2"}, "fd00:9:3::2"),
    ],
)
def test_a_twins_address_shows_hop_and_letter(family: int, hop_2: set[str], hop_3: str) -> None:
    place = scenario(family=family, branches=FORK)
    assert Graph(place).hop_addresses(2) == hop_2
    assert Graph(place).hop_addresses(3) == {hop_3}
    assert Graph(place).hop_addresses(4) == {place.destination_address}


@pytest.mark.parametrize("family", [4, 6])
def test_no_network_and_no_address_is_there_twice(family: int) -> None:
    place = scenario(
        family=family, routers=6, branches=(Branch(at="r2", width=16), Branch(at="r6")), way_back=WayBack(leaves="r5")
    )
    found = Graph(place).links
    assert len({link.network for link in found}) == len(found)
    assert len({address for link in found for address in (link.left_address, link.right_address)}) == 2 * len(found)


def neighbours(place: Scenario, node: str, network: str) -> list[str]:
    found = next(way for way in Graph(place).ways(node) if way.network == network)
    return [link.neighbour(node) for link in found.links]


CLIENTS, TARGETS = "10.9.1.0/24", "10.0.0.0/24"


@pytest.mark.parametrize(
    ("fields", "node", "network", "expected"),
    [
        ({"branches": FORK}, "r1", TARGETS, ["r2", "r2b", "r2c"]),
        ({"branches": FORK}, "r2b", TARGETS, ["r3"]),
        ({"branches": FORK}, "r2b", CLIENTS, ["r1"]),
        ({"branches": FORK}, "r3", CLIENTS, ["r2"]),
        ({"branches": (Branch(at="r2", both_ways=True),)}, "r3", CLIENTS, ["r2", "r2b"]),
        ({"branches": (Branch(at="r3"),)}, "target", CLIENTS, ["r3"]),
        ({"way_back": ROUND}, "r1", TARGETS, ["r2"]),
        ({"way_back": ROUND}, "target", CLIENTS, ["r3"]),
        ({"way_back": ROUND}, "r3", CLIENTS, ["b2"]),
        ({"way_back": ROUND}, "b2", CLIENTS, ["b1"]),
        ({"way_back": ROUND}, "b1", CLIENTS, ["r1"]),
        ({"way_back": ROUND}, "b1", TARGETS, ["b2"]),
        ({"way_back": ROUND}, "r2", CLIENTS, ["r1"]),
    ],
)
def test_a_node_reaches_a_network_through(fields: dict[str, Any], node: str, network: str, expected: list[str]) -> None:
    assert neighbours(scenario(**fields), node, network) == expected


@pytest.mark.parametrize("fields", [{"branches": FORK}, {"way_back": ROUND}, {"branches": FORK, "routers": 2}])
def test_every_network_is_reached_from_everywhere(fields: dict[str, Any]) -> None:
    place = scenario(**fields)
    graph = Graph(place)
    for start in place.nodes:
        for way in graph.ways(start):
            assert arrives(place, start, way.network), f"{start} to {way.network}"


def arrives(place: Scenario, node: str, network: str) -> bool:
    """Every choice at every branch leads to the network in a few hops."""
    here, graph = {node}, Graph(place)
    for _ in place.nodes:
        on_the_way = [(at, way) for at in here for way in graph.ways(at) if way.network == network]
        if not on_the_way:
            return True
        here = {link.neighbour(at) for at, way in on_the_way for link in way.links}
    return False


def test_a_file_names_branches_and_a_way_back() -> None:
    (place,) = read(
        "x", 'routers = 5\nsummary = ""\n[[branch]]\nat = "r2"\nwidth = 3\n[return]\nto = "r3"\nrouters = 2\n' + OPEN
    )
    assert place.branches == FORK
    assert place.way_back == WayBack(leaves="r5", joins="r3", routers=2)


def test_a_rule_may_stand_at_a_twin_and_on_the_way_back() -> None:
    rules = '[[rule]]\nat = "{}"\nhook = "forward"\naction = "drop"\n' + OPEN
    (place,) = read("x", 'summary = ""\n[[branch]]\nat = "r2"\n' + rules.format("r2b"))
    assert place.rules[0].at == "r2b"
    with pytest.raises(ValueError, match="no node 'b1'; there are client, r1, r2, r3, target, r2b"):
        read("x", 'summary = ""\n[[branch]]\nat = "r2"\n' + rules.format("b1"))

"""A chain becomes the interfaces, addresses and routes that its scenario announces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pathprobe.lab import topology
from pathprobe.net.layout import Branch, WayBack
from pathprobe.net.scenario import Delay, Expectation, Hook, Match, Route, Rule, Scenario

FORK = Branch(at="r2")


def chain(**fields: Any) -> Scenario:
    return replace(Scenario(name="x", summary="", family=4, expect=Expectation(state="open")), **fields)


def lines(scenario: Scenario, node: str, beginning: str) -> list[str]:
    return [line for line in topology.configuration(scenario, node) if line.startswith(beginning)]


def test_interfaces_are_called_after_the_node_at_the_other_end() -> None:
    assert topology.devices(chain(), "client") == ("to-r1",)
    assert topology.devices(chain(), "r1") == ("to-client", "to-r2")
    assert topology.devices(chain(), "target") == ("to-r3",)
    assert topology.devices(chain(routers=0), "client") == ("to-target",)


def test_a_tun_link_is_not_made_by_ip() -> None:
    first_ethernet = "link add to-r2 netns r1 type veth peer name to-r1 netns r2"
    assert list(topology.veths(chain()))[1] == first_ethernet
    assert next(topology.veths(chain(link="tun"))) == first_ethernet


def test_a_slow_link_is_a_tun_link() -> None:
    slow = Delay(on="r1-r2", delay_ms=5)
    assert tun_links(chain(delays=(slow,))) == ["r1-r2"]
    assert tun_links(chain(delays=(slow,), link="tun")) == ["client-r1", "r1-r2"]
    assert not [line for line in topology.veths(chain(delays=(slow,))) if "to-r2 netns r1" in line]


def tun_links(scenario: Scenario) -> list[str]:
    return [ends.name for ends in topology.tun_links(scenario)]


@pytest.mark.parametrize(
    ("fields", "node", "addresses"),
    [
        ({}, "client", ["10.9.1.9/24 dev to-r1"]),
        ({}, "r1", ["10.9.1.1/24 dev to-client", "10.9.2.1/24 dev to-r2"]),
        ({}, "r3", ["10.9.3.2/24 dev to-r2", "10.0.0.1/24 dev to-target"]),
        ({}, "target", ["10.0.0.5/24 dev to-r3"]),
        ({"target_up": False}, "target", []),
        ({"routers": 0}, "client", ["10.0.0.9/24 dev to-target"]),
        ({"family": 6}, "client", ["fe80::1/64 dev to-r1 nodad", "fd00:9:1::9/64 dev to-r1 nodad"]),
        ({"family": 6, "target_up": False}, "target", ["fe80::2/64 dev to-r3 nodad"]),
        (
            {"routes": (Route(at="r3", kind="none"),)},
            "r3",
            ["10.9.3.2/24 dev to-r2", "10.0.0.1/24 dev to-target noprefixroute"],
        ),
    ],
)
def test_a_node_has_the_addresses_of_its_links(fields: dict[str, Any], node: str, addresses: list[str]) -> None:
    assert lines(chain(**fields), node, "address") == [f"address add {address}" for address in addresses]


@pytest.mark.parametrize(
    ("fault", "node", "routes"),
    [
        (None, "client", ["10.9.2.0/24 via 10.9.1.1", "10.0.0.0/24 via 10.9.1.1", "default via 10.9.1.1"]),
        (None, "r1", ["10.0.0.0/24 via 10.9.2.2"]),
        (None, "r2", ["10.9.1.0/24 via 10.9.2.1"]),
        (None, "target", ["10.9.1.0/24 via 10.0.0.1", "10.9.2.0/24 via 10.0.0.1", "default via 10.0.0.1"]),
        (Route(at="r1", kind="none"), "r1", []),
        (Route(at="r1", kind="blackhole"), "r1", ["blackhole 10.0.0.0/24"]),
        (Route(at="client", kind="none"), "client", ["10.9.2.0/24 via 10.9.1.1"]),
        (
            Route(at="client", kind="prohibit"),
            "client",
            ["prohibit 10.0.0.0/24", "10.9.2.0/24 via 10.9.1.1", "default via 10.9.1.1"],
        ),
    ],
)
def test_a_node_knows_every_network_by_its_prefix(fault: Route | None, node: str, routes: list[str]) -> None:
    scenario = chain(routers=2, routes=(fault,) if fault else ())
    assert lines(scenario, node, "route") == [f"route add {route}" for route in routes]


@pytest.mark.parametrize(
    ("fields", "node", "route"),
    [
        ({"branches": (FORK,)}, "r1", "10.0.0.0/24 nexthop via 10.9.2.2 nexthop via 10.11.2.2"),
        ({"branches": (FORK,)}, "r2b", "10.0.0.0/24 via 10.11.102.2"),
        ({"branches": (FORK,)}, "r2b", "10.9.1.0/24 via 10.11.2.1"),
        ({"branches": (FORK,)}, "r3", "10.9.1.0/24 src 10.9.3.2 via 10.9.3.1"),
        (
            {"branches": (replace(FORK, both_ways=True),)},
            "r3",
            "10.9.1.0/24 src 10.9.3.2 nexthop via 10.9.3.1 nexthop via 10.11.102.1",
        ),
        ({"branches": (FORK,), "family": 6}, "r1", "fd00::/64 nexthop via fd00:9:2::2 nexthop via fd00:b:2::2"),
        ({"branches": (replace(FORK, at="r3"),)}, "r3b", "10.0.0.0/24 via 10.11.103.2"),
        ({"branches": (replace(FORK, at="r3"),)}, "target", "default src 10.0.0.5 via 10.0.0.1"),
        ({"way_back": WayBack(leaves="r3", routers=2)}, "r3", "10.9.1.0/24 src 10.9.3.2 via 10.8.3.1"),
        ({"way_back": WayBack(leaves="r3", routers=2)}, "b2", "10.9.1.0/24 via 10.8.2.1"),
        ({"way_back": WayBack(leaves="r3", routers=2)}, "b2", "10.0.0.0/24 via 10.8.3.2"),
    ],
)
def test_a_branch_and_a_way_back_are_routes(fields: dict[str, Any], node: str, route: str) -> None:
    assert f"route add {route}" in lines(chain(**fields), node, "route")


@pytest.mark.parametrize(("node", "device"), [("r2", "to-r3"), ("r3", "to-r2")])
def test_both_ends_of_a_narrow_link_know_its_mtu(node: str, device: str) -> None:
    assert lines(chain(mtu={"r2-r3": 1400}), node, f"link set {device} mtu") == [f"link set {device} mtu 1400"]


def test_flows_are_spread_by_ports_and_not_alike_everywhere() -> None:
    one, other = (topology.settings(chain(branches=(FORK,)), node) for node in ("r1", "r2"))
    assert one["net/ipv4/fib_multipath_hash_policy"] == one["net/ipv6/fib_multipath_hash_policy"] == "3"
    assert one["net/ipv4/fib_multipath_hash_seed"] != other["net/ipv4/fib_multipath_hash_seed"]
    assert not [name for name in topology.settings(chain(), "r1") if "multipath" in name]


def test_neighbours_need_no_routes() -> None:
    assert lines(chain(routers=0), "client", "route") == lines(chain(routers=0), "target", "route") == []


def test_only_routers_forward() -> None:
    for node, forwarding in (("client", "0"), ("r1", "1"), ("target", "0")):
        assert topology.settings(chain(), node)["net/ipv4/ip_forward"] == forwarding
        assert topology.settings(chain(family=6), node)["net/ipv6/conf/all/forwarding"] == forwarding


def test_a_node_has_its_initial_ttl_on_every_interface_to_come() -> None:
    scenario = chain(ttl={"r2": 255})
    names = ["net/ipv6/conf/all/hop_limit", "net/ipv6/conf/default/hop_limit"]
    assert topology.settings(scenario, "r2")["net/ipv4/ip_default_ttl"] == "255"
    assert [topology.settings(replace(scenario, family=6), "r2")[name] for name in names] == ["255", "255"]
    assert "net/ipv4/ip_default_ttl" not in topology.settings(scenario, "r1")


def test_a_scenario_s_own_sysctl_overrules_the_lab_s() -> None:
    name = "net/ipv4/conf/all/rp_filter"
    scenario = chain(sysctl={"client": {name: "1"}})
    assert [topology.settings(scenario, node)[name] for node in ("client", "r1")] == ["1", "0"]


def test_nobody_on_a_loop_redirects() -> None:
    looping = chain(routes=(Route(at="r3", kind="back"),))
    redirects = [topology.settings(looping, node)["net/ipv4/conf/all/send_redirects"] for node in ("r2", "r3")]
    assert redirects == ["0", "0"]
    assert "net/ipv4/conf/all/send_redirects" not in topology.settings(chain(), "r3")


def test_a_syn_proxy_picks_no_connection_up_in_the_middle() -> None:
    proxy = Rule(at="r2", hook=Hook.FORWARD, match=Match(protocol="tcp"), action="synproxy")
    scenario = chain(rules=(proxy,))
    assert topology.settings(scenario, "r2")["net/netfilter/nf_conntrack_tcp_loose"] == "0"
    assert "net/netfilter/nf_conntrack_tcp_loose" not in topology.settings(scenario, "r1")

"""The route is the one that the kernel would take for this very packet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pathprobe.core.packets import Protocol
from pathprobe.lab import catalogue, netns
from pathprobe.lab.network import Lab
from pathprobe.net.routes import NoRoute, Route, lookup

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: Family -> the client's routes beside those of the lab, and its policy: port 8080 has a table of its own.
LINES = {
    4: [
        "route add prohibit 10.50.0.0/24",
        "route add blackhole 10.51.0.0/24",
        "route add unreachable 10.52.0.0/24",
        "route add throw 10.53.0.0/24",
        "route add 10.54.0.0/24 via 10.9.1.1 dev to-r1 src 10.9.1.10",
        "route add 10.55.0.0/24 nexthop via 10.9.1.1 dev to-r1 nexthop via 10.9.1.2 dev to-r1",
        "route add prohibit default table 100",
        "rule add ipproto tcp dport 8080 lookup 100",
    ],
    6: [
        "route add prohibit fd50::/64",
        "route add blackhole fd51::/64",
        "route add unreachable fd52::/64",
        "route add throw fd53::/64",
        "route add fd54::/64 via fd00:9:1::1 dev to-r1 src fd00:9:1::10",
        "route add fd55::/64 nexthop via fd00:9:1::1 dev to-r1 nexthop via fd00:9:1::2 dev to-r1",
        "route add prohibit default table 100",
        "rule add ipproto tcp dport 8080 lookup 100",
    ],
}
#: Deprecated at once, so that nobody takes it who was not told to.
SECOND_ADDRESS = {
    4: "address add 10.9.1.10/24 dev to-r1",
    6: "address add fd00:9:1::10/64 dev to-r1 nodad preferred_lft 0",
}

TARGET = {4: "10.0.0.5", 6: "fd00::5"}
ME = {4: "10.9.1.9", 6: "fd00:9:1::9"}
SECOND = {4: "10.9.1.10", 6: "fd00:9:1::10"}
GATEWAY = {4: "10.9.1.1", 6: "fd00:9:1::1"}


@pytest.fixture(scope="module", params=[4, 6])
def lab(request: pytest.FixtureRequest, lab_host: None) -> Iterator[Lab]:  # noqa: ARG001
    with Lab(catalogue.load("open" + "-v6" * (request.param == 6))) as network:
        netns.run_ip("client", request.param, [SECOND_ADDRESS[request.param], *LINES[request.param]])
        yield network


@pytest.fixture
def family(lab: Lab) -> Iterator[int]:
    """The lab's family; the test runs on its client."""
    with lab.inside("client"):
        yield lab.scenario.family


def route(target: str, *, protocol: int = Protocol.TCP, **more: object) -> Route:
    return lookup(target, protocol=protocol, **more)  # type: ignore[arg-type]


def error(target: str, **more: object) -> str:
    with pytest.raises(NoRoute) as caught:
        route(target, **more)
    assert str(caught.value) == caught.value.error
    return caught.value.error


def network(family: int, number: int) -> str:
    """An address in one of the networks above."""
    return f"10.{number}.0.7" if family == 4 else f"fd{number}::7"


def test_a_far_target_has_a_gateway(family: int) -> None:
    assert route(TARGET[family], port=80) == Route(
        interface="to-r1", source=ME[family], gateway=GATEWAY[family], local=False, mtu=1500
    )


def test_a_neighbour_has_none(family: int) -> None:
    found = route(GATEWAY[family], port=80)
    assert (found.interface, found.source, found.gateway, found.local) == ("to-r1", ME[family], None, False)


@pytest.mark.parametrize("loopback", [False, True])
def test_this_host_is_reached_over_loopback(loopback: bool, family: int) -> None:
    address = {4: "127.0.0.1", 6: "::1"}[family] if loopback else ME[family]
    found = route(address, port=80)
    assert (found.interface, found.source, found.gateway, found.local) == ("lo", address, None, True)
    assert found.mtu == 65536


@pytest.mark.parametrize(
    ("number", "name"), [(50, "EACCES"), (51, "EINVAL"), (52, "EHOSTUNREACH"), (53, "ENETUNREACH")]
)
def test_a_route_that_refuses_says_what_send_would_say(number: int, name: str, family: int) -> None:
    assert error(network(family, number), port=80) == name


def test_a_router_without_a_default_route_has_none(lab: Lab) -> None:
    nowhere = {4: "198.51.100.1", 6: "2001:db8::1"}[lab.scenario.family]
    with lab.inside("r2"):
        assert error(nowhere, port=80) == "ENETUNREACH"


def test_a_policy_for_a_port_counts_for_that_port_only(family: int) -> None:
    assert error(TARGET[family], port=8080) == "EACCES"
    assert route(TARGET[family], port=8081).gateway == GATEWAY[family]


def test_a_policy_for_tcp_does_not_count_for_echo(family: int) -> None:
    echo = {4: Protocol.ICMP, 6: Protocol.ICMPV6}[family]
    assert route(TARGET[family], protocol=echo).gateway == GATEWAY[family]


def test_the_source_is_the_route_s_own_unless_one_is_asked_for(family: int) -> None:
    assert route(network(family, 54), port=80).source == SECOND[family]
    assert route(network(family, 54), port=80, source=ME[family]).source == ME[family]
    assert route(TARGET[family], port=80, source=SECOND[family]).source == SECOND[family]


def test_of_several_next_hops_one_is_chosen(family: int) -> None:
    second = {4: "10.9.1.2", 6: "fd00:9:1::2"}[family]
    assert route(network(family, 55), port=80).gateway in {GATEWAY[family], second}


def test_an_interface_can_be_asked_for(family: int) -> None:
    assert route(TARGET[family], port=80, interface="to-r1").interface == "to-r1"


def test_an_interface_that_is_not_there_is_the_caller_s_error(family: int) -> None:
    with pytest.raises(OSError, match="no interface with this name"):
        route(TARGET[family], interface="nosuch0")


def test_the_mtu_is_the_interface_s(family: int) -> None:
    with changed(family, "link set to-r1 mtu 1400", "link set to-r1 mtu 1500"):
        assert route(TARGET[family], port=80).mtu == 1400


@contextmanager
def changed(family: int, line: str, back: str) -> Iterator[None]:
    netns.run_ip("client", family, [line])
    try:
        yield
    finally:
        netns.run_ip("client", family, [back])


def test_an_interface_that_is_down_leads_nowhere(lab: Lab) -> None:
    family = lab.scenario.family
    # On a router that no other test here asks.
    with lab.inside("r3"):
        netns.run_ip("r3", family, ["link set to-target down"])
        assert error(TARGET[family], port=80) == "ENETUNREACH"


@pytest.mark.parametrize("lab", [6], indirect=True)
def test_an_ipv4_route_may_have_an_ipv6_router(lab: Lab) -> None:
    netns.run_ip(
        "client", 4, ["address add 10.9.1.9/24 dev to-r1", "route add 10.60.0.0/24 via inet6 fe80::2 dev to-r1"]
    )
    with lab.inside("client"):
        found = route("10.60.0.7", port=80)
    assert (found.gateway, found.interface, found.source) == ("fe80::2", "to-r1", "10.9.1.9")

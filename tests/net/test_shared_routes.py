"""One question to the kernel does for a whole network, where no route of its own divides it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pathprobe.core.pair_table import address_number
from pathprobe.lab import netns
from pathprobe.net.routes import Route
from pathprobe.net.shared_routes import Router

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def router(lab_host: None) -> Iterator[Router]:  # noqa: ARG001
    netns.add("lonely")
    try:
        netns.run_ip("lonely", 4, ["link set lo up", "link add eth0 type veth peer name eth1"])
        netns.run_ip("lonely", 4, ["link set eth0 up", "link set eth1 up"])
        netns.run_ip("lonely", 4, ["address add 10.9.1.1/24 dev eth0", "route add 10.1.0.0/16 via 10.9.1.2"])
        netns.run_ip("lonely", 4, ["route add unreachable 10.1.7.5", "route add 10.1.8.0/25 via 10.9.1.3"])
        netns.run_ip("lonely", 6, ["address add fd00::1/64 dev eth0 nodad", "route add fd01::/48 via fd00::2"])
        with netns.inside("lonely"):
            yield Router()
    finally:
        netns.delete("lonely")


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("10.1.1.1", True),
        ("10.2.1.1", True),
        ("10.1.7.1", False),
        ("10.1.8.200", False),
        ("10.9.1.200", False),
        ("127.0.0.1", False),
        ("fd01::1", True),
        ("fd00::77", False),
    ],
)
def test_a_network_is_shared_unless_a_route_divides_it(router: Router, address: str, shared: bool) -> None:
    assert router.is_shared(address, address_number(address)) is shared


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("10.1.7.4", "10.9.1.2"),
        ("10.1.7.5", "EHOSTUNREACH"),
        ("10.1.8.1", "10.9.1.3"),
        ("10.2.0.1", "ENETUNREACH"),
        ("10.9.1.255", "EACCES"),
        ("fd01::1", "fd00::2"),
    ],
)
def test_the_kernels_route_or_why_there_is_none(router: Router, address: str, told: str) -> None:
    way = router.lookup(address)
    assert (way.gateway if isinstance(way, Route) else way) == told

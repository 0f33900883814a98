"""An address is this machine's where packets to it stay here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pathprobe.lab import netns
from pathprobe.layers.own_addresses import is_this_machine
from pathprobe.layers.system import Recorded, Said, System, ThisMachine, Unread

TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.5
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
"""
IF_INET6 = "20010db8000000000000000000000005 02 40 00 80     eth0\n"

WITHOUT_IP = Recorded(files={"/proc/self/net/fib_trie": TRIE, "/proc/self/net/if_inet6": IF_INET6})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.5", True),
        ("::ffff:10.0.0.5", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("0.0.0.0", True),
        ("::", True),
        ("2001:db8::5", True),
        ("10.0.0.255", False),
        ("10.0.0.6", False),
        ("2001:db8::6", False),
    ],
)
def test_without_ip_the_kernels_lists_tell(address: str, expected: bool) -> None:
    assert is_this_machine(WITHOUT_IP, address) is expected


def test_what_is_no_address_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="web1"):
        is_this_machine(WITHOUT_IP, "web1")


class WithoutIp(ThisMachine):
    def run(self, *command: str) -> Said | Unread:
        return Unread(reason="ip is not installed", is_missing=True) if command[0] == "ip" else super().run(*command)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    request.getfixturevalue("lab_host")
    name = "own-addresses"
    netns.add(name)
    try:
        lines = ["link set lo up", "link add eth0 type veth peer name eth1", "link set eth0 up", "link set eth1 up"]
        netns.run_ip(name, 4, [*lines, "address add 10.0.0.5/24 dev eth0", "route add local 10.9.0.0/16 dev lo"])
        netns.run_ip(name, 6, ["address add 2001:db8::5/64 dev eth0 nodad"])
        yield name
    finally:
        netns.end_processes(name)
        netns.delete(name)


@pytest.mark.lab
@pytest.mark.parametrize("system", [ThisMachine(), WithoutIp()], ids=["ip", "proc"])
@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.0.0.5", True), ("2001:db8::5", True), ("10.0.0.6", False), ("2001:db8::6", False), ("192.0.2.1", False)],
)
def test_the_addresses_of_the_present_namespace_are_its_own(
    server: str, system: System, address: str, expected: bool
) -> None:
    with netns.inside(server):
        assert is_this_machine(system, address) is expected


@pytest.mark.lab
def test_networks_that_a_route_makes_local_are_its_own(server: str) -> None:
    with netns.inside(server):
        assert is_this_machine(ThisMachine(), "10.9.1.2")

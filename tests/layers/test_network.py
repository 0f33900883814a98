"""What ip(8) says of a machine, and what follows for an address."""

from __future__ import annotations

import ipaddress
import json

import pytest

from pathprobe.layers import network_reading
from pathprobe.layers.network import Interface, Network
from pathprobe.layers.system import Recorded, Said

ADDRESSES = [
    {
        "ifname": "lo",
        "flags": ["LOOPBACK", "UP"],
        "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}],
    },
    {
        "ifname": "eth0",
        "flags": ["BROADCAST", "UP"],
        "addr_info": [
            {"family": "inet", "local": "10.0.0.5", "prefixlen": 24, "scope": "global"},
            {"family": "inet6", "local": "fe80::5", "prefixlen": 64, "scope": "link"},
        ],
    },
    {"ifname": "docker0", "flags": ["UP"], "linkinfo": {"info_kind": "bridge"}, "addr_info": []},
    {"ifname": "veth1", "flags": ["UP"], "master": "docker0", "linkinfo": {"info_kind": "veth"}},
]
ROUTES = [
    {"dst": "default", "gateway": "10.0.0.1", "dev": "eth0", "metric": 100},
    {"dst": "default", "nexthops": [{"gateway": "10.0.0.2", "dev": "eth1"}], "metric": 200},
    {"dst": "10.0.0.0/24", "dev": "eth0"},
    {"dst": "10.8.0.0/16", "dev": "tun0", "table": "100"},
    {"type": "blackhole", "dst": "192.0.2.0/24"},
    {"type": "local", "dst": "10.0.0.5", "dev": "eth0", "table": "local"},
    {"type": "broadcast", "dst": "10.0.0.255", "dev": "eth0", "table": "local"},
]
RULES = [
    {"priority": 0, "src": "all", "table": "local"},
    {"priority": 100, "src": "all", "fwmark": "0x1", "table": "100"},
    {"priority": 32766, "src": "all", "table": "main"},
    {"priority": 32767, "src": "all", "table": "default"},
]


def machine(*, forwarding: str = "1\n") -> Recorded:
    said = {
        "ip -j -d addr show": ADDRESSES,
        "ip -j -4 route show table all": ROUTES,
        "ip -j -4 rule show": RULES,
        "ip -j -6 route show table all": [],
        "ip -j -6 rule show": [],
    }
    return Recorded(
        commands={command: json.dumps(answer) for command, answer in said.items()},
        files={"/proc/sys/net/ipv4/ip_forward": forwarding, "/proc/sys/net/ipv6/conf/all/forwarding": "0\n"},
    )


@pytest.fixture
def here() -> Network:
    return network_reading.read(machine())


@pytest.mark.parametrize(
    ("address", "device", "kind"),
    [
        ("10.0.0.9", "eth0", "unicast"),
        ("8.8.8.8", "eth0", "unicast"),
        ("10.0.0.5", "eth0", "local"),
        ("10.0.0.255", "eth0", "broadcast"),
        ("192.0.2.1", None, "blackhole"),
        ("10.8.0.1", "eth0", "unicast"),
    ],
)
def test_the_longest_prefix_of_the_first_table_that_has_one_is_the_route(
    here: Network, address: str, device: str | None, kind: str
) -> None:
    """The table of a rule that looks at a mark is not followed: it is told as a policy."""
    route = here.route(int(ipaddress.ip_address(address)), 4)
    assert route is not None
    assert (route.device, route.type) == (device, kind)


@pytest.mark.parametrize(
    ("address", "number"), [("10.0.0.5", 2), ("10.0.0.255", 3), ("224.0.0.1", 5), ("192.0.2.1", 6), ("9.9.9.9", 1)]
)
def test_types_of_addresses_are_the_kernels(here: Network, address: str, number: int) -> None:
    assert here.type_of(int(ipaddress.ip_address(address)), 4) == number


def test_interfaces_policies_and_forwarding_are_read(here: Network) -> None:
    assert [(one.name, one.loopback, one.kind, one.master) for one in here.interfaces] == [
        ("lo", True, None, None),
        ("eth0", False, None, None),
        ("docker0", False, "bridge", None),
        ("veth1", False, "veth", "docker0"),
    ]
    assert here.policies == ("100: src all fwmark 0x1 table 100",)
    assert here.forwards == {4}
    assert here.unseen == ()


@pytest.mark.parametrize(
    ("answer", "unseen"),
    [
        (None, "ip is not installed"),
        ("no JSON at all", "ip -j -d addr show: no JSON"),
        (Said(status=255, error="Option \"-j\" is unknown\n"), 'ip -j -d addr show: Option "-j" is unknown'),
    ],
)  # fmt: skip
def test_what_ip_does_not_say_is_unseen(answer: str | Said | None, unseen: str) -> None:
    commands: dict[str, str | Said] = {} if answer is None else {"ip -j -d addr show": answer}
    found = network_reading.read(Recorded(commands=commands))
    assert found.interfaces == ()
    assert unseen in found.unseen


def stacked(**lower_or_master: str) -> Network:
    """``eth0=...`` and so on: of ports the bridge, of others what they stand on, as ``on:``."""
    made = [
        Interface(name=name, lower=under.removeprefix("on:"))
        if under.startswith("on:")
        else Interface(name=name, master=under or None)
        for name, under in lower_or_master.items()
    ]
    return Network(interfaces=tuple(made))


@pytest.mark.parametrize(
    ("here", "name", "ways"),
    [
        (stacked(eth0=""), "eth0", ((),)),
        (stacked(mv0="on:br0", br0="", eth0="br0"), "mv0", (("br0", "eth0"),)),
        (stacked(br0="", eth0="br0", eth1="br0"), "br0", (("eth0",), ("eth1",))),
        (stacked(v7="on:bond0", bond0="", eth0="bond0", eth1="bond0"), "v7", (("bond0", "eth0"), ("bond0", "eth1"))),
        (stacked(one="on:two", two="on:one"), "one", (("two",),)),
        (stacked(eth0="on:elsewhere"), "eth0", ((),)),
    ],
)
def test_what_an_interface_stands_on_is_found_down_to_the_last(
    here: Network, name: str, ways: tuple[tuple[str, ...], ...]
) -> None:
    assert here.below(name) == ways

"""Which packets have to be led through the rules."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from pathprobe.layers.firewall.cases import questions
from pathprobe.layers.network import Interface, Network
from tests.layers.firewall.factories import machine, number


def asked(here: Network, source: str | None = None) -> list[tuple[int, str]]:
    found = questions(here, protocol="tcp", port=80, source=ip_address(source) if source else None)
    return [(one.version, one.interface) for one in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, [(4, "eth0"), (6, "eth0")]),
        ("192.0.2.1", [(4, "eth0")]),
        ("2001:db8::1", [(6, "eth0")]),
        ("172.17.0.9", [(4, "docker0")]),
        ("10.0.0.5", [(4, "lo")]),
    ],
)
def test_packets_come_in_by_every_interface_that_leads_out_or_by_the_one_that_leads_back(
    source: str | None, expected: list[tuple[int, str]]
) -> None:
    assert asked(machine(), source) == expected


def test_nothing_comes_in_by_an_interface_that_is_down_or_has_no_address() -> None:
    here = machine()
    down = replace(here, interfaces=tuple(replace(one, up=one.name != "eth0") for one in here.interfaces))
    assert asked(down) == []
    bare = replace(here, interfaces=(*here.interfaces, Interface(name="veth1")))
    assert (4, "veth1") not in asked(bare)


def test_a_bridge_with_a_gateway_behind_it_leads_out() -> None:
    here = machine()
    bridged = replace(
        here,
        interfaces=tuple(replace(one, kind="bridge") if one.name == "eth0" else one for one in here.interfaces),
    )
    assert asked(bridged) == [(4, "eth0"), (6, "eth0")]


@pytest.mark.parametrize(
    ("bound_to", "expected"),
    [("10.0.0.5", [("eth0", "10.0.0.5")]), ("172.17.0.1", [("eth0", "172.17.0.1")])],
    ids=["by the interface that has it", "of an inner one from outside, by the outer one"],
)
def test_an_address_at_which_alone_it_is_served_is_the_one_that_is_asked(
    bound_to: str, expected: list[tuple[str, str]]
) -> None:
    found = questions(machine(), protocol="tcp", port=80, bound_to=frozenset({bound_to}))
    assert [(one.interface, one.destination) for one in found] == [(name, number(text)) for name, text in expected]

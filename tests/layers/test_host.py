"""What layers 1 to 3 say of a port where not all that the machine has is followed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pathprobe.core.layers import LayerName, Status
from pathprobe.layers.host import PortQuestion, look
from pathprobe.layers.system import Recorded

BRIDGE = [
    {
        "ifname": "br0",
        "flags": ["BROADCAST", "UP"],
        "linkinfo": {"info_kind": "bridge"},
        "addr_info": [{"family": "inet", "local": "10.0.0.5", "prefixlen": 24, "scope": "global"}],
    }
]
ROUTES = [
    {"dst": "default", "gateway": "10.0.0.1", "dev": "br0"},
    {"type": "local", "dst": "10.0.0.5", "dev": "br0", "table": "local"},
]


def machine(*rules: dict[str, Any], **settings: str) -> Recorded:
    """``settings``: of net.ipv4, with ``__`` for the next folder."""
    said = {
        "ip -j -d addr show": BRIDGE,
        "ip -j -4 route show table all": ROUTES,
        "ip -j -4 rule show": [],
        "ip -j -6 route show table all": [],
        "ip -j -6 rule show": [],
        "nft -j list ruleset": {"nftables": list(rules)},
    }
    files = {f"/proc/sys/net/ipv4/{name.replace('__', '/')}": text for name, text in settings.items()}
    return Recorded(commands={command: json.dumps(answer) for command, answer in said.items()}, files=files)


def bridge_table(policy: str) -> tuple[dict[str, Any], ...]:
    table = {"family": "bridge", "name": "guard", "handle": 1}
    chain = {"family": "bridge", "table": "guard", "name": "in", "handle": 1, "type": "filter", "hook": "input"}
    return {"table": table}, {"chain": {**chain, "prio": 0, "policy": policy}}


@pytest.mark.parametrize(("policy", "told"), [("drop", True), ("accept", False)])
def test_a_bridge_chain_whose_policy_alone_drops_is_not_followed_either(policy: str, told: bool) -> None:
    rows = look(machine(*bridge_table(policy)), PortQuestion(port=80, protocol="tcp"), now=0)
    (row,) = (one for one in rows if one.name is LayerName.FIREWALL)
    assert any("table bridge guard do is not followed" in one.text for one in row.evidence) is told
    assert not told or row.status is Status.UNKNOWN


def published(port: int) -> tuple[dict[str, Any], ...]:
    """Sent on to a machine behind the same gateway."""
    table = {"family": "ip", "name": "nat", "handle": 1}
    chain = {"family": "ip", "table": "nat", "name": "pre", "handle": 1, "type": "nat", "hook": "prerouting"}
    expressions = [
        {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": port}},
        {"dnat": {"addr": "172.17.0.2", "port": 80}},
    ]
    rule = {"family": "ip", "table": "nat", "chain": "pre", "handle": 2, "expr": expressions}
    return {"table": table}, {"chain": {**chain, "prio": -100, "policy": "accept"}}, {"rule": rule}


@pytest.mark.parametrize(("of_bridge", "status"), [("1", Status.PASS), ("0", Status.FAIL)])
def test_whether_it_is_sent_on_is_asked_of_the_interface_by_which_it_comes(of_bridge: str, status: Status) -> None:
    there = machine(*published(8080), ip_forward="0", conf__br0__forwarding=of_bridge, conf__lo__forwarding="0")
    rows = look(there, PortQuestion(port=8080, protocol="tcp"), now=0)
    (row,) = (one for one in rows if one.name is LayerName.KERNEL)
    assert row.status is status, row

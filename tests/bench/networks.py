"""On which networks do the tools race?

Single questions are asked in scenarios of the lab. Many are asked of 10.64.0.0/16, all of which one machine behind two
routers answers for: port 8080 listens, 8081 is closed, and both routers can be told to drop what is for 8080.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from ipaddress import IPv4Address, IPv4Network

from pathprobe.lab import netns
from pathprobe.lab.catalogue import load
from pathprobe.lab.network import Lab
from pathprobe.net.graph import Graph
from pathprobe.net.scenario import Expectation, Scenario

Network = Callable[[], AbstractContextManager[Lab]]

OPEN_PORT, CLOSED_PORT = 8080, 8081
WIDE = IPv4Network("10.64.0.0/16")

#: Hops whose forward chain drops some targets of the wide network.
DROPPING = (1, 2)


def scenario(name: str) -> Network:
    """A network of the lab's catalogue."""
    return lambda: Lab(load(name))


def wide(dropped: Sequence[Sequence[IPv4Address]] = ()) -> Network:
    """The /16; ``dropped``: for each router of DROPPING the targets whose port 8080 it drops."""
    return partial(_wide, dropped)


@contextmanager
def _wide(dropped: Sequence[Sequence[IPv4Address]]) -> Iterator[Lab]:
    with Lab(_SCENARIO) as lab:
        for node, lines in _routes().items():
            netns.run_ip(node, 4, lines)
        for hop, addresses in zip(DROPPING, dropped, strict=False):
            netns.run_nft(f"r{hop}", _ruleset(addresses))
        yield lab


_SCENARIO = Scenario(
    name="wide",
    summary="one machine answers for a whole /16",
    family=4,
    expect=Expectation(state="open"),
    routers=len(DROPPING),
    listen=(OPEN_PORT,),
    # Two ports of 65,536 addresses are more than the usual queue of half-open connections (tcp(7)).
    # And routers that tell one host once a second that a TTL ran out (icmp(7)) could not place 200 targets in minutes.
    sysctl={
        "target": {"net/ipv4/tcp_max_syn_backlog": "131072", "net/core/somaxconn": "131072"},
        **{f"r{hop}": {"net/ipv4/icmp_ratelimit": "0"} for hop in DROPPING},
    },
)


def _routes() -> dict[str, list[str]]:
    """Every router hands the /16 on, the target takes all of it for its own (ip-route(8), type local)."""
    graph, lines = Graph(_SCENARIO), {}
    for link in graph.links[1:]:
        left, right = link.ends.left, link.ends.right
        lines[left] = [f"route add {WIDE} via {link.address(right)}"]
    return lines | {"target": [f"route add local {WIDE} dev lo"]}


def _ruleset(addresses: Sequence[IPv4Address]) -> str:
    dropped = ", ".join(map(str, addresses))
    return f"""
table ip bench {{
    chain forward {{
        type filter hook forward priority 0
        ip daddr {{ {dropped} }} tcp dport {OPEN_PORT} drop
    }}
}}
"""

"""Rulesets in a few words: what a test does not say is as on a machine with one interface and no rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from pathprobe.layers.firewall.evaluation.journey import EVERYBODY, Question
from pathprobe.layers.firewall.model import (
    Backend,
    Base,
    Chain,
    ChainType,
    Compare,
    End,
    Ending,
    Family,
    Field,
    Hook,
    Jump,
    Opaque,
    Rule,
    Ruleset,
    Statement,
    Table,
)
from pathprobe.layers.network import Address, Interface, Network, Route, map_route

ACCEPT, DROP, RETURN, CONTINUE = (
    End(ending=one) for one in (Ending.ACCEPT, Ending.DROP, Ending.RETURN, Ending.CONTINUE)
)
REJECT = End(ending=Ending.REJECT, detail="icmp port-unreachable")
GUESS = Opaque(text="bpf sixteen")


def number(text: str) -> int:
    return int(ipaddress.ip_address(text))


def network_of(text: str) -> tuple[int, int]:
    network = ipaddress.ip_network(text)
    return int(network.network_address), int(network.broadcast_address)


def source(*networks: str, negated: bool = False) -> Compare:
    return Compare(field=Field.IP_SOURCE, ranges=tuple(network_of(one) for one in networks), negated=negated)


def port(low: int, high: int | None = None) -> Compare:
    return Compare(field=Field.TCP_DESTINATION_PORT, ranges=((low, high or low),))


def jump(chain: str) -> Jump:
    return Jump(chain=chain)


def chain(name: str, *rules: tuple[Statement, ...], base: Base | None = None) -> Chain:
    """Rules as rows of statements; handles count from 11 on."""
    made = tuple(
        Rule(number=place, handle=10 + place, text=f"{name} {place}", statements=row, packets=0)
        for place, row in enumerate(rules, start=1)
    )
    return Chain(name=name, rules=made, base=base)


def hooked(hook: Hook = Hook.INPUT, priority: int = 0, policy: Ending = Ending.ACCEPT, **others: Any) -> Base:
    return Base(hook=hook, priority=priority, policy=policy, **others)


def nat(hook: Hook = Hook.PREROUTING, priority: int = -100) -> Base:
    return Base(hook=hook, priority=priority, type=ChainType.NAT)


def ruleset(*chains: Chain, **others: Any) -> Ruleset:
    """One table of nft's, family inet."""
    fields = {"backend": Backend.NFT, "family": Family.INET, "name": "filter", **others}
    return Ruleset(tables=(Table(chains={one.name: one for one in chains}, **fields),))


def machine(*, forwards: bool = True) -> Network:
    """``eth0`` with 10.0.0.5 and fd00::5, and a container's bridge ``docker0`` with 172.17.0.1."""

    def address(text: str, prefix: int) -> Address:
        version = ipaddress.ip_address(text).version
        return Address(text=text, version=version, number=number(text), prefix=prefix)

    def local(text: str) -> dict[str, str]:
        return {"type": "local", "dst": text, "dev": "eth0", "table": "local"}

    four = [
        local("10.0.0.5"),
        {"type": "local", "dst": "127.0.0.0/8", "dev": "lo", "table": "local"},
        {"type": "local", "dst": "172.17.0.1", "dev": "docker0", "table": "local"},
        {"dst": "default", "gateway": "10.0.0.1", "dev": "eth0"},
        {"dst": "10.0.0.0/24", "dev": "eth0"},
        {"dst": "172.17.0.0/16", "dev": "docker0"},
    ]
    six = [local("fd00::5"), {"dst": "default", "gateway": "fd00::1", "dev": "eth0"}]
    return Network(
        interfaces=(
            Interface(name="lo", addresses=(address("127.0.0.1", 8),), loopback=True),
            Interface(name="eth0", addresses=(address("10.0.0.5", 24), address("fd00::5", 64))),
            Interface(name="docker0", addresses=(address("172.17.0.1", 16),), kind="bridge"),
        ),
        routes=routes(four, 4) + routes(six, 6),
        forwards=frozenset({4} if forwards else ()),
    )


def routes(entries: Iterable[dict[str, str]], version: int) -> tuple[Route, ...]:
    """As ip(8) tells them."""
    return tuple(map_route(one, version) for one in entries)


def syn(to_port: int = 80, *, by: str | None = None, **others: Any) -> Question:
    """A SYN to 10.0.0.5, by anybody unless ``by`` names one."""
    sources = EVERYBODY[4] if by is None else ((number(by), number(by)),)
    fields = {"version": 4, "protocol": 6, "destination": number("10.0.0.5"), "interface": "eth0", **others}
    return Question(port=to_port, sources=sources, **fields)

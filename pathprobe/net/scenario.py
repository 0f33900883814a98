"""Which network, which fault, and which verdict is right?

A scenario is a chain ``client -- r1 -- ... -- rN -- target`` with rules and routes that break it.
It is read once and used three times: simulated, built from real namespaces, recorded.

Addresses (v4 | v6): hop k of the chain answers from 10.9.1.1, 10.9.2.2, 10.9.3.2 ... | fd00:9:k::1, ::2;
the target is 10.0.0.5 | fd00::5, the client 10.9.1.9 | fd00:9:1::9 (10.0.0.9 | fd00::9 without routers).
A hop may have twins and answers may take another way back (net.layout): twin b of hop k answers from 10.11.k.2 |
fd00:b:k::2, twin c from 10.12.k.2 | fd00:c:k::2 and so on; router k of the way back from 10.8.k.2 | fd00:8:k::2.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pathprobe.net.actions import Limit, Lose, parse
from pathprobe.net.layout import Branch, Layout, WayBack


class Hook(StrEnum):
    """Where in a node a rule stands: netfilter's hooks, and the egress hook behind them."""

    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    OUTPUT = "output"
    POSTROUTING = "postrouting"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which packets a rule is about; a field that is None matches all.

    ``protocol`` is tcp, udp or icmp (ICMP or ICMPv6, by family); ``icmp`` is echo-request,
    echo-reply, time-exceeded, unreachable or too-big (in IPv4 one kind of unreachable); ``ct_state`` is
    a conntrack state (invalid, established, new), which only real networks know; ``length_over`` is a
    number of octets that the IP datagram exceeds.
    """

    protocol: str | None = None
    source_port: int | None = None
    destination_port: int | None = None
    icmp: str | None = None
    ct_state: str | None = None
    length_over: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``action`` is what net.actions reads; for the address in it a scenario takes the name of a node too."""

    at: str
    hook: Hook
    match: Match
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What ``at`` does with packets to the target's network.

    blackhole, unreachable, prohibit; none (no route); or back: they return to the node they came from, and circle.
    """

    at: str
    kind: str


class ServiceKind(StrEnum):
    """What a UDP service does with a datagram."""

    ANSWERS = "answers"
    SILENT = "silent"
    OTHER_PORT = "other-port"
    DNS = "dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A UDP service on the node that serves; what its kinds answer is in net.udp_services."""

    port: int
    kind: ServiceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long the link ``on`` (``client-r1``) takes: ``delay_ms`` and a random part of ``jitter_ms`` more.

    Milliseconds, for each packet in each direction on its own. Jitter may change the order of packets.
    """

    on: str
    delay_ms: float = 0.0
    jitter_ms: float = 0.0


class BoxKind(StrEnum):
    """What a box of lab.boxes does."""

    MPLS = "mpls"
    INTERFACE_NAMES = "interface-names"
    SEQUENCE = "sequence"
    FORGE_RST_RACE = "forge-rst-race"
    MANGLE_IPID = "mangle-ipid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box on the link ``on``; only real networks have them.

    mpls and interface-names: the link's farther router says more in its time exceeded messages. sequence:
    other TCP sequence numbers. forge-rst-race: answers a SYN (for ``port``, or any) that it lets pass.
    mangle-ipid: other identifications.
    """

    on: str
    kind: BoxKind
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The right verdict. TTLs only, None for null; addresses follow from the chain."""

    state: str
    mechanism: str | None = None
    where: str = "unknown"
    last_good: int | None = None
    first_bad: int | None = None
    device: int | None = None
    distance: int | None = None
    direction: str | None = None


#: Octets; with less a link does not carry the protocol: RFC 791 section 3.2, RFC 8200 section 5.
_SMALLEST_MTU = {4: 68, 6: 1280}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One network with one fault. ``destination`` is a node's name; ``link`` is veth or tun (the client's own link).

    ``delays`` are the file's ``[[link]]`` tables; ``mtu`` is a link's (``r2-r3``), in octets, where it is not 1500.
    ``flows``: on how many source ports it is asked.
    ``served_by`` is the node with the listeners and services, unless that is the destination itself (it is
    not behind a ``dnat``). ``ttl`` is the initial TTL of what a node itself sends, where it is not Linux's 64;
    ``sysctl`` what is written in a node after the lab's own settings (only real networks have them). ``used_up``:
    nodes of the chain whose kernel has no ICMP error to spare for the client, for it was asked a moment ago.
    """

    name: str
    summary: str
    family: int
    expect: Expectation
    protocol: str = "tcp"
    port: int | None = 8080
    destination: str = "target"
    routers: int = 3
    listen: tuple[int, ...] = (8080,)
    target_up: bool = True
    link: str = "veth"
    flows: int = 1
    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    services: tuple[Service, ...] = ()
    served_by: str | None = None
    ttl: Mapping[str, int] = field(default_factory=dict)
    sysctl: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    delays: tuple[Delay, ...] = ()
    branches: tuple[Branch, ...] = ()
    way_back: WayBack | None = None
    mtu: Mapping[str, int] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    used_up: tuple[str, ...] = ()
    layout: Layout = field(init=False)

    def __post_init__(self) -> None:
        layout = Layout(routers=self.routers, branches=self.branches, way_back=self.way_back)
        object.__setattr__(self, "layout", layout)
        named = (*(rule.at for rule in self.rules), *(route.at for route in self.routes), *self.ttl, *self.sysctl)
        for node in (*named, self.serving):
            if node not in self.nodes:
                raise ValueError(f"{self.name}: no node {node!r}; there are {', '.join(self.nodes)}")
        for node in self.used_up:
            if node not in self.chain[1:]:
                raise ValueError(f"{self.name}: {node!r} is not on the chain; there are {', '.join(self.chain[1:])}")
        links = [ends.name for ends in layout.links]
        for on in (*(delay.on for delay in self.delays), *self.mtu, *(box.on for box in self.boxes)):
            if on not in links:
                raise ValueError(f"{self.name}: no link {on!r}; there are {', '.join(links)}")
        if len({box.on for box in self.boxes}) < len(self.boxes):
            raise ValueError(f"{self.name}: one box on a link")
        if any(mtu < _SMALLEST_MTU[self.family] for mtu in self.mtu.values()):
            raise ValueError(f"{self.name}: IPv{self.family} asks for an MTU of {_SMALLEST_MTU[self.family]} at least")
        object.__setattr__(self, "rules", tuple(map(self._with_addresses, self.rules)))

    def _with_addresses(self, rule: Rule) -> Rule:
        """A rule whose NAT names a node, with that node's address: its far one for snat, its near one for dnat."""
        verb, _, name = rule.action.partition(" ")
        name, colon, port = name.partition(":")
        if verb not in ("snat", "dnat") or name not in self.nodes:
            return rule
        position = self.nodes.index(name)
        address = self.link_address(position, "left") if verb == "snat" else self.link_address(position - 1, "right")
        written = f"[{address}]" if verb == "dnat" and self.family == 6 else address
        return replace(rule, action=f"{verb} {written}{colon}{port}")

    @property
    def serving(self) -> str:
        """The node that has the listeners and services."""
        return self.served_by or ("client" if self.destination == "loopback" else self.destination)

    @property
    def is_steady(self) -> bool:
        """The same packets always fare alike: no rule goes by chance or by the clock."""
        return not self.used_up and not any(isinstance(parse(rule.action), Lose | Limit) for rule in self.rules)

    @property
    def is_simulable(self) -> bool:
        """The simulated network is like the real one; it knows neither sysctls nor boxes."""
        return not self.sysctl and not self.boxes

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node's name, the chain's first."""
        return self.layout.nodes

    @property
    def chain(self) -> tuple[str, ...]:
        """The names of the nodes from the client to the target."""
        return self.layout.chain

    @property
    def destination_address(self) -> str:
        """The address that is asked about: that of the destination node which faces the client."""
        if self.destination == "loopback":
            return "127.0.0.1" if self.family == 4 else "::1"
        position = self.chain.index(self.destination)
        return self.link_address(0, "left") if position == 0 else self.link_address(position - 1, "right")

    @property
    def arguments(self) -> tuple[str, ...]:
        """The pathprobe command line that asks this scenario's question."""
        address = self.destination_address
        flows = () if self.flows == 1 else ("--flows", str(self.flows))
        if self.port is None:
            return (self.protocol, address, *flows)
        return (self.protocol, f"[{address}]:{self.port}" if self.family == 6 else f"{address}:{self.port}", *flows)

    def link_network(self, index: int) -> str:
        """The network of link ``index`` (0 = the client's own), in CIDR form."""
        last = index == self.routers
        if self.family == 4:
            return "10.0.0.0/24" if last else f"10.9.{index + 1}.0/24"
        return "fd00::/64" if last else f"fd00:9:{index + 1}::/64"

    def link_address(self, index: int, side: str) -> str:
        """The address on link ``index`` of its ``left`` (towards the client) or ``right`` node."""
        last, first = index == self.routers, index == 0
        host = (9 if first else 1) if side == "left" else (5 if last else 1 if first else 2)
        prefix = self.link_network(index).split("/")[0]
        return prefix[:-1] + str(host) if self.family == 4 else prefix + str(host)

    def hop_address(self, ttl: int) -> str:
        """The address from which the hop ``ttl`` answers (the target itself at routers + 1); its twins have others.

        At the distance that is expected it is the destination's, whatever hides hops or answers in its name.
        """
        if ttl == self.expect.distance:
            return self.destination_address
        return self.link_address(ttl - 1, "right")


def read(name: str, text: str) -> tuple[Scenario, ...]:
    """The scenarios of one TOML file: one per family; with two families the v6 one is called NAME-v6.

    Raises ValueError with the file's name and what is wrong with it.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name}: {error}") from None
    families = table.pop("families", [4])
    return tuple(_scenario(name, dict(table), family, plain=len(families) == 1) for family in families)


#: nft's names for the same refusal differ between the families; a file that is for both uses the v4 name.
_V6_REJECT_NAMES = {"net-unreachable": "no-route", "host-unreachable": "addr-unreachable"}


def _scenario(name: str, table: dict[str, Any], family: int, *, plain: bool) -> Scenario:
    try:
        rules = read_rules(table.pop("rule", ()), family)
        routes = tuple(Route(**route) for route in table.pop("route", ()))
        services = tuple(
            Service(port=service["port"], kind=ServiceKind(service["kind"])) for service in table.pop("service", ())
        )
        expect = Expectation(**table.pop("expect"))
        if table.get("protocol") == "icmp":
            table["port"] = None
        return Scenario(
            name=name if plain or family == 4 else f"{name}-v6",
            family=family,
            rules=rules,
            routes=routes,
            services=services,
            expect=expect,
            delays=_delays(table),
            boxes=tuple(_box(dict(box)) for box in table.pop("box", ())),
            branches=tuple(Branch(**branch) for branch in table.pop("branch", ())),
            way_back=_way_back(table, table.pop("return", None)),
            listen=tuple(table.pop("listen", (8080,))),
            used_up=tuple(table.pop("used_up", ())),
            **table,
        )
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def _delays(table: dict[str, Any]) -> tuple[Delay, ...]:
    """The ``[[link]]`` tables; a plain ``link`` is the kind of the client's own link, and stays where it is."""
    if not isinstance(table.get("link"), list):
        return ()
    return tuple(Delay(**link) for link in table.pop("link"))


def _box(table: dict[str, Any]) -> Box:
    return Box(kind=BoxKind(table.pop("kind")), **table)


def _way_back(table: dict[str, Any], settings: dict[str, Any] | None) -> WayBack | None:
    if settings is None:
        return None
    last_router = f"r{table.get('routers', 3)}"
    given = {{"from": "leaves", "to": "joins"}.get(name, name): value for name, value in settings.items()}
    return WayBack(**{"leaves": last_router, **given})


def read_rules(tables: Iterable[Mapping[str, Any]], family: int) -> tuple[Rule, ...]:
    """The ``[[rule]]`` tables of a file. Raises TypeError, KeyError or ValueError for what is no rule."""
    return tuple(_rule(table, family) for table in tables)


def _rule(table: Mapping[str, Any], family: int) -> Rule:
    action = table["action"]
    verb, _, code = action.partition(" ")
    if family == 6 and verb == "reject":
        action = f"reject {_V6_REJECT_NAMES.get(code, code)}"
    return Rule(at=table["at"], hook=Hook(table["hook"]), match=Match(**table.get("match", {})), action=action)

"""What does one Linux machine do to a packet?

The order is the kernel's: prerouting, routing, then either input and the host itself, or the TTL,
forward, postrouting and, once the neighbour is known, egress. Four consequences that verdicts rest on:

- a router answers a packet whose TTL dies there before its forward rules see it (ip_forward);
- a bad route is reported before the TTL is looked at (ip_error and ip6_pkt_discard are input functions);
- a packet that is too big for the next link is reported behind the TTL and before the forward rules;
- the TTL is decremented before the forward hook, so a forward rule's reject quotes one less than arrived.

Nothing here has state or time: a Node says what becomes of a packet, the network makes it happen. What a rule
has to remember, and its dice, come in as the node's Memory.
Checked against Linux 6.18 in network namespaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from pathprobe.core.packets import Tcp, TcpFlags
from pathprobe.net.actions import (
    Action,
    DestinationNat,
    Limit,
    Lose,
    Mangling,
    Nat,
    Reject,
    Reset,
    SetField,
    SourceNat,
    SynProxy,
    parse,
)
from pathprobe.net.graph import ETHERNET_MTU, Graph, Way
from pathprobe.net.scenario import Hook, Rule, Scenario, ServiceKind
from pathprobe.net.simulated_mangling import mangled
from pathprobe.net.simulated_memory import Memory
from pathprobe.net.simulated_nat import Flow
from pathprobe.net.simulated_packets import (
    INITIAL_TTL,
    TOO_BIG,
    Datagram,
    echo_reply,
    forwarded,
    icmp_error,
    port_unreachable,
    quoted,
    read_tcp,
    reset,
    syn_ack,
    udp_answer,
    udp_payload,
)
from pathprobe.net.simulated_rules import applies, check, reject_message
from pathprobe.net.udp_services import answer, answering_port

CLIENT = 0


class Fault(StrEnum):
    """A route that leads nowhere: `ip route add KIND NETWORK`, no route at all, or one back towards the client."""

    BACK = "back"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """The packet leaves for the neighbour at position ``to``, or over loopback for the node itself."""

    packet: Datagram
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """The packet waits in the node: nobody answers for its destination on the link (ARP, neighbour discovery).

    ``inbound`` is the node's address on the link that the packet came in by, None if it is the node's own.
    """

    packet: Datagram
    inbound: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The packet is no more.

    ``answer`` is what the node says about it. ``error`` is what a local sender of the packet is told,
    an errno's name. ``by_route`` when a bad route ended it: the kernel limits those answers more.
    """

    answer: Datagram | None = None
    error: str | None = None
    by_route: bool = False


Step = Onward | Unresolved | Ended

#: Hooks whose verdict comes back to the sender: the packet is still in its system call.
_SENDERS_HOOKS = frozenset({Hook.OUTPUT, Hook.POSTROUTING})

#: What a router says about a bad route: ip_error, and ip6_pkt_discard, for which `unreachable` is as good as no route.
_ROUTE_ERRORS: dict[int, dict[Fault, tuple[int, int]]] = {
    4: {Fault.NONE: (3, 0), Fault.UNREACHABLE: (3, 1), Fault.PROHIBIT: (3, 13)},
    6: {Fault.NONE: (1, 0), Fault.UNREACHABLE: (1, 0), Fault.PROHIBIT: (1, 1)},
}

_ROUTE_ERRNO = {
    Fault.NONE: "ENETUNREACH",
    Fault.UNREACHABLE: "EHOSTUNREACH",
    Fault.PROHIBIT: "EACCES",
    Fault.BLACKHOLE: "EINVAL",
}

#: Octets.
_LOOPBACK_MTU = 65536

_TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}
_NEIGHBOUR_FAILED = {4: (3, 1), 6: (1, 3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way to a network: over one of ``gateways``, or without any on a link of one's own.

    ``source`` is the address from which the node itself speaks to it; ``is_preferred`` when the route names it
    (`ip route add ... src`).
    """

    network: IPv4Network | IPv6Network
    gateways: tuple[str, ...]
    source: str
    is_preferred: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine.

    ``neighbours``: the addresses on its links -> the positions where they are. ``mtus``: the same -> octets.
    ``inbound``: the positions on its links -> its own address there.
    """

    position: int
    addresses: frozenset[str]
    neighbours: Mapping[str, int]
    mtus: Mapping[str, int]
    inbound: Mapping[int, str]
    routes: tuple[Route, ...]
    spread: bytes
    rules: Mapping[Hook, tuple[Rule, ...]]
    listening: frozenset[int]
    services: Mapping[int, ServiceKind]
    ttl: int

    def receive(self, packet: Datagram, memory: Memory, sender: int) -> Step:
        """What becomes of a packet that came in on an interface, from the node at position ``sender``."""
        inbound = self.inbound.get(sender)
        passed = self._pass(Hook.PREROUTING, packet, memory, inbound)
        if isinstance(passed, Ended):
            return passed
        packet = passed
        if packet.destination in self.addresses:
            passed = self._pass(Hook.INPUT, packet, memory, inbound)
            return passed if isinstance(passed, Ended) else Ended(answer=self._made(self._host_answer(passed)))
        via = self._route(packet, packet)
        if isinstance(via, Fault):
            message = _ROUTE_ERRORS[packet.version].get(via)
            return Ended(answer=self._error(packet, message, inbound) if message else None, by_route=True)
        return self._forward(packet, via, memory, inbound)

    def send(self, packet: Datagram, memory: Memory) -> Step:
        """What becomes of a packet that came whole through a raw socket of this node (raw_send_hdrinc)."""
        via = self._route(packet, packet)
        if not isinstance(via, Fault) and len(packet.octets) > self._mtu(via):
            return Ended(error="EMSGSIZE")
        return self.emit(packet, memory)

    def emit(self, packet: Datagram, memory: Memory) -> Step:
        """What becomes of a packet that this node made."""
        # An ICMP error takes the way of its cause (icmp_route_lookup, icmp6_send), where there are several.
        via = self._route(packet, quoted(packet) or packet)
        if isinstance(via, Fault):
            return Ended(error=_ROUTE_ERRNO[via])
        passed = self._pass(Hook.OUTPUT, packet, memory)
        if isinstance(passed, Ended):
            return passed
        if passed.destination != packet.destination:
            # A translated packet is routed anew (ip_route_me_harder); it does not go round over loopback.
            via = self._route(passed, quoted(passed) or passed)
            if isinstance(via, Fault):
                return Ended(error=_ROUTE_ERRNO[via])
        return self._leave(passed, via, memory)

    def give_up(self, waited: Unresolved) -> Ended:
        """What becomes of a packet that waited for a neighbour in vain."""
        message = _NEIGHBOUR_FAILED[waited.packet.version]
        return Ended(answer=self._error(waited.packet, message, waited.inbound))

    def _forward(self, packet: Datagram, via: str, memory: Memory, inbound: str | None) -> Step:
        if packet.ttl <= 1:
            return Ended(answer=self._error(packet, _TIME_EXCEEDED[packet.version], inbound))
        if len(packet.octets) > self._mtu(via) and not packet.may_be_fragmented:
            return Ended(answer=self._error(packet, TOO_BIG[packet.version], inbound, self._mtu(via)))
        passed = self._pass(Hook.FORWARD, forwarded(packet), memory, inbound)
        return passed if isinstance(passed, Ended) else self._leave(passed, via, memory, inbound)

    def _leave(self, packet: Datagram, via: str, memory: Memory, inbound: str | None = None) -> Step:
        passed = self._pass(Hook.POSTROUTING, packet, memory)
        if isinstance(passed, Ended):
            return passed
        packet = passed
        if via in self.addresses:
            return Onward(packet=packet, to=self.position)
        if via not in self.neighbours:
            return Unresolved(packet=packet, inbound=inbound)
        passed = self._pass(Hook.EGRESS, packet, memory)
        return passed if isinstance(passed, Ended) else Onward(packet=passed, to=self.neighbours[via])

    def _route(self, packet: Datagram, flow: Datagram) -> str | Fault:
        """The address that is next on the way, one's own or a neighbour's, or why there is none."""
        if packet.destination in self.addresses:
            return packet.destination
        route = self._lookup(packet.destination)
        if route is None:
            return Fault.NONE
        if route.fault:
            return route.fault
        if not route.gateways:
            return packet.destination
        return route.gateways[self._hash(flow) % len(route.gateways)]

    def _lookup(self, address: str) -> Route | None:
        parsed = ip_address(address)
        return next((route for route in self.routes if parsed in route.network), None)

    def _mtu(self, via: str) -> int:
        """Octets that the link to a neighbour, or loopback, takes at once."""
        return _LOOPBACK_MTU if via in self.addresses else self.mtus.get(via, ETHERNET_MTU)

    def _hash(self, packet: Datagram) -> int:
        """What a flow's packets have in common: addresses, protocol, ports (fib_multipath_custom_hash_outer).

        ICMP has no ports: all echo between two addresses goes the same way, whatever its identifier.
        A checksum would not do: it is linear, and all branches would split the flows alike.
        """
        fields = (packet.source, packet.destination, packet.protocol, packet.ports)
        return int.from_bytes(blake2b(repr(fields).encode(), key=self.spread, digest_size=4).digest(), "big")

    def _pass(self, hook: Hook, packet: Datagram, memory: Memory, inbound: str | None = None) -> Datagram | Ended:
        """The packet as the rules of one hook let it go, or how they end it."""
        for rule in self.rules[hook]:
            if not applies(rule, packet):
                continue
            action = parse(rule.action)
            if isinstance(action, Mangling):
                packet = mangled(packet, action)
            elif _ends(rule, action, memory):
                answer = self._made(self._refusal(action, packet, inbound))
                return Ended(answer=answer, error="EPERM" if hook in _SENDERS_HOOKS else None)
        return self._translated(hook, packet, memory)

    def _translated(self, hook: Hook, packet: Datagram, memory: Memory) -> Datagram:
        """Address translation comes behind the other rules of the way in and the way out."""
        place = Hook.PREROUTING if hook is Hook.OUTPUT else hook
        if not self.translates or place not in (Hook.PREROUTING, Hook.POSTROUTING):
            return packet
        return memory.translations.apply(place, packet, lambda flow: self._decided(hook, packet, flow))

    def _decided(self, hook: Hook, packet: Datagram, flow: Flow) -> Flow:
        """The ends that the NAT rules give to a flow whose first packet this is."""
        for rule in self.rules[hook]:
            action = parse(rule.action)
            if isinstance(action, DestinationNat) and applies(rule, packet):
                return replace(flow, destination=(action.address, action.port or flow.destination[1]))
            if isinstance(action, SourceNat) and applies(rule, packet):
                return replace(flow, source=(action.address or self._facing(packet.destination), flow.source[1]))
        return flow

    @property
    def translates(self) -> bool:
        return any(isinstance(parse(rule.action), Nat) for rules in self.rules.values() for rule in rules)

    def _made(self, packet: Datagram | None) -> Datagram | None:
        """A packet of this node's own making, with the TTL that it starts with here."""
        return packet and mangled(packet, SetField(field="ttl", value=self.ttl))

    def _refusal(self, action: Action, packet: Datagram, inbound: str | None) -> Datagram | None:
        segment = read_tcp(packet)
        match action:
            case Reject():
                return self._refused(packet, reject_message(action, packet.version), inbound)
            case Reset() if segment:
                return reset(packet, segment)
            case SynProxy() if segment and _is_opening(segment):
                # Until the handshake is done the proxy does not know the server's window: nf_synproxy sends 0.
                return syn_ack(packet, segment, window=0)
            case _:
                return None

    def _error(self, packet: Datagram, message: tuple[int, int], inbound: str | None, mtu: int = 0) -> Datagram | None:
        return self._made(self._refused(packet, message, inbound, mtu))

    def _refused(
        self, packet: Datagram, message: tuple[int, int], inbound: str | None, mtu: int = 0
    ) -> Datagram | None:
        """An ICMP error, from the address that was asked, or else from the one that faces the sender.

        In IPv6 not the latter but the one on the link that the packet came in by, which on a loop is not the same,
        unless the way back has a preferred source (icmp6_send; IPv4 has icmp_errors_use_inbound_ifaddr for that, off).
        """
        source = packet.destination
        if source not in self.addresses:
            back = self._lookup(packet.source)
            # To an address of its own, which it wrote over the sender's, it speaks from that one.
            by_inbound = (
                packet.version == 6 and not (back and back.is_preferred) and packet.source not in self.addresses
            )
            source = inbound if by_inbound and inbound else self._facing(packet.source)
        return icmp_error(packet, source=source, type_=message[0], code=message[1], mtu=mtu)

    def _facing(self, address: str) -> str:
        route = None if address in self.addresses else self._lookup(address)
        return route.source if route else address

    def _host_answer(self, packet: Datagram) -> Datagram | None:
        """What the machine's own TCP and ICMP say. It holds no connections: only a SYN to a listener is welcome."""
        if packet.is_echo_request:
            return echo_reply(packet)
        if (content := udp_payload(packet)) is not None:
            return self._service_answer(packet, content)
        segment = read_tcp(packet)
        if segment is None:
            return None
        if _is_opening(segment) and segment.destination_port in self.listening:
            return syn_ack(packet, segment)
        return reset(packet, segment)

    def _service_answer(self, packet: Datagram, content: bytes) -> Datagram | None:
        _, port = packet.ports or (0, 0)
        if port not in self.services:
            return port_unreachable(packet)
        reply = answer(self.services[port], content)
        return None if reply is None else udp_answer(packet, answering_port(self.services[port], port), reply)


def _is_opening(segment: Tcp) -> bool:
    return segment.flags & (TcpFlags.SYN | TcpFlags.ACK | TcpFlags.RST) == TcpFlags.SYN


def _ends(rule: Rule, action: Action, memory: Memory) -> bool:
    """Whether a rule that is about a packet ends it."""
    match action:
        case Lose(percent=percent):
            return memory.loses(percent)
        case Limit():
            return memory.exceeds(rule, action)
        case _:
            return not isinstance(action, Nat)


def nodes(scenario: Scenario, seed: int = 0) -> tuple[Node, ...]:
    """The machines of a scenario, the client first. Raises ValueError for a rule that nft would not take.

    ``seed`` decides which flows take which branch.
    """
    for rule in scenario.rules:
        check(rule, scenario.family)
    graph = Graph(scenario)
    return tuple(_node(scenario, graph, name, seed) for name in scenario.nodes)


def _node(scenario: Scenario, graph: Graph, name: str, seed: int) -> Node:
    own = {link.address(name) for link in graph.links_of(name)}
    hooks = {hook: tuple(rule for rule in scenario.rules if (rule.at, rule.hook) == (name, hook)) for hook in Hook}
    return Node(
        position=scenario.nodes.index(name),
        addresses=frozenset({*own, "127.0.0.1" if scenario.family == 4 else "::1"}),
        neighbours=_neighbours(scenario, graph, name),
        mtus={link.address(link.neighbour(name)): link.mtu for link in graph.links_of(name)},
        inbound={scenario.nodes.index(link.neighbour(name)): link.address(name) for link in graph.links_of(name)},
        routes=tuple(_routes(scenario, graph, name)),
        spread=f"{seed} {name}".encode(),
        rules=hooks,
        listening=frozenset(scenario.listen if name == scenario.serving else ()),
        services={service.port: service.kind for service in scenario.services if name == scenario.serving},
        ttl=scenario.ttl.get(name, INITIAL_TTL),
    )


def _neighbours(scenario: Scenario, graph: Graph, name: str) -> dict[str, int]:
    """The addresses that answer on the node's links."""
    others = {link.neighbour(name): link for link in graph.links_of(name)}
    if not scenario.target_up:
        others.pop(scenario.chain[-1], None)
    return {link.address(other): scenario.nodes.index(other) for other, link in others.items()}


def _routes(scenario: Scenario, graph: Graph, name: str) -> Iterator[Route]:
    fault = next((Fault(route.kind) for route in scenario.routes if route.at == name), None)
    target = ip_network(scenario.link_network(scenario.routers))
    own = [Way(network=link.network, links=(), source=link.address(name)) for link in graph.links_of(name)]
    for way in (*own, *graph.ways(name)):
        route = Route(
            network=ip_network(way.network),
            gateways=tuple(link.address(link.neighbour(name)) for link in way.links),
            source=way.source or way.links[0].address(name),
            is_preferred=way.source is not None and bool(way.links),
        )
        if fault and route.network == target:
            route = _broken(route, fault, back=graph.links_of(name)[0].left_address)
        yield route


def _broken(route: Route, fault: Fault, *, back: str) -> Route:
    return replace(route, gateways=(back,)) if fault is Fault.BACK else replace(route, fault=fault)

"""Do these rules let the packet in and its answer out?

The first rule that matches decides, and where none does the packet is denied: that is what all five vendors come down
to once a reader has put the rules in order (an allow-only group has any order). A match is yes, no or not known. A rule
that may match changes nothing where it says what the next sure one says; else the answer depends on it.

The client's port is not known beforehand: its whole range is cut where rules tell ports apart, and each piece is led
through by itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pathprobe.layers.cloud.model import Action, IpAddress, IpNetwork, Peers, Rule, Span
from pathprobe.layers.cloud.passage import Decision, Doubt, Gate, Leg, Packet, Verdict, direction
from pathprobe.layers.cloud.protocols import ECHO, ICMP, ICMPV6, WITH_PORTS

#: The ports that a client's system may choose: all that are not well-known (RFC 6056, section 3.2). NAT gateways and
#: load balancers use all of these.
EPHEMERAL: Span = (1024, 65535)


def request(*, protocol: int, source: IpNetwork, destination: IpAddress, port: int | None) -> Packet:
    """The first packet of a conversation; for ICMP an echo request."""
    return Packet(
        protocol=protocol,
        source=source,
        destination=ipaddress.ip_network(destination),
        source_port=EPHEMERAL if protocol in WITH_PORTS else None,
        port=(port, port) if port is not None and protocol in WITH_PORTS else None,
        icmp=(ECHO[protocol][0], 0) if protocol in ECHO else None,
    )


def answer(packet: Packet) -> Packet:
    """The packet that comes back."""
    return Packet(
        protocol=packet.protocol,
        source=packet.destination,
        destination=packet.source,
        source_port=packet.port,
        port=packet.source_port,
        icmp=(ECHO[packet.protocol][1], 0) if packet.protocol in ECHO else None,
    )


def follow(gates: Sequence[Gate], packet: Packet) -> tuple[Decision, ...]:
    """What each gate does with the request, and the stateless ones with the answer; neighbouring ports together."""
    return tuple(
        decision
        for gate in gates
        for leg in Leg
        if leg is Leg.REQUEST or not gate.is_stateful
        for decision in _leg(gate, leg, packet)
    )


def _leg(gate: Gate, leg: Leg, packet: Packet) -> list[Decision]:
    rules = [rule for rule in gate.rules if rule.direction is direction(gate, leg)]
    decisions: list[Decision] = []
    for ports in _pieces(rules, packet.source_port):
        piece = replace(packet, source_port=ports)
        piece = piece if leg is Leg.REQUEST else answer(piece)
        verdict, rule, doubts = first_match(rules, piece)
        if gate.bypassed is not False and verdict is not Verdict.ALLOW:
            verdict = Verdict.ALLOW if gate.bypassed else Verdict.DEPENDS
        found = Decision(
            gate=gate, leg=leg, verdict=verdict, packet=piece, rule=rule, doubts=doubts, client_ports=ports
        )
        if decisions and _alike(decisions[-1], found):
            found = _joined(decisions.pop(), found)
        decisions.append(found)
    return decisions


def _alike(one: Decision, other: Decision) -> bool:
    return (one.verdict, one.rule, one.doubts) == (other.verdict, other.rule, other.doubts)


def _joined(one: Decision, other: Decision) -> Decision:
    if one.client_ports is None or other.client_ports is None:
        return one
    both = (one.client_ports[0], other.client_ports[1])
    packet = one.packet
    packet = replace(packet, source_port=both) if one.leg is Leg.REQUEST else replace(packet, port=both)
    return replace(one, client_ports=both, packet=packet)


def _pieces(rules: Iterable[Rule], whole: Span | None) -> Iterator[Span | None]:
    """The range, cut wherever a rule tells its ports apart."""
    if whole is None:
        yield None
        return
    low, high = whole
    starts = {low}
    for rule in rules:
        for first, last in (*(rule.ports or ()), *(rule.source_ports or ())):
            starts |= {edge for edge in (first, last + 1) if low < edge <= high}
    ordered = sorted(starts)
    yield from zip(ordered, [start - 1 for start in ordered[1:]] + [high], strict=True)


def first_match(rules: Iterable[Rule], packet: Packet) -> tuple[Verdict, Rule | None, tuple[Doubt, ...]]:
    """The verdict, the rule that gives it (None: none does), and the rules that would change it if they matched."""
    doubts: list[Doubt] = []
    decided: Rule | None = None
    for rule in rules:
        matched, reasons = matches(rule, packet)
        if matched:
            decided = rule
            break
        if matched is None:
            doubts.append(Doubt(rule=rule, reasons=reasons))
    action = decided.action if decided else Action.DENY
    contrary = tuple(doubt for doubt in doubts if doubt.rule.action is not action)
    if contrary:
        return Verdict.DEPENDS, decided, contrary
    return Verdict(action.value), decided, ()


def matches(rule: Rule, packet: Packet) -> tuple[bool | None, tuple[str, ...]]:
    """Whether it does; None: not known, and why."""
    if rule.protocols is not None and packet.protocol not in rule.protocols:
        return False, ()
    parts = [
        _ports(rule.ports, packet.port, "the port"),
        _ports(rule.source_ports, packet.source_port, "the client's port"),
        _icmp(rule, packet),
        _ends(rule.sources, packet.source),
        _ends(rule.destinations, packet.destination),
        (None, rule.doubts) if rule.doubts else (True, ()),
    ]
    if any(found is False for found, _ in parts):
        return False, ()
    reasons = tuple(reason for found, why in parts if found is None for reason in why)
    return (None, reasons) if any(found is None for found, _ in parts) else (True, ())


def _ports(spans: tuple[Span, ...] | None, ports: Span | None, what: str) -> tuple[bool | None, tuple[str, ...]]:
    """Rules ask for ports of protocols that have them; of others they ask for nothing."""
    if spans is None or ports is None:
        return True, ()
    if any(low <= ports[0] and ports[1] <= high for low, high in spans):
        return True, ()
    if any(low <= ports[1] and ports[0] <= high for low, high in spans):
        return None, (what,)
    return False, ()


def _icmp(rule: Rule, packet: Packet) -> tuple[bool | None, tuple[str, ...]]:
    if packet.protocol not in (ICMP, ICMPV6) or packet.icmp is None:
        return True, ()
    return all(wanted in (None, there) for wanted, there in zip(rule.icmp, packet.icmp, strict=True)), ()


def _ends(peers: tuple[Peers, ...] | None, network: IpNetwork) -> tuple[bool | None, tuple[str, ...]]:
    """One of several is enough."""
    if peers is None:
        return True, ()
    found = [_among(one, network) for one in peers]
    if any(one is True for one, _ in found):
        return True, ()
    reasons = tuple(reason for one, reason in found if one is None)
    return (None, reasons) if reasons else (False, ())


def _among(peers: Peers, network: IpNetwork) -> tuple[bool | None, str]:
    if _within(network, peers.never):
        return False, ""
    if _within(network, peers.networks) and not _touches(network, peers.never):
        return True, ""
    if _touches(network, peers.networks):
        return None, f"who asks: {peers.label} alone is meant"
    if _touches(network, peers.perhaps):
        return None, peers.doubt or peers.label
    return False, ""


def _within(network: IpNetwork, others: Iterable[IpNetwork]) -> bool:
    return any(_subnet_of(network, one) for one in others)


def _touches(network: IpNetwork, others: Iterable[IpNetwork]) -> bool:
    return any(_subnet_of(network, one) or _subnet_of(one, network) for one in others)


def _subnet_of(inner: IpNetwork, outer: IpNetwork) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)

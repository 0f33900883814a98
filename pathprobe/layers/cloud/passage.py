"""A packet, the gates that it passes, and what each of them does with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pathprobe.layers.cloud.model import Direction, IpNetwork, Rule, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet, or all that differ in these alone. Ports are None where the protocol has none."""

    protocol: int
    source: IpNetwork
    destination: IpNetwork
    source_port: Span | None = None
    port: Span | None = None
    icmp: tuple[int, int] | None = None


class GateKind(StrEnum):
    GROUP = "group"
    ACL = "acl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Rules in the order in which they are asked, of which the first that matches decides.

    ``is_stateful``: the answer to what was let in is let out unasked. ``bypassed``: True or None where the packet does
    not, or perhaps not, pass it. ``is_clients``: it stands before the client, so that the request goes out by it.
    """

    kind: GateKind
    label: str
    rules: tuple[Rule, ...]
    is_stateful: bool
    homes: tuple[str, ...] = ()
    bypassed: bool | None = False
    bypass: str = ""
    is_clients: bool = False


class Verdict(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    DEPENDS = "depends"


class Leg(StrEnum):
    REQUEST = "request"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A rule that may or may not match, and what it would take to tell."""

    rule: Rule
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one gate does with one leg. ``rule``: None where nothing matched, and what is not allowed is denied.

    ``client_ports``: of the clients whose packets meet this fate, None where the protocol has no ports.
    """

    gate: Gate
    leg: Leg
    verdict: Verdict
    packet: Packet
    rule: Rule | None = None
    doubts: tuple[Doubt, ...] = ()
    client_ports: Span | None = None

    @property
    def direction(self) -> Direction:
        return direction(self.gate, self.leg)


def direction(gate: Gate, leg: Leg) -> Direction:
    """As the machine behind the gate sees this leg."""
    return Direction.OUT if gate.is_clients is (leg is Leg.REQUEST) else Direction.IN

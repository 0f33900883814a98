"""What does firewalld keep: zones, policies, services, and what each of them lets in?

Terms after firewalld.zone(5), firewalld.policy(5) and firewalld.richlanguage(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathprobe.layers.firewall.model import Range
from pathprobe.layers.system import Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    ports: Range
    protocol: str

    def __str__(self) -> str:
        first, last = self.ports
        return f"{first}/{self.protocol}" if first == last else f"{first}-{last}/{self.protocol}"

    def has(self, port: int, protocol: str) -> bool:
        return self.protocol == protocol and self.ports[0] <= port <= self.ports[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardPort:
    """``address`` is empty where only the port changes."""

    taken: PortRange
    port: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RichRule:
    """``text``: as ``firewall-cmd`` takes it. The rest as far as it was understood.

    ``element``: what it is about, such as ("port", {"port": "80", "protocol": "tcp"}), None for everything.
    ``action``: accept, reject, drop, mark, or empty (it only logs). ``is_understood``: False where there is something
    in it that this program does not know, so that it may or may not apply.
    """

    text: str
    family: str = ""
    priority: int = 0
    source: Mapping[str, str] = field(default_factory=dict)
    source_negated: bool = False
    destination: Mapping[str, str] = field(default_factory=dict)
    element: tuple[str, Mapping[str, str]] | None = None
    action: str = ""
    is_limited: bool = False
    is_understood: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a zone or a policy lets in or keeps out. ``unclear``: lines that were not understood."""

    services: tuple[str, ...] = ()
    ports: tuple[PortRange, ...] = ()
    protocols: tuple[str, ...] = ()
    source_ports: tuple[PortRange, ...] = ()
    forward_ports: tuple[ForwardPort, ...] = ()
    rich_rules: tuple[RichRule, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """``target``: default, ACCEPT, DROP or %%REJECT%%. ``priority``: of its sources and interfaces (firewalld 2.0)."""

    name: str
    target: str = "default"
    interfaces: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    holds: Holdings = Holdings()
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """For packets from zones to zones. ``priority``: below 0 before the zones, else after them."""

    name: str
    target: str = "CONTINUE"
    priority: int = -1
    ingress: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    holds: Holdings = Holdings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """``destinations``: IP version -> the only address it is for."""

    name: str
    ports: tuple[PortRange, ...] = ()
    protocols: tuple[str, ...] = ()
    source_ports: tuple[PortRange, ...] = ()
    destinations: Mapping[int, str] = field(default_factory=dict)
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One of the two that firewalld has: the running one, or the permanent one. ``direct``: its direct rules' lines."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    direct: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewalld:
    """``source``: where the permanent configuration was read. ``backend``: nftables or iptables, None not known.

    ``services``: those that a zone, a policy or another service names; one whose file was not found is not there.
    ``silence``: why some of it could not be asked for, in words.
    """

    is_running: bool
    default_zone: str
    runtime: Configuration | Unread
    permanent: Configuration | Unread
    services: Mapping[str, Service] = field(default_factory=dict)
    in_panic: bool = False
    backend: str | None = None
    source: str = "firewall-cmd --permanent --list-all-zones"
    silence: str = ""

"""What do a cloud's rules say, whoever wrote them?

Facts alone. A rule speaks of a packet as it lies on the wire: its source, its destination and both its ports; which of
them is the far end follows from the direction. What a reader could not find out is kept as a doubt, and a doubt makes
an answer "depends on", never a guess.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

#: The lowest and the highest, both within.
Span = tuple[int, int]

EVERY_PORT: Span = (0, 65535)
ALL_V4: IpNetwork = ipaddress.ip_network("0.0.0.0/0")
ALL_V6: IpNetwork = ipaddress.ip_network("::/0")
EVERYBODY: tuple[IpNetwork, ...] = (ALL_V4, ALL_V6)

#: Addresses that the internet does not route: RFC 1918, RFC 6598 (shared), RFC 4193, and link-local ones.
INNER: tuple[IpNetwork, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


class Vendor(StrEnum):
    AWS = "aws"
    ALIBABA = "alibaba"
    TENCENT = "tencent"
    AZURE = "azure"
    GCP = "gcp"


class Action(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class Direction(StrEnum):
    """As seen from the machine behind the rules."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Whom one end of a rule names.

    ``networks``: these surely, save those in ``never``; ``perhaps``: for these it would take what ``doubt`` says to
    tell; all others surely not. ``label``: as the vendor writes it. ``is_unreadable``: no vendor writes it so.
    """

    label: str
    networks: tuple[IpNetwork, ...] = ()
    perhaps: tuple[IpNetwork, ...] = ()
    never: tuple[IpNetwork, ...] = ()
    doubt: str = ""
    is_unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``None`` stands for any, an empty tuple for none at all.

    ``ref``: how the vendor names it; ``text``: what it says; ``order``: priority, rule number or index, None where the
    vendor has no order; ``home``: the group or ACL that it is in; ``ports`` and ``source_ports`` are the packet's own;
    ``icmp``: type and code, each None for any; ``targets``: the marks (tags) of machines that it is about;
    ``doubts``: what about it could not be understood; ``source``: the command that prints it, where that is not its
    group's.
    """

    ref: str
    text: str
    action: Action
    direction: Direction
    home: str
    order: int | None = None
    protocols: frozenset[int] | None = None
    ports: tuple[Span, ...] | None = None
    source_ports: tuple[Span, ...] | None = None
    icmp: tuple[int | None, int | None] = (None, None)
    sources: tuple[Peers, ...] | None = None
    destinations: tuple[Peers, ...] | None = None
    targets: frozenset[str] | None = None
    doubts: tuple[str, ...] = ()
    is_builtin: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that stand before machines: a security group, a network security group, a VPC's firewall.

    ``interconnects``: its members reach each other whatever the rules say (Alibaba Cloud). ``scope``: what the vendor's
    command line wants besides the name: a region, a resource group.
    """

    id: str
    source: str
    name: str = ""
    network: str = ""
    rules: tuple[Rule, ...] = ()
    interconnects: bool = False
    scope: str = ""
    subnets: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``sg-1 (web)``; of an id that is a path, its name."""
        if "/" in self.id and self.name:
            return self.name
        return f"{self.id} ({self.name})" if self.name and self.name != self.id else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """A stateless, ordered list before subnets. ``is_default``: it stands before those that no other one names."""

    id: str
    source: str
    network: str = ""
    subnets: tuple[str, ...] = ()
    is_default: bool = False
    rules: tuple[Rule, ...] = ()
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network interface. ``marks``: tags, service accounts, application security groups."""

    id: str
    source: str
    owner: str = ""
    addresses: tuple[IpAddress, ...] = ()
    public: tuple[IpAddress, ...] = ()
    groups: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()
    subnet: str = ""
    network: str = ""

    def has(self, address: IpAddress) -> bool:
        return address in self.addresses or address in self.public


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """``group``: the id of the group before it (Azure); None: there is none; "": not told."""

    id: str
    source: str
    networks: tuple[IpNetwork, ...] = ()
    network: str = ""
    group: str | None = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that was read. ``notes``: what was not read, or cut off, in words."""

    vendor: Vendor
    groups: tuple[Group, ...] = ()
    acls: tuple[Acl, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    notes: tuple[str, ...] = ()

    def group(self, name: str) -> Group | None:
        """By its id, or by its name where that is one group's alone."""
        return _named(name, self.groups)

    def acl(self, name: str) -> Acl | None:
        return next((one for one in self.acls if one.id == name), None)

    def subnet(self, name: str) -> Subnet | None:
        return next((one for one in self.subnets if one.id == name), None)

    def interfaces_with(self, address: IpAddress) -> tuple[Interface, ...]:
        """One of each network, for networks may use the same private addresses."""
        found = {one.network: one for one in reversed(self.interfaces) if one.has(address)}
        return tuple(reversed(found.values()))


def _named(name: str, groups: Iterable[Group]) -> Group | None:
    groups = tuple(groups)
    for found in ([one for one in groups if one.id == name], [one for one in groups if one.name == name]):
        if len(found) == 1:
            return found[0]
    return None

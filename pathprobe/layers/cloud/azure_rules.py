"""What does a rule of an Azure network security group say, and whom do its tags mean?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pathprobe.layers.cloud import protocols
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.members import members
from pathprobe.layers.cloud.model import (
    ALL_V6,
    EVERY_PORT,
    EVERYBODY,
    INNER,
    Action,
    Direction,
    Interface,
    IpNetwork,
    Peers,
    Rule,
    Span,
    Subnet,
)
from pathprobe.layers.cloud.protocols import Doubts

EFFECTIVE = "az network nic list-effective-nsg"
INTERFACES = "az network nic list"
SUBNETS = "az network vnet list"

_Kind = TypeVar("_Kind")

_ACTIONS = {"allow": Action.ALLOW, "deny": Action.DENY}
_DIRECTIONS = {"inbound": Direction.IN, "outbound": Direction.OUT}

#: From here come the load balancers' health probes, and nothing else.
_PROBES = protocols.network("168.63.129.16/32")

#: A group's built-in inbound rules, for where only its own were printed.
_BUILT_IN = (
    ("AllowVnetInBound", 65000, "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Deny", "*", "*"),
)


@dataclass(slots=True)
class Known:
    interfaces: list[Interface] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    vnet: list[IpNetwork] = field(default_factory=list)
    public: dict[str, str] = field(default_factory=dict)


def flat(node: Node) -> Node:
    """REST has an object's own keys below ``properties``, the command line beside its name."""
    below = node["properties"]
    if not isinstance(below.value, dict):
        return node
    return Node({**node.value, **below.value}, node.file, node.place)


def id_of(node: Node) -> str:
    """Ids differ in their letters' case from one command to the next."""
    return node.text().lower()


def name_of(id_: str) -> str:
    return id_.rstrip("/").rpartition("/")[2]


def resource_group(id_: str) -> str:
    parts = id_.split("/")
    places = [number for number, part in enumerate(parts) if part.lower() == "resourcegroups"]
    return parts[places[0] + 1] if places and len(parts) > places[0] + 1 else ""


def networks_of(texts: Iterable[str]) -> tuple[IpNetwork, ...]:
    return tuple(network for text in texts for network in protocols.peers(text).networks)


def in_order(nodes: Iterable[Node], home: str, known: Known, *, built_in: bool = False) -> tuple[Rule, ...]:
    rules = [_rule(flat(one), home, known) for one in nodes]
    if built_in:
        rules += [_rule(_built_in(*one), home, known) for one in _BUILT_IN]
    return tuple(sorted(rules, key=lambda rule: rule.order or 0))


def _built_in(name: str, priority: int, access: str, source: str, destination: str) -> Node:
    value = {
        "name": name,
        "priority": priority,
        "access": access,
        "direction": "Inbound",
        "protocol": "*",
        "sourceAddressPrefix": source,
        "sourcePortRange": "*",
        "destinationAddressPrefix": destination,
        "destinationPortRange": "*",
    }
    return Node(value, "built in")


def _rule(node: Node, home: str, known: Known) -> Rule:
    name = node["name"].text()
    ref = f"{home} {name.rpartition('/')[2]}"
    order = node["priority"].number()
    action, direction = _word(node, "access", _ACTIONS), _word(node, "direction", _DIRECTIONS)
    if order is None:
        raise Unreadable(f"{node.file}: {node.place}.priority is missing")
    doubts = Doubts()
    written = node["protocol"].text() or "*"
    numbers = doubts.reading(protocols.protocol, written, of=f"rule {ref}")
    ports, source_ports = _ports(node, "destination", doubts, ref), _ports(node, "source", doubts, ref)
    sources, destinations = _ends(node, "source", known), _ends(node, "destination", known)
    if not sources or not destinations:
        doubts.append(f"whom rule {ref} is about")
    return Rule(
        ref=ref,
        text=f"priority {order}: {node['access'].text()} {protocols.what(numbers, ports, written.lower())} "
        f"from {_labels(sources)} to {_labels(destinations)}",
        action=action,
        direction=direction,
        home=home,
        order=order,
        protocols=numbers,
        ports=ports,
        source_ports=source_ports,
        sources=sources or None,
        destinations=destinations or None,
        doubts=tuple(doubts),
        is_builtin=order >= 65000,
    )


def _labels(ends: tuple[Peers, ...]) -> str:
    return ", ".join(one.label for one in ends) or "somebody"


def _word(node: Node, key: str, kinds: dict[str, _Kind]) -> _Kind:
    word = node[key].text().lower()
    if word not in kinds:
        raise Unreadable(f"{node.file}: {node.place}.{key} is neither {' nor '.join(kinds)}")
    return kinds[word]


def _ports(node: Node, end: str, doubts: Doubts, ref: str) -> tuple[Span, ...] | None:
    texts = [*node[f"{end}PortRanges"].texts(), node[f"{end}PortRange"].text()]
    texts = [text for text in texts if text]
    ports = doubts.reading(protocols.spans, ",".join(texts) or "*", of=f"rule {ref}")
    return None if ports is None or EVERY_PORT in ports else ports


def _ends(node: Node, end: str, known: Known) -> tuple[Peers, ...]:
    """Singular and plural; what is expanded says more than the tag that it was."""
    big = end.capitalize()
    expanded = node[f"expanded{big}AddressPrefix"].texts()
    texts = dict.fromkeys(filter(None, (node[f"{end}AddressPrefix"].text(), *node[f"{end}AddressPrefixes"].texts())))
    if expanded:
        label = ", ".join(texts) or f"{len(expanded)} prefixes"
        found = [Peers(label=label, networks=networks_of(expanded))]
    else:
        found = [_peers(text, known) for text in texts]
    for one in node[f"{end}ApplicationSecurityGroups"].objects():
        found.append(_application_group(id_of(one["id"]), name_of(one["id"].text()), known))
    return tuple(found)


def _peers(text: str, known: Known) -> Peers:
    word = text.lower()
    vnet = tuple(known.vnet)
    if word in ("*", "any"):
        return Peers(label=text, networks=EVERYBODY)
    if word == "virtualnetwork":
        doubt = "whether both ends are in the virtual network or in one connected with it (az network vnet list)"
        return Peers(label=text, networks=vnet, perhaps=(*INNER, ALL_V6), doubt=doubt)
    if word == "internet":
        return Peers(label=text, networks=EVERYBODY, never=(*INNER, *vnet))
    if word == "azureloadbalancer":
        return Peers(label=text, networks=(_PROBES,))
    if any(letter in text for letter in ".:/"):
        found = protocols.peers(text)
        if found.networks:
            return found
    return protocols.unknown(text, f"which addresses the service tag {text} holds ({EFFECTIVE} has them expanded)")


def _application_group(id_: str, name: str, known: Known) -> Peers:
    found = members(
        name,
        f"application security group {name}",
        known.interfaces,
        lambda one: id_ in one.marks,
        ask=INTERFACES,
    )
    return replace(found, doubt=f"which addresses belong to application security group {name} ({INTERFACES})")

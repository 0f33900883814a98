"""What do Azure's network security groups say?

Read from what ``az network nsg show``, ``nsg list``, ``nsg rule list`` and ``nic list-effective-nsg`` print, and from
``nic``, ``vnet`` and ``public-ip`` beside them; of the REST API likewise.

* The rule with the lowest priority number that matches decides; the built-in ones stand at 65000 to 65500. Groups are
  stateful. Inbound, the subnet's group is asked first and the interface's after it; both must allow (Azure Virtual
  Network, "How network security groups filter network traffic").
* Service tags: VirtualNetwork is the virtual network with all that is connected to it, Internet what is public and
  outside of it, AzureLoadBalancer 168.63.129.16, from which health probes come ("Virtual network service tags"). What
  other tags hold is known of effective rules alone, which have it expanded.
* A rule sees the private address of its machine. ICMPv6 is matched by rules for all protocols only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    Account,
    Action,
    Direction,
    Group,
    Interface,
    IpNetwork,
    Peers,
    Rule,
    Span,
    Subnet,
    Vendor,
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
class _Known:
    interfaces: list[Interface] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    vnet: list[IpNetwork] = field(default_factory=list)
    public: dict[str, str] = field(default_factory=dict)


def read(documents: Sequence[Node]) -> Account:
    """The account's rules. Raises Unreadable."""
    objects = [_flat(one) for document in documents for one in _objects(document)]
    known = _Known()
    for one in objects:
        if "ipAddress" in one and "ipConfigurations" not in one:
            known.public[_key(one["id"])] = one["ipAddress"].text()
    for one in objects:
        _gather(one, known)
    return Account(
        vendor=Vendor.AZURE,
        groups=(*_groups(objects, known), *_groups_of_rules(objects, known)),
        interfaces=tuple(known.interfaces),
        subnets=tuple(known.subnets),
    )


def _objects(document: Node) -> Iterator[Node]:
    """Those of a list, of a page, or the one."""
    if isinstance(document.value, list):
        yield from document.objects()
    elif "value" in document:
        yield from document["value"].objects()
    else:
        yield document


def _flat(node: Node) -> Node:
    """REST has an object's own keys below ``properties``, the command line beside its name."""
    below = node["properties"]
    if not isinstance(below.value, dict):
        return node
    return Node({**node.value, **below.value}, node.file, node.place)


def _key(node: Node) -> str:
    """Ids differ in their letters' case from one command to the next."""
    return node.text().lower()


def _name(id_: str) -> str:
    return id_.rstrip("/").rpartition("/")[2]


def _resource_group(id_: str) -> str:
    parts = id_.split("/")
    places = [number for number, part in enumerate(parts) if part.lower() == "resourcegroups"]
    return parts[places[0] + 1] if places and len(parts) > places[0] + 1 else ""


def _gather(node: Node, known: _Known) -> None:
    if "addressSpace" in node:
        known.vnet += _networks(node["addressSpace"]["addressPrefixes"].texts())
        for one in node["subnets"].objects():
            known.subnets.append(_subnet(_flat(one)))
    elif "ipConfigurations" in node and "addressPrefix" not in node and "addressPrefixes" not in node:
        known.interfaces.append(_interface(node, known))
    elif ("addressPrefix" in node or "addressPrefixes" in node) and "priority" not in node:
        subnet = _subnet(node)
        known.subnets.append(subnet)
        known.vnet += subnet.networks


def _networks(texts: Iterable[str]) -> tuple[IpNetwork, ...]:
    return tuple(network for text in texts for network in protocols.peers(text).networks)


def _subnet(node: Node) -> Subnet:
    group = _key(_flat(node["networkSecurityGroup"])["id"])
    prefixes = node["addressPrefixes"].texts() or (node["addressPrefix"].text(),)
    return Subnet(
        id=_key(node["id"]),
        source=SUBNETS,
        networks=_networks(filter(None, prefixes)),
        group=group or None,
    )


def _interface(node: Node, known: _Known) -> Interface:
    configurations = [_flat(one) for one in node["ipConfigurations"].objects()]
    group = _key(node["networkSecurityGroup"]["id"])
    public: list[str] = []
    for one in configurations:
        inline = _flat(one["publicIPAddress"] if "publicIPAddress" in one else one["publicIpAddress"])
        public += [inline["ipAddress"].text(), known.public.get(_key(inline["id"]), "")]
    # Its letters' case has changed from one version of the API to the next.
    privates = [one[key].text() for one in configurations for key in ("privateIPAddress", "privateIpAddress")]
    return Interface(
        id=node["name"].text() or _name(node["id"].text()),
        source=INTERFACES,
        owner=_name(node["virtualMachine"]["id"].text()),
        addresses=protocols.addresses(privates),
        public=protocols.addresses(public),
        groups=(group,) if group else (),
        marks=frozenset(
            _key(mark["id"]) for one in configurations for mark in one["applicationSecurityGroups"].objects()
        ),
        subnet=next((_key(one["subnet"]["id"]) for one in configurations if one["subnet"]["id"].text()), ""),
    )


# --- Groups


def _groups(objects: Iterable[Node], known: _Known) -> Iterator[Group]:
    for one in objects:
        if "effectiveSecurityRules" in one:
            yield _effective(one, known)
        elif "securityRules" in one:
            name = one["name"].text() or _name(one["id"].text())
            scope = one["resourceGroup"].text() or _resource_group(one["id"].text())
            rules = [*one["securityRules"].objects(), *one["defaultSecurityRules"].objects()]
            yield Group(
                id=_key(one["id"]) or name,
                name=name,
                source=f"az network nsg show -g {scope or 'GROUP'} -n {name}",
                rules=_in_order(rules, name, known, built_in="defaultSecurityRules" not in one),
                scope=scope,
                subnets=tuple(_key(_flat(sub)["id"]) for sub in one["subnets"].objects()),
                interfaces=tuple(_key(_flat(nic)["id"]) for nic in one["networkInterfaces"].objects()),
            )


def _groups_of_rules(objects: Iterable[Node], known: _Known) -> Iterator[Group]:
    """``nsg rule list`` prints rules by themselves; their ids tell whose they are."""
    found: dict[str, list[Node]] = {}
    for one in objects:
        if "access" in one and "direction" in one and "securityRules" not in one:
            found.setdefault(one["id"].text().rpartition("/securityRules/")[0], []).append(one)
    for id_, rules in found.items():
        name, scope = _name(id_) or "the group", _resource_group(id_)
        yield Group(
            id=id_.lower() or name,
            name=name,
            source=f"az network nsg rule list -g {scope or 'GROUP'} --nsg-name {name} --include-default",
            rules=_in_order(rules, name, known, built_in=not any((r["priority"].number() or 0) > 4096 for r in rules)),
            scope=scope,
        )


def _effective(node: Node, known: _Known) -> Group:
    id_ = node["networkSecurityGroup"]["id"].text()
    association = node["association"]
    subnet, interface = _key(association["subnet"]["id"]), _key(association["networkInterface"]["id"])
    return Group(
        id=id_.lower(),
        name=_name(id_),
        source=EFFECTIVE,
        rules=_in_order(node["effectiveSecurityRules"].objects(), _name(id_), known),
        scope=_resource_group(id_),
        subnets=(subnet,) if subnet else (),
        interfaces=(interface,) if interface and not subnet else (),
    )


def _in_order(nodes: Iterable[Node], home: str, known: _Known, *, built_in: bool = False) -> tuple[Rule, ...]:
    rules = [_rule(_flat(one), home, known) for one in nodes]
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


def _rule(node: Node, home: str, known: _Known) -> Rule:
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


def _ends(node: Node, end: str, known: _Known) -> tuple[Peers, ...]:
    """Singular and plural; what is expanded says more than the tag that it was."""
    big = end.capitalize()
    expanded = node[f"expanded{big}AddressPrefix"].texts()
    texts = dict.fromkeys(filter(None, (node[f"{end}AddressPrefix"].text(), *node[f"{end}AddressPrefixes"].texts())))
    if expanded:
        label = ", ".join(texts) or f"{len(expanded)} prefixes"
        found = [Peers(label=label, networks=_networks(expanded))]
    else:
        found = [_peers(text, known) for text in texts]
    for one in node[f"{end}ApplicationSecurityGroups"].objects():
        found.append(_application_group(_key(one["id"]), _name(one["id"].text()), known))
    return tuple(found)


def _peers(text: str, known: _Known) -> Peers:
    word = text.lower()
    vnet = tuple(known.vnet)
    if word in ("*", "any"):
        return Peers(label=text, networks=EVERYBODY)
    if word == "virtualnetwork":
        doubt = "whether it is in the virtual network or in one connected with it (az network vnet list)"
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


def _application_group(id_: str, name: str, known: _Known) -> Peers:
    found = members(
        name,
        f"application security group {name}",
        known.interfaces,
        lambda one: id_ in one.marks,
        ask=INTERFACES,
    )
    return replace(found, doubt=f"which addresses belong to application security group {name} ({INTERFACES})")

"""What do Tencent Cloud's security groups and network ACLs say?

Read from what ``tccli vpc Describe...`` prints, with or without the "Response" around it.

* A group's policies are asked from the top (PolicyIndex), several groups one after the other in the order in which they
  are bound; what none lets in is dropped (VPC API, DescribeSecurityGroupPolicies; "Security Group Overview").
* Groups are stateful, network ACLs are not; these are asked from the top too, drop what none lets in, and do not see
  traffic within a subnet ("Network ACL Overview").
* The policies that are printed do not say whose they are: that is read from the file's name (``sg-33ocnj9n.json``) or
  told with ``--group``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pathprobe.layers.cloud import protocols
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.members import members
from pathprobe.layers.cloud.model import (
    Account,
    Acl,
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
from pathprobe.layers.cloud.protocols import Doubts, NotUnderstood

POLICIES = "tccli vpc DescribeSecurityGroupPolicies --SecurityGroupId {}"
#: In commands, where nobody told whose the policies are.
UNNAMED = "SECURITY_GROUP_ID"
ACLS = "tccli vpc DescribeNetworkAcls"
INTERFACES = "tccli vpc DescribeNetworkInterfaces"
INSTANCES = "tccli cvm DescribeInstances"
SUBNETS = "tccli vpc DescribeSubnets"

_ACTIONS = {"accept": Action.ALLOW, "drop": Action.DENY}

_Service = tuple[frozenset[int] | None, tuple[Span, ...] | None]


@dataclass(slots=True)
class _Known:
    interfaces: list[Interface] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    services: dict[str, tuple[str, ...]] = field(default_factory=dict)


def read(documents: Sequence[Node], *, unnamed: str = "") -> Account:
    """The account's rules. ``unnamed``: whose the policies are that do not tell. Raises Unreadable."""
    documents = [_unwrapped(one) for one in documents]
    known = _Known()
    for document in documents:
        _gather(document, known)
    return Account(
        vendor=Vendor.TENCENT,
        groups=tuple(_group(one, known, unnamed) for one in documents if "SecurityGroupPolicySet" in one),
        acls=tuple(_acl(one) for document in documents for one in document["NetworkAclSet"].objects()),
        interfaces=tuple(known.interfaces),
        subnets=tuple(known.subnets),
    )


def _unwrapped(document: Node) -> Node:
    below = document["Response"]
    return document if below.value is None else below


def _gather(document: Node, known: _Known) -> None:
    known.interfaces += [_interface(one) for one in document["NetworkInterfaceSet"].objects()]
    known.interfaces += [_instance(one) for one in document["InstanceSet"].objects()]
    for one in document["SubnetSet"].objects():
        texts = filter(None, (one["CidrBlock"].text(), one["Ipv6CidrBlock"].text()))
        networks = tuple(network for text in texts for network in protocols.peers(text).networks)
        known.subnets.append(
            Subnet(id=one["SubnetId"].text(), source=SUBNETS, networks=networks, network=one["VpcId"].text())
        )
    for one in document["SecurityGroupSet"].objects():
        known.names[one["SecurityGroupId"].text()] = one["SecurityGroupName"].text()
    for one in document["AddressTemplateSet"].objects():
        known.addresses[one["AddressTemplateId"].text()] = one["AddressSet"].texts()
    for one in document["AddressTemplateGroupSet"].objects():
        known.addresses[one["AddressTemplateGroupId"].text()] = one["AddressTemplateIdSet"].texts()
    for one in document["ServiceTemplateSet"].objects():
        known.services[one["ServiceTemplateId"].text()] = one["ServiceSet"].texts()
    for one in document["ServiceTemplateGroupSet"].objects():
        known.services[one["ServiceTemplateGroupId"].text()] = one["ServiceTemplateIdSet"].texts()


def _interface(node: Node) -> Interface:
    cards = list(node["PrivateIpAddressSet"].objects())
    sixes = [one["Address"].text() for one in node["Ipv6AddressSet"].objects()]
    return Interface(
        id=node["NetworkInterfaceId"].text(),
        source=INTERFACES,
        owner=node["Attachment"]["InstanceId"].text(),
        addresses=protocols.addresses([*(one["PrivateIpAddress"].text() for one in cards), *sixes]),
        public=protocols.addresses(one["PublicIpAddress"].text() for one in cards),
        groups=node["GroupSet"].texts(),
        subnet=node["SubnetId"].text(),
        network=node["VpcId"].text(),
    )


def _instance(node: Node) -> Interface:
    cloud = node["VirtualPrivateCloud"]
    return Interface(
        id=node["InstanceId"].text(),
        source=INSTANCES,
        owner=node["InstanceId"].text(),
        addresses=protocols.addresses([*node["PrivateIpAddresses"].texts(), *node["IPv6Addresses"].texts()]),
        public=protocols.addresses(node["PublicIpAddresses"].texts()),
        groups=node["SecurityGroupIds"].texts(),
        subnet=cloud["SubnetId"].text(),
        network=cloud["VpcId"].text(),
    )


def _group(document: Node, known: _Known, unnamed: str) -> Group:
    told = _name(document.file) or unnamed
    home = told or document.file
    policies = document["SecurityGroupPolicySet"]
    return Group(
        id=home,
        name=known.names.get(home, ""),
        source=POLICIES.format(told or UNNAMED),
        rules=tuple(
            rule
            for key, direction in (("Ingress", Direction.IN), ("Egress", Direction.OUT))
            for number, one in enumerate(policies[key].objects())
            for rule in _rules(one, home, known, direction, number)
        ),
    )


def _name(file: str) -> str:
    """The group's id, where the file is called by it."""
    at = file.rfind("sg-")
    letters = "".join(letter if letter.isalnum() else " " for letter in file[at + 3 :]) if at >= 0 else ""
    word = letters.split(" ")[0]
    return f"sg-{word}" if len(word) == 8 else ""


def _rules(node: Node, home: str, known: _Known, direction: Direction, number: int) -> Iterator[Rule]:
    """A policy; one rule for each service of a template."""
    order = node["PolicyIndex"].number()
    order = number if order is None else order
    ref = f"{home} {'outbound' if direction is Direction.OUT else 'inbound'} policy {order}"
    doubts = Doubts()
    ends = _ends(node, known, ref)
    way = "to" if direction is Direction.OUT else "from"
    for numbers, ports in _services(node, known, doubts, ref):
        yield Rule(
            ref=ref,
            text=f"{node['Action'].text()} {protocols.what(numbers, ports, node['Protocol'].text().lower())} {way} "
            f"{', '.join(one.label for one in ends)}",
            action=_action(node),
            direction=direction,
            home=home,
            order=order,
            protocols=numbers,
            ports=ports,
            sources=ends if direction is Direction.IN else None,
            destinations=ends if direction is Direction.OUT else None,
            doubts=tuple(doubts),
        )


def _action(node: Node) -> Action:
    word = node["Action"].text().lower()
    if word not in _ACTIONS:
        raise Unreadable(f"{node.file}: {node.place}.Action is neither ACCEPT nor DROP")
    return _ACTIONS[word]


def _services(node: Node, known: _Known, doubts: Doubts, ref: str) -> list[_Service]:
    template = node["ServiceTemplate"]["ServiceGroupId"].text() or node["ServiceTemplate"]["ServiceId"].text()
    if not template:
        numbers = doubts.reading(protocols.protocol, node["Protocol"].text() or "all", of=ref)
        return [(numbers, doubts.reading(protocols.spans, node["Port"].text() or "all", of=ref))]
    found: list[_Service] = []
    for text in _unfolded(template, known.services):
        service = doubts.reading(_service, text, of=f"the template {template}") if text else None
        if service is None:
            doubts.append(f"what is in the service template {template} (tccli vpc DescribeServiceTemplates)")
        found.append(service or (None, None))
    return found


def _service(text: str) -> _Service:
    """``tcp:80,443``, ``udp:3000-4000``, ``icmp:-``, ``all``."""
    name, _, ports = text.partition(":")
    return protocols.protocol(name), None if ports.strip() in ("", "-") else protocols.spans(ports)


def _ends(node: Node, known: _Known, ref: str) -> tuple[Peers, ...]:
    found = [protocols.peers(text) for text in (node["CidrBlock"].text(), node["Ipv6CidrBlock"].text()) if text]
    if name := node["SecurityGroupId"].text():
        found.append(
            members(
                name,
                f"security group {name}",
                known.interfaces,
                lambda one: name in one.groups,
                ask=f'{INTERFACES} --Filters \'[{{"Name":"groups.security-group-id","Values":["{name}"]}}]\'',
            )
        )
    template = node["AddressTemplate"]["AddressGroupId"].text() or node["AddressTemplate"]["AddressId"].text()
    if template:
        found.append(_template(template, known))
    return tuple(found) or (protocols.unknown("nobody", f"whom {ref} is about"),)


def _template(name: str, known: _Known) -> Peers:
    networks: list[IpNetwork] = []
    try:
        for text in _unfolded(name, known.addresses):
            if not text:
                raise NotUnderstood(name)
            networks += protocols.addresses_of(text)
    except NotUnderstood:
        return protocols.unknown(name, f"what is in the address template {name} (tccli vpc DescribeAddressTemplates)")
    return Peers(label=name, networks=tuple(networks))


def _unfolded(name: str, templates: dict[str, tuple[str, ...]]) -> Iterable[str]:
    """What a template or a group of templates holds; an empty text for each that was not given."""
    if name not in templates:
        yield ""
        return
    for text in templates[name]:
        if text.startswith(("ipm-", "ipmg-", "ppm-", "ppmg-")):
            yield from _unfolded(text, {one: held for one, held in templates.items() if one != name})
        else:
            yield text


# --- Network ACLs


def _acl(node: Node) -> Acl:
    home = node["NetworkAclId"].text()
    return Acl(
        id=home,
        source=ACLS,
        network=node["VpcId"].text(),
        subnets=tuple(one["SubnetId"].text() for one in node["SubnetSet"].objects()),
        rules=tuple(
            _entry(one, home, direction, number)
            for key, direction in (("IngressEntries", Direction.IN), ("EgressEntries", Direction.OUT))
            for number, one in enumerate(node[key].objects(), start=1)
        ),
    )


def _entry(node: Node, home: str, direction: Direction, number: int) -> Rule:
    """The way of a policy, of which an entry has the simplest part."""
    ref = f"{home} {'outbound' if direction is Direction.OUT else 'inbound'} entry {number}"
    (rule,) = _rules(node, home, _Known(), direction, number)
    return replace(rule, ref=ref, order=number)

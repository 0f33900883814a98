"""What do Alibaba Cloud's security groups and network ACLs say?

Read from what the ``aliyun`` command line prints.

* The rules of all groups of an interface are sorted together: 1 comes before 100, and of equals the refusal first (ECS
  user guide, "Security group rules").
* Basic groups let their members reach each other on the inner network: InnerAccessPolicy Accept comes before all rules,
  Drop after all (ModifySecurityGroupPolicy). Advanced (enterprise) groups have Drop. What no rule lets in is dropped.
* Groups are stateful. A rule may name the destination and the client's port too (five-tuple rules).
* A network ACL is stateless and asked from the top (VPC API, DescribeNetworkAclAttributes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pathprobe.layers.cloud import protocols
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.members import members
from pathprobe.layers.cloud.model import (
    EVERYBODY,
    Account,
    Acl,
    Action,
    Direction,
    Group,
    Interface,
    IpNetwork,
    Peers,
    Rule,
    Subnet,
    Vendor,
)
from pathprobe.layers.cloud.protocols import Doubts

ATTRIBUTE = "aliyun ecs DescribeSecurityGroupAttribute --SecurityGroupId {}"
ACLS = "aliyun vpc DescribeNetworkAclAttributes --NetworkAclId {}"
INTERFACES = "aliyun ecs DescribeNetworkInterfaces"
INSTANCES = "aliyun ecs DescribeInstances"
SUBNETS = "aliyun vpc DescribeVSwitches"

_ACTIONS = {"accept": Action.ALLOW, "drop": Action.DENY}

#: As a five-tuple rule or an unused field has it.
_ANY_PORT = "-1/-1"


@dataclass(slots=True)
class _Known:
    interfaces: list[Interface] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    prefix_lists: dict[str, tuple[IpNetwork, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(documents: Sequence[Node]) -> Account:
    """The account's rules. Raises Unreadable."""
    known = _Known()
    for document in documents:
        _gather(document, known)
    return Account(
        vendor=Vendor.ALIBABA,
        groups=tuple(_group(one, known) for one in documents if "Permissions" in one),
        acls=tuple(_acl(one) for document in documents for one in _acls(document)),
        interfaces=tuple(known.interfaces),
        subnets=tuple(known.subnets),
        notes=tuple(known.notes),
    )


def _gather(document: Node, known: _Known) -> None:
    if document["NextToken"].value:
        known.notes.append(f"{document.file} is cut off: it ends with a NextToken")
    known.interfaces += [_interface(one) for one in document["NetworkInterfaceSets"].listed("NetworkInterfaceSet")]
    known.interfaces += [_instance(one) for one in document["Instances"].listed("Instance")]
    for one in document["VSwitches"].listed("VSwitch"):
        texts = filter(None, (one["CidrBlock"].text(), one["Ipv6CidrBlock"].text()))
        networks = tuple(network for text in texts for network in protocols.peers(text).networks)
        known.subnets.append(
            Subnet(id=one["VSwitchId"].text(), source=SUBNETS, networks=networks, network=one["VpcId"].text())
        )
    if "PrefixListId" in document and "Entries" in document:
        entries = [one["Cidr"].text() for one in document["Entries"].listed("Entry")]
        known.prefix_lists[document["PrefixListId"].text()] = tuple(
            network for text in entries for network in protocols.peers(text).networks
        )


def _interface(node: Node) -> Interface:
    sets = list(node["PrivateIpSets"].listed("PrivateIpSet"))
    privates = [node["PrivateIpAddress"].text(), *(one["PrivateIpAddress"].text() for one in sets)]
    privates += [one["Ipv6Address"].text() for one in node["Ipv6Sets"].listed("Ipv6Set")]
    publics = [one["AssociatedPublicIp"]["PublicIpAddress"].text() for one in (node, *sets)]
    return Interface(
        id=node["NetworkInterfaceId"].text(),
        source=INTERFACES,
        owner=node["InstanceId"].text(),
        addresses=protocols.addresses(privates),
        public=protocols.addresses(publics),
        groups=node["SecurityGroupIds"].listed_texts("SecurityGroupId"),
        subnet=node["VSwitchId"].text(),
        network=node["VpcId"].text(),
    )


def _instance(node: Node) -> Interface:
    vpc = node["VpcAttributes"]
    cards = list(node["NetworkInterfaces"].listed("NetworkInterface"))
    privates = [*vpc["PrivateIpAddress"].listed_texts("IpAddress"), *node["InnerIpAddress"].listed_texts("IpAddress")]
    for card in cards:
        privates.append(card["PrimaryIpAddress"].text())
        privates += [one["PrivateIpAddress"].text() for one in card["PrivateIpSets"].listed("PrivateIpSet")]
        privates += [one["Ipv6Address"].text() for one in card["Ipv6Sets"].listed("Ipv6Set")]
    publics = [*node["PublicIpAddress"].listed_texts("IpAddress"), node["EipAddress"]["IpAddress"].text()]
    return Interface(
        id=node["InstanceId"].text(),
        source=INSTANCES,
        owner=node["InstanceId"].text(),
        addresses=protocols.addresses(privates),
        public=protocols.addresses(publics),
        groups=node["SecurityGroupIds"].listed_texts("SecurityGroupId"),
        subnet=vpc["VSwitchId"].text(),
        network=vpc["VpcId"].text(),
    )


def _group(node: Node, known: _Known) -> Group:
    home = node["SecurityGroupId"].text()
    if not home:
        raise Unreadable(f"{node.file}: SecurityGroupId is missing")
    is_classic = not node["VpcId"].text()
    rules = [_rule(one, home, known, is_classic=is_classic) for one in node["Permissions"].listed("Permission")]
    source = ATTRIBUTE.format(home)
    interconnects = node["InnerAccessPolicy"].text().lower() == "accept"
    if interconnects:
        rules.insert(0, _interconnection(home, known))
    return Group(
        id=home,
        name=node["SecurityGroupName"].text(),
        source=source,
        network=node["VpcId"].text(),
        rules=tuple(rules),
        interconnects=interconnects,
        scope=node["RegionId"].text(),
    )


def _interconnection(home: str, known: _Known) -> Rule:
    """Before all rules: order 0 is nobody else's."""
    return Rule(
        ref=f"{home} InnerAccessPolicy",
        text="Accept: members of the group reach each other",
        action=Action.ALLOW,
        direction=Direction.IN,
        home=home,
        order=0,
        sources=(_members(home, known),),
        is_builtin=True,
    )


def _members(name: str, known: _Known) -> Peers:
    return members(
        name,
        f"security group {name}",
        known.interfaces,
        lambda one: name in one.groups,
        ask=f"{INTERFACES} --SecurityGroupId {name}",
    )


def _rule(node: Node, home: str, known: _Known, *, is_classic: bool) -> Rule:
    ref = node["SecurityGroupRuleId"].text() or f"{home} {node.place.rpartition('.')[2]}"
    direction = Direction.OUT if node["Direction"].text().lower() == "egress" else Direction.IN
    doubts = Doubts()
    numbers = doubts.reading(protocols.protocol, node["IpProtocol"].text(), of=f"rule {ref}")
    ports = doubts.reading(protocols.spans, _port(node["PortRange"]), "/", of=f"rule {ref}")
    source_ports = doubts.reading(protocols.spans, _port(node["SourcePortRange"]), "/", of=f"rule {ref}")
    if node["PortRangeListId"].text():
        ports = None
        doubts.append(f"the ports in the port list {node['PortRangeListId'].text()}")
    if is_classic:
        doubts.append(f"the network card of a classic instance that rule {ref} is about ({node['NicType'].text()})")
    sources, destinations = _ends(node, "Source", known), _ends(node, "Dest", known)
    action = _action(node)
    unsaid = (protocols.unknown("somebody", f"whom rule {ref} is about"),)
    far = (sources if direction is Direction.IN else destinations) or unsaid
    near = (destinations if direction is Direction.IN else sources) or None
    whom = ", ".join(one.label for one in far)
    written = protocols.what(numbers, ports, node["IpProtocol"].text().lower())
    order = node["Priority"].number()
    return Rule(
        ref=ref,
        text=f"{node['Policy'].text() or 'Accept'} {written} {'to' if direction is Direction.OUT else 'from'} {whom}, "
        f"priority {1 if order is None else order}",
        action=action,
        direction=direction,
        home=home,
        order=1 if order is None else order,
        protocols=numbers,
        ports=ports,
        source_ports=source_ports,
        # The near end is named by five-tuple rules alone, the far one always.
        sources=far if direction is Direction.IN else near,
        destinations=near if direction is Direction.IN else far,
        doubts=tuple(doubts),
    )


def _port(node: Node) -> str:
    return node.text() or _ANY_PORT


def _ends(node: Node, end: str, known: _Known) -> tuple[Peers, ...]:
    """One at most is set, none where the rule does not name this end."""
    found = [protocols.peers(text) for text in (node[f"{end}CidrIp"].text(), node[f"Ipv6{end}CidrIp"].text()) if text]
    if name := node[f"{end}GroupId"].text():
        found.append(_members(name, known))
    if name := node[f"{end}PrefixListId"].text():
        found.append(
            Peers(label=name, networks=known.prefix_lists[name])
            if name in known.prefix_lists
            else protocols.unknown(
                name,
                f"what is in the prefix list {name} (aliyun ecs DescribePrefixListAttributes --PrefixListId {name})",
            )
        )
    return tuple(found)


def _action(node: Node) -> Action:
    word = node["Policy"].text().lower() or "accept"
    if word not in _ACTIONS:
        raise Unreadable(f"{node.file}: {node.place}.Policy is neither accept nor drop")
    return _ACTIONS[word]


# --- Network ACLs


def _acls(document: Node) -> Iterator[Node]:
    if document["NetworkAclAttribute"].value is not None:
        yield document["NetworkAclAttribute"]
    yield from document["NetworkAcls"].listed("NetworkAcl")


def _acl(node: Node) -> Acl:
    home = node["NetworkAclId"].text()
    entries = [
        _entry(one, home, number, direction, key)
        for outer, inner, direction, key in (
            ("IngressAclEntries", "IngressAclEntry", Direction.IN, "SourceCidrIp"),
            ("EgressAclEntries", "EgressAclEntry", Direction.OUT, "DestinationCidrIp"),
        )
        for number, one in enumerate(node[outer].listed(inner), start=1)
    ]
    return Acl(
        id=home,
        source=ACLS.format(home),
        network=node["VpcId"].text(),
        subnets=tuple(one["ResourceId"].text() for one in node["Resources"].listed("Resource")),
        rules=tuple(entries),
        scope=node["RegionId"].text(),
    )


def _entry(node: Node, home: str, number: int, direction: Direction, key: str) -> Rule:
    ref = f"{home} {'outbound' if direction is Direction.OUT else 'inbound'} entry {number}"
    if entry := node["NetworkAclEntryId"].text():
        ref += f" ({entry})"
    doubts = Doubts()
    written = node["Protocol"].text()
    numbers = doubts.reading(protocols.protocol, written, of=ref)
    ports = doubts.reading(protocols.spans, _port(node["Port"]), "/", of=ref)
    text = node[key].text()
    ends = (protocols.peers(text),) if text else (protocols.unknown("nobody", f"whom {ref} is about"),)
    way = "to" if direction is Direction.OUT else "from"
    return Rule(
        ref=ref,
        text=f"{node['Policy'].text()} {protocols.what(numbers, ports, written)} {way} {ends[0].label}",
        action=_action(node),
        direction=direction,
        home=home,
        order=number,
        protocols=numbers,
        ports=ports,
        sources=ends if direction is Direction.IN else None,
        destinations=ends if direction is Direction.OUT else None,
        doubts=tuple(doubts),
        is_builtin=node["EntryType"].text() == "system" and bool(ends[0].networks == EVERYBODY[:1]),
    )

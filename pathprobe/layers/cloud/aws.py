"""What do AWS's security groups and network ACLs say?

Read from what ``aws ec2 describe-...`` prints, of boto3 likewise.

* A security group's rules only allow, all groups of a network interface together. It is stateful: the answer leaves
  whatever the outbound rules say. (Flows that AWS does not track, those allowed from and to everywhere, have a rule
  that lets the answer out by definition: EC2 User Guide, "Security group connection tracking".)
* A rule that names a group means the private addresses of its members (VPC User Guide, "Security group referencing").
* A network ACL is stateless. Its lowest rule number that matches decides, 32767 (``*``) denies. It does not see traffic
  within a subnet (VPC User Guide, "Network ACL basics").
* FromPort and ToPort of ICMP are type and code, -1 for all (EC2 API, IpPermission). Of other protocols than TCP, UDP
  and ICMP all ports are meant (AuthorizeSecurityGroupIngress).
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
    IpAddress,
    IpNetwork,
    Peers,
    Rule,
    Span,
    Subnet,
    Vendor,
)
from pathprobe.layers.cloud.protocols import ICMP, ICMPV6, Doubts, NotUnderstood

#: The ``*`` at the end of each network ACL.
LAST_RULE = 32767

#: A list in a document, and the command that prints it.
COMMANDS = {
    "SecurityGroups": "aws ec2 describe-security-groups",
    "SecurityGroupRules": "aws ec2 describe-security-group-rules",
    "NetworkAcls": "aws ec2 describe-network-acls",
    "NetworkInterfaces": "aws ec2 describe-network-interfaces",
    "Reservations": "aws ec2 describe-instances",
    "Subnets": "aws ec2 describe-subnets",
    "PrefixLists": "aws ec2 describe-prefix-lists",
    "Entries": "aws ec2 get-managed-prefix-list-entries",
    "Vpcs": "aws ec2 describe-vpcs",
}


@dataclass(slots=True)
class _Known:
    """What rules refer to, gathered before they are read."""

    interfaces: list[Interface] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    prefix_lists: dict[str, tuple[IpNetwork, ...]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    all_members_of: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)


def read(documents: Sequence[Node], *, all_members_of: frozenset[str] = frozenset()) -> Account:
    """The account's rules. ``all_members_of``: groups of which every member is among the documents.

    Raises Unreadable.
    """
    known = _Known(all_members_of=all_members_of)
    for document in documents:
        _gather(document, known)
    groups = _groups(documents, known)
    acls = tuple(_acl(one) for document in documents for one in document["NetworkAcls"].objects())
    return Account(
        vendor=Vendor.AWS,
        groups=groups,
        acls=acls,
        interfaces=tuple(known.interfaces),
        subnets=tuple(known.subnets),
        notes=tuple(known.notes),
    )


def _gather(document: Node, known: _Known) -> None:
    if document["NextToken"].value:
        known.notes.append(f"{document.file} is cut off: it ends with a NextToken")
    for one in document["NetworkInterfaces"].objects():
        known.interfaces.append(interface(one))
    for reservation in document["Reservations"].objects():
        for instance in reservation["Instances"].objects():
            for one in instance["NetworkInterfaces"].objects():
                found = interface(one, COMMANDS["Reservations"])
                known.interfaces.append(replace(found, owner=instance["InstanceId"].text()))
    for one in document["Subnets"].objects():
        known.subnets.append(_subnet(one))
    for one in document["PrefixLists"].objects():
        if "Cidrs" in one:
            known.prefix_lists[one["PrefixListId"].text()] = _networks(one["Cidrs"].texts(), one)
    for one in document["SecurityGroups"].objects():
        known.names[one["GroupId"].text()] = one["GroupName"].text()
        known.networks[one["GroupId"].text()] = one["VpcId"].text()
    if "Entries" in document:
        name = document["PrefixListId"].text() or _word(document.file, "pl-")
        if not name:
            raise Unreadable(
                f"{document.file}: AWS does not print whose entries these are; put the prefix list's id into the "
                "file's name (pl-0123456789abcdef0.json)"
            )
        entries = tuple(one["Cidr"].text() for one in document["Entries"].objects())
        known.prefix_lists[name] = (*known.prefix_lists.get(name, ()), *_networks(entries, document))


def _word(file: str, start: str) -> str:
    """The id in a file's name."""
    at = file.rfind(start)
    word = "".join(letter if letter.isalnum() or letter == "-" else " " for letter in file[at:]) if at >= 0 else ""
    return word.split(" ")[0]


def _networks(texts: Iterable[str], node: Node) -> tuple[IpNetwork, ...]:
    try:
        return tuple(protocols.network(text) for text in texts)
    except NotUnderstood as reason:
        raise Unreadable(f"{node.file}: {node.place or 'the document'}: {reason} is none") from None


def interface(node: Node, source: str = COMMANDS["NetworkInterfaces"]) -> Interface:
    """Of describe-network-interfaces, or below an instance; the keys are the same."""
    privates = [one["PrivateIpAddress"].text() for one in node["PrivateIpAddresses"].objects()]
    publics = [one["Association"]["PublicIp"].text() for one in node["PrivateIpAddresses"].objects()]
    sixes = [one["Ipv6Address"].text() for one in node["Ipv6Addresses"].objects()]
    publics.append(node["Association"]["PublicIp"].text())
    privates.append(node["PrivateIpAddress"].text())
    return Interface(
        id=node["NetworkInterfaceId"].text(),
        source=source,
        owner=node["Attachment"]["InstanceId"].text(),
        addresses=_addresses([*privates, *sixes], node),
        public=_addresses(publics, node),
        groups=tuple(one["GroupId"].text() for one in node["Groups"].objects()),
        subnet=node["SubnetId"].text(),
        network=node["VpcId"].text(),
    )


def _addresses(texts: Iterable[str], node: Node) -> tuple[IpAddress, ...]:
    return tuple(one.network_address for one in _networks(dict.fromkeys(filter(None, texts)), node))


def _subnet(node: Node) -> Subnet:
    sixes = [one["Ipv6CidrBlock"].text() for one in node["Ipv6CidrBlockAssociationSet"].objects()]
    return Subnet(
        id=node["SubnetId"].text(),
        source=COMMANDS["Subnets"],
        networks=_networks(filter(None, [node["CidrBlock"].text(), *sixes]), node),
        network=node["VpcId"].text(),
    )


# --- Security groups


def _groups(documents: Sequence[Node], known: _Known) -> tuple[Group, ...]:
    """Of both formats. Where both tell of one group, a rule that stands in both is told once, with its id."""
    rules: dict[str, list[Rule]] = {}
    sources: dict[str, str] = {}
    for document in documents:
        for one in document["SecurityGroupRules"].objects():
            home = one["GroupId"].text()
            rules.setdefault(home, []).append(_rule_with_id(one, known))
            sources[home] = COMMANDS["SecurityGroupRules"]
    for document in documents:
        for group in document["SecurityGroups"].objects():
            home = group["GroupId"].text()
            if not home:
                raise Unreadable(f"{group.file}: {group.place}.GroupId is missing")
            there = rules.setdefault(home, [])
            named = {_content(rule) for rule in there}
            there += [rule for rule in _rules_without_ids(group, known) if _content(rule) not in named]
            sources.setdefault(home, COMMANDS["SecurityGroups"])
    return tuple(
        Group(
            id=home,
            name=known.names.get(home, ""),
            network=known.networks.get(home, ""),
            source=sources[home],
            rules=tuple(rules[home]),
        )
        for home in rules
    )


def _content(rule: Rule) -> Rule:
    return replace(rule, ref="")


def _rules_without_ids(group: Node, known: _Known) -> Iterator[Rule]:
    """Each range of an IpPermission is a rule."""
    home = group["GroupId"].text()
    for key, direction in (("IpPermissions", Direction.IN), ("IpPermissionsEgress", Direction.OUT)):
        for permission in group[key].objects():
            for ends in _ranges(permission, known):
                yield _rule(permission, ends, direction, home, ref=f"{home} {permission.place.rpartition('.')[2]}")


def _ranges(permission: Node, known: _Known) -> Iterator[Peers]:
    for one in permission["IpRanges"].objects():
        yield protocols.peers(one["CidrIp"].text())
    for one in permission["Ipv6Ranges"].objects():
        yield protocols.peers(one["CidrIpv6"].text())
    for one in permission["PrefixListIds"].objects():
        yield _prefix_list(one["PrefixListId"].text(), known)
    for one in permission["UserIdGroupPairs"].objects():
        yield _group(one["GroupId"].text(), known)


def _rule_with_id(node: Node, known: _Known) -> Rule:
    ends = (
        protocols.peers(node["CidrIpv4"].text())
        if node["CidrIpv4"].value
        else protocols.peers(node["CidrIpv6"].text())
        if node["CidrIpv6"].value
        else _prefix_list(node["PrefixListId"].text(), known)
        if node["PrefixListId"].value
        else _group(node["ReferencedGroupInfo"]["GroupId"].text(), known)
    )
    direction = Direction.OUT if node["IsEgress"].flag() else Direction.IN
    return _rule(node, ends, direction, node["GroupId"].text(), ref=node["SecurityGroupRuleId"].text())


def _prefix_list(name: str, known: _Known) -> Peers:
    if name in known.prefix_lists:
        return Peers(label=name, networks=known.prefix_lists[name])
    return protocols.unknown(
        name, f"what is in the prefix list {name} (aws ec2 get-managed-prefix-list-entries --prefix-list-id {name})"
    )


def _group(name: str, known: _Known) -> Peers:
    return members(
        name,
        f"security group {name}",
        known.interfaces,
        lambda one: name in one.groups,
        is_complete=name in known.all_members_of,
        ask=f"aws ec2 describe-network-interfaces --filters Name=group-id,Values={name}",
    )


def _rule(node: Node, ends: Peers, direction: Direction, home: str, *, ref: str) -> Rule:
    text = node["IpProtocol"].text()
    low, high = node["FromPort"].number(), node["ToPort"].number()
    doubts = Doubts()
    numbers = doubts.reading(protocols.protocol, text, of=f"rule {ref}")
    ports, icmp = _ports(numbers, low, high)
    return Rule(
        ref=ref,
        text=f"allow {_what(numbers, text, ports, icmp)} {'from' if direction is Direction.IN else 'to'} {ends.label}",
        action=Action.ALLOW,
        direction=direction,
        home=home,
        protocols=numbers,
        ports=ports,
        icmp=icmp,
        sources=(ends,) if direction is Direction.IN else None,
        destinations=(ends,) if direction is Direction.OUT else None,
        doubts=tuple(doubts),
    )


def _ports(
    numbers: frozenset[int] | None, low: int | None, high: int | None
) -> tuple[tuple[Span, ...] | None, tuple[int | None, int | None]]:
    """Ports, or type and code."""
    if numbers and numbers & {ICMP, ICMPV6}:
        return None, (_some(low), _some(high))
    if not numbers or not numbers & protocols.WITH_PORTS or low is None or high is None or -1 in (low, high):
        return None, (None, None)
    return ((low, high),), (None, None)


def _some(number: int | None) -> int | None:
    return None if number in (None, -1) else number


def _what(
    numbers: frozenset[int] | None,
    text: str,
    ports: tuple[Span, ...] | None,
    icmp: tuple[int | None, int | None],
) -> str:
    """``tcp 8080``, ``icmp type 8``, ``all traffic``."""
    parts = [f"{word} {number}" for word, number in zip(("type", "code"), icmp, strict=True) if number is not None]
    return " ".join([protocols.what(numbers, ports, text), *parts])


# --- Network ACLs


def _acl(node: Node) -> Acl:
    name = node["NetworkAclId"].text()
    rules = sorted(
        (_entry(one, name) for one in node["Entries"].objects()),
        key=lambda rule: rule.order or 0,
    )
    return Acl(
        id=name,
        source=COMMANDS["NetworkAcls"],
        network=node["VpcId"].text(),
        subnets=tuple(one["SubnetId"].text() for one in node["Associations"].objects()),
        is_default=node["IsDefault"].flag(),
        rules=tuple(rules),
    )


def _entry(node: Node, home: str) -> Rule:
    number = node["RuleNumber"].number()
    if number is None:
        raise Unreadable(f"{node.file}: {node.place}.RuleNumber is missing")
    direction = Direction.OUT if node["Egress"].flag() else Direction.IN
    action = _action(node)
    ends = protocols.peers(node["CidrBlock"].text() or node["Ipv6CidrBlock"].text())
    text = node["Protocol"].text()
    label = "*" if number == LAST_RULE else str(number)
    doubts = Doubts()
    numbers = doubts.reading(protocols.protocol, text, of=f"rule {label} of {home}")
    range_ = node["PortRange"]
    ports, _ = _ports(numbers, range_["From"].number(), range_["To"].number())
    icmp = (_some(node["IcmpTypeCode"]["Type"].number()), _some(node["IcmpTypeCode"]["Code"].number()))
    where, way = ("outbound", "to") if direction is Direction.OUT else ("inbound", "from")
    return Rule(
        ref=f"{home} {where} rule {label}",
        text=f"{action} {_what(numbers, text, ports, icmp)} {way} {ends.label}",
        action=action,
        direction=direction,
        home=home,
        order=number,
        protocols=numbers,
        ports=ports,
        icmp=icmp,
        sources=(ends,) if direction is Direction.IN else None,
        destinations=(ends,) if direction is Direction.OUT else None,
        doubts=tuple(doubts),
        is_builtin=number == LAST_RULE,
    )


def _action(node: Node) -> Action:
    word = node["RuleAction"].text().lower()
    if word not in ("allow", "deny"):
        raise Unreadable(f"{node.file}: {node.place}.RuleAction is neither allow nor deny")
    return Action(word)

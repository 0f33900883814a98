"""What does a rule of an AWS security group say, and an entry of a network ACL?

In the two formats in which groups' rules are printed: as permissions with ranges, and each by itself with its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pathprobe.layers.cloud import protocols
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.members import members
from pathprobe.layers.cloud.model import (
    Acl,
    Action,
    Direction,
    Interface,
    IpNetwork,
    Peers,
    Rule,
    Span,
    Subnet,
)
from pathprobe.layers.cloud.protocols import ICMP, ICMPV6, Doubts

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
class Known:
    """What rules refer to, gathered before they are read."""

    interfaces: list[Interface] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    prefix_lists: dict[str, tuple[IpNetwork, ...]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    all_members_of: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)


# --- Security groups


def content(rule: Rule) -> Rule:
    """What it says, by whatever command it was printed."""
    return replace(rule, ref="", source="")


def rules_without_ids(group: Node, known: Known) -> Iterator[Rule]:
    """Each range of an IpPermission is a rule."""
    home = group["GroupId"].text()
    for key, direction in (("IpPermissions", Direction.IN), ("IpPermissionsEgress", Direction.OUT)):
        for permission in group[key].objects():
            for ends in _ranges(permission, known):
                yield _rule(
                    permission,
                    ends,
                    direction,
                    home,
                    ref=f"{home} {permission.place.rpartition('.')[2]}",
                    key="SecurityGroups",
                )


def _ranges(permission: Node, known: Known) -> Iterator[Peers]:
    for one in permission["IpRanges"].objects():
        yield protocols.peers(one["CidrIp"].text())
    for one in permission["Ipv6Ranges"].objects():
        yield protocols.peers(one["CidrIpv6"].text())
    for one in permission["PrefixListIds"].objects():
        yield _prefix_list(one["PrefixListId"].text(), known)
    for one in permission["UserIdGroupPairs"].objects():
        yield _group(one["GroupId"].text(), known)


def rule_with_id(node: Node, known: Known) -> Rule:
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
    return _rule(
        node, ends, direction, node["GroupId"].text(), ref=node["SecurityGroupRuleId"].text(), key="SecurityGroupRules"
    )


def _prefix_list(name: str, known: Known) -> Peers:
    if name in known.prefix_lists:
        return Peers(label=name, networks=known.prefix_lists[name])
    return protocols.unknown(
        name, f"what is in the prefix list {name} (aws ec2 get-managed-prefix-list-entries --prefix-list-id {name})"
    )


def _group(name: str, known: Known) -> Peers:
    return members(
        name,
        f"security group {name}",
        known.interfaces,
        lambda one: name in one.groups,
        is_complete=name in known.all_members_of,
        ask=f"aws ec2 describe-network-interfaces --filters Name=group-id,Values={name}",
    )


def _rule(node: Node, ends: Peers, direction: Direction, home: str, *, ref: str, key: str) -> Rule:
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
        source=COMMANDS[key],
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


def acl(node: Node) -> Acl:
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

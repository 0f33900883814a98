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

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pathprobe.layers.cloud import protocols
from pathprobe.layers.cloud.aws_rules import COMMANDS, Known, acl, content, rule_with_id, rules_without_ids
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.model import (
    Account,
    Group,
    Interface,
    IpAddress,
    IpNetwork,
    Rule,
    Subnet,
    Vendor,
)
from pathprobe.layers.cloud.protocols import NotUnderstood


def read(documents: Sequence[Node], *, all_members_of: frozenset[str] = frozenset()) -> Account:
    """The account's rules. ``all_members_of``: groups of which every member is among the documents.

    Raises Unreadable.
    """
    known = Known(all_members_of=all_members_of)
    for document in documents:
        _gather(document, known)
    groups = _groups(documents, known)
    acls = tuple(acl(one) for document in documents for one in document["NetworkAcls"].objects())
    return Account(
        vendor=Vendor.AWS,
        groups=groups,
        acls=acls,
        interfaces=tuple(known.interfaces),
        subnets=tuple(known.subnets),
        notes=tuple(known.notes),
    )


def _gather(document: Node, known: Known) -> None:
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


def _groups(documents: Sequence[Node], known: Known) -> tuple[Group, ...]:
    """Of both formats. Where both tell of one group, a rule that stands in both is told once, with its id."""
    rules: dict[str, list[Rule]] = {}
    sources: dict[str, str] = {}
    for document in documents:
        for one in document["SecurityGroupRules"].objects():
            home = one["GroupId"].text()
            rules.setdefault(home, []).append(rule_with_id(one, known))
            sources[home] = COMMANDS["SecurityGroupRules"]
    whole: dict[str, tuple[str, frozenset[Rule]]] = {}
    for document in documents:
        for group in document["SecurityGroups"].objects():
            home = group["GroupId"].text()
            if not home:
                raise Unreadable(f"{group.file}: {group.place}.GroupId is missing")
            printed = list(rules_without_ids(group, known))
            contents = frozenset(content(rule) for rule in printed)
            file, before = whole.setdefault(home, (group.file, contents))
            if contents != before:
                raise Unreadable(f"{file} and {group.file} tell different rules of {home}: give the newer one alone")
            there = rules.setdefault(home, [])
            named = {content(rule) for rule in there}
            there += [rule for rule in printed if content(rule) not in named]
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

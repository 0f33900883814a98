"""Whose JSON is this?

Told by the keys that only one vendor's commands print. All documents of one look must be of one vendor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pathprobe.layers.cloud import alibaba, aws, azure, gcp, tencent
from pathprobe.layers.cloud.aws_rules import COMMANDS, content
from pathprobe.layers.cloud.azure_rules import EFFECTIVE
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.model import Account, Group, Rule, Vendor

#: A vendor, and keys at the top of a document of which one is enough.
_TOPS: tuple[tuple[Vendor, tuple[str, ...]], ...] = (
    (
        Vendor.TENCENT,
        (
            "Response",
            "SecurityGroupPolicySet",
            "SecurityGroupSet",
            "NetworkAclSet",
            "InstanceSet",
            "NetworkInterfaceSet",
            "SubnetSet",
            "AddressTemplateSet",
            "AddressTemplateGroupSet",
            "ServiceTemplateSet",
            "ServiceTemplateGroupSet",
        ),
    ),
    (
        Vendor.ALIBABA,
        ("Permissions", "NetworkAclAttribute", "NetworkInterfaceSets", "Instances", "VSwitches", "InnerAccessPolicy"),
    ),
    (Vendor.GCP, ("firewalls", "firewallPolicys")),
    (
        Vendor.AZURE,
        (
            "securityRules",
            "defaultSecurityRules",
            "effectiveSecurityRules",
            "ipConfigurations",
            "addressSpace",
            "access",
            "addressPrefix",
            "addressPrefixes",
            "ipAddress",
            "properties",
        ),
    ),
    (Vendor.GCP, ("allowed", "denied", "networkInterfaces", "ipCidrRange")),
    (Vendor.AWS, tuple(COMMANDS)),
)


def vendor_of(document: Node) -> Vendor | None:
    """None where none of the five prints such a thing."""
    if isinstance(document.value, list):
        kinds = {vendor_of(one) for one in document.objects()}
        return kinds.pop() if len(kinds) == 1 else None
    if not isinstance(document.value, dict):
        return None
    if "value" in document:
        return Vendor.AZURE
    if str(document["kind"].value).startswith("compute#"):
        return Vendor.GCP
    keys = set(document.value)
    if ("RequestId" in keys and "Entries" in keys) or _is_wrapped(document):
        return Vendor.ALIBABA
    return next((vendor for vendor, tops in _TOPS if keys.intersection(tops)), None)


def _is_wrapped(document: Node) -> bool:
    """Alibaba's lists lie in objects: ``"NetworkAcls": {"NetworkAcl": [...]}``; a plain list is AWS's."""
    return any(
        isinstance(document.value.get(key), dict) and inner in document.value[key]
        for key, inner in (("NetworkAcls", "NetworkAcl"), ("SecurityGroups", "SecurityGroup"))
    )


def read(documents: Sequence[Node], *, vendor: Vendor | None = None, unnamed: str = "") -> Account:
    """The account that they describe. ``unnamed``: whose the rules are where the vendor does not print it.

    Raises Unreadable.
    """
    if vendor is None:
        return _of_one_group_each(_read(documents, _whose(documents), unnamed))
    for document in documents:
        told = vendor_of(document)
        if told not in (None, vendor) and _is_empty(_read([document], vendor, unnamed)):
            raise Unreadable(f"{document.file}: not {vendor}'s JSON but {told}'s")
    return _of_one_group_each(_read(documents, vendor, unnamed))


def _is_empty(account: Account) -> bool:
    return not (account.groups or account.acls or account.interfaces or account.subnets)


def _of_one_group_each(account: Account) -> Account:
    """Whose rules were given twice counts once. Raises Unreadable where the two differ."""
    groups: dict[str, Group] = {}
    others = []
    for one in account.groups:
        if account.vendor is Vendor.AZURE and one.source == EFFECTIVE:
            # Azure's own sum of a group's rules has other words than the group.
            others.append(one)
            continue
        there = groups.setdefault(one.id, one)
        if not _same(there.rules, one.rules):
            if account.vendor is not Vendor.ALIBABA or not _are_halves(there, one):
                raise Unreadable(f"two documents tell different rules of {one.label}: give one of them alone")
            groups[one.id] = replace(there, rules=tuple(dict.fromkeys((*there.rules, *one.rules))))
    return replace(account, groups=(*groups.values(), *others))


def _same(one: Iterable[Rule], other: Iterable[Rule]) -> bool:
    return set(map(content, one)) == set(map(content, other))


def _are_halves(there: Group, one: Group) -> bool:
    """Each has rules of another direction, as the command line prints them with ``--Direction ingress``."""
    written = [{rule.direction for rule in group.rules if not rule.is_builtin} for group in (there, one)]
    return all(written) and not written[0] & written[1]


def _read(documents: Sequence[Node], whose: Vendor, unnamed: str) -> Account:
    if whose is Vendor.AWS:
        return aws.read(documents)
    if whose is Vendor.ALIBABA:
        return alibaba.read(documents)
    if whose is Vendor.TENCENT:
        return tencent.read(documents, unnamed=unnamed)
    return azure.read(documents) if whose is Vendor.AZURE else gcp.read(documents)


def _whose(documents: Sequence[Node]) -> Vendor:
    found: dict[Vendor, str] = {}
    for document in documents:
        if document.value in ([], {}):
            continue
        vendor = vendor_of(document)
        if vendor is None:
            raise Unreadable(
                f"{document.file}: not the JSON of a command known here (aws, aliyun, tccli, az, gcloud); --vendor "
                "says whose it is"
            )
        found.setdefault(vendor, document.file)
    if not found:
        raise Unreadable("nothing but empty lists was given")
    if len(found) > 1:
        raise Unreadable("not of one vendor: " + ", ".join(f"{file} is {vendor}'s" for vendor, file in found.items()))
    return next(iter(found))

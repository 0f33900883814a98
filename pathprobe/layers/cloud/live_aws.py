"""What does AWS itself say of the rules before this address? Read-only calls by way of boto3.

boto3 (the extra ``aws``) is imported when it is asked for. What it returns has the shape of what ``aws ec2`` prints, so
that what was read live and what was read from files go one way: ``aws.read``. The interface is found by the target's
address; of the groups that its rules name, the members are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pathprobe.layers.cloud import aws
from pathprobe.layers.cloud.documents import Node
from pathprobe.layers.cloud.model import Account, IpAddress

#: As the CLI names it; the answers have the rest of their shape from it.
_SOURCE = "live"


class NoAccount(Exception):
    """AWS cannot be asked. The message is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What was read. ``documents``: page by page, as the command line would print them."""

    documents: tuple[Node, ...]
    all_members_of: frozenset[str]

    def account(self) -> Account:
        return aws.read(self.documents, all_members_of=self.all_members_of)


def client(*, region: str | None = None, profile: str | None = None) -> Any:
    """boto3's client for EC2, with credentials from where boto3 looks for them. Raises NoAccount."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, NoRegionError
    except ImportError:
        raise NoAccount("asking AWS needs boto3: pip install 'pathprobe[aws]'; or give files instead") from None
    try:
        return boto3.Session(profile_name=profile, region_name=region).client("ec2")
    except NoRegionError:
        raise NoAccount("no AWS region: set AWS_DEFAULT_REGION or give --region") from None
    except (BotoCoreError, ValueError) as error:
        raise NoAccount(f"AWS cannot be asked: {error}") from None


def read(
    ec2: Any, target: IpAddress | None, *, groups: Sequence[str] = (), acl: str = "", source: IpAddress | None = None
) -> Live:
    """The rules before the target, or of the groups and the ACL that were named. Raises NoAccount."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        return _read(ec2, target, groups=groups, acl=acl, source=source)
    except NoCredentialsError:
        raise NoAccount("no AWS credentials: run aws configure, or set AWS_PROFILE") from None
    except (BotoCoreError, ClientError) as error:
        raise NoAccount(f"AWS does not answer: {' '.join(str(error).split())}") from None


def _read(ec2: Any, target: IpAddress | None, *, groups: Sequence[str], acl: str, source: IpAddress | None) -> Live:
    asked = _Asked(ec2)
    of_target = asked.interfaces_with(target) if target else []
    if target and not of_target and not groups:
        raise NoAccount(f"AWS knows no network interface with {target} in {ec2.meta.region_name}, in this account")
    # Without the target's own, the client's rules would be taken for them.
    of_source = asked.private_interfaces_with(source) if source and of_target else []
    interfaces = [*of_target, *of_source]
    wanted = dict.fromkeys((*groups, *_groups_of(interfaces)))
    if wanted:
        # The rules by themselves have ids, the groups have names.
        asked.ask("describe_security_groups", "SecurityGroups", GroupIds=list(wanted))
        asked.ask("describe_security_group_rules", "SecurityGroupRules", Filters=[_filter("group-id", wanted)])
    subnets = dict.fromkeys(one["SubnetId"] for one in interfaces if one.get("SubnetId"))
    if subnets:
        asked.ask("describe_subnets", "Subnets", SubnetIds=list(subnets))
        asked.ask("describe_network_acls", "NetworkAcls", Filters=[_filter("association.subnet-id", subnets)])
    referenced = asked.referenced()
    if referenced:
        interfaces += asked.ask("describe_network_interfaces", None, Filters=[_filter("group-id", referenced)])
    asked.keep("NetworkInterfaces", list({one["NetworkInterfaceId"]: one for one in interfaces}.values()))
    if acl:
        asked.ask("describe_network_acls", "NetworkAcls", NetworkAclIds=[acl])
    for name in asked.prefix_lists():
        asked.ask("get_managed_prefix_list_entries", "Entries", name=name, PrefixListId=name)
    return Live(documents=tuple(asked.documents), all_members_of=frozenset(referenced))


def _groups_of(interfaces: Iterable[dict[str, Any]]) -> list[str]:
    return [group["GroupId"] for one in interfaces for group in one.get("Groups", ())]


def _filter(name: str, values: Iterable[str]) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


#: By their private IPv4 address interfaces are found at once. Of a public one AWS knows it in several places (Elastic
#: IP, one of a load balancer, one that came with the instance), so that all are looked through.
_BY_PRIVATE_ADDRESS = "addresses.private-ip-address"

_PAGE = 1000

#: What boto3 returns in other words than the call.
_LISTS = {
    "describe_network_interfaces": "NetworkInterfaces",
    "get_managed_prefix_list_entries": "Entries",
}


class _Asked:
    """The calls, and what came of them."""

    def __init__(self, ec2: Any) -> None:
        self._ec2 = ec2
        self.documents: list[Node] = []

    def ask(self, call: str, key: str | None, *, name: str = "", **arguments: Any) -> list[dict[str, Any]]:
        """All pages; kept as a document below ``key``."""
        pages = self._ec2.get_paginator(call).paginate(**arguments)
        found = [one for page in pages for one in page.get(key or _LISTS[call], ())]
        if key:
            self.keep(key, found, **({"PrefixListId": name} if name else {}))
        return found

    def keep(self, key: str, found: list[dict[str, Any]], **beside: str) -> None:
        self.documents.append(Node({key: found, **beside}, _SOURCE))

    def interfaces_with(self, address: IpAddress) -> list[dict[str, Any]]:
        found = self.private_interfaces_with(address)
        if found:
            return found
        every = self.ask("describe_network_interfaces", None, PaginationConfig={"PageSize": _PAGE})
        return [one for one in every if aws.interface(Node(one, _SOURCE)).has(address)]

    def private_interfaces_with(self, address: IpAddress) -> list[dict[str, Any]]:
        if address.version == 6:
            return []
        return self.ask("describe_network_interfaces", None, Filters=[_filter(_BY_PRIVATE_ADDRESS, [str(address)])])

    def _rules(self) -> list[dict[str, Any]]:
        return [one for node in self.documents for one in node.value.get("SecurityGroupRules", ())]

    def _permissions(self) -> list[dict[str, Any]]:
        groups = [one for node in self.documents for one in node.value.get("SecurityGroups", ())]
        keys = ("IpPermissions", "IpPermissionsEgress")
        return [permission for group in groups for key in keys for permission in group.get(key, ())]

    def referenced(self) -> list[str]:
        pairs = [pair for one in self._permissions() for pair in one.get("UserIdGroupPairs", ())]
        names = [pair.get("GroupId", "") for pair in pairs]
        names += [one.get("ReferencedGroupInfo", {}).get("GroupId", "") for one in self._rules()]
        return list(dict.fromkeys(filter(None, names)))

    def prefix_lists(self) -> list[str]:
        lists = [one for permission in self._permissions() for one in permission.get("PrefixListIds", ())]
        names = [one.get("PrefixListId", "") for one in lists] + [one.get("PrefixListId", "") for one in self._rules()]
        return list(dict.fromkeys(filter(None, names)))

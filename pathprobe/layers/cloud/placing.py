"""Which rules stand before the target?

Those that were named; else those of the network interface that has its address, where one was described; else the only
ones that there are, which is said. Where interfaces were described and none is the target's, nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pathprobe.layers.cloud.documents import Unreadable
from pathprobe.layers.cloud.model import Account, Acl, Group, Interface, IpAddress, IpNetwork, Subnet, Vendor


class CannotPlace(ValueError):
    """It cannot be told which rules stand before the target. The message says what would tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """``groups``: before the interface; ``outer``: before its subnet (Azure). ``missing``: groups without rules here.

    ``acl``: None where none stands there, or none was described, which ``unseen`` says. ``marks``:
    the machine's tags, None where nobody told; ``sees_private``: whether the target's private address is known.
    ``assumed`` and ``unseen``: sentences without capital and full stop.
    """

    interface: Interface | None = None
    subnet: Subnet | None = None
    groups: tuple[Group, ...] = ()
    outer: tuple[Group, ...] = ()
    missing: tuple[str, ...] = ()
    missing_outer: tuple[str, ...] = ()
    acl: Acl | None = None
    marks: frozenset[str] | None = None
    sees_private: bool = False
    assumed: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


#: What describes the machines, so that the target's groups are found.
DESCRIBED_BY = {
    Vendor.AWS: "aws ec2 describe-network-interfaces",
    Vendor.ALIBABA: "aliyun ecs DescribeInstances",
    Vendor.TENCENT: "tccli cvm DescribeInstances",
    Vendor.AZURE: "az network nic list",
    Vendor.GCP: "gcloud compute instances list --format=json",
}

_EFFECTIVE = "list-effective-nsg"


def place(account: Account, target: IpAddress | None, names: Sequence[str] = (), acl: str = "") -> Placement:
    """Raises CannotPlace; Unreadable for a name that is nobody's."""
    interface = _interface(account, target, names)
    if interface is None and target is not None and account.interfaces and not names and not _effective(account):
        raise CannotPlace(
            f"none of the interfaces that were given has {target}: {DESCRIBED_BY[account.vendor]} lists them, "
            "or name the group before it with --group"
        )
    subnet = account.subnet(interface.subnet) if interface and interface.subnet else None
    if account.vendor is Vendor.AZURE:
        return _azure(account, target, names, interface, subnet)
    if account.vendor is Vendor.GCP:
        return _gcp(account, target, names, interface, subnet)
    groups, missing, assumed = _groups(account, target, names, interface)
    found, told, unseen = _acl(account, acl, interface, groups)
    return Placement(
        interface=interface,
        subnet=subnet,
        groups=groups,
        missing=missing,
        acl=found,
        assumed=(*assumed, *told),
        unseen=unseen,
    )


def place_client(account: Account, source: IpNetwork, target: Placement) -> Placement | None:
    """What stands before the client, where that is another of the interfaces; None where nobody knows, or needs to.

    Of AWS alone, where what no outbound rule allows stays in. What was not given is not assumed.
    """
    if account.vendor is not Vendor.AWS or source.num_addresses != 1:
        return None
    found = account.interfaces_with(source.network_address)
    if len(found) != 1 or found[0] == target.interface:
        return None
    (client,) = found
    groups = [account.group(name) for name in client.groups]
    missing = tuple(name for name, group in zip(client.groups, groups, strict=True) if group is None)
    acl, _, _ = _acl(account, "", client, ()) if client.subnet else (None, (), ())
    if target.interface and target.interface.subnet == client.subnet:
        acl = None
    return Placement(
        interface=client,
        groups=() if missing else tuple(one for one in groups if one),
        acl=acl,
        unseen=tuple(f"the outbound rules of the client's security group {name}" for name in missing),
    )


def _interface(account: Account, target: IpAddress | None, names: Sequence[str]) -> Interface | None:
    """That of the target; of several, that which has one of the groups that were named."""
    found = account.interfaces_with(target) if target is not None else ()
    if len(found) > 1:
        named = {group.id for name in names if (group := account.group(name))}
        found = tuple(one for one in found if named.intersection(one.groups)) or found
    if len(found) > 1:
        where = " and ".join(f"{one.id} in {one.network}" for one in found)
        raise CannotPlace(f"{len(found)} interfaces have {target}: {where}; name the group of the one that is meant")
    return found[0] if found else None


def _groups(
    account: Account, target: IpAddress | None, names: Sequence[str], interface: Interface | None
) -> tuple[tuple[Group, ...], tuple[str, ...], tuple[str, ...]]:
    """Them, the ids of those whose rules were not given, and what was assumed."""
    if names:
        return _named(account, names), (), ()
    if interface:
        if not interface.groups:
            raise CannotPlace(f"no group stands before {interface.id}, as it was described; name one with --group")
        found = [account.group(name) for name in interface.groups]
        missing = tuple(name for name, group in zip(interface.groups, found, strict=True) if group is None)
        return tuple(one for one in found if one), missing, ()
    return (_only(account, target),), (), (_assumed(account.groups[0].label, target),)


def _named(account: Account, names: Sequence[str]) -> tuple[Group, ...]:
    found = []
    for name in names:
        group = account.group(name)
        if group is None:
            there = ", ".join(one.label for one in account.groups) or "none"
            raise Unreadable(f"no rules of group {name} were given (there are: {there})")
        found.append(group)
    return tuple(found)


def _only(account: Account, target: IpAddress | None) -> Group:
    if len(account.groups) == 1:
        return account.groups[0]
    if not account.groups:
        raise CannotPlace("no group's rules were given")
    whom = f"which of the {len(account.groups)} groups stand before {target or 'the target'} cannot be told"
    raise CannotPlace(f"{whom}: {DESCRIBED_BY[account.vendor]} would tell, or name them with --group")


def _assumed(label: str, target: IpAddress | None) -> str:
    return f"{label} is assumed to stand before {target or 'the target'} (no other was given)"


def _acl(
    account: Account, name: str, interface: Interface | None, groups: Sequence[Group]
) -> tuple[Acl | None, tuple[str, ...], tuple[str, ...]]:
    """It, what was assumed, and what was not seen."""
    if name:
        acl = account.acl(name)
        if acl is None:
            raise Unreadable(f"no entries of network ACL {name} were given")
        return acl, (), ()
    if interface and interface.subnet:
        for one in account.acls:
            if interface.subnet in one.subnets:
                return one, (), ()
        for one in account.acls:
            if one.is_default and one.network == interface.network:
                return one, (), ()
        return None, (), _unseen_acl(account, f"the network ACL of {interface.subnet}")
    if len(account.acls) == 1:
        acl = account.acls[0]
        network = next((one.network for one in groups if one.network), "")
        if not network or not acl.network or network == acl.network:
            return acl, (f"{acl.id} is assumed to stand before its subnet (no other was given)",), ()
    if account.acls:
        raise CannotPlace(
            f"which of the {len(account.acls)} network ACLs stands before the target's subnet cannot be told: "
            f"{DESCRIBED_BY[account.vendor]} would tell, or name it with --acl"
        )
    return None, (), _unseen_acl(account, "the network ACL of its subnet")


_ACL_COMMANDS = {
    Vendor.AWS: "aws ec2 describe-network-acls",
    Vendor.ALIBABA: "aliyun vpc DescribeNetworkAclAttributes",
    Vendor.TENCENT: "tccli vpc DescribeNetworkAcls",
}


def _unseen_acl(account: Account, what: str) -> tuple[str, ...]:
    """Each subnet of AWS has one. Of the others it is rare, and where some were given the subnet has none."""
    if account.vendor is not Vendor.AWS and account.acls:
        return ()
    return (f"{what} ({_ACL_COMMANDS[account.vendor]})",)


# --- Azure: one group before the subnet, one before the interface, each of which may be missing.


def _azure(
    account: Account,
    target: IpAddress | None,
    names: Sequence[str],
    interface: Interface | None,
    subnet: Subnet | None,
) -> Placement:
    effective = _effective(account)
    chosen = _named(account, names) if names else effective
    if chosen or not interface:
        assumed: tuple[str, ...] = ()
        if not chosen:
            chosen = (_only(account, target),)
            assumed = (_assumed(chosen[0].label, target),)
        outer = tuple(one for one in chosen if one.subnets and not one.interfaces)
        inner = tuple(one for one in chosen if one not in outer)
        unseen = () if effective or names else ("whether another group stands before its subnet or its interface",)
        return Placement(interface=interface, subnet=subnet, groups=inner, outer=outer, assumed=assumed, unseen=unseen)
    return _azure_of(account, interface, subnet)


def _effective(account: Account) -> tuple[Group, ...]:
    """What Azure itself found to stand before the one interface that it was asked about."""
    return tuple(one for one in account.groups if _EFFECTIVE in one.source)


def _azure_of(account: Account, interface: Interface, subnet: Subnet | None) -> Placement:
    inner = [account.group(name) for name in interface.groups]
    missing = tuple(name for name, group in zip(interface.groups, inner, strict=True) if group is None)
    outer = tuple(one for one in account.groups if interface.subnet and interface.subnet in one.subnets)
    missing_outer: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    if not outer and subnet and subnet.group:
        found = account.group(subnet.group)
        outer, missing_outer = ((found,), ()) if found else ((), (subnet.group,))
    elif not outer and (subnet is None or subnet.group == ""):
        unseen = ("whether a group stands before its subnet (az network vnet list, az network nsg list)",)
    return Placement(
        interface=interface,
        subnet=subnet,
        groups=tuple(one for one in inner if one),
        outer=outer,
        missing=missing,
        missing_outer=missing_outer,
        unseen=unseen,
    )


# --- Google Cloud: a group is a network; other names are the machine's tags.


def _gcp(
    account: Account,
    target: IpAddress | None,
    names: Sequence[str],
    interface: Interface | None,
    subnet: Subnet | None,
) -> Placement:
    networks = tuple(one for one in account.groups if one.id in names)
    tags = frozenset(names) - {one.id for one in networks}
    assumed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    if not networks and interface:
        found = account.group(interface.network)
        networks, missing = ((found,), ()) if found else ((), (interface.network,))
    elif not networks:
        networks = (_only(account, target),)
        assumed = (_assumed(f"the network {networks[0].label}", target),)
    marks = interface.marks | tags if interface else tags or None
    return Placement(
        interface=interface,
        subnet=subnet,
        groups=networks,
        missing=missing,
        marks=marks,
        assumed=assumed,
        unseen=account.notes,
    )

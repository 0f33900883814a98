"""In which order is a packet led through the rules that stand before its target?

From the outside: what stands before the subnet, then what stands before the machine. Each vendor puts its rules in an
order of its own; after that, the first that matches decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pathprobe.layers.cloud.model import (
    EVERYBODY,
    INNER,
    Account,
    Acl,
    Action,
    Direction,
    Group,
    IpNetwork,
    Peers,
    Rule,
    Vendor,
)
from pathprobe.layers.cloud.passage import Gate, GateKind, Packet
from pathprobe.layers.cloud.placing import Placement

#: How a vendor calls its groups.
NAMES = {
    Vendor.AWS: "security group",
    Vendor.ALIBABA: "security group",
    Vendor.TENCENT: "security group",
    Vendor.AZURE: "network security group",
    Vendor.GCP: "VPC firewall",
}

#: Whose network ACLs are known not to see traffic within a subnet; of Alibaba Cloud's it is not documented.
_BLIND_WITHIN = frozenset({Vendor.AWS, Vendor.TENCENT})


def gates(account: Account, place: Placement, packet: Packet) -> tuple[Gate, ...]:
    """Those on the way in, from the outside."""
    found = []
    place = replace(place, sees_private=place.interface is not None or _is_inner(packet.destination))
    if place.acl:
        found.append(_acl_gate(account, place, place.acl, packet.source))
    found += [_group_gate(account, place, (one,)) for one in place.outer]
    found += [_group_gate(account, place, (), missing=(name,)) for name in place.missing_outer]
    if account.vendor is Vendor.AZURE:
        # Where no group stands, everything passes.
        found += [_group_gate(account, place, (one,)) for one in place.groups]
        found += [_group_gate(account, place, (), missing=(name,)) for name in place.missing]
    else:
        found.append(_group_gate(account, place, place.groups, missing=place.missing))
    return tuple(found)


def gates_of_client(account: Account, client: Placement) -> tuple[Gate, ...]:
    """Those by which the packet leaves its client, from the inside."""
    found = []
    if client.groups:
        found.append(_group_gate(account, client, client.groups))
    if client.acl:
        found.append(
            Gate(
                kind=GateKind.ACL,
                label=f"network ACL {client.acl.id}",
                rules=client.acl.rules,
                is_stateful=False,
                homes=(client.acl.id,),
            )
        )
    return tuple(replace(one, label=f"the client's {one.label}", is_clients=True) for one in found)


def _acl_gate(account: Account, place: Placement, acl: Acl, source: IpNetwork) -> Gate:
    within = _is_within(place, source)
    if within and account.vendor not in _BLIND_WITHIN:
        within = None
    bypass = "whether the client is in the target's own subnet, whose traffic the ACL does not see"
    if account.vendor not in _BLIND_WITHIN:
        bypass = "whether the ACL sees traffic within the subnet"
    return Gate(
        kind=GateKind.ACL,
        label=f"network ACL {acl.id}",
        rules=acl.rules,
        is_stateful=False,
        homes=(acl.id,),
        bypassed=within,
        bypass=bypass,
    )


def _is_within(place: Placement, source: IpNetwork) -> bool | None:
    """Whether the source is in the target's subnet."""
    if place.subnet:
        return any(_contains(one, source) for one in place.subnet.networks)
    return None if source.num_addresses == 1 and _is_inner(source) else False


def _is_inner(network: IpNetwork) -> bool:
    return any(_contains(one, network) for one in INNER)


def _contains(outer: IpNetwork, inner: IpNetwork) -> bool:
    return outer.version == inner.version and inner.network_address in outer and inner.prefixlen >= outer.prefixlen


def _group_gate(account: Account, place: Placement, groups: Sequence[Group], *, missing: Sequence[str] = ()) -> Gate:
    rules = [rule for group in groups for rule in group.rules if _is_about(rule, place)]
    rules = [_with_doubts(rule, place) for rule in rules]
    if account.vendor is Vendor.ALIBABA:
        rules.sort(key=lambda rule: (rule.order or 0, rule.action is Action.ALLOW))
    unseen = [rule for name in missing for rule in _unseen(name, NAMES[account.vendor])]
    if account.vendor is Vendor.AWS:
        # Its groups do nothing but allow.
        rules += [rule for rule in unseen if rule.action is Action.ALLOW]
    else:
        rules = [*unseen, *rules]
    labels = [*(group.label for group in groups), *(name.rpartition("/")[2] for name in missing)]
    several = "s" if len(labels) > 1 else ""
    return Gate(
        kind=GateKind.GROUP,
        label=f"{NAMES[account.vendor]}{several} {' and '.join(labels) or 'none'}",
        rules=tuple(rules),
        is_stateful=True,
        homes=(*(group.id for group in groups), *missing),
    )


def _unseen(name: str, what: str) -> Iterable[Rule]:
    """What a group without known rules may do."""
    short = name.rpartition("/")[2]
    for action in Action:
        yield Rule(
            ref=f"{short} (not given)",
            text=f"the rules of {short}",
            action=action,
            direction=Direction.IN,
            home=name,
            doubts=(f"the rules of {what} {short}, which were not among what was given",),
        )


def _is_about(rule: Rule, place: Placement) -> bool:
    return rule.targets is None or place.marks is None or bool(rule.targets & place.marks)


def _with_doubts(rule: Rule, place: Placement) -> Rule:
    """Whether it is about this machine, and which address of it the rule would see."""
    if rule.targets is not None and place.marks is None:
        doubt = f"whether the target has one of the tags {', '.join(sorted(rule.targets))} (--group TAG)"
        rule = replace(rule, doubts=(*rule.doubts, doubt))
    named = rule.destinations if rule.direction is Direction.IN else None
    if named is None or place.sees_private or any(set(EVERYBODY) <= set(one.networks) for one in named):
        return rule
    return replace(rule, destinations=tuple(_perhaps(one) for one in named))


def _perhaps(peers: Peers) -> Peers:
    """The machine's own address is a private one that nobody told."""
    return Peers(
        label=peers.label,
        networks=peers.networks,
        perhaps=EVERYBODY,
        doubt=f"whether the target's private address is in {peers.label}",
    )

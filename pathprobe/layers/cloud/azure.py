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

from pathprobe.layers.cloud import protocols
from pathprobe.layers.cloud.azure_rules import (
    EFFECTIVE,
    INTERFACES,
    SUBNETS,
    Known,
    flat,
    id_of,
    in_order,
    name_of,
    networks_of,
    resource_group,
)
from pathprobe.layers.cloud.documents import Node
from pathprobe.layers.cloud.model import (
    Account,
    Group,
    Interface,
    Subnet,
    Vendor,
)


def read(documents: Sequence[Node]) -> Account:
    """The account's rules. Raises Unreadable."""
    objects = [flat(one) for document in documents for one in _objects(document)]
    known = Known()
    for one in objects:
        if "ipAddress" in one and "ipConfigurations" not in one:
            known.public[id_of(one["id"])] = one["ipAddress"].text()
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


def _gather(node: Node, known: Known) -> None:
    if "addressSpace" in node:
        known.vnet += networks_of(node["addressSpace"]["addressPrefixes"].texts())
        for one in node["subnets"].objects():
            known.subnets.append(_subnet(flat(one)))
    elif "ipConfigurations" in node and "addressPrefix" not in node and "addressPrefixes" not in node:
        known.interfaces.append(_interface(node, known))
    elif ("addressPrefix" in node or "addressPrefixes" in node) and "priority" not in node:
        subnet = _subnet(node)
        known.subnets.append(subnet)
        known.vnet += subnet.networks


def _subnet(node: Node) -> Subnet:
    group = id_of(flat(node["networkSecurityGroup"])["id"])
    prefixes = node["addressPrefixes"].texts() or (node["addressPrefix"].text(),)
    return Subnet(
        id=id_of(node["id"]),
        source=SUBNETS,
        networks=networks_of(filter(None, prefixes)),
        group=group or None,
    )


def _interface(node: Node, known: Known) -> Interface:
    configurations = [flat(one) for one in node["ipConfigurations"].objects()]
    group = id_of(node["networkSecurityGroup"]["id"])
    public: list[str] = []
    for one in configurations:
        inline = flat(one["publicIPAddress"] if "publicIPAddress" in one else one["publicIpAddress"])
        public += [inline["ipAddress"].text(), known.public.get(id_of(inline["id"]), "")]
    # Its letters' case has changed from one version of the API to the next.
    privates = [one[key].text() for one in configurations for key in ("privateIPAddress", "privateIpAddress")]
    return Interface(
        id=node["name"].text() or name_of(node["id"].text()),
        source=INTERFACES,
        owner=name_of(node["virtualMachine"]["id"].text()),
        addresses=protocols.addresses(privates),
        public=protocols.addresses(public),
        groups=(group,) if group else (),
        marks=frozenset(
            id_of(mark["id"]) for one in configurations for mark in one["applicationSecurityGroups"].objects()
        ),
        subnet=next((id_of(one["subnet"]["id"]) for one in configurations if one["subnet"]["id"].text()), ""),
    )


# --- Groups


def _groups(objects: Iterable[Node], known: Known) -> Iterator[Group]:
    for one in objects:
        if "effectiveSecurityRules" in one:
            yield _effective(one, known)
        elif "securityRules" in one or "defaultSecurityRules" in one:
            name = one["name"].text() or name_of(one["id"].text())
            scope = one["resourceGroup"].text() or resource_group(one["id"].text())
            rules = [*one["securityRules"].objects(), *one["defaultSecurityRules"].objects()]
            yield Group(
                id=id_of(one["id"]) or name,
                name=name,
                source=f"az network nsg show -g {scope or 'GROUP'} -n {name}",
                rules=in_order(rules, name, known, built_in="defaultSecurityRules" not in one),
                scope=scope,
                subnets=tuple(id_of(flat(sub)["id"]) for sub in one["subnets"].objects()),
                interfaces=tuple(id_of(flat(nic)["id"]) for nic in one["networkInterfaces"].objects()),
            )


def _groups_of_rules(objects: Iterable[Node], known: Known) -> Iterator[Group]:
    """``nsg rule list`` prints rules by themselves; their ids tell whose they are."""
    found: dict[str, list[Node]] = {}
    for one in objects:
        if "access" in one and "direction" in one and "securityRules" not in one:
            found.setdefault(one["id"].text().rpartition("/securityRules/")[0], []).append(one)
    for id_, rules in found.items():
        name, scope = name_of(id_) or "the group", resource_group(id_)
        yield Group(
            id=id_.lower() or name,
            name=name,
            source=f"az network nsg rule list -g {scope or 'GROUP'} --nsg-name {name} --include-default",
            rules=in_order(rules, name, known, built_in=not any((r["priority"].number() or 0) > 4096 for r in rules)),
            scope=scope,
        )


def _effective(node: Node, known: Known) -> Group:
    id_ = node["networkSecurityGroup"]["id"].text()
    association = node["association"]
    subnet, interface = id_of(association["subnet"]["id"]), id_of(association["networkInterface"]["id"])
    return Group(
        id=id_.lower(),
        name=name_of(id_),
        source=EFFECTIVE,
        rules=in_order(node["effectiveSecurityRules"].objects(), name_of(id_), known),
        scope=resource_group(id_),
        subnets=(subnet,) if subnet else (),
        interfaces=(interface,) if interface and not subnet else (),
    )

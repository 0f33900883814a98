"""What do Google Cloud's VPC firewall rules say?

Read from what ``gcloud compute firewall-rules list --format=json`` prints (``describe`` and
``networks get-effective-firewalls`` likewise), with ``instances list`` and ``networks subnets list`` beside it.

* Priorities go from 0 to 65535, the lowest number comes first; of equals the one that denies. An implied rule at 65535
  denies what comes in. Rules are stateful; a disabled one does not count (VPC documentation, "VPC firewall rules").
* A rule is about all machines of its network, or those with one of its target tags or service accounts.
* Source tags and service accounts mean the internal addresses of such machines; beside source ranges one of both is
  enough. Without any source everybody is meant, over IPv4.
* Firewall policies (of an organisation, folder or network) are not followed: where they are printed the answer depends
  on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pathprobe.layers.cloud import protocols
from pathprobe.layers.cloud.documents import Node, Unreadable
from pathprobe.layers.cloud.members import members
from pathprobe.layers.cloud.model import (
    ALL_V4,
    Account,
    Action,
    Direction,
    Group,
    Interface,
    Peers,
    Rule,
    Span,
    Subnet,
    Vendor,
)
from pathprobe.layers.cloud.protocols import Doubts

RULES = "gcloud compute firewall-rules list --format=json"
INSTANCES = "gcloud compute instances list --format=json"
SUBNETS = "gcloud compute networks subnets list --format=json"

#: Where a rule does not say (API reference, firewalls).
_USUAL_PRIORITY = 1000
_IMPLIED_PRIORITY = 65535


@dataclass(slots=True)
class _Known:
    interfaces: list[Interface] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    has_policies: bool = False


def read(documents: Sequence[Node]) -> Account:
    """The project's rules; each network is a group. Raises Unreadable."""
    known = _Known()
    objects = [one for document in documents for one in _objects(document, known)]
    for one in objects:
        _gather(one, known)
    rules: dict[str, list[Rule]] = {}
    for one in objects:
        if is_rule(one) and not one["disabled"].flag():
            home = _name(one["network"].text()) or "default"
            rules.setdefault(home, []).extend(_rules(one, home, known))
    return Account(
        vendor=Vendor.GCP,
        groups=tuple(_network(home, found, known) for home, found in rules.items()),
        interfaces=tuple(known.interfaces),
        subnets=tuple(known.subnets),
        notes=("firewall policies of the organisation, folder and network",),
    )


def is_rule(node: Node) -> bool:
    return "direction" in node and ("allowed" in node or "denied" in node)


def _objects(document: Node, known: _Known) -> Iterator[Node]:
    if isinstance(document.value, list):
        yield from document.objects()
    elif "firewalls" in document or "firewallPolicys" in document:
        known.has_policies = bool(document["firewallPolicys"].value)
        yield from document["firewalls"].objects()
    elif "items" in document:
        yield from document["items"].objects()
    else:
        yield document


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def _gather(node: Node, known: _Known) -> None:
    for card in node["networkInterfaces"].objects():
        known.interfaces.append(_interface(node, card))
    if "ipCidrRange" in node:
        texts = filter(None, (node["ipCidrRange"].text(), node["ipv6CidrRange"].text()))
        networks = tuple(network for text in texts for network in protocols.peers(text).networks)
        known.subnets.append(
            Subnet(
                id=_name(node["name"].text()),
                source=SUBNETS,
                networks=networks,
                network=_name(node["network"].text()),
            )
        )


def _interface(instance: Node, card: Node) -> Interface:
    public = [one["natIP"].text() for one in card["accessConfigs"].objects()]
    public += [one["externalIpv6"].text() for one in card["ipv6AccessConfigs"].objects()]
    tags = instance["tags"]["items"].texts()
    accounts = (one["email"].text() for one in instance["serviceAccounts"].objects())
    return Interface(
        id=f"{instance['name'].text()} {card['name'].text()}".strip(),
        source=INSTANCES,
        owner=instance["name"].text(),
        addresses=protocols.addresses((card["networkIP"].text(), card["ipv6Address"].text())),
        public=protocols.addresses(public),
        groups=(_name(card["network"].text()),),
        marks=frozenset((*tags, *accounts)),
        subnet=_name(card["subnetwork"].text()),
        network=_name(card["network"].text()),
    )


def _network(home: str, rules: Iterable[Rule], known: _Known) -> Group:
    ordered = sorted(rules, key=lambda rule: (rule.order or 0, rule.action is Action.ALLOW))
    if known.has_policies:
        ordered = [*_policies(home), *ordered]
    return Group(id=home, name="", source=RULES, network=home, rules=(*ordered, *_implied(home)))


def _policies(home: str) -> Iterator[Rule]:
    """Which may do either."""
    for action in (Action.ALLOW, Action.DENY):
        yield Rule(
            ref=f"{home} firewall policies",
            text="firewall policies, which are not followed here",
            action=action,
            direction=Direction.IN,
            home=home,
            doubts=("what the firewall policies before the rules say (gcloud compute network-firewall-policies list)",),
        )


def _implied(home: str) -> Iterator[Rule]:
    yield Rule(
        ref=f"{home} implied deny ingress",
        text=f"priority {_IMPLIED_PRIORITY}: deny all that no rule allows in",
        action=Action.DENY,
        direction=Direction.IN,
        home=home,
        order=_IMPLIED_PRIORITY,
        is_builtin=True,
    )


def _rules(node: Node, home: str, known: _Known) -> Iterator[Rule]:
    """One for each protocol that it lists."""
    name = node["name"].text()
    order = node["priority"].number()
    order = _USUAL_PRIORITY if order is None else order
    direction = Direction.OUT if node["direction"].text().upper() == "EGRESS" else Direction.IN
    targets = frozenset((*node["targetTags"].texts(), *node["targetServiceAccounts"].texts()))
    sources, destinations = _sources(node, known), _ranges(node["destinationRanges"])
    for key, action in (("allowed", Action.ALLOW), ("denied", Action.DENY)):
        for one in node[key].objects():
            doubts = Doubts()
            written = one["IPProtocol"].text()
            if not written:
                raise Unreadable(f"{one.file}: {one.place}.IPProtocol is missing")
            numbers = doubts.reading(protocols.protocol, written, of=f"rule {name}")
            ports: tuple[Span, ...] | None = doubts.reading(
                protocols.spans, ",".join(one["ports"].texts()) or "all", of=f"rule {name}"
            )
            way = sources if direction is Direction.IN else destinations
            yield Rule(
                ref=name,
                text=f"priority {order}: {action} {protocols.what(numbers, ports, written)} "
                f"{'from' if direction is Direction.IN else 'to'} {', '.join(end.label for end in way or ())}"
                + (f" for {', '.join(sorted(targets))}" if targets else ""),
                action=action,
                direction=direction,
                home=home,
                order=order,
                protocols=numbers,
                ports=ports,
                sources=sources,
                destinations=destinations,
                targets=targets or None,
                doubts=tuple(doubts),
            )


def _ranges(node: Node) -> tuple[Peers, ...] | None:
    return tuple(protocols.peers(text) for text in node.texts()) or None


def _sources(node: Node, known: _Known) -> tuple[Peers, ...]:
    found = list(_ranges(node["sourceRanges"]) or ())
    for key, what in (("sourceTags", "network tag"), ("sourceServiceAccounts", "service account")):
        found += [_marked(mark, what, known) for mark in node[key].texts()]
    return tuple(found) or (Peers(label=str(ALL_V4), networks=(ALL_V4,)),)


def _marked(mark: str, what: str, known: _Known) -> Peers:
    return members(
        mark, f"the machines with {what} {mark}", known.interfaces, lambda one: mark in one.marks, ask=INSTANCES
    )

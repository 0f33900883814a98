"""Which command would add the rule that is missing, or make room for it?

Lines to copy for the vendor's own command line; nobody here runs them. A new rule lets in this protocol, port and
source alone. Where rules have an order, its number is a free one before the rule that denies; where there is none, what
is printed takes that rule away.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace

from pathprobe.layers.cloud.aws_rules import LAST_RULE
from pathprobe.layers.cloud.evaluate import EPHEMERAL, matches
from pathprobe.layers.cloud.model import EVERYBODY, Account, Action, Direction, Group, IpNetwork, Rule, Vendor
from pathprobe.layers.cloud.passage import Decision, GateKind, Leg, Packet
from pathprobe.layers.cloud.protocols import ECHO, NAMES
from pathprobe.layers.cloud.tencent import UNNAMED

#: Azure's own rules have priorities from 100 to 4096.
_AZURE_PRIORITIES = (100, 4096)


def remedies(account: Account, decision: Decision) -> tuple[str, ...]:
    """The commands, in the order in which to run them; what is no command begins with ``#``."""
    decision = replace(decision, rule=_first_denial(decision))
    if decision.gate.kind is GateKind.ACL:
        lines = _ACLS[account.vendor](decision)
    else:
        lines = _GROUPS[account.vendor](decision, _group(account, decision))
    if _far(decision) in EVERYBODY:
        lines = (*lines, "# that is for everybody; --from ADDRESS makes it narrower")
    return lines


def _first_denial(decision: Decision) -> Rule | None:
    """Before which a new rule must come: the first that denies it, or may do so."""
    way = decision.direction
    denying = (one for one in decision.gate.rules if one.direction is way and one.action is Action.DENY)
    return next((one for one in denying if matches(one, decision.packet)[0] is not False), decision.rule)


def _far(decision: Decision) -> IpNetwork:
    """Whom a rule for it would name."""
    packet = decision.packet
    return packet.source if decision.direction is Direction.IN else packet.destination


def _group(account: Account, decision: Decision) -> Group | None:
    """That of the rule that denies, else the first."""
    home = decision.rule.home if decision.rule else ""
    groups = [one for name in decision.gate.homes if (one := account.group(name))]
    return next((one for one in groups if home in (one.id, one.name)), groups[0] if groups else None)


def _protocol(packet: Packet) -> str:
    return NAMES.get(packet.protocol, str(packet.protocol))


def _ports(packet: Packet, separator: str = "-", *, single: bool = False) -> str:
    """``8080``, or ``8080/8080`` where the vendor wants both ends."""
    if packet.port is None:
        return ""
    low, high = packet.port
    return str(low) if low == high and not single else f"{low}{separator}{high}"


def _name(packet: Packet) -> str:
    """``allow-tcp-8080``."""
    return "-".join(filter(None, ("allow", _protocol(packet), _ports(packet))))


# --- AWS


def _aws_group(decision: Decision, group: Group | None) -> tuple[str, ...]:
    packet, far = decision.packet, _far(decision)
    is_out = decision.direction is Direction.OUT
    name = group.id if group else "GROUP"
    line = f"aws ec2 authorize-security-group-{'egress' if is_out else 'ingress'} --group-id {name}"
    low, high = (ECHO[packet.protocol][0], -1) if packet.protocol in ECHO else packet.port or (0, 0)
    if packet.protocol not in ECHO and far.version == 4 and not is_out:
        return (f"{line} --protocol {_protocol(packet)} --port {_ports(packet)} --cidr {far}",)
    # Of the short form, IPv6, types of ICMP and what goes out have none.
    kind = {"IpProtocol": _protocol(packet), "FromPort": low, "ToPort": high}
    return (f"{line} --ip-permissions {_quoted([kind | _aws_range(far)])}",)


def _aws_range(far: IpNetwork) -> dict[str, list[dict[str, str]]]:
    if far.version == 6:
        return {"Ipv6Ranges": [{"CidrIpv6": str(far)}]}
    return {"IpRanges": [{"CidrIp": str(far)}]}


def _quoted(value: object) -> str:
    return shlex.quote(json.dumps(value, separators=(",", ":")))


def _aws_acl(decision: Decision) -> tuple[str, ...]:
    acl = decision.gate.homes[0]
    packet, rule = decision.packet, decision.rule
    direction = decision.direction
    way = "--egress" if direction is Direction.OUT else "--ingress"
    used = {one.order for one in decision.gate.rules if one.direction is direction and one.order is not None}
    number = _free_before(rule.order if rule and rule.order else LAST_RULE, used, last=LAST_RULE)
    if number is None and rule:
        return (f"aws ec2 delete-network-acl-entry --network-acl-id {acl} {way} --rule-number {rule.order}",)
    far = _far(decision)
    line = [f"aws ec2 create-network-acl-entry --network-acl-id {acl} {way} --rule-number {number}"]
    line.append(f"--protocol {packet.protocol} --rule-action allow")
    line.append(f"--{'ipv6-' if far.version == 6 else ''}cidr-block {far}")
    if packet.icmp is not None:
        line.append(f"--icmp-type-code Type={packet.icmp[0]},Code=-1")
    elif decision.leg is Leg.ANSWER:
        line.append("--port-range From={},To={}".format(*EPHEMERAL))
    elif packet.port:
        line.append("--port-range From={},To={}".format(*packet.port))
    return (" ".join(line),)


def _free_before(order: int, used: Iterable[int], *, last: int, first: int = 1) -> int | None:
    """The nearest free number before it, a round one where there is room; None where there is none.

    Before the last one of all: after what is there.
    """
    taken = set(used)
    if order >= last:
        behind = max((one for one in taken if one < last), default=first - 1)
        order = min((behind // 10 + 1) * 10 + 1, last)
    numbers = [number for number in range(order - 1, first - 1, -1) if number not in taken]
    near = [number for number in numbers if number > max((one for one in taken if one < order), default=0)]
    return next((one for one in near if one % 10 == 0), next(iter(near or numbers), None))


# --- Alibaba Cloud


def _alibaba_group(decision: Decision, group: Group | None) -> tuple[str, ...]:
    packet, rule = decision.packet, decision.rule
    region = f"--RegionId {group.scope} " if group and group.scope else ""
    name = group.id if group else decision.gate.homes[0]
    priority = 1 if rule is None or rule.order is None else rule.order - 1
    if priority < 1 and rule and not rule.ref.startswith("sgr-"):
        return (f"# nothing comes before priority 1, where the refusal wins: take {rule.ref} away",)
    if priority < 1 and rule:
        taken = f"aliyun ecs RevokeSecurityGroup {region}--SecurityGroupId {name}"
        return (
            "# nothing comes before priority 1, where the refusal wins",
            f"{taken} --SecurityGroupRuleId.1 {rule.ref}",
        )
    end = "Ipv6SourceCidrIp" if packet.source.version == 6 else "SourceCidrIp"
    start = "--Permissions.1."
    return (
        f"aliyun ecs AuthorizeSecurityGroup {region}--SecurityGroupId {name} {start}Policy accept "
        f"{start}Priority {priority} {start}IpProtocol {_protocol(packet)} "
        f"{start}PortRange {_ports(packet, '/', single=True) or '-1/-1'} {start}{end} {packet.source}",
    )


def _alibaba_acl(decision: Decision) -> tuple[str, ...]:
    """The API writes the whole list anew; adding to it is for the console, or by hand."""
    acl = decision.gate.homes[0]
    packet = decision.packet
    is_answer = decision.leg is Leg.ANSWER
    key, word = ("Egress", "DestinationCidrIp") if is_answer else ("Ingress", "SourceCidrIp")
    far = packet.destination if is_answer else packet.source
    ports = "{}/{}".format(*EPHEMERAL) if is_answer and packet.port else _ports(packet, "/", single=True) or "-1/-1"
    place = f" before entry {decision.rule.order}" if decision.rule else ""
    start = f"--{key}AclEntries.1."
    return (
        f"# the whole {key.lower()} list is written anew: put this entry{place}, and all that is there now with it",
        f"aliyun vpc UpdateNetworkAclEntries --NetworkAclId {acl} --Update{key}AclEntries true {start}Policy accept "
        f"{start}Protocol {_protocol(packet)} {start}Port {ports} {start}{word} {far}",
    )


# --- Tencent Cloud


def _tencent_group(decision: Decision, group: Group | None) -> tuple[str, ...]:
    packet, rule = decision.packet, decision.rule
    policy: dict[str, object] = {} if rule is None or rule.order is None else {"PolicyIndex": rule.order}
    policy |= {"Protocol": _protocol(packet).upper(), "Action": "ACCEPT"}
    if packet.port:
        policy["Port"] = _ports(packet)
    policy["Ipv6CidrBlock" if packet.source.version == 6 else "CidrBlock"] = str(packet.source)
    name = group.id if group else decision.gate.homes[0]
    name = name if name.startswith("sg-") else UNNAMED
    return (
        f"tccli vpc CreateSecurityGroupPolicies --SecurityGroupId {name} "
        f"--SecurityGroupPolicySet {_quoted({'Ingress': [policy]})}",
    )


def _tencent_acl(decision: Decision) -> tuple[str, ...]:
    packet = decision.packet
    is_answer = decision.leg is Leg.ANSWER
    far = packet.destination if is_answer else packet.source
    entry = {"Protocol": _protocol(packet).upper(), "Action": "ACCEPT"}
    if packet.port:
        entry["Port"] = "{}-{}".format(*EPHEMERAL) if is_answer else _ports(packet)
    entry["Ipv6CidrBlock" if far.version == 6 else "CidrBlock"] = str(far)
    key = "EgressEntries" if is_answer else "IngressEntries"
    place = f" before entry {decision.rule.order}" if decision.rule else ""
    return (
        f"# all of {key} is written anew: put this entry{place}, and all that is there now with it",
        f"tccli vpc ModifyNetworkAclEntries --NetworkAclId {decision.gate.homes[0]} "
        f"--NetworkAclEntrySet {_quoted({key: [entry]})}",
    )


# --- Azure


def _azure_group(decision: Decision, group: Group | None) -> tuple[str, ...]:
    packet, rule = decision.packet, decision.rule
    name = group.name if group else decision.gate.homes[0].rpartition("/")[2]
    where = f"--resource-group {group.scope if group and group.scope else 'GROUP'} --nsg-name {name}"
    lowest, highest = _AZURE_PRIORITIES
    used = {one.order for one in decision.gate.rules if one.direction is Direction.IN and one.order is not None}
    order = min(rule.order if rule and rule.order else highest + 1, highest + 1)
    priority = _free_before(order, {one for one in used if one <= highest}, last=highest + 1, first=lowest)
    if priority is None and rule:
        return (f"az network nsg rule delete {where} --name {rule.ref.rpartition(' ')[2]}",)
    priority = max(priority or lowest, lowest)
    return (
        f"az network nsg rule create {where} --name {_name(packet)} --priority {priority} --direction Inbound "
        f"--access Allow --protocol {_protocol(packet).capitalize()} --source-address-prefixes {packet.source} "
        f"--source-port-ranges '*' --destination-address-prefixes '*' "
        f"--destination-port-ranges {_ports(packet) or shlex.quote('*')}",
    )


# --- Google Cloud


def _gcp_network(decision: Decision, group: Group | None) -> tuple[str, ...]:
    packet, rule = decision.packet, decision.rule
    network = group.id if group else "default"
    order = rule.order if rule and rule.order is not None else 65535
    if order == 0 and rule:
        return (f"gcloud compute firewall-rules update {rule.ref} --disabled",)
    priority = 1000 if order > 1000 else order - 1
    rules = ":".join(filter(None, (_protocol(packet) if packet.protocol != 58 else "58", _ports(packet))))
    line = (
        f"gcloud compute firewall-rules create {_name(packet)} --network {network} --direction INGRESS "
        f"--action ALLOW --rules {rules} --source-ranges {packet.source} --priority {priority}"
    )
    return (line, "# for all machines of the network; --target-tags TAG makes it narrower")


_GROUPS: dict[Vendor, Callable[[Decision, Group | None], tuple[str, ...]]] = {
    Vendor.AWS: _aws_group,
    Vendor.ALIBABA: _alibaba_group,
    Vendor.TENCENT: _tencent_group,
    Vendor.AZURE: _azure_group,
    Vendor.GCP: _gcp_network,
}

_ACLS: dict[Vendor, Callable[[Decision], tuple[str, ...]]] = {
    Vendor.AWS: _aws_acl,
    Vendor.ALIBABA: _alibaba_acl,
    Vendor.TENCENT: _tencent_acl,
}

"""What do a cloud's rules say of this packet and its answer: layer 6 of "the port is unreachable"?

The row names the rule that decides, or the one that is missing, and the command that would add it. Where the client is
in the same account (AWS), what it must leave by is asked too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pathprobe.core.layers import Evidence, Layer, LayerName, Status
from pathprobe.layers.cloud import evaluate
from pathprobe.layers.cloud.gates import gates, gates_of_client
from pathprobe.layers.cloud.model import EVERYBODY, Account, Action, Direction, IpAddress, IpNetwork, Rule, Span, Vendor
from pathprobe.layers.cloud.passage import Decision, Gate, GateKind, Leg, Packet, Verdict
from pathprobe.layers.cloud.placing import CannotPlace, Placement, place, place_client
from pathprobe.layers.cloud.protocols import NAMES, is_public
from pathprobe.layers.cloud.remedies import remedies
from pathprobe.layers.findings import Finding, layer

#: The ports that clients' systems choose from: Linux (ip_local_port_range), Windows since Vista.
CLIENTS: dict[str, Span] = {"Linux": (32768, 60999), "Windows": (49152, 65535)}

_SILENT = "What no rule allows is dropped without a word: the client waits until its time is up."
_STATELESS = (
    "A network ACL keeps no state: the answer needs a rule of its own, to the port that the client chose, and without "
    "one the connection is never made although its first packet arrives."
)

#: Rules shown that would do for another client or port.
_MOST_NEAR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudQuestion:
    """``protocol``: IANA's number; ``port``: None where it has none. ``target``: None for whatever the groups are
    before; ``groups`` and ``acl``: those that stand before it, where that is not to be found out."""

    protocol: int
    port: int | None
    target: IpAddress | None = None
    source: IpNetwork = EVERYBODY[0]
    groups: tuple[str, ...] = ()
    acl: str = ""


def judge(account: Account, asked: CloudQuestion) -> Layer:
    """The row of layer 6. Raises Unreadable for a group or ACL that is not among what was read."""
    try:
        placed = place(account, asked.target, asked.groups, asked.acl)
    except CannotPlace as reason:
        return layer(LayerName.CLOUD, [Finding(status=Status.UNKNOWN, sentence=str(reason))])
    packet = evaluate.request(
        protocol=asked.protocol, source=asked.source, destination=_destination(asked, placed), port=asked.port
    )
    way = gates(account, placed, packet)
    decisions = evaluate.follow(way, packet)
    client = place_client(account, asked.source, placed)
    if client and asked.target is not None:
        # Where it leaves, the packet has the address that was asked for.
        leaving = replace(packet, destination=ipaddress.ip_network(asked.target))
        decisions = (*evaluate.follow(gates_of_client(account, client), leaving), *decisions)
    found = [_finding(account, list(these)) for _, these in groupby(decisions, key=lambda one: (one.gate, one.leg))]
    if not way:
        found.append(_unguarded(asked))
    found += _unreadable(decisions)
    broken = any(one.status is Status.FAIL for one in found)
    if broken:
        found = _broken_alone(found)
    found += _surroundings(account, placed, broken=broken)
    unseen = tuple(Evidence(source="not seen", text=text) for text in (client.unseen if client else ()))
    return layer(LayerName.CLOUD, [*found, Finding(status=Status.PASS, evidence=unseen)])


def _broken_alone(found: Sequence[Finding]) -> list[Finding]:
    """What stops it is said; what does not is seen."""
    loud = [one for one in found if one.status is not Status.PASS]
    return [*loud, *(replace(one, sentence="") for one in found if one.status is Status.PASS)]


def _destination(asked: CloudQuestion, placed: Placement) -> IpAddress:
    """The private address, which is what rules see; what is written on the packet outside is rewritten on the way."""
    version = asked.source.version
    if placed.interface:
        private = [one for one in placed.interface.addresses if one.version == version]
        if private and asked.target not in private:
            return private[0]
    if asked.target is not None:
        return asked.target
    return ipaddress.ip_address("0.0.0.0" if version == 4 else "::")


def _unguarded(asked: CloudQuestion) -> Finding:
    """Azure alone: where no group stands, private traffic passes; a Standard public address is shut."""
    if is_public(asked.source):
        sentence = "no network security group stands before it: its public address's SKU decides (Standard: shut)"
        return Finding(status=Status.UNKNOWN, sentence=sentence)
    return Finding(status=Status.PASS, sentence="no network security group stands before it")


def _surroundings(account: Account, placed: Placement, *, broken: bool) -> list[Finding]:
    """What was assumed, and what nobody looked at."""
    found = [Finding(status=Status.PASS, sentence=text) for text in placed.assumed]
    is_needed = account.vendor in (Vendor.AWS, Vendor.AZURE)
    for text in placed.unseen:
        seen = (Evidence(source="not seen", text=text),)
        if is_needed and not broken:
            found.append(Finding(status=Status.WARN, sentence=f"{text} was not seen"))
        else:
            found.append(Finding(status=Status.PASS, evidence=seen))
    if account.vendor is not Vendor.GCP:
        found += [Finding(status=Status.WARN, sentence=text) for text in account.notes]
    if placed.interface:
        one = placed.interface
        text = " ".join(
            filter(None, (one.id, one.owner if one.owner not in one.id else "", one.subnet.rpartition("/")[2]))
        )
        found.append(Finding(status=Status.PASS, evidence=(Evidence(source=one.source, text=text),)))
    return found


def _unreadable(decisions: Sequence[Decision]) -> list[Finding]:
    """Rules on the way whose addresses are none, and which no decision has named: somebody meant something else."""
    named = {doubt.rule for one in decisions if one.verdict is Verdict.DEPENDS for doubt in one.doubts}
    rules = _once(rule for one in decisions for rule in one.gate.rules if rule not in named)
    return [
        Finding(status=Status.WARN, sentence=f"{rule.ref} has {end.doubt}")
        for rule in rules
        for end in (*(rule.sources or ()), *(rule.destinations or ()))
        if end.is_unreadable
    ]


def _finding(account: Account, decisions: Sequence[Decision]) -> Finding:
    """What one gate does with one leg, whatever the client's port."""
    verdicts = {one.verdict for one in decisions}
    if verdicts == {Verdict.ALLOW}:
        return _let_through(account, decisions)
    if Verdict.DENY in verdicts:
        return _denied(account, decisions)
    return _depends(account, decisions)


def _let_through(account: Account, decisions: Sequence[Decision]) -> Finding:
    gate, leg = decisions[0].gate, decisions[0].leg
    if gate.bypassed:
        return Finding(status=Status.PASS, sentence=f"{gate.label} does not see traffic within its subnet")
    rules, way = _once(one.rule for one in decisions), decisions[0].direction
    what = f"lets {_what(decisions[0].packet)} {way}" if leg is Leg.REQUEST else f"lets the answer {way}"
    by = f" ({', '.join(rule.ref for rule in rules)})" if rules else ""
    return Finding(status=Status.PASS, sentence=f"{gate.label} {what}{by}", evidence=_evidence(account, gate, rules))


def _denied(account: Account, decisions: Sequence[Decision]) -> Finding:
    gate, leg = decisions[0].gate, decisions[0].leg
    denied = [one for one in decisions if one.verdict is Verdict.DENY]
    rules = _once(one.rule for one in denied)
    spans = [one.client_ports for one in denied if one.client_ports]
    is_partial = len(denied) < len(decisions)
    hurt = _hurt(spans) if is_partial else ()
    fix = tuple(dict.fromkeys(line for one in denied for line in remedies(account, one)))
    evidence = _evidence(account, gate, rules) or _near(account, denied[0])
    why = _STATELESS if leg is Leg.ANSWER else _SILENT
    sentence = _denial(denied[0], rules, spans if is_partial else ())
    if is_partial:
        sentence += f": {' and '.join(hurt)} clients get no answer" if hurt else _UNUSUAL
    status = Status.WARN if is_partial and not hurt else Status.FAIL
    return Finding(status=status, sentence=sentence, evidence=evidence, why=why, fix=fix)


_UNUSUAL = ", which Linux and Windows do not choose; NAT gateways and load balancers do"


def _hurt(spans: Sequence[Span]) -> tuple[str, ...]:
    """``Linux (32768-60999)`` whose range is met."""
    return tuple(
        f"{name} ({low}-{high})"
        for name, (low, high) in CLIENTS.items()
        if any(first <= high and low <= last for first, last in spans)
    )


def _spans(spans: Sequence[Span]) -> str:
    joined: list[Span] = []
    for low, high in sorted(spans):
        if joined and joined[-1][1] + 1 == low:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return ", ".join(f"{low}-{high}" if low != high else str(low) for low, high in joined)


def _denial(decision: Decision, rules: Sequence[Rule], spans: Sequence[Span]) -> str:
    """``spans``: the client's ports that are meant, where others fare better."""
    gate, packet, way = decision.gate, decision.packet, decision.direction
    if decision.leg is Leg.REQUEST:
        what = f"{_what(packet)} {way}" + (f" from client ports {_spans(spans)}" if spans else "")
    else:
        what = f"the answer {way} to {_whom(packet.destination)}" + (f", client ports {_spans(spans)}" if spans else "")
    if not rules or all(rule.is_builtin for rule in rules):
        by = f" ({', '.join(rule.ref for rule in rules)} denies it)" if rules else ""
        return f"{gate.label} has no rule that lets {what}{by}"
    refs = " and ".join(f"{rule.ref} ({rule.text})" for rule in rules)
    return f"{gate.label} does not let {what}: {refs}"


def _depends(account: Account, decisions: Sequence[Decision]) -> Finding:
    gate, leg = decisions[0].gate, decisions[0].leg
    unclear = [one for one in decisions if one.verdict is Verdict.DEPENDS]
    doubts = list(dict.fromkeys(doubt for one in unclear for doubt in one.doubts))
    reasons = list(dict.fromkeys(reason for doubt in doubts for reason in doubt.reasons))
    if gate.bypassed is None and not reasons:
        reasons = [gate.bypass]
    way = unclear[0].direction
    what = f"lets {_what(unclear[0].packet)} {way}" if leg is Leg.REQUEST else f"lets the answer {way}"
    rules = _once([*(doubt.rule for doubt in doubts), *(one.rule for one in unclear)])
    decided = _once(one.rule for one in unclear)
    otherwise = f"; else {decided[0].ref} decides" if decided and not gate.bypassed and doubts else ""
    sentence = f"whether {gate.label} {what} depends on {', and on '.join(reasons)}{otherwise}"
    return Finding(status=Status.UNKNOWN, sentence=sentence, evidence=_evidence(account, gate, rules))


def _what(packet: Packet) -> str:
    """``tcp 8080 from 203.0.113.7``."""
    name = NAMES.get(packet.protocol, f"protocol {packet.protocol}")
    port = f" {packet.port[0]}" if packet.port else ""
    return f"{name}{port} from {_whom(packet.source)}"


def _whom(network: IpNetwork) -> str:
    if network in EVERYBODY:
        return "anybody"
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _once(rules: Iterable[Rule | None]) -> list[Rule]:
    return list(dict.fromkeys(rule for rule in rules if rule))


def _evidence(account: Account, gate: Gate, rules: Iterable[Rule]) -> tuple[Evidence, ...]:
    return tuple(Evidence(source=_source(account, gate, rule), ref=rule.ref, text=rule.text) for rule in rules)


def _source(account: Account, gate: Gate, rule: Rule) -> str:
    """The command that shows it."""
    if rule.source:
        return rule.source
    if gate.kind is GateKind.ACL:
        acl = account.acl(rule.home)
        return acl.source if acl else "not given"
    group = next((one for one in account.groups if rule.home in (one.id, one.name) and rule in one.rules), None)
    group = group or account.group(rule.home)
    return group.source if group else "not given"


def _near(account: Account, decision: Decision) -> tuple[Evidence, ...]:
    """Where nothing matches: what would let the same port in for others; else that there is nothing."""
    gate, packet = decision.gate, decision.packet
    way = decision.direction
    allowing = [rule for rule in gate.rules if rule.direction is way and rule.action is Action.ALLOW]
    near = [rule for rule in allowing if _is_for_others(rule, packet)]
    seen = _evidence(account, gate, near[:_MOST_NEAR])
    if seen:
        return seen
    where = "inbound" if way is Direction.IN else "outbound"
    group = account.group(gate.homes[0]) if gate.homes else None
    return (
        Evidence(
            source=group.source if group else gate.label,
            ref=gate.label,
            text=f"{len(allowing)} {where} rule{'' if len(allowing) == 1 else 's'}, none of which matches",
        ),
    )


def _is_for_others(rule: Rule, packet: Packet) -> bool:
    matched, _ = evaluate.matches(replace(rule, sources=None, destinations=None), packet)
    return matched is not False

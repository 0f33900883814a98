"""What does the kernel of a node have to be told, so that it breaks the path as the scenario says?

Rules become one nftables ruleset per node; a route fault becomes a line for ``ip``. Pure text.

The rules stand behind connection tracking (prerouting at priority mangle, after conntrack's -200),
so that ``ct_state`` means something, and before routing. Address translation has chains of its own kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from pathprobe.net.actions import (
    Action,
    DestinationNat,
    Drop,
    Limit,
    Lose,
    Nat,
    Reject,
    Reset,
    SetField,
    SourceNat,
    StripOption,
    SynProxy,
    parse,
)
from pathprobe.net.graph import Graph
from pathprobe.net.scenario import Hook, Match, Route, Rule, Scenario

_PRIORITY = {Hook.PREROUTING: "mangle"}
_NAT_PRIORITY = {Hook.PREROUTING: "dstnat", Hook.OUTPUT: "dstnat", Hook.INPUT: "srcnat", Hook.POSTROUTING: "srcnat"}

#: IPv6 finds neighbours with ICMPv6, where IPv4 has ARP, which no inet rule sees (RFC 4861). A fault that
#: breaks it would be another fault than the one that was asked for.
_NEIGHBOUR_DISCOVERY = (
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } accept"
)

_L4_NAMES = {4: {"icmp": "icmp"}, 6: {"icmp": "ipv6-icmp"}}
_ICMP = {4: "icmp", 6: "icmpv6"}
_ICMP_TYPES = {"unreachable": "destination-unreachable"}
_TOO_BIG = {4: "destination-unreachable icmp code frag-needed", 6: "packet-too-big"}
_IP = {4: "ip", 6: "ip6"}
#: nft's names of the fields that an action sets.
_FIELDS = {
    "ttl": {4: "ip ttl", 6: "ip6 hoplimit"},
    "dscp": {4: "ip dscp", 6: "ip6 dscp"},
    "ecn": {4: "ip ecn", 6: "ip6 ecn"},
    "mss": {4: "tcp option maxseg size", 6: "tcp option maxseg size"},
}
#: IPv4 counts its header in the length, IPv6 does not (RFC 8200 section 3).
_UNCOUNTED_OCTETS = {4: 0, 6: 40}
#: What a SYN proxy offers in the server's name; it can not know (nft(8), SYNPROXY STATEMENT).
_SYN_PROXY = "synproxy mss 1460 wscale 7 timestamp sack-perm"


def ruleset(scenario: Scenario, node: str, devices: Sequence[str]) -> str:
    """The nft ruleset of a node, whose network devices are ``devices``; empty when it has no rules."""
    rules = [rule for rule in scenario.rules if rule.at == node]
    hooks = dict.fromkeys(rule.hook for rule in rules)
    family, routed = scenario.family, [hook for hook in hooks if hook is not Hook.EGRESS]
    translating = [rule for rule in rules if isinstance(parse(rule.action), Nat)]
    filtering = [rule for rule in rules if rule not in translating]
    proxied = [rule for rule in rules if isinstance(parse(rule.action), SynProxy)]
    chains = [
        *(_untracked_chain(family, proxied) for _ in proxied[:1]),
        *(_chain(family, hook, filtering) for hook in routed if _of(hook, filtering)),
        *(_nat_chain(family, hook, translating) for hook in routed if _of(hook, translating)),
    ]
    egress = [_egress_chain(family, rules, devices) for hook in hooks if hook is Hook.EGRESS]
    return _table("inet", chains) + _table("netdev", egress)


def _of(hook: Hook, rules: Iterable[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.hook is hook]


def _table(family: str, chains: Sequence[str]) -> str:
    return f"table {family} fault {{\n{''.join(chains)}}}\n" if chains else ""


def _chain(family: int, hook: Hook, rules: Iterable[Rule]) -> str:
    statements = [statement(rule, family) for rule in _of(hook, rules)]
    if family == 6:
        statements.insert(0, _NEIGHBOUR_DISCOVERY)
    return _base_chain(hook, f"filter hook {hook} priority {_PRIORITY.get(hook, 'filter')}", statements)


def _nat_chain(family: int, hook: Hook, rules: Iterable[Rule]) -> str:
    """nft takes address translation in chains of type nat only, in which conntrack shows a flow's first packet."""
    if hook not in _NAT_PRIORITY:
        raise ValueError(f"nft translates no addresses in {hook}; move the rule to {', '.join(_NAT_PRIORITY)}")
    statements = [statement(rule, family) for rule in _of(hook, rules)]
    return _base_chain(f"{hook}-nat", f"nat hook {hook} priority {_NAT_PRIORITY[hook]}", statements)


def _untracked_chain(family: int, rules: Iterable[Rule]) -> str:
    """A SYN proxy's connections begin with the client's ACK: conntrack must not see the SYN before it."""
    syn = "tcp flags & (fin | syn | rst | ack) == syn notrack"
    statements = [" ".join((*_conditions(rule.match, family), syn)) for rule in rules]
    return _base_chain("untracked", "filter hook prerouting priority raw", statements)


def _egress_chain(family: int, rules: Iterable[Rule], devices: Sequence[str]) -> str:
    """netdev's egress hook comes behind all of IP: a packet dropped here is gone and the sender is not told.

    It takes Linux 5.16 and nft 1.0.1; older ones refuse the ruleset.
    """
    # Without the prefix a rule that matches everything would stop ARP too.
    prefix = f"meta protocol {_IP[family]} "
    statements = [prefix + statement(rule, family) for rule in _of(Hook.EGRESS, rules)]
    if family == 6:
        statements.insert(0, _NEIGHBOUR_DISCOVERY)
    return _base_chain(
        Hook.EGRESS, f"filter hook egress devices = {{ {', '.join(devices)} }} priority filter", statements
    )


def _base_chain(name: str, where: str, statements: Iterable[str]) -> str:
    body = "".join(f"\t\t{line}\n" for line in (f"type {where}; policy accept;", *statements))
    return f"\tchain {name} {{\n{body}\t}}\n"


def statement(rule: Rule, family: int) -> str:
    """One nft rule: what it matches and what it does. Raises ValueError for an unknown action or a stray port."""
    return " ".join((*_conditions(rule.match, family), _verdict(parse(rule.action), family)))


def _conditions(match: Match, family: int) -> list[str]:
    ports = {"sport": match.source_port, "dport": match.destination_port}
    conditions = [f"{_port_protocol(match)} {side} {port}" for side, port in ports.items() if port is not None]
    if match.protocol is not None and not conditions:
        conditions.append(f"meta l4proto {_L4_NAMES[family].get(match.protocol, match.protocol)}")
    if match.icmp is not None:
        type_ = _TOO_BIG[family] if match.icmp == "too-big" else _ICMP_TYPES.get(match.icmp, match.icmp)
        conditions.append(f"{_ICMP[family]} type {type_}")
    if match.ct_state is not None:
        conditions.append(f"ct state {match.ct_state}")
    if match.length_over is not None:
        # Not `meta length`: on egress that counts the Ethernet header too.
        conditions.append(f"{_IP[family]} length > {match.length_over - _UNCOUNTED_OCTETS[family]}")
    return conditions


def _port_protocol(match: Match) -> str:
    if match.protocol not in ("tcp", "udp"):
        raise ValueError(f"a rule with a port needs protocol tcp or udp, not {match.protocol}")
    return match.protocol


def _verdict(action: Action, family: int) -> str:
    match action:
        case Drop():
            return "drop"
        case Reset():
            return "reject with tcp reset"
        case Reject(name=name):
            return f"reject with {_ICMP[family]} {name}"
        case Lose(percent=percent):
            return f"numgen random mod 100 < {percent} drop"
        case Limit(text=text):
            return f"limit rate over {text} drop"
        case SourceNat(address=address):
            return f"snat {_IP[family]} to {address}" if address else f"meta nfproto ipv{family} masquerade"
        case DestinationNat(address=address, port=port):
            return f"dnat {_IP[family]} to {_endpoint(address, port)}"
        case SetField(field=field, value=value):
            return f"{_FIELDS[field][family]} set {value}"
        case StripOption(option=option):
            return f"reset tcp option {option}"
        case SynProxy():
            return f"ct state invalid,untracked {_SYN_PROXY}"
        case _:
            assert_never(action)


def _endpoint(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def route_fault(scenario: Scenario, node: str) -> Route | None:
    """What a node's routing table is told to do to packets for the target's network, if anything."""
    return next((route for route in scenario.routes if route.at == node), None)


def route_lines(scenario: Scenario, fault: Route) -> tuple[str, ...]:
    """The ``ip`` lines of a route fault; nothing for ``none``, where the fault is the missing route.

    The router next to the target has a connected route, which no static one for the same prefix
    replaces; there the fault is on the target's own address, as the longest prefix wins.
    """
    if fault.kind == "none":
        return ()
    last = scenario.routers
    beside_target = fault.at == scenario.chain[last]
    prefix = scenario.link_address(last, "right") if beside_target else scenario.link_network(last)
    if fault.kind == "back":
        back = Graph(scenario).links_of(fault.at)[0]
        return (f"route add {prefix} via {back.left_address}",)
    return (f"route add {fault.kind} {prefix}",)

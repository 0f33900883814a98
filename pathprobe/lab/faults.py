"""What does the kernel of a node have to be told, so that it breaks the path as the scenario says?

Rules become one nftables ruleset per node; a route fault becomes a line for ``ip``. Pure text.

The rules stand behind connection tracking (prerouting at priority mangle, after conntrack's -200),
so that ``ct_state`` means something, and before routing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pathprobe.net.scenario import Hook, Match, Route, Rule, Scenario

_PRIORITY = {Hook.PREROUTING: "mangle"}

#: IPv6 finds neighbours with ICMPv6, where IPv4 has ARP, which no inet rule sees (RFC 4861). A fault that
#: breaks it would be another fault than the one that was asked for.
_NEIGHBOUR_DISCOVERY = (
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } accept"
)

_L4_NAMES = {4: {"icmp": "icmp"}, 6: {"icmp": "ipv6-icmp"}}
_ICMP = {4: "icmp", 6: "icmpv6"}
_ICMP_TYPES = {"unreachable": "destination-unreachable"}
_NETDEV_PROTOCOL = {4: "ip", 6: "ip6"}


def ruleset(scenario: Scenario, node: str, devices: Sequence[str]) -> str:
    """The nft ruleset of a node, whose network devices are ``devices``; empty when it has no rules."""
    rules = [rule for rule in scenario.rules if rule.at == node]
    hooks = dict.fromkeys(rule.hook for rule in rules)
    routed = [_chain(scenario.family, hook, rules) for hook in hooks if hook is not Hook.EGRESS]
    egress = [_egress_chain(scenario.family, rules, devices) for hook in hooks if hook is Hook.EGRESS]
    return _table("inet", routed) + _table("netdev", egress)


def _table(family: str, chains: Sequence[str]) -> str:
    return f"table {family} fault {{\n{''.join(chains)}}}\n" if chains else ""


def _chain(family: int, hook: Hook, rules: Iterable[Rule]) -> str:
    statements = [statement(rule, family) for rule in rules if rule.hook is hook]
    if family == 6:
        statements.insert(0, _NEIGHBOUR_DISCOVERY)
    return _base_chain(hook, f"hook {hook} priority {_PRIORITY.get(hook, 'filter')}", statements)


def _egress_chain(family: int, rules: Iterable[Rule], devices: Sequence[str]) -> str:
    """netdev's egress hook comes behind all of IP: a packet dropped here is gone and the sender is not told.

    It takes Linux 5.16 and nft 1.0.1; older ones refuse the ruleset.
    """
    # Without the prefix a rule that matches everything would stop ARP too.
    prefix = f"meta protocol {_NETDEV_PROTOCOL[family]} "
    statements = [prefix + statement(rule, family) for rule in rules if rule.hook is Hook.EGRESS]
    if family == 6:
        statements.insert(0, _NEIGHBOUR_DISCOVERY)
    return _base_chain(Hook.EGRESS, f"hook egress devices = {{ {', '.join(devices)} }} priority filter", statements)


def _base_chain(name: str, where: str, statements: Iterable[str]) -> str:
    body = "".join(f"\t\t{line}\n" for line in (f"type filter {where}; policy accept;", *statements))
    return f"\tchain {name} {{\n{body}\t}}\n"


def statement(rule: Rule, family: int) -> str:
    """One nft rule: what it matches and what it does. Raises ValueError for an unknown action or a stray port."""
    return " ".join((*_conditions(rule.match, family), _verdict(rule.action, family)))


def _conditions(match: Match, family: int) -> list[str]:
    ports = {"sport": match.source_port, "dport": match.destination_port}
    conditions = [f"{_port_protocol(match)} {side} {port}" for side, port in ports.items() if port is not None]
    if match.protocol is not None and not conditions:
        conditions.append(f"meta l4proto {_L4_NAMES[family].get(match.protocol, match.protocol)}")
    if match.icmp is not None:
        conditions.append(f"{_ICMP[family]} type {_ICMP_TYPES.get(match.icmp, match.icmp)}")
    if match.ct_state is not None:
        conditions.append(f"ct state {match.ct_state}")
    return conditions


def _port_protocol(match: Match) -> str:
    if match.protocol not in ("tcp", "udp"):
        raise ValueError(f"a rule with a port needs protocol tcp or udp, not {match.protocol}")
    return match.protocol


def _verdict(action: str, family: int) -> str:
    match action.split():
        case ["drop"]:
            return "drop"
        case ["reset"]:
            return "reject with tcp reset"
        case ["reject", code]:
            return f"reject with {_ICMP[family]} {code}"
        case _:
            raise ValueError(f"unknown action {action!r}: drop, reset, or reject and nft's name of an ICMP code")


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
    if scenario.nodes.index(fault.at) == scenario.routers:
        return (f"route add {fault.kind} {scenario.link_address(scenario.routers, 'right')}",)
    return (f"route add {fault.kind} {scenario.link_network(scenario.routers)}",)

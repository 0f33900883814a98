"""Which rule of a machine is about this packet, and what does it say to the sender?

The vocabulary is nft's: its names of ICMP codes, and the hooks in which it takes a reject.
"""

from __future__ import annotations

from collections.abc import Sequence

from pathprobe.core.packets import Protocol
from pathprobe.net.scenario import Hook, Match, Rule
from pathprobe.net.simulated_packets import Datagram

_PROTOCOLS = {
    "tcp": {4: Protocol.TCP, 6: Protocol.TCP},
    "udp": {4: Protocol.UDP, 6: Protocol.UDP},
    "icmp": {4: Protocol.ICMP, 6: Protocol.ICMPV6},
}

_ICMP_TYPES = {
    "echo-request": {4: 8, 6: 128},
    "echo-reply": {4: 0, 6: 129},
    "time-exceeded": {4: 11, 6: 3},
    "unreachable": {4: 3, 6: 1},
}

#: nft's names of ICMP codes -> (type, code), nftables/src/datatype.c.
_REJECTS: dict[int, dict[str, tuple[int, int]]] = {
    4: {
        "net-unreachable": (3, 0),
        "host-unreachable": (3, 1),
        "prot-unreachable": (3, 2),
        "port-unreachable": (3, 3),
        "net-prohibited": (3, 9),
        "host-prohibited": (3, 10),
        "admin-prohibited": (3, 13),
    },
    6: {
        "no-route": (1, 0),
        "admin-prohibited": (1, 1),
        "addr-unreachable": (1, 3),
        "port-unreachable": (1, 4),
        "policy-fail": (1, 5),
        "reject-route": (1, 6),
    },
}

#: Hooks in which nft takes a reject (nft_reject_validate); elsewhere a rule can only drop.
_REJECTING_HOOKS = frozenset({Hook.PREROUTING, Hook.INPUT, Hook.FORWARD, Hook.OUTPUT})


def check(rule: Rule, version: int) -> None:
    """Raises ValueError for a rule that nft would not take."""
    verb, _, name = rule.action.partition(" ")
    if rule.action not in ("drop", "reset") and verb != "reject":
        raise ValueError(f"{rule.at}: no action {rule.action!r}; there are drop, reset and reject NAME")
    if verb == "reject" and name not in _REJECTS[version]:
        raise ValueError(f"{rule.at}: IPv{version} has no reject {name!r}; there are {', '.join(_REJECTS[version])}")
    if verb != "drop" and rule.hook not in _REJECTING_HOOKS:
        raise ValueError(f"{rule.at}: a rule in {rule.hook} can only drop, as nft has it; move it to another hook")
    if rule.match.protocol not in (None, *_PROTOCOLS) or rule.match.icmp not in (None, *_ICMP_TYPES):
        known = ", ".join((*_PROTOCOLS, *_ICMP_TYPES))
        raise ValueError(f"{rule.at}: unknown protocol or icmp name in {rule.match}; there are {known}")


def first_match(rules: Sequence[Rule], packet: Datagram) -> Rule | None:
    """The rule that decides about the packet; None when it passes."""
    return next((rule for rule in rules if _applies(rule, packet)), None)


def reject_message(rule: Rule, version: int) -> tuple[int, int] | None:
    """ICMP type and code with which a rule rejects; None when it drops or resets."""
    verb, _, name = rule.action.partition(" ")
    return _REJECTS[version][name] if verb == "reject" else None


def _applies(rule: Rule, packet: Datagram) -> bool:
    # nft gives `reject with tcp reset` a match on TCP of its own.
    if rule.action == "reset" and packet.protocol != Protocol.TCP:
        return False
    return _matches(rule.match, packet)


def _matches(match: Match, packet: Datagram) -> bool:
    if match.ct_state is not None:
        # Which packets conntrack calls new, established or invalid hangs on timeouts, sequence windows and
        # what else it saw. A half-true copy would be worse than none, so only real networks have such rules.
        return False
    if match.protocol is not None and packet.protocol != _PROTOCOLS[match.protocol][packet.version]:
        return False
    if match.icmp is not None and packet.icmp_type != _ICMP_TYPES[match.icmp][packet.version]:
        return False
    source, destination = packet.ports or (None, None)
    return match.source_port in (None, source) and match.destination_port in (None, destination)

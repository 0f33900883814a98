"""Which rule of a machine is about this packet, and what does it say to the sender?

The vocabulary is nft's: its names of ICMP codes, and the hooks in which it takes a reject.
"""

from __future__ import annotations

from pathprobe.core.packets import Protocol
from pathprobe.net.actions import DestinationNat, Nat, Reject, Reset, SourceNat, parse
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
    "too-big": {4: 3, 6: 2},
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

_TCP_ONLY = frozenset({"reset", "synproxy"})

#: Where addresses are translated here; nft also takes the way in and out of the host itself.
_TRANSLATING_HOOKS = {SourceNat: {Hook.POSTROUTING}, DestinationNat: {Hook.PREROUTING}}


def check(rule: Rule, version: int) -> None:
    """Raises ValueError for a rule that nft would not take."""
    action = parse(rule.action)
    if isinstance(action, Reject) and action.name not in _REJECTS[version]:
        known = ", ".join(_REJECTS[version])
        raise ValueError(f"{rule.at}: IPv{version} has no reject {action.name!r}; there are {known}")
    if isinstance(action, Reset | Reject) and rule.hook not in _REJECTING_HOOKS:
        raise ValueError(f"{rule.at}: nft does not reject in {rule.hook}, a rule there can only drop; move it")
    if isinstance(action, Nat) and rule.hook not in _TRANSLATING_HOOKS[type(action)]:
        raise ValueError(f"{rule.at}: no simulated {rule.action} in {rule.hook}; move it to another hook")
    if rule.match.protocol not in (None, *_PROTOCOLS) or rule.match.icmp not in (None, *_ICMP_TYPES):
        known = ", ".join((*_PROTOCOLS, *_ICMP_TYPES))
        raise ValueError(f"{rule.at}: unknown protocol or icmp name in {rule.match}; there are {known}")


def reject_message(reject: Reject, version: int) -> tuple[int, int]:
    """ICMP type and code with which a rule rejects."""
    return _REJECTS[version][reject.name]


def applies(rule: Rule, packet: Datagram) -> bool:
    """Whether a rule is about a packet."""
    # nft gives `reject with tcp reset` and `synproxy` a match on TCP of their own.
    if rule.action in _TCP_ONLY and packet.protocol != Protocol.TCP:
        return False
    return matches(rule.match, packet)


def matches(match: Match, packet: Datagram) -> bool:
    """Whether a packet is one of those that a match describes."""
    if match.ct_state is not None:
        # Which packets conntrack calls new, established or invalid hangs on timeouts, sequence windows and
        # what else it saw. A half-true copy would be worse than none, so only real networks have such rules.
        return False
    if match.length_over is not None and len(packet.octets) <= match.length_over:
        return False
    if match.protocol is not None and packet.protocol != _PROTOCOLS[match.protocol][packet.version]:
        return False
    if match.icmp == "too-big" and not packet.is_too_big:
        return False
    if match.icmp is not None and packet.icmp_type != _ICMP_TYPES[match.icmp][packet.version]:
        return False
    source, destination = packet.ports or (None, None)
    return match.source_port in (None, source) and match.destination_port in (None, destination)

"""What does a target of iptables do with the packet?

After the kernel's net/netfilter/xt_*.c and the save functions of iptables' extensions. A target that is not known here
may end the packet or let it go on: an Opaque with its text, and behind it an end that is handed to who knows whom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pathprobe.layers.firewall.iptables import values
from pathprobe.layers.firewall.iptables.marks import MARKS
from pathprobe.layers.firewall.iptables.options import DESTINATIONS, name_of
from pathprobe.layers.firewall.iptables.words import Module, NotUnderstood, Option
from pathprobe.layers.firewall.model import (
    End,
    Ending,
    Family,
    Hook,
    Nat,
    Opaque,
    Range,
    Statement,
    Translate,
    TranslateMap,
    Untrack,
)

Statements = tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a target stands. ``hook``: of a built-in chain, None in one that is jumped to; ``general``: the rule's."""

    family: Family
    hook: Hook | None = None
    general: Sequence[Option] = ()


#: They take note of the packet, or change what no condition here looks at, and the packet goes on to the next rule.
_GOES_ON = frozenset(
    {
        "AUDIT", "CHECKSUM", "CLASSIFY", "CONNSECMARK", "DSCP", "ECN", "HL", "IDLETIMER", "LED", "LOG", "NFLOG",
        "RATEEST", "SECMARK", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS", "TRACE", "TTL", "ULOG",
    }
)  # fmt: skip

#: Somebody else decides: a program that reads the queue, a proxy that has the socket.
_HANDED = frozenset({"NFQUEUE", "QUEUE", "TPROXY", "SYNPROXY"})

_ENDS: Mapping[str, Ending] = {"ACCEPT": Ending.ACCEPT, "DROP": Ending.DROP, "RETURN": Ending.RETURN}


def read_target(target: Module, surroundings: Surroundings) -> Statements:
    """What the target does; it is no chain of the table."""
    try:
        return _known(target, surroundings)
    except ValueError:
        return unknown(target.text)


def unknown(text: str) -> Statements:
    """It may end here, by whose word nobody can tell, or go on."""
    return Opaque(text=text), End(ending=Ending.HANDED, detail=text)


def _known(target: Module, surroundings: Surroundings) -> Statements:
    ending = _ENDS.get(target.name)
    if ending is not None and not target.options:
        return (End(ending=ending),)
    if target.name in _GOES_ON:
        return ()
    if target.name in _HANDED:
        return (End(ending=Ending.HANDED, detail=_without_dash_j(target)),)
    if target.name in MARKS:
        return MARKS[target.name](target)
    reader = _READERS.get(target.name)
    if reader is None:
        raise NotUnderstood(target.text)
    return reader(target, surroundings)


def _without_dash_j(target: Module) -> str:
    return " ".join(target.words[1:])


# REJECT

#: In nft's words. The short names are what iptables takes as well.
_ANSWERS: Mapping[Family, Mapping[str, str]] = {
    Family.IP: {
        "icmp-net-unreachable": "icmp net-unreachable", "net-unreach": "icmp net-unreachable",
        "icmp-host-unreachable": "icmp host-unreachable", "host-unreach": "icmp host-unreachable",
        "icmp-proto-unreachable": "icmp prot-unreachable", "proto-unreach": "icmp prot-unreachable",
        "icmp-port-unreachable": "icmp port-unreachable", "port-unreach": "icmp port-unreachable",
        "icmp-net-prohibited": "icmp net-prohibited", "net-prohib": "icmp net-prohibited",
        "icmp-host-prohibited": "icmp host-prohibited", "host-prohib": "icmp host-prohibited",
        "icmp-admin-prohibited": "icmp admin-prohibited", "admin-prohib": "icmp admin-prohibited",
        "tcp-reset": "tcp reset", "tcp-rst": "tcp reset",
    },
    Family.IP6: {
        "icmp6-no-route": "icmpv6 no-route", "no-route": "icmpv6 no-route",
        "icmp6-adm-prohibited": "icmpv6 admin-prohibited", "adm-prohibited": "icmpv6 admin-prohibited",
        "icmp6-addr-unreachable": "icmpv6 addr-unreachable", "addr-unreach": "icmpv6 addr-unreachable",
        "icmp6-port-unreachable": "icmpv6 port-unreachable", "port-unreach": "icmpv6 port-unreachable",
        "icmp6-policy-fail": "icmpv6 policy-fail", "policy-fail": "icmpv6 policy-fail",
        "icmp6-reject-route": "icmpv6 reject-route", "reject-route": "icmpv6 reject-route",
        "tcp-reset": "tcp reset",
    },
}  # fmt: skip
_DEFAULT_ANSWER = {Family.IP: "icmp port-unreachable", Family.IP6: "icmpv6 port-unreachable"}


def _reject(target: Module, surroundings: Surroundings) -> Statements:
    asked = target.option("--reject-with")
    if asked is None:
        return (End(ending=Ending.REJECT, detail=_DEFAULT_ANSWER[surroundings.family]),)
    answer = _ANSWERS[surroundings.family].get(asked.value, asked.value)
    return (End(ending=Ending.REJECT, detail=answer),)


# Translations


def _to(option_name: str, kind: Nat) -> Callable[[Module, Surroundings], Statements]:
    def reader(target: Module, surroundings: Surroundings) -> Statements:
        asked = [option for option in target.options if option.name == option_name]
        if len(asked) != 1:
            raise NotUnderstood(target.text)
        address, port = _address_and_port(asked[0].value, surroundings.family)
        return (Translate(kind=kind, addresses=address, ports=port),)

    return reader


def _address_and_port(text: str, family: Family) -> tuple[Range | None, Range | None]:
    """``10.0.0.1-10.0.0.9:80-90``, ``[2001:db8::1]:80``, ``:80``; shifted ports (``80-90/8080``) are not understood."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        if port[:1] not in ("", ":"):
            raise NotUnderstood(text)
        port = port[1:]
    elif family is Family.IP or (text.startswith(":") and not text.startswith("::")):
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    return (
        values.addresses(address, family) if address else None,
        _to_ports(port) if port else None,
    )


def _to_ports(text: str) -> Range:
    return values.numbers(text, most=65535, separator="-")


def _own_address(kind: Nat) -> Callable[[Module, Surroundings], Statements]:
    def reader(target: Module, _: Surroundings) -> Statements:
        asked = target.option("--to-ports")
        return (Translate(kind=kind, ports=_to_ports(asked.value) if asked else None),)

    return reader


#: Addresses that a NETMAP is written out for.
_MOST_MAPPED = 1024

_TRANSLATES_DESTINATION = frozenset({Hook.PREROUTING, Hook.OUTPUT})


def _netmap(target: Module, surroundings: Surroundings) -> Statements:
    """Each address to that of the other network with the same host part (xt_NETMAP.c).

    Which end it maps depends on the hook, which a chain that is jumped to does not tell.
    """
    asked = target.option("--to")
    if asked is None or surroundings.hook is None:
        raise NotUnderstood(target.text)
    to = values.addresses(asked.value, surroundings.family)
    if surroundings.hook not in _TRANSLATES_DESTINATION:
        return (Translate(kind=Nat.SNAT, addresses=to),)
    if to[0] == to[1]:
        return (Translate(kind=Nat.DNAT, addresses=to),)
    return (_mapped_one_by_one(to, surroundings),)


def _mapped_one_by_one(to: Range, surroundings: Surroundings) -> TranslateMap:
    field = DESTINATIONS[surroundings.family]
    asked = [option for option in surroundings.general if name_of(option) == "-d" and not option.negated]
    first, last = values.addresses(asked[0].value, surroundings.family) if asked else (0, _MOST_MAPPED)
    if last - first >= _MOST_MAPPED:
        raise NotUnderstood("too many addresses to say what becomes of each")
    host_part = to[1] - to[0]
    pairs = [(one, to[0] | (one & host_part)) for one in range(first, last + 1)]
    return TranslateMap(
        fields=(field,),
        entries=tuple((((old, old),), Translate(kind=Nat.DNAT, addresses=(new, new))) for old, new in pairs),
    )


# Connections


def _connection(target: Module, _: Surroundings) -> Statements:
    return (Untrack(),) if "--notrack" in target.names() else ()


def _untracked(_: Module, __: Surroundings) -> Statements:
    return (Untrack(),)


_READERS: Mapping[str, Callable[[Module, Surroundings], Statements]] = {
    "REJECT": _reject,
    "DNAT": _to("--to-destination", Nat.DNAT),
    "SNAT": _to("--to-source", Nat.SNAT),
    "REDIRECT": _own_address(Nat.REDIRECT),
    "MASQUERADE": _own_address(Nat.MASQUERADE),
    "NETMAP": _netmap,
    "CT": _connection,
    "NOTRACK": _untracked,
}

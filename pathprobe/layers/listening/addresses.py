"""Which addresses has this machine, and is one that a socket is bound to among them?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import ip_address

from pathprobe.layers.listening.facts import HostAddress
from pathprobe.layers.network import map_interface
from pathprobe.layers.system import Said, System, Unread

#: What ``ip route get`` says of destinations that are taken in though no interface has them (rtnetlink.h, RTN_*).
_TAKEN_IN = ("local", "broadcast", "multicast")


#: What network_reading asks as well; ip(8) before 4.13 and busybox's know no JSON.
_AS_JSON = ("ip", "-j", "-d", "addr", "show")


def read(system: System) -> tuple[HostAddress, ...] | Unread:
    known = _of_json(system.run(*_AS_JSON))
    if known is not None:
        return known
    said = system.run("ip", "-o", "address", "show")
    if isinstance(said, Unread):
        return said
    return parse(said.out) if said.worked else Unread(reason=f"ip address: {said.error.strip()}")


def _of_json(said: Said | Unread) -> tuple[HostAddress, ...] | None:
    if isinstance(said, Unread) or not said.worked:
        return None
    try:
        interfaces = [map_interface(entry) for entry in json.loads(said.out) if entry]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return tuple(HostAddress(interface=one.name, address=here.text) for one in interfaces for here in one.addresses)


def parse(text: str) -> tuple[HostAddress, ...]:
    """``2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0``; a peer's link has ``inet HERE peer THERE``."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 3 and words[2] in ("inet", "inet6"):
            interface = words[1].partition("@")[0].removesuffix(":")
            found.append(HostAddress(interface=interface, address=words[3].partition("/")[0]))
    return tuple(found)


def foreign(system: System, bound: Iterable[str], known: Iterable[HostAddress]) -> frozenset[str]:
    """Those of the bound addresses that are not this machine's (any more)."""
    own = {one.address for one in known}
    return frozenset(one for one in set(bound) - own if _is_foreign(system, one))


def _is_foreign(system: System, address: str) -> bool:
    parsed = ip_address(address)
    if parsed.is_unspecified or parsed.is_loopback or parsed.is_multicast:
        return False
    # Routes make whole networks local too (``ip route add local 10.1.0.0/16 dev lo``).
    said = system.run("ip", "-o", "route", "get", address)
    return isinstance(said, Said) and said.out.split()[:1] not in [[word] for word in _TAKEN_IN]

"""Which addresses, interfaces and routes does a machine have: what is for it, and where would it send the rest?

Pure; the words for the kernel's tables are those of ip(8).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Tables that the kernel asks in this order where nobody has made rules of their own (ip-rule(8)).
TABLES = ("local", "main", "default")

#: Where routes are that name no table.
MAIN = "main"

_LOOPBACK = "LOOPBACK"

#: Types of routes; an address without a route is unreachable (fib_table_lookup, inet_dev_addr_type).
_TYPES = {
    "unicast": 1,
    "local": 2,
    "broadcast": 3,
    "anycast": 4,
    "multicast": 5,
    "blackhole": 6,
    "unreachable": 7,
    "prohibit": 8,
}

#: RFC 5771, RFC 4291 section 2.7.
_MULTICAST = {4: range(0xE0000000, 0xF0000000), 6: range(0xFF << 120, 1 << 128)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``number`` and the network's ``prefix`` length; ``text`` as it is written."""

    text: str
    version: int
    number: int
    prefix: int
    scope: str = "global"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """``master``: the bridge or bond that it belongs to; ``lower``: the one below a VLAN or the like.

    ``kind``: "bridge", "veth", "vlan" ..., where ip(8) tells.
    """

    name: str
    addresses: tuple[Address, ...] = ()
    up: bool = True
    loopback: bool = False
    master: str | None = None
    lower: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``type`` as ip(8) names it: unicast, local, broadcast, multicast, anycast, blackhole, unreachable, prohibit."""

    version: int
    low: int
    high: int
    type: str = "unicast"
    device: str | None = None
    table: str = MAIN
    metric: int = 0
    gateway: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """``policies``: rules of ip-rule(8) that look at more than the tables, as written; they are not followed.

    ``forwards``: the IP versions that it forwards; ``forwarding``: of single interfaces, by version and name.
    ``unseen``: what could not be read, in words.
    """

    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    tables: tuple[str, ...] = TABLES
    policies: tuple[str, ...] = ()
    forwards: frozenset[int] = frozenset()
    forwarding: Mapping[tuple[int, str], bool] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()

    def route(self, number: int, version: int) -> Route | None:
        """The route to an address: the longest prefix of the first table that has one, then the lowest metric."""
        fitting = [one for one in self.routes if one.version == version and one.low <= number <= one.high]
        for table in self.tables:
            here = [one for one in fitting if one.table == table]
            if here and (best := min(here, key=lambda one: (one.high - one.low, one.metric))).type != "throw":
                return best
        return None

    def forwards_from(self, interface: str, version: int) -> bool:
        """Whether packets that come in by an interface are sent on (net.ipv4.conf.*.forwarding)."""
        return self.forwarding.get((version, interface), version in self.forwards)

    def below(self, name: str, above: frozenset[str] = frozenset()) -> tuple[tuple[str, ...], ...]:
        """The ways down from an interface, each from its next one to the last; a packet takes one of them.

        By a port of a bridge, by a member of a bond, by what is below a VLAN; ``((),)`` where nothing is.
        """
        above |= {name}
        under = [one for one in self._right_below(name) if one not in above]
        return tuple((one, *rest) for one in under for rest in self.below(one, above)) or ((),)

    def _right_below(self, name: str) -> list[str]:
        found = [one.name for one in self.interfaces if one.master == name]
        upper = self.interface(name)
        if upper is not None and upper.lower is not None and self.interface(upper.lower) is not None:
            found.append(upper.lower)
        return found

    def interface(self, name: str) -> Interface | None:
        return next((one for one in self.interfaces if one.name == name), None)

    def type_of(self, number: int, version: int) -> int:
        """What the routes say of an address, as a number of the kernel's (RTN_*, linux/rtnetlink.h)."""
        if number in _MULTICAST[version]:
            return _TYPES["multicast"]
        route = self.route(number, version)
        return _TYPES.get(route.type, 0) if route else _TYPES["unreachable"]

    def has(self, number: int, version: int) -> bool:
        """Whether the address is this machine's."""
        return self.type_of(number, version) == _TYPES["local"]


def map_interface(entry: Mapping[str, Any]) -> Interface:
    """An interface from an entry of ``ip -j -d addr show``.

    Raises AttributeError, KeyError, TypeError or ValueError for a strange one.
    """
    flags, kind = entry.get("flags") or (), (entry.get("linkinfo") or {}).get("info_kind")
    return Interface(
        name=_text(entry["ifname"]),
        addresses=tuple(_addresses(entry.get("addr_info") or ())),
        up="UP" in flags,
        loopback=_LOOPBACK in flags,
        master=entry.get("master"),
        # Of a veth the other end, which has another index here or none.
        lower=entry.get("link") if kind != "veth" else None,
        kind=kind,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value


def _addresses(entries: Iterable[Mapping[str, Any]]) -> Iterable[Address]:
    for entry in entries:
        text = entry.get("local")
        if text is None:
            continue
        address = ipaddress.ip_address(text)
        yield Address(
            text=text,
            version=address.version,
            number=int(address),
            prefix=int(entry.get("prefixlen", address.max_prefixlen)),
            scope=entry.get("scope", "global"),
        )


def map_route(entry: Mapping[str, Any], version: int) -> Route:
    """A route from an entry of ``ip -j route show table all``. Raises as ``map_interface`` does."""
    everywhere = "0.0.0.0/0" if version == 4 else "::/0"
    network = ipaddress.ip_network(everywhere if entry["dst"] == "default" else entry["dst"], strict=False)
    first = entry if "dev" in entry else next(iter(entry.get("nexthops") or ()), {})
    return Route(
        version=version,
        low=int(network.network_address),
        high=int(network.broadcast_address),
        type=entry.get("type", "unicast"),
        device=first.get("dev"),
        table=str(entry.get("table", MAIN)),
        metric=int(entry.get("metric", 0)),
        gateway=first.get("gateway"),
    )

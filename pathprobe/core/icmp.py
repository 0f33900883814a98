"""What does this ICMP error say happened to the packet?

One table for IPv4 (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7) and IPv6 (RFC 4443
section 3, RFC 7084). A REJECT ("not allowed", "no such port") is somebody's decision; NO_ROUTE
("cannot get there") is usually nobody's. The split is the one users script against.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    """The fate that an ICMP error announces."""

    REJECT = "reject"
    NO_ROUTE = "no-route"
    TIME_EXCEEDED = "time-exceeded"
    TOO_BIG = "too-big"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One kind of ICMP error: its meaning and the name operators know it by.

    ``of_neighbour``: what a router says when nobody on the link answers for the destination (RFC 1812 section 5.2.7.1,
    RFC 4443 section 3.1).
    """

    meaning: Meaning
    name: str
    port_unreachable: bool = False
    of_neighbour: bool = False


_REJECT, _NO_ROUTE = Meaning.REJECT, Meaning.NO_ROUTE

_V4: dict[tuple[int, int], Message] = {
    (3, 0): Message(meaning=_NO_ROUTE, name="network unreachable"),
    (3, 1): Message(meaning=_NO_ROUTE, name="host unreachable", of_neighbour=True),
    (3, 2): Message(meaning=_REJECT, name="protocol unreachable"),
    (3, 3): Message(meaning=_REJECT, name="port unreachable", port_unreachable=True),
    (3, 4): Message(meaning=Meaning.TOO_BIG, name="fragmentation needed"),
    (3, 5): Message(meaning=_NO_ROUTE, name="source route failed"),
    (3, 6): Message(meaning=_NO_ROUTE, name="destination network unknown"),
    (3, 7): Message(meaning=_NO_ROUTE, name="destination host unknown"),
    (3, 8): Message(meaning=_NO_ROUTE, name="source host isolated"),
    (3, 9): Message(meaning=_REJECT, name="network administratively prohibited"),
    (3, 10): Message(meaning=_REJECT, name="host administratively prohibited"),
    (3, 11): Message(meaning=_NO_ROUTE, name="network unreachable for this type of service"),
    (3, 12): Message(meaning=_NO_ROUTE, name="host unreachable for this type of service"),
    (3, 13): Message(meaning=_REJECT, name="communication administratively prohibited"),
    (11, 0): Message(meaning=Meaning.TIME_EXCEEDED, name="time exceeded in transit"),
}

_V6: dict[tuple[int, int], Message] = {
    (1, 0): Message(meaning=_NO_ROUTE, name="no route to destination"),
    (1, 1): Message(meaning=_REJECT, name="communication administratively prohibited"),
    (1, 2): Message(meaning=_NO_ROUTE, name="beyond scope of source address"),
    (1, 3): Message(meaning=_NO_ROUTE, name="address unreachable", of_neighbour=True),
    (1, 4): Message(meaning=_REJECT, name="port unreachable", port_unreachable=True),
    (1, 5): Message(meaning=_REJECT, name="source address failed policy"),
    (1, 6): Message(meaning=_REJECT, name="reject route to destination"),
    (2, 0): Message(meaning=Meaning.TOO_BIG, name="packet too big"),
    (3, 0): Message(meaning=Meaning.TIME_EXCEEDED, name="hop limit exceeded in transit"),
}

_TABLES = {4: _V4, 6: _V6}

#: Types that carry a quoted packet: RFC 792 and RFC 4443 section 2.1 (below 128).
ERROR_TYPES = {4: frozenset({3, 4, 5, 11, 12}), 6: frozenset({1, 2, 3, 4})}


def explain(version: int, type_: int, code: int) -> Message:
    """The meaning of an ICMP error; an unassigned code has Meaning.OTHER and a numeric name."""
    known = _TABLES[version].get((type_, code))
    return known or Message(meaning=Meaning.OTHER, name=f"ICMP type {type_} code {code}")


_BY_NAME = {message.name: message.meaning for table in _TABLES.values() for message in table.values()}


def meaning_of(name: str) -> Meaning:
    """The meaning of an ICMP error that is known by its name alone; OTHER for a name that no table has."""
    return _BY_NAME.get(name, Meaning.OTHER)

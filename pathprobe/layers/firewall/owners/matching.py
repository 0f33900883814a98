"""Does a rule speak of this very port, of some ports with it among them, or of any?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pathprobe.layers.firewall.model import (
    Assign,
    Compare,
    Condition,
    Copy,
    End,
    Field,
    Jump,
    Ranges,
    Rule,
    Statement,
    Translate,
    TranslateMap,
    Untrack,
    VerdictMap,
)

#: IANA's numbers of the protocols that can be asked about.
PROTOCOLS = {"tcp": 6, "udp": 17}

_PORTS = {
    "tcp": (Field.TCP_DESTINATION_PORT, Field.DESTINATION_PORT),
    "udp": (Field.UDP_DESTINATION_PORT, Field.DESTINATION_PORT),
}
_OTHERS_PORTS = {"tcp": Field.UDP_DESTINATION_PORT, "udp": Field.TCP_DESTINATION_PORT}


#: Statements that are no conditions.
_OTHERWISE = (Assign, Copy, Untrack, End, Jump, VerdictMap, Translate, TranslateMap)


class Ports(StrEnum):
    EXACTLY = "exactly"
    AMONG = "among"
    ANY = "any"
    OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """``besides``: the rule has other conditions than protocol and port: a source, an interface, a state."""

    ports: Ports
    besides: bool


def within(number: int, ranges: Ranges) -> bool:
    return any(first <= number <= last for first, last in ranges)


def spoken_of(rule: Rule, port: int, protocol: str) -> Spoken:
    """What the rule's conditions say of a destination port of tcp or udp."""
    ports, besides = Ports.ANY, False
    for condition in conditions(rule.statements):
        said = _said(condition, port, protocol)
        if said is Ports.OTHERS:
            return Spoken(ports=said, besides=False)
        if said is None:
            besides = True
        elif said is not Ports.ANY:
            ports = said
    return Spoken(ports=ports, besides=besides)


def conditions(statements: Iterable[Statement]) -> tuple[Condition, ...]:
    return tuple(one for one in statements if not isinstance(one, _OTHERWISE))


def _said(condition: Condition, port: int, protocol: str) -> Ports | None:
    """None: it is about something else."""
    if not isinstance(condition, Compare) or condition.mask is not None:
        return None
    holds = within(PROTOCOLS[protocol], condition.ranges)
    if condition.field is Field.PROTOCOL:
        return Ports.ANY if holds is not condition.negated else Ports.OTHERS
    if condition.field is _OTHERS_PORTS[protocol]:
        return Ports.OTHERS
    if condition.field not in _PORTS[protocol]:
        return None
    if within(port, condition.ranges) is condition.negated:
        return Ports.OTHERS
    return Ports.EXACTLY if condition.ranges == ((port, port),) else Ports.AMONG

"""Does a packet meet a condition?

Yes, no, for some of its possible senders, or nobody can tell: four answers, of which the last two are never taken for
one of the first. A field that the packet does not have makes a condition fail, negated or not, as a failed load ends a
rule in the kernel (NFT_BREAK).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from pathprobe.layers.firewall.evaluation.packet import KEYS, Key, Packet
from pathprobe.layers.firewall.evaluation.ranges import common, normalised, single, without
from pathprobe.layers.firewall.model import (
    NAMES,
    AnyOf,
    Combined,
    Compare,
    Condition,
    Element,
    Field,
    Named,
    Opaque,
    Range,
    Ranges,
    RouteBack,
)
from pathprobe.layers.network import Network


class Told(Enum):
    YES = auto()
    NO = auto()
    MAYBE = auto()


@dataclass(frozen=True, slots=True)
class Some:
    """It holds for these senders, and not for those."""

    inside: Ranges
    outside: Ranges


Answer = Told | Some

_OPPOSITE = {Told.YES: Told.NO, Told.NO: Told.YES, Told.MAYBE: Told.MAYBE}


def holds(condition: Condition, packet: Packet, network: Network) -> Answer:
    """Whether the packet meets the condition on a machine with this network."""
    match condition:
        case Compare():
            if not packet.has(condition.field):
                return Told.NO
            return _turned(_compared(condition, packet), condition.negated)
        case Named():
            if not packet.has(condition.field):
                return Told.NO
            return _turned(_named(packet.name(condition.field), condition.patterns), condition.negated)
        case Combined():
            if not all(packet.has(field) for field in condition.fields):
                return Told.NO
            return _turned(_combined(condition, packet), condition.negated)
        case RouteBack():
            return _turned(_leads_back(condition, packet, network), condition.negated)
        case AnyOf():
            return _any([holds(one, packet, network) for one in condition.conditions], packet)
        case Opaque():
            return Told.MAYBE


def _any(answers: list[Answer], packet: Packet) -> Answer:
    if Told.YES in answers:
        return Told.YES
    if Told.MAYBE in answers:
        return Told.MAYBE
    senders = tuple(part for answer in answers if isinstance(answer, Some) for part in answer.inside)
    return within(Key.SOURCE, packet.numbers[Key.SOURCE], senders) if senders else Told.NO


def _turned(answer: Answer, negated: bool) -> Answer:
    if not negated:
        return answer
    return Some(answer.outside, answer.inside) if isinstance(answer, Some) else _OPPOSITE[answer]


def _compared(condition: Compare, packet: Packet) -> Answer:
    possible = packet.number(condition.field)
    if condition.mask is not None:
        return _masked(possible, condition.mask, condition.ranges)
    return within(KEYS[condition.field], possible, condition.ranges)


def _masked(possible: Ranges | None, mask: int, wanted: Ranges) -> Told:
    number = single(possible) if possible else None
    if number is None:
        return Told.MAYBE
    return _told(any(low <= number & mask <= high for low, high in wanted))


def within(key: Key, possible: Ranges | None, wanted: Ranges) -> Answer:
    """Whether a property that may be any of the possible numbers is one of those that are wanted."""
    if possible is None:
        return Told.MAYBE
    number = single(possible)
    if number is not None:
        return _told(any(low <= number <= high for low, high in wanted))
    wanted = normalised(wanted)
    inside = common(possible, wanted)
    if not inside:
        return Told.NO
    outside = without(possible, inside)
    if not outside:
        return Told.YES
    return Some(inside, outside) if key is Key.SOURCE else Told.MAYBE


def _named(name: str, patterns: tuple[str, ...]) -> Told:
    return _told(any(is_named(name, pattern) for pattern in patterns))


def is_named(name: str, pattern: str) -> bool:
    """Whether an interface's name fits a pattern, in which a ``*`` at the end stands for any rest."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _combined(condition: Combined, packet: Packet) -> Answer:
    """In a set of very many elements those for the known fields are looked for first, then the senders in them."""
    senders: list[Range] = []
    doubtful = False
    for element in candidates(condition, packet):
        match fits(condition.fields, element, packet):
            case Told.YES:
                return Told.YES
            case Told.MAYBE:
                doubtful = True
            case Some(inside):
                senders += inside
    if doubtful:
        return Told.MAYBE
    return within(Key.SOURCE, packet.numbers[Key.SOURCE], tuple(senders)) if senders else Told.NO


def candidates(condition: Combined, packet: Packet) -> tuple[Element, ...]:
    """The elements that the first field with one known number leaves: a set of 10,000 is searched once."""
    for place, field in enumerate(condition.fields):
        if field in NAMES:
            continue
        number = single(packet.number(field) or ())
        if number is not None:
            exact, others = _indexed(condition.elements, place)
            return exact.get(number, ()) + others
    return condition.elements


@lru_cache(maxsize=64)
def _indexed(elements: tuple[Element, ...], place: int) -> tuple[dict[int, tuple[Element, ...]], tuple[Element, ...]]:
    """Elements by the one number at a place, and those that have a range or name there."""
    exact: dict[int, list[Element]] = {}
    others: list[Element] = []
    for element in elements:
        part = element[place]
        if isinstance(part, tuple) and part[0] == part[1]:
            exact.setdefault(part[0], []).append(element)
        else:
            others.append(element)
    return {number: tuple(found) for number, found in exact.items()}, tuple(others)


def fits(fields: tuple[Field, ...], element: Element, packet: Packet) -> Answer:
    """Whether the packet has all of an element's values."""
    senders: Some | None = None
    doubtful = False
    for field, part in zip(fields, element, strict=True):
        match _part(field, part, packet):
            case Told.NO:
                return Told.NO
            case Told.MAYBE:
                doubtful = True
            case Some() as some:
                senders = some
    if doubtful:
        return Told.MAYBE
    return senders or Told.YES


def _part(field: Field, part: Range | str, packet: Packet) -> Answer:
    if isinstance(part, str):
        return _told(is_named(packet.name(field), part))
    return within(KEYS[field], packet.number(field), (part,))


def _leads_back(condition: RouteBack, packet: Packet, network: Network) -> Told:
    """Of senders whom nobody named it is taken that they are where the routes say: nobody asks about forged ones."""
    source = packet.numbers[Key.SOURCE]
    number = single(source) if source else None
    if number is None:
        return Told.YES
    version = packet.numbers[Key.VERSION]
    route = network.route(number, version[0][0] if version else 4)
    if route is None or route.type not in ("unicast", "local"):
        return Told.NO
    return _told(condition.loose or route.device == packet.names[Key.INPUT_INTERFACE])


def _told(truth: bool) -> Told:
    return Told.YES if truth else Told.NO

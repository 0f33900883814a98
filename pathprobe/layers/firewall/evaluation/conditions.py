"""Does a packet meet a condition?

Yes, no, for some of its possible senders, or nobody can tell: four answers, of which the last two are never taken for
one of the first. A field that the packet does not have makes a condition fail, negated or not, as a failed load ends a
rule in the kernel (NFT_BREAK).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from pathprobe.layers.firewall.evaluation.packet import Key, Packet
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
    return among(packet.senders, senders) if senders else Told.NO


def _turned(answer: Answer, negated: bool) -> Answer:
    if not negated:
        return answer
    return Some(answer.outside, answer.inside) if isinstance(answer, Some) else _OPPOSITE[answer]


def _compared(condition: Compare, packet: Packet) -> Answer:
    possible, wanted = packet.number(condition.field), condition.ranges
    if condition.mask is not None:
        number = single(possible) if possible else None
        if number is not None:
            return _told(any(low <= number & condition.mask <= high for low, high in wanted))
        networks = _networks(condition.mask, wanted, _BITS.get(condition.field))
        if networks is None:
            return Told.MAYBE
        wanted = networks
    return _within(condition.field, possible, wanted, packet)


#: Of addresses a mask may stand for a prefix.
_BITS = {Field.IP_SOURCE: 32, Field.IP_DESTINATION: 32, Field.IP6_SOURCE: 128, Field.IP6_DESTINATION: 128}


def _networks(mask: int, wanted: Ranges, bits: int | None) -> Ranges | None:
    """The addresses whose masked part is wanted, where the mask is a prefix."""
    rest = ((1 << bits) - 1) ^ mask if bits else -1
    if rest < 0 or rest & (rest + 1) or any(low & rest for low, _ in wanted):
        return None
    return tuple((low, high | rest) for low, high in wanted)


def _within(field: Field, possible: Ranges | None, wanted: Ranges, packet: Packet) -> Answer:
    """Whether a field that may be any of the possible numbers is one of those that are wanted."""
    if possible is None:
        return Told.MAYBE
    number = single(possible)
    if number is not None:
        return _told(any(low <= number <= high for low, high in wanted))
    answer = among(possible, wanted)
    return Told.MAYBE if isinstance(answer, Some) and not packet.is_senders(field) else answer


def among(possible: Ranges, wanted: Ranges) -> Answer:
    """All of them, none, or some."""
    inside = common(possible, normalised(wanted))
    if not inside:
        return Told.NO
    outside = without(possible, inside)
    return Some(inside, outside) if outside else Told.YES


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
    return among(packet.senders, tuple(senders)) if senders else Told.NO


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
    return _within(field, packet.number(field), (part,), packet)


def _leads_back(condition: RouteBack, packet: Packet, network: Network) -> Told:
    """Of senders whom nobody named it is taken that they are where the routes say: nobody asks about forged ones.

    What comes in by loopback is from here (fib_validate_source, nft_fib4_eval).
    """
    source = packet.value(Key.SOURCE)
    number = single(source) if source else None
    interface = network.interface(packet.incoming)
    if number is None or (interface is not None and interface.loopback):
        return Told.YES
    version = packet.numbers[Key.VERSION]
    route = network.route(number, version[0][0] if version else 4)
    if route is None or route.type not in ("unicast", "local"):
        return Told.NO
    return _told(condition.loose or route.device == packet.incoming)


def _told(truth: bool) -> Told:
    return Told.YES if truth else Told.NO

"""Do two places contradict each other, or is one of them only known more exactly?

A place is an interval of hops, or a point where a box gave itself away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from pathprobe.core.report import Hop, Location, Middlebox, Where


class Relation(StrEnum):
    """How what A says lies to what B says; in all but DIFFERS both can be true.

    BY_CHANCE: too little was asked to take it for more than loss.
    """

    SAME = "same"
    A_EXACTER = "a-exacter"
    B_EXACTER = "b-exacter"
    OVERLAP = "overlap"
    BY_CHANCE = "by-chance"
    DIFFERS = "differs"


def relation(a: Location, b: Location) -> Relation:
    """Two places where packets are stopped, in the TTLs of one vantage."""
    if Where.LOCAL in (a.where, b.where) and a.where != b.where:
        return _if_unknown(a, b, Where.UNKNOWN)
    places = _same_hops(a, b) or _relation(_interval(a), _interval(b))
    details = (places, _details(a.direction, b.direction), _wheres(a, b))
    return _joined(details)


def _details(a: object | None, b: object | None) -> Relation:
    """Something that each says or does not."""
    if a == b:
        return Relation.SAME
    if a is None:
        return Relation.B_EXACTER
    return Relation.A_EXACTER if b is None else Relation.DIFFERS


def _wheres(a: Location, b: Location) -> Relation:
    if a.where == b.where:
        return Relation.SAME
    if Where.UNKNOWN in (a.where, b.where):
        return _if_unknown(a, b, Where.UNKNOWN)
    return _if_unknown(a, b, Where.TARGET_EDGE)


def _if_unknown(a: Location, b: Location, vague: Where) -> Relation:
    """The one that is vague does not contradict the other."""
    if vague not in (a.where, b.where):
        return Relation.DIFFERS
    return Relation.B_EXACTER if a.where is vague else Relation.A_EXACTER


def _joined(relations: tuple[Relation, ...]) -> Relation:
    """What several of them come to: one contradiction is enough, and two that are each more exact overlap."""
    said = {one for one in relations if one is not Relation.SAME}
    if not said:
        return Relation.SAME
    if Relation.DIFFERS in said:
        return Relation.DIFFERS
    return said.pop() if len(said) == 1 else Relation.OVERLAP


def _same_hops(a: Location, b: Location) -> Relation | None:
    """The same two routers are the same place, however many hops away they are now."""
    hops_a, hops_b = _addresses(a), _addresses(b)
    return Relation.SAME if hops_a == hops_b and None not in hops_a else None


def _addresses(location: Location) -> tuple[str | None, ...]:
    if location.device:
        return (location.device.address,)
    return tuple(hop.address if hop else None for hop in (location.last_good, location.first_bad))


def _interval(location: Location) -> tuple[float, float]:
    """From the last good to the first bad TTL; a box that gave itself away is a point."""
    if location.device:
        return location.device.ttl, location.device.ttl
    good = location.last_good.ttl if location.last_good else 0
    return good, location.first_bad.ttl if location.first_bad else math.inf


def _relation(a: tuple[float, float], b: tuple[float, float]) -> Relation:
    if a == b:
        return Relation.SAME
    if b[0] <= a[0] and a[1] <= b[1]:
        return Relation.A_EXACTER
    if a[0] <= b[0] and b[1] <= a[1]:
        return Relation.B_EXACTER
    # Intervals that only touch have a hop in common, and no link.
    return Relation.OVERLAP if max(a[0], b[0]) < min(a[1], b[1]) else Relation.DIFFERS


def boxes_relation(a: Middlebox, b: Middlebox) -> Relation:
    """Two places of what may be one middlebox."""
    ends_a, ends_b = (tuple(hop.address for hop in box.between) for box in (a, b))
    if ends_a == ends_b and None not in ends_a:
        return Relation.SAME
    return _relation(_between(a), _between(b))


def _between(box: Middlebox) -> tuple[float, float]:
    return box.between[0].ttl, box.between[1].ttl


def in_the_others_hops(
    location: Location, way: Mapping[str, int], others: Location, others_way: Mapping[str, int]
) -> Location | None:
    """A place in the other vantage's TTLs; None unless both ways cross every hop that either place is named by."""
    ends = (location.last_good, location.first_bad, location.device)
    others_ends = (others.last_good, others.first_bad, others.device)
    if any(end and end.address not in others_way for end in ends):
        return None
    if any(end and end.address not in way for end in others_ends):
        return None
    good, bad, device = location.last_good, location.first_bad, location.device
    return replace(
        location,
        last_good=good and Hop(ttl=others_way[str(good.address)], address=good.address),
        first_bad=bad and Hop(ttl=others_way[str(bad.address)], address=bad.address),
        device=device and replace(device, ttl=others_way[str(device.address)]),
    )

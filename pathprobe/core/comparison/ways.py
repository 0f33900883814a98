"""Where do the ways from two vantages to one target join, and on which side of that does a packet die?

Addresses are compared, never TTLs: the two count from different places.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pathprobe.core.comparison.reported import Finding
from pathprobe.core.report import Hop, State, Where


class Side(StrEnum):
    """Where a break lies, seen from the other vantage."""

    OWN = "own"
    SHARED = "shared"
    EITHER = "either"
    THIS_HOST = "this-host"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonHop:
    """A router that both ways cross; ``a`` and ``b`` are its TTLs."""

    address: str
    a: int
    b: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """``joined``: the first common hop; ``parted``: the last, where the ways are known to differ again behind it.

    ``break_a`` and ``break_b``: where each one's packets die, None where they do not.
    """

    common: tuple[CommonHop, ...]
    joined: CommonHop | None
    parted: CommonHop | None
    break_a: Side | None
    break_b: Side | None


#: What is stopped somewhere.
STOPPED = frozenset({State.FILTERED, State.UNREACHABLE, State.INTERMITTENT, State.OPEN_FILTERED})


def ways(a: Finding, b: Finding) -> Ways:
    """How the ways of two findings about one target, asked from different hosts, lie to each other."""
    way_a, way_b = a.way, b.way
    common = tuple(
        CommonHop(address=address, a=ttl, b=way_b[address])
        for address, ttl in sorted(way_a.items(), key=lambda item: item[1])
        if address in way_b
    )
    return Ways(
        common=common,
        joined=common[0] if common else None,
        parted=common[-1] if common and _differ_behind(common[-1], a, b) else None,
        break_a=_side(a, b, common[0].a if common else None),
        break_b=_side(b, a, common[0].b if common else None),
    )


def _differ_behind(last: CommonHop, a: Finding, b: Finding) -> bool:
    behind_a = any(ttl > last.a for ttl in a.way.values())
    behind_b = any(ttl > last.b for ttl in b.way.values())
    return behind_a and behind_b


def _side(one: Finding, other: Finding, joined: int | None) -> Side | None:
    if one.state not in STOPPED:
        return None
    location = one.location
    if location.where is Where.LOCAL:
        return Side.THIS_HOST
    if location.device:
        return _of_box(location.device.address, other)
    good, bad = _is_shared(location.last_good, other), _is_shared(location.first_bad, other)
    match good, bad:
        case True, _:
            # Behind a shared hop both ways are one until another hop is seen to be only one's own.
            return Side.OWN if bad is False else Side.SHARED
        case None, None:
            return Side.UNKNOWN
        case _, False:
            return Side.OWN
        case _, True if location.first_bad and joined is not None and location.first_bad.ttl <= joined:
            return Side.OWN
    return Side.EITHER


def _of_box(address: str | None, other: Finding) -> Side:
    if address is None:
        return Side.UNKNOWN
    return Side.SHARED if address in other.way or address == other.target.address else Side.OWN


def _is_shared(hop: Hop | None, other: Finding) -> bool | None:
    """Whether the other's way crosses a hop; None for one that is not known."""
    if hop is None or (hop.address is None and hop.ttl > 0):
        return None
    return hop.address in other.way or hop.address == other.target.address

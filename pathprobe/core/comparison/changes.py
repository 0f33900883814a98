"""What differs between two reports, in verdict, path and middleboxes?

Round trips, counts and confidence are noise. Of two places the one may lie inside the other: then nothing
contradicts, and one report knows it more exactly. TTLs are compared only between reports from one vantage.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pathprobe.core.comparison.places import Relation, boxes_relation, in_the_others_hops, relation
from pathprobe.core.comparison.reported import Account, Finding
from pathprobe.core.comparison.ways import STOPPED, Ways, ways
from pathprobe.core.quotes import Change as Rewriting
from pathprobe.core.report import Location, Middlebox, Target


class Aspect(StrEnum):
    VERDICT = "verdict"
    PATH = "path"
    MIDDLEBOXES = "middleboxes"


class What(StrEnum):
    """What was compared."""

    STATE = "state"
    MECHANISM = "mechanism"
    PLACE = "place"
    TROUBLE = "trouble"
    DISTANCE = "distance"
    HOP = "hop"
    MOVED = "moved"
    BOX = "box"
    MTU = "mtu"


ASPECTS = {
    What.STATE: Aspect.VERDICT,
    What.MECHANISM: Aspect.VERDICT,
    What.PLACE: Aspect.VERDICT,
    What.TROUBLE: Aspect.VERDICT,
    What.DISTANCE: Aspect.PATH,
    What.HOP: Aspect.PATH,
    What.MOVED: Aspect.PATH,
    What.MTU: Aspect.PATH,
    What.BOX: Aspect.MIDDLEBOXES,
}


class Mute(StrEnum):
    """A hop that was asked and did not answer, though hops behind it did."""

    MUTE = "mute"


Value = str | int | Location | Middlebox | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing, in A and in B; None where it is not there or not known. ``at``: the TTL or address that it is about.

    ``relation`` other than DIFFERS is a remark: nothing contradicts.
    """

    what: What
    a: Value
    b: Value
    at: str | int | None = None
    relation: Relation = Relation.DIFFERS

    @property
    def counts(self) -> bool:
        """It is a difference, and not only known more exactly by one."""
        return self.relation is Relation.DIFFERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two findings about one target; ``ways`` where they were made from different vantages."""

    a: Finding
    b: Finding
    changes: tuple[Change, ...]
    ways: Ways | None

    @property
    def is_same(self) -> bool:
        return not any(change.counts for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two reports; ``only_a`` and ``only_b``: what only one of them asked about."""

    a: Account
    b: Account
    pairs: tuple[Pair, ...]
    only_a: tuple[Target, ...]
    only_b: tuple[Target, ...]

    @property
    def is_same(self) -> bool:
        return not self.only_a and not self.only_b and all(pair.is_same for pair in self.pairs)


def compare(a: Account, b: Account) -> Comparison:
    """The differences between two reports. Targets go together by address, port and protocol; of one each, always."""
    if len(a.findings) == len(b.findings) == 1:
        return Comparison(a=a, b=b, pairs=(_pair(a.findings[0], b.findings[0]),), only_a=(), only_b=())
    partners = _partners(a.findings, b.findings)
    taken = set(partners.values())
    return Comparison(
        a=a,
        b=b,
        pairs=tuple(_pair(a.findings[one], b.findings[other]) for one, other in sorted(partners.items())),
        only_a=tuple(finding.target for one, finding in enumerate(a.findings) if one not in partners),
        only_b=tuple(finding.target for other, finding in enumerate(b.findings) if other not in taken),
    )


def _partners(a: Sequence[Finding], b: Sequence[Finding]) -> dict[int, int]:
    """Positions in A -> in B: those that the same host asked first, then whoever asked, in the order of the reports."""
    partners: dict[int, int] = {}
    for identity in (lambda one: (one.key, one.asked_by), lambda one: one.key):
        waiting: dict[object, deque[int]] = {}
        for other in sorted(set(range(len(b))) - set(partners.values())):
            waiting.setdefault(identity(b[other]), deque()).append(other)
        for one, finding in enumerate(a):
            if one not in partners and (queue := waiting.get(identity(finding))):
                partners[one] = queue.popleft()
    return partners


def _pair(a: Finding, b: Finding) -> Pair:
    elsewhere = None not in (a.asked_by, b.asked_by) and a.asked_by != b.asked_by
    changes = (
        *_verdict(a, b, elsewhere=elsewhere),
        *(() if elsewhere else _path(a, b)),
        *_mtu(a, b),
        *_boxes(a, b, elsewhere=elsewhere),
    )
    return Pair(a=a, b=b, changes=changes, ways=ways(a, b) if elsewhere else None)


# ---- the verdict


def _verdict(a: Finding, b: Finding, *, elsewhere: bool) -> Iterator[Change]:
    if a.state != b.state:
        yield Change(what=What.STATE, a=a.state, b=b.state)
    if a.mechanism != b.mechanism:
        known = a.state != b.state or None not in (a.mechanism, b.mechanism)
        how = Relation.DIFFERS if known else Relation.B_EXACTER if a.mechanism is None else Relation.A_EXACTER
        yield Change(what=What.MECHANISM, a=a.mechanism, b=b.mechanism, relation=how)
    if a.state == b.state and a.troubles != b.troubles:
        yield Change(what=What.TROUBLE, a=tuple(sorted(a.troubles)), b=tuple(sorted(b.troubles)))
    if a.state == b.state or {a.state, b.state} <= STOPPED:
        yield from _place(a, b, elsewhere=elsewhere)


def _place(a: Finding, b: Finding, *, elsewhere: bool) -> Iterator[Change]:
    one, other = a.location, b.location
    if a.state not in STOPPED:
        if one.where != other.where:
            yield Change(what=What.PLACE, a=one, b=other)
        return
    if elsewhere:
        translated = in_the_others_hops(one, a.way, other, b.way)
        if translated is None:
            return  # what can be said of it is said of the ways
        one = translated
    how = relation(one, other)
    if how is not Relation.SAME:
        yield Change(what=What.PLACE, a=a.location, b=b.location, relation=how)


# ---- the path

#: Probes that a hop left unanswered before it is called mute: where 30 % get lost, fewer than 1 in 100 hops do so.
_ENOUGH = 4


def _path(a: Finding, b: Finding) -> Iterator[Change]:
    if a.distance != b.distance:
        how = Relation.B_EXACTER if a.distance is None else Relation.A_EXACTER
        known = None not in (a.distance, b.distance)
        yield Change(what=What.DISTANCE, a=a.distance, b=b.distance, relation=Relation.DIFFERS if known else how)
    others = b.way
    for address, ttl in sorted(a.way.items()):
        if others.get(address, ttl) != ttl:
            yield Change(what=What.MOVED, a=ttl, b=others[address], at=address)
    for ttl in range(1, max((hop.ttl for hop in (*a.hops, *b.hops)), default=0) + 1):
        there_a, there_b = _who(a, ttl), _who(b, ttl)
        # Addresses in common: parallel routers, of which the one run met more than the other.
        if there_a is not None and there_b is not None and not there_a & there_b:
            yield from _hop(ttl, a, b)


def _who(finding: Finding, ttl: int) -> frozenset[str] | None:
    """Who answered at a hop; None where it was not asked, or nothing is known of what is so far away."""
    if finding.distance is not None and ttl >= finding.distance:
        return frozenset()
    return next((hop.addresses for hop in finding.hops if hop.ttl == ttl), None)


def _hop(ttl: int, a: Finding, b: Finding) -> Iterator[Change]:
    """One hop at which nobody answered in both: who answered in one alone, unless it only moved."""
    new_a, new_b = _new(a, b, ttl), _new(b, a, ttl)
    if not isinstance(new_a, tuple) and not isinstance(new_b, tuple):
        return
    silent = a if new_a is Mute.MUTE else b if new_b is Mute.MUTE else None
    asked = next((hop.asked for hop in silent.hops if hop.ttl == ttl), 0) if silent else _ENOUGH
    how = Relation.DIFFERS if asked >= _ENOUGH else Relation.BY_CHANCE
    yield Change(what=What.HOP, at=ttl, a=new_a, b=new_b, relation=how)


def _new(one: Finding, other: Finding, ttl: int) -> tuple[str, ...] | Mute | None:
    """Whom the one met at a hop and the other nowhere; None where that is nobody, or the target or what is behind."""
    here, others = _who(one, ttl), other.way
    if here:
        return tuple(sorted(here - others.keys())) or None
    return None if one.distance is not None and ttl >= one.distance else Mute.MUTE


def _mtu(a: Finding, b: Finding) -> Iterator[Change]:
    if None not in (a.mtu, b.mtu) and a.mtu != b.mtu:
        yield Change(what=What.MTU, a=a.mtu, b=b.mtu)


# ---- middleboxes


#: What a box writes is new in each run, or what it writes over is.
_NEW_EACH_TIME = frozenset(
    {
        Rewriting.SOURCE_PORT,
        Rewriting.SEQUENCE,
        Rewriting.ECHO_IDENTIFIER,
        Rewriting.ECHO_SEQUENCE,
        Rewriting.IDENTIFICATION,
        Rewriting.LENGTH,
        Rewriting.PAYLOAD,
    }
)


def _boxes(a: Finding, b: Finding, *, elsewhere: bool) -> Iterator[Change]:
    boxes_a = {_box_key(box, elsewhere=elsewhere): box for box in a.boxes}
    boxes_b = {_box_key(box, elsewhere=elsewhere): box for box in b.boxes}
    for key in sorted(boxes_a.keys() | boxes_b.keys(), key=str):
        one, other = boxes_a.get(key), boxes_b.get(key)
        if one and other:
            how = Relation.SAME if elsewhere else boxes_relation(one, other)
        elif one:
            how = Relation.DIFFERS if _gets_past(b, one) or elsewhere else Relation.A_EXACTER
        else:
            assert other is not None
            how = Relation.DIFFERS if _gets_past(a, other) or elsewhere else Relation.B_EXACTER
        if how is not Relation.SAME:
            yield Change(what=What.BOX, a=one, b=other, relation=how)


def _box_key(box: Middlebox, *, elsewhere: bool) -> tuple[str | None, ...]:
    if box.what in _NEW_EACH_TIME:
        return (box.what,)
    # What the source address was is the vantage's own.
    before = None if elsewhere and box.what is Rewriting.SOURCE_ADDRESS else box.before
    return box.what, before, box.after


def _gets_past(finding: Finding, box: Middlebox) -> bool:
    """Whether packets get as far as to show what a box does."""
    last = finding.location.last_good
    return finding.state not in STOPPED or (last is not None and last.ttl >= box.between[1].ttl)

"""When does a ``match`` of nft's JSON hold?

What every operator compiles to was read off ``nft --debug=netlink``: ``in`` of flags is "some of these bits", ``!``
"none of them", ``==`` and ``!=`` and every set are exact values, so that ``ct state != established,related`` holds for
nearly every packet. An ordinary packet is asked about: whole, and without IPv6 extension headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pathprobe.layers.firewall.model import (
    NAMES,
    REQUIRES,
    Combined,
    Compare,
    Condition,
    Element,
    Field,
    Named,
    Range,
    Ranges,
    RouteBack,
    Statement,
)
from pathprobe.layers.firewall.nft import values
from pathprobe.layers.firewall.nft.fields import NEVER, Subject, exactly, fib_flags, subject_of
from pathprobe.layers.firewall.nft.values import INTERFACE, Json, Kind, Strange


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What a table's rules refer to: its ``sets`` and maps by name, its ``objects`` by kind and name."""

    family: str
    sets: dict[str, list[Json]] = field(default_factory=dict)
    objects: dict[tuple[str, str], Json] = field(default_factory=dict)
    kept: dict[tuple[object, ...], object] = field(default_factory=dict)  # sets that were read for a field before

    def elements(self, right: Json) -> list[Json]:
        """A set's or map's elements as JSON. Raises Strange where there is no such set."""
        if isinstance(right, str):
            found = self.sets.get(right.removeprefix("@"))
            if found is None:
                raise Strange(f"no such set: {right:.80}")
            return found
        inner = right["set"]
        return inner if isinstance(inner, list) else [inner]


def conditions(match: Json, around: Surroundings, so_far: Sequence[Statement] = ()) -> tuple[Condition, ...]:
    """What has to hold; empty where it always does. ``so_far``: what comes before it in the rule. Raises Strange."""
    left, right, op = match["left"], match["right"], match.get("op", "in")
    ((name, inner),) = left.items()
    if name == "concat":
        return _combined(inner, op, right, around)
    if name == "fib" and inner["result"] in _ROUTES:
        return (_route_back(inner, op, right),)
    if name == "exthdr":
        return _extension_header(inner, op, right)
    if _is_fragment_offset(left):
        return _fragment_offset(left, op, right)
    version = _asked_version(so_far) if "payload" not in left or "base" in inner else None
    return holds(subject_of(left, around.family, version), op, right, around)


def _asked_version(so_far: Sequence[Statement]) -> int | None:
    """The IP version that is certain where the rule has come so far."""
    for one in so_far:
        if isinstance(one, Compare) and one.mask is None:
            needed = REQUIRES[one.field].version if one.field in REQUIRES else None
            if needed is not None:
                return needed
            if one.field is Field.VERSION and not one.negated and one.ranges in (((4, 4),), ((6, 6),)):
                return one.ranges[0][0]
    return None


def holds(subject: Subject, op: str, right: Json, around: Surroundings) -> tuple[Condition, ...]:
    """The subject stands to the value as ``op`` says. Raises Strange."""
    if subject.field in NAMES:
        return *subject.before, _named(subject, op, right, around)
    if op in _BITWISE and subject.kind.are_flags and not _is_collection(right):
        bits = values.number(right, subject.kind)
        mask = bits if subject.keep is None else bits & subject.keep
        if subject.flip:
            raise Strange("bits of changed bits")
        return *subject.before, Compare(field=subject.field, ranges=((0, 0),), mask=mask, negated=op == "in")
    ranges = _ranges(subject, op, right, around)
    if subject.flip:
        ranges = _flipped(ranges, subject.flip)
    ranges = values.ours(ranges, subject.kind)
    compared = Compare(field=subject.field, ranges=ranges, mask=subject.keep, negated=op == "!=")
    return *subject.before, compared


_BITWISE: Final = frozenset({"in", "!"})

_BOUNDS: Final[Mapping[str, Callable[[int, Kind], Range]]] = {
    "<": lambda value, _: (0, value - 1),
    "<=": lambda value, _: (0, value),
    ">": lambda value, kind: (value + 1, kind.most),
    ">=": lambda value, kind: (value, kind.most),
}


def _is_collection(right: Json) -> bool:
    if isinstance(right, str):
        return right.startswith("@")
    return isinstance(right, dict) and not right.keys() <= {"|"}


def _ranges(subject: Subject, op: str, right: Json, around: Surroundings) -> Ranges:
    """The kernel's numbers that fulfil the condition, before it is negated."""
    kind = subject.kind
    if op in _BOUNDS:
        low, high = _BOUNDS[op](values.number(right, kind), kind)
        return ((low, high),) if low <= high else ()
    if op not in ("==", "!=", "in"):
        raise Strange(f"no operator: {op!r:.80}")
    if isinstance(right, str) and right.startswith("@"):
        key = (right, subject.field, kind)
        kept = around.kept.get(key)
        if kept is None:
            kept = around.kept[key] = values.spans(around.elements(right), kind)
        return kept  # type: ignore[return-value]
    if isinstance(right, dict) and "set" in right:
        return values.spans(around.elements(right), kind)
    return (values.span(right, kind),)


def _flipped(ranges: Ranges, flip: int) -> Ranges:
    if any(low != high for low, high in ranges):
        raise Strange("a range of changed bits")
    return tuple((low ^ flip, low ^ flip) for low, _ in ranges)


def _named(subject: Subject, op: str, right: Json, around: Surroundings) -> Named:
    if op not in ("==", "!=", "in"):
        raise Strange("an order of names")
    is_set = (isinstance(right, str) and right.startswith("@")) or (isinstance(right, dict) and "set" in right)
    names = around.elements(right) if is_set else [right]
    return Named(field=subject.field, patterns=tuple(map(values.pattern, names)), negated=op == "!=")


# Concatenations


def subjects_of(key: Json, around: Surroundings) -> tuple[Subject, ...]:
    """What the key of a set or map is made of, each of it a whole field. Raises Strange."""
    parts = key.get("concat", [key])
    subjects = tuple(subject_of(part, around.family) for part in parts)
    if not all(subject.is_whole for subject in subjects):
        raise Strange("bits of a field in a set")
    return subjects


def element_of(value: Json, subjects: Sequence[Subject]) -> Element | None:
    """One element of a set; None where no packet can be in it. Raises Strange."""
    value = values.bare(value)
    if value == "*":
        return tuple("*" if one.kind is INTERFACE else _component("*", one.kind) or (0, 0) for one in subjects)
    parts = value["concat"] if isinstance(value, dict) and "concat" in value else [value]
    if len(parts) != len(subjects):
        raise Strange("an element of another length")
    found: list[Range | str] = []
    for part, subject in zip(parts, subjects, strict=True):
        one = values.pattern(part) if subject.kind is INTERFACE else _component(part, subject.kind)
        if one is None:
            return None
        found.append(one)
    return tuple(found)


def _component(value: Json, kind: Kind) -> Range | None:
    span = values.span(value, kind)
    if kind.ours is None:
        return span
    ours = values.ours((span,), kind)
    return (ours[0][0], ours[-1][1]) if ours else None


def is_rest(key: Json) -> bool:
    """The element is the one that is found where no other is."""
    return bool(values.bare(key) == "*")


def needed_by(subjects: Sequence[Subject]) -> tuple[Condition, ...]:
    return tuple(condition for subject in subjects for condition in subject.before)


def membership(fields: tuple[Field, ...], elements: Sequence[Element], *, negated: bool = False) -> Condition:
    """The fields are among the elements, as the plainest condition that says so."""
    if len(fields) > 1:
        return Combined(fields=fields, elements=tuple(elements), negated=negated)
    firsts = [element[0] for element in elements]
    names = tuple(one for one in firsts if isinstance(one, str))
    if fields[0] in NAMES:
        return Named(field=fields[0], patterns=names, negated=negated)
    return Compare(
        field=fields[0], ranges=tuple(sorted(one for one in firsts if not isinstance(one, str))), negated=negated
    )


def _combined(parts: Json, op: str, right: Json, around: Surroundings) -> tuple[Condition, ...]:
    if op not in ("==", "!=", "in"):
        raise Strange("an order of several fields")
    subjects = subjects_of({"concat": parts}, around)
    fields = tuple(subject.field for subject in subjects)
    elements = _elements(right, subjects, around)
    return *needed_by(subjects), membership(fields, elements, negated=op == "!=")


def _elements(right: Json, subjects: Sequence[Subject], around: Surroundings) -> tuple[Element, ...]:
    key = (right, *((one.field, one.kind) for one in subjects)) if isinstance(right, str) else None
    if key is not None and key in around.kept:
        return around.kept[key]  # type: ignore[return-value]
    is_one = isinstance(right, dict) and "concat" in right
    found = [element_of(value, subjects) for value in ([right] if is_one else around.elements(right))]
    elements = tuple(element for element in found if element is not None)
    if key is not None:
        around.kept[key] = elements
    return elements


# What is not a plain comparison

_ROUTES: Final = frozenset({"oif", "oifname", "check"})


def _route_back(value: Json, op: str, right: Json) -> RouteBack:
    """``fib saddr . iif oif missing``. The mark that a route is looked up with is not told apart."""
    flags = set(fib_flags(value)) - {"mark"}
    exists = {"0": False, 0: False}.get(right) if not isinstance(right, bool) else right
    if (exists is None and op == "!=") or flags not in ({"saddr"}, {"saddr", "iif"}) or op not in ("==", "!=", "in"):
        raise Strange("a route to somewhere else")
    if exists is None:
        raise Strange("a route by one interface")
    return RouteBack(loose="iif" not in flags, negated=exists is (op == "!="))


def _extension_header(value: Json, op: str, right: Json) -> tuple[Condition, ...]:
    """Of a packet without extension headers: "missing" holds where it is IPv6, and nothing else does."""
    if "field" not in value and isinstance(right, bool):
        is_missing = right is (op == "!=")
        return (exactly(Field.VERSION, 6),) if is_missing else (NEVER,)
    if "field" in value and value["name"] in ("hbh", "rt", "rt0", "rt2", "srh", "frag", "dst", "mh"):
        return (NEVER,)
    raise Strange("no extension header")


_FRAGMENT = Kind(bits=16)

#: "Don't fragment", which an ordinary packet may have or not.
_DF = 0x4000


def _is_fragment_offset(left: Json) -> bool:
    inner = left["&"][0] if "&" in left else left
    payload = inner.get("payload") if isinstance(inner, dict) else None
    return isinstance(payload, dict) and payload.get("protocol") == "ip" and payload.get("field") == "frag-off"


def _fragment_offset(left: Json, op: str, right: Json) -> tuple[Condition, ...]:
    """Of a packet that is whole all bits but "don't fragment" are 0."""
    mask = values.number(left["&"][1], _FRAGMENT) if "&" in left else _FRAGMENT.most
    if mask & _DF or op not in ("==", "!="):
        raise Strange("it depends on how the packet was sent")
    low, high = values.span(right, _FRAGMENT)
    return (exactly(Field.VERSION, 4),) if (low <= 0 <= high) is (op == "==") else (NEVER,)

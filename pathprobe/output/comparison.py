"""How is it said to a person what differs between two reports?

The first line is the conclusion. From one vantage A is what was and B is what is, unless B is the older report.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.core.comparison.changes import ASPECTS, Aspect, Change, Comparison, Pair, What
from pathprobe.core.comparison.places import Relation
from pathprobe.core.comparison.reported import Finding
from pathprobe.core.report import Hop, Location, Middlebox
from pathprobe.output.two_hosts import from_two_hosts, way_lines
from pathprobe.output.wording import place


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the two reports are called: files, or whatever they came from."""

    a: str
    b: str


def render(found: Comparison, names: Names) -> str:
    """The whole comparison as text, without a newline at its end."""
    blocks = ["\n".join((first_line(found), *_sides(found, names)))]
    if _is_of_one(found):
        blocks.append("\n".join(_pair_lines(found.pairs[0])))
        return "\n\n".join(block for block in blocks if block)
    told = [pair for pair in found.pairs if pair.changes or _dies_somewhere(pair)]
    blocks += ["\n".join((conclusion(pair, found), *_pair_lines(pair))) for pair in told]
    blocks += [f"{target.label}  only in A" for target in found.only_a]
    blocks += [f"{target.label}  only in B" for target in found.only_b]
    if told and len(told) < len(found.pairs):
        blocks.append(f"{len(found.pairs) - len(told)} more in both, without any difference")
    return "\n\n".join(blocks)


def _dies_somewhere(pair: Pair) -> bool:
    """On which side of the junction that is deserves a line, whether it differs or not."""
    return pair.ways is not None and (pair.ways.break_a is not None or pair.ways.break_b is not None)


def _is_of_one(found: Comparison) -> bool:
    return len(found.pairs) == 1 and not found.only_a and not found.only_b


def first_line(found: Comparison) -> str:
    """The conclusion: of the one target, or of how many."""
    if _is_of_one(found):
        return conclusion(found.pairs[0], found)
    if found.is_same:
        return f"no difference in {len(found.pairs)} targets"
    differ = sum(not pair.is_same for pair in found.pairs)
    alone = [f"only in {name}: {len(some)}" for name, some in (("A", found.only_a), ("B", found.only_b)) if some]
    return ", ".join((f"{differ} of {len(found.pairs)} targets in both differ", *alone))


def _sides(found: Comparison, names: Names) -> tuple[str, ...]:
    return tuple(
        f"  {letter}  {name}  {account.started}{f' from {account.vantage}' if account.vantage else ''}"
        f"{'' if account.complete else ', interrupted'}"
        for letter, name, account in (("A", names.a, found.a), ("B", names.b, found.b))
    )


def conclusion(pair: Pair, found: Comparison) -> str:
    """One line: ``10.0.0.5:8080/tcp  was open, is filtered: dropped silently between ...``."""
    a, b = pair.a, pair.b
    label = a.target.label if a.key == b.key else f"{a.target.label} (A) and {b.target.label} (B)"
    if pair.ways is not None:
        return f"{label}  {from_two_hosts(pair)}"
    if pair.is_same:
        remark = "; nothing contradicts, though not all is known as exactly" if pair.changes else ""
        return f"{label}  no difference: {a.state} in both{_clause(b)}{remark}"
    if a.key != b.key or found.b.started < found.a.started:
        return f"{label}  {_told(a, 'in A')}, {_told(b, 'in B')}"
    if a.state != b.state:
        return f"{label}  was {a.state}, is {b.state}{_clause(b)}"
    if any(change.counts and ASPECTS[change.what] is Aspect.VERDICT for change in pair.changes):
        return f"{label}  still {b.state}, in another way: {a.clause} -> {b.clause}"
    aspects = dict.fromkeys(ASPECTS[change.what] for change in pair.changes if change.counts)
    return f"{label}  still {b.state}{_clause(b)}; what changed: {' and '.join(aspects)}"


def _clause(finding: Finding) -> str:
    return f": {finding.clause}" if finding.clause else ""


def _told(finding: Finding, where: str) -> str:
    return f"{finding.state} {where}" + (f" ({finding.clause})" if finding.clause else "")


def _pair_lines(pair: Pair) -> tuple[str, ...]:
    """What changed, by aspect, then what is only known more exactly, then how the ways lie."""
    lines = [
        (ASPECTS[change.what].value if change.counts else "note", sentence(change))
        for change in sorted(pair.changes, key=lambda change: not change.counts)
    ]
    if any(map(_may_be_a_branch, pair.changes)) and pair.a.flows == pair.b.flows == 1:
        lines.append(("note", "routers that stand in for each other may be parallel: ask both times with --flows 16"))
    if pair.ways:
        lines += [("ways", line) for line in way_lines(pair.ways, pair)]
    width = max((len(name) for name, _ in lines), default=0)
    shown, before = [], ""
    for name, text in lines:
        shown.append(f"  {'' if name == before else name:{width}}  {text}")
        before = name
    return tuple(shown)


def _may_be_a_branch(change: Change) -> bool:
    """Another router at the same TTL."""
    return change.what is What.HOP and isinstance(change.a, tuple) and isinstance(change.b, tuple)


_EXACTNESS = {
    Relation.A_EXACTER: " (no contradiction: A knows it more exactly)",
    Relation.B_EXACTER: " (no contradiction: B knows it more exactly)",
    Relation.OVERLAP: " (no contradiction: the two overlap)",
    Relation.BY_CHANCE: " (or by chance: it was hardly asked)",
}


def sentence(change: Change) -> str:
    """One change: ``state: open -> filtered``."""
    return _what(change) + _EXACTNESS.get(change.relation, "")


def _what(change: Change) -> str:
    a, b = change.a, change.b
    match change.what:
        case What.HOP:
            return f"hop {change.at}: {_hop_words(a, b)}"
        case What.MOVED:
            return f"{change.at} moved from hop {a} to hop {b}"
        case What.DISTANCE:
            return f"distance: {_number(a, 'hops')} -> {_number(b, 'hops')}"
        case What.MTU:
            return f"largest packet that passes: {a} -> {b} octets"
        case What.BOX:
            return _box_words(a, b)
        case What.TROUBLE:
            return f"connections: {_addresses(a) or 'no trouble'} -> {_addresses(b) or 'no trouble'}"
        case _:
            return f"{change.what}: {_value(a)} -> {_value(b)}"


def _number(value: object, unit: str) -> str:
    return "not known" if value is None else f"{value} {unit}"


def _hop_words(a: object, b: object) -> str:
    if a is None or b is None:
        return f"{_addresses(b)} is new" if a is None else f"{_addresses(a)} is gone"
    if isinstance(a, tuple) and isinstance(b, tuple):
        return f"{_addresses(a)} -> {_addresses(b)}"
    return f"was mute, answers now: {_addresses(b)}" if isinstance(b, tuple) else f"{_addresses(a)} is mute now"


def _addresses(value: object) -> str:
    return " and ".join(value) if isinstance(value, tuple) else str(value)


def _box_words(a: object, b: object) -> str:
    if isinstance(a, Middlebox) and isinstance(b, Middlebox):
        return f"{a.what}{_values(a)}: {_span(a)} -> {_span(b)}"
    box, how = (b, "new") if isinstance(b, Middlebox) else (a, "not seen any more")
    assert isinstance(box, Middlebox)
    return f"{how}: {box.what}{_values(box)}, {_span(box)}"


def _values(box: Middlebox) -> str:
    return (
        "" if box.before is None or box.after is None else f" ({box.before or 'nothing'} -> {box.after or 'nothing'})"
    )


def _span(box: Middlebox) -> str:
    first, second = box.between
    return f"at {place(first)}" if first == second else f"between {place(first)} and {place(second)}"


def _value(value: object) -> str:
    return _place_words(value) if isinstance(value, Location) else str(value or "none")


def _place_words(location: Location) -> str:
    """``hop 2 (10.9.2.2)``, ``between hop 2 (10.9.2.2) and hop 3 (10.9.3.2), on the forward path``."""
    way = f", {location.direction}" if location.direction else ""
    if location.device:
        return place(Hop(ttl=location.device.ttl, address=location.device.address)) + way
    if location.last_good and location.first_bad:
        return f"between {place(location.last_good)} and {place(location.first_bad)} ({location.where}{way})"
    if location.last_good:
        return f"behind {place(location.last_good)} ({location.where}{way})"
    return f"{location.where}{way}"

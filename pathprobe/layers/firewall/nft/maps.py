"""What stands beside the packet's key in a map of nft's?

A lookup that finds nothing ends the rule (nft_lookup_eval, nft_objref_map_eval), so that something is found is a
condition wherever something comes after. Where the key is no field that the model can look up (bits of a mark, a number
by chance), the rule is taken apart into a row for each element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pathprobe.layers.firewall.model import (
    Element,
    End,
    Ending,
    Field,
    Jump,
    Opaque,
    Statement,
    Translate,
    TranslateMap,
    VerdictMap,
)
from pathprobe.layers.firewall.nft import values
from pathprobe.layers.firewall.nft.conditions import (
    Surroundings,
    element_of,
    holds,
    is_rest,
    membership,
    needed_by,
    subjects_of,
)
from pathprobe.layers.firewall.nft.fields import NEVER, existence, subject_of
from pathprobe.layers.firewall.nft.text import expression_text
from pathprobe.layers.firewall.nft.values import STRANGE, Json, Strange

Statements = tuple[Statement, ...]
Found = TypeVar("Found", bound=End | Jump | Translate)

#: Rows that a rule may be taken apart into; one with more of them is not understood.
_ROWS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The rule stands for as many rules as there are rows."""

    rows: tuple[Statements, ...]


def undecided(text: str) -> Statements:
    """Something that may decide, in a way that is not known."""
    return Opaque(text=text), End(ending=Ending.HANDED, detail=text)


# Verdict maps

ENDINGS: Final = {one.value: one for one in (Ending.ACCEPT, Ending.DROP, Ending.CONTINUE, Ending.RETURN)}


def jump(value: Json, *, goto: bool) -> Jump:
    """Raises Strange where the chain has no name."""
    target = value["target"]
    if not isinstance(target, str):
        raise Strange("a chain without a name")
    return Jump(chain=target, goto=goto)


def _verdict(value: Json) -> End | Jump:
    ((name, inner),) = value.items()
    return jump(inner, goto=name == "goto") if name in ("jump", "goto") else End(ending=ENDINGS[name])


def verdict_map(value: Json, around: Surroundings) -> Statements | Choice:
    """``vmap``. Raises Strange."""
    pairs = _ordered(around.elements(value["data"]))
    try:
        before, fields, entries = _looked_up(value["key"], pairs, around, _verdict)
    except STRANGE:
        return _rows(value["key"], pairs, around, _verdict)
    return *before, VerdictMap(fields=fields, entries=entries)


def translate_map(mapped: Json, around: Surroundings, read: Callable[[Json], Translate]) -> Statements | Choice:
    """``dnat to KEY map``; ``read`` makes the translation of what stands beside an element. Raises Strange."""
    pairs = _ordered(around.elements(mapped["data"]))
    try:
        before, fields, entries = _looked_up(mapped["key"], pairs, around, read)
    except STRANGE:
        return _rows(mapped["key"], pairs, around, read)
    return *before, TranslateMap(fields=fields, entries=entries)


def _ordered(pairs: list[Json]) -> list[tuple[Json, Json]]:
    """The element that is found where no other is comes last."""
    return sorted(((key, target) for key, target in pairs), key=lambda pair: is_rest(pair[0]))


def _looked_up(
    key: Json, pairs: Sequence[tuple[Json, Json]], around: Surroundings, read: Callable[[Json], Found]
) -> tuple[Statements, tuple[Field, ...], tuple[tuple[Element, Found], ...]]:
    subjects = subjects_of(key, around)
    entries = [(element_of(one, subjects), read(target)) for one, target in pairs]
    known = tuple((element, found) for element, found in entries if element is not None)
    return needed_by(subjects), tuple(subject.field for subject in subjects), known


# Rows


def _rows(key: Json, pairs: Sequence[tuple[Json, Json]], around: Surroundings, read: Callable[[Json], Found]) -> Choice:
    if len(pairs) > _ROWS:
        raise Strange("too many rows")
    needed: Statements = existence(key, around.family)
    found = [read(target) for _, target in pairs]
    conditions: list[Statements] = [_is_element(key, one, pairs, around) for one, _ in pairs]
    if found and _is_complete(key, pairs) and all(map(_is_last_word, found)):
        conditions[-1] = ()  # it is none of the others
    rows: list[Statements] = []
    for asked, one in zip(conditions, found, strict=True):
        rows.append((*needed, *asked, one))
    return Choice(rows=tuple(rows) or ((NEVER,),))


def _is_element(key: Json, one: Json, pairs: Sequence[tuple[Json, Json]], around: Surroundings) -> Statements:
    try:
        subject = subject_of(key, around.family)
        if is_rest(one):
            others = [other for other, _ in pairs if not is_rest(other)]
            return holds(subject, "!=", {"set": others}, around) if others else ()
        return holds(subject, "==", {"set": [one]}, around)
    except STRANGE:
        return (Opaque(text=f"{expression_text(key)} == {expression_text(one)}"),)


def is_generated(key: Json) -> bool:
    """The key is a number that nft makes up: by counting, by chance, from a hash."""
    return isinstance(key, dict) and bool(key.keys() & {"numgen", "jhash", "symhash"})


def _is_complete(key: Json, pairs: Sequence[tuple[Json, Json]]) -> bool:
    if not is_generated(key):
        return False
    ((_, made),) = key.items()
    first = made.get("offset", 0)
    spans = values.spans((one for one, _ in pairs), values.MARK)
    return any(low <= first and first + made["mod"] - 1 <= high for low, high in spans)


def _is_last_word(found: End | Jump | Translate) -> bool:
    match found:
        case End(ending=ending):
            return ending in (Ending.ACCEPT, Ending.DROP)
        case Jump(goto=goto):
            return goto
        case Translate():
            return True


# Maps whose values decide nothing


def found_in_map(mapped: Json, around: Surroundings) -> Statements:
    """That the packet's key is in the map; never raises."""
    try:
        keys = [key for key, _ in around.elements(mapped["data"])]
        if any(map(is_rest, keys)) or is_generated(mapped["key"]):
            return existence(mapped["key"], around.family)
        if "concat" not in mapped["key"]:
            return holds(subject_of(mapped["key"], around.family), "==", {"set": keys}, around)
        subjects = subjects_of(mapped["key"], around)
        elements = [element_of(key, subjects) for key in keys]
    except STRANGE:
        return (Opaque(text=expression_text({"map": mapped})),)
    fields = tuple(subject.field for subject in subjects)
    return *needed_by(subjects), membership(fields, [one for one in elements if one is not None])


def closed(statements: list[Statement]) -> list[Statement]:
    """The same, where a lookup in vain ends the rule, after which the model has the next statement come."""
    for place, statement in enumerate(statements[:-1]):
        if isinstance(statement, VerdictMap | TranslateMap):
            if not any(found == End(ending=Ending.CONTINUE) for _, found in statement.entries):
                return statements[: place + 1]
            asked = membership(statement.fields, [element for element, _ in statement.entries])
            return [*statements[:place], asked, statement, *closed(statements[place + 1 :])]
    return statements

"""Which ruleset is it that ``nft -j list ruleset`` prints?

The JSON is one list of tables, sets, maps, chains, rules and named objects. Sets are read where a rule asks for them,
for what their elements mean depends on the field. Source: libnftables-json(5), and what nft 1.0.6 really prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pathprobe.layers.firewall.model import (
    Backend,
    Base,
    Chain,
    ChainType,
    Ending,
    Family,
    Hook,
    Rule,
    Ruleset,
    Statement,
    Table,
)
from pathprobe.layers.firewall.nft.conditions import Surroundings
from pathprobe.layers.firewall.nft.listing import Listing, read_listing
from pathprobe.layers.firewall.nft.maps import Choice, closed, undecided
from pathprobe.layers.firewall.nft.statements import read_statement
from pathprobe.layers.firewall.nft.text import rule_text
from pathprobe.layers.firewall.nft.values import Json


class NotARuleset(ValueError):
    """The text is not what ``nft -j list ruleset`` prints."""


def parse(json_text: str, listing: str = "") -> Ruleset:
    """The ruleset in the JSON; ``listing`` is what ``nft -a list ruleset`` said, for each rule's text.

    Raises NotARuleset where the JSON as a whole can not be read. What is strange inside of it does not raise.
    """
    found = read_listing(listing)
    drafts: dict[tuple[str, str], _Draft] = {}
    rules: list[Json] = []
    for kind, value in _objects(json_text):
        if kind == "rule":
            rules.append(value)
        else:
            _take(kind, value, drafts)
    for value in rules:
        draft = _draft_of(value.get("family"), value.get("table"), drafts)
        if draft is not None:
            _take_rule(value, draft, found)
    return Ruleset(tables=tuple(_table(draft, found) for draft in drafts.values()))


def _objects(json_text: str) -> Iterator[tuple[str, Json]]:
    try:
        document = json.loads(json_text, strict=False)
        listed = document["nftables"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotARuleset(f"this is not what nft -j list ruleset prints: {error}") from None
    if not isinstance(listed, list):
        raise NotARuleset("this is not what nft -j list ruleset prints: no list of objects")
    for one in listed:
        if isinstance(one, dict) and len(one) == 1:
            ((kind, value),) = one.items()
            if isinstance(value, dict):
                yield kind, value


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A table while it is read."""

    family: Family
    name: str
    around: Surroundings
    chains: dict[str, _ChainDraft] = field(default_factory=dict)
    dormant: bool = False


@dataclass(slots=True, kw_only=True)
class _ChainDraft:
    base: Base | None = None
    handle: int | None = None
    rules: list[Rule] = field(default_factory=list)
    number: int = 0


_FAMILIES = {family.value: family for family in Family}
_HOOKS = {hook.value: hook for hook in Hook}
_TYPES = {type_.value: type_ for type_ in ChainType}


def _draft_of(family: Json, name: Json, drafts: dict[tuple[str, str], _Draft]) -> _Draft | None:
    if not isinstance(family, str) or family not in _FAMILIES or not isinstance(name, str):
        return None
    draft = drafts.get((family, name))
    if draft is None:
        draft = drafts[family, name] = _Draft(family=_FAMILIES[family], name=name, around=Surroundings(family=family))
    return draft


def _take(kind: str, value: Json, drafts: dict[tuple[str, str], _Draft]) -> None:
    """Takes in anything but a rule."""
    name = value.get("name")
    draft = _draft_of(value.get("family"), name if kind == "table" else value.get("table"), drafts)
    if draft is None or not isinstance(name, str):
        return
    if kind == "table":
        draft.dormant = "dormant" in _strings(value.get("flags"))
    elif kind in ("set", "map", "meter"):
        elements = value.get("elem", [])
        draft.around.sets[name] = elements if isinstance(elements, list) else [elements]
    elif kind == "chain":
        draft.chains[name] = _ChainDraft(base=_base(value), handle=_whole(value.get("handle")))
    else:
        draft.around.objects[kind, name] = value


def _base(value: Json) -> Base | None:
    hook = _HOOKS.get(value["hook"]) if isinstance(value.get("hook"), str) else None
    if hook is None:
        return None
    kind = value.get("type")
    return Base(
        hook=hook,
        priority=_whole(value.get("prio")) or 0,
        policy=Ending.DROP if value.get("policy") == "drop" else Ending.ACCEPT,
        type=_TYPES.get(kind, ChainType.FILTER) if isinstance(kind, str) else ChainType.FILTER,
        devices=_strings(value.get("dev", value.get("devices"))),
    )


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _strings(value: Json) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


# Rules


def _take_rule(value: Json, draft: _Draft, found: Listing) -> None:
    name = value.get("chain")
    if not isinstance(name, str):
        return
    chain = draft.chains.setdefault(name, _ChainDraft())
    chain.number += 1
    expressions = value.get("expr")
    if not isinstance(expressions, list):
        expressions = [] if expressions is None else [expressions]
    handle, comment = _whole(value.get("handle")), value.get("comment")
    comment = comment if isinstance(comment, str) else None
    text = found.rules.get((draft.family, draft.name, name, handle)) if handle is not None else None
    if text is None:
        text = rule_text(expressions, comment)
    packets = _packets(expressions)
    for row in _rows(expressions, draft.around):
        chain.rules.append(
            Rule(number=chain.number, text=text, statements=row, handle=handle, packets=packets, comment=comment)
        )


def _packets(expressions: list[Json]) -> int | None:
    for one in expressions:
        if isinstance(one, dict) and isinstance(one.get("counter"), dict):
            return _whole(one["counter"].get("packets"))
    return None


#: Rules that one rule may be taken apart into.
_ROWS = 1024


def _rows(expressions: list[Json], around: Surroundings) -> Sequence[tuple[Statement, ...]]:
    """The rule's statements; several rows where the model needs several rules for it."""
    rows: list[list[Statement]] = [[]]
    for one in expressions:
        read = read_statement(one, around, rows[0])
        if not isinstance(read, Choice):
            for row in rows:
                row.extend(read)
        elif len(rows) * len(read.rows) <= _ROWS:
            rows = [[*row, *more] for row in rows for more in read.rows]
        else:
            for row in rows:
                row.extend(undecided(rule_text([one], None)))
    return [tuple(closed(row)) for row in rows]


def _table(draft: _Draft, found: Listing) -> Table:
    key = draft.family.value, draft.name
    chains = {}
    for name, chain in draft.chains.items():
        base = chain.base
        if base is not None and not base.devices and (*key, name) in found.devices:
            base = replace(base, devices=found.devices[(*key, name)])
        chains[name] = Chain(name=name, rules=tuple(chain.rules), base=base, handle=chain.handle)
    # nft 1.0.6 prints a table's flags from memory that it has freed; the listing is right.
    dormant = key in found.dormant if key in found.tables else draft.dormant
    return Table(backend=Backend.NFT, family=draft.family, name=draft.name, chains=chains, dormant=dormant)

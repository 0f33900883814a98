"""Whose is a table that nft lists: can nft put it back, or iptables, or neither?

``iptables-nft-save`` prints rules of nft's that it does not understand as if a part of them were not there (1.8.9: a
lookup in a set), and nft cannot load an extension of iptables. So a table belongs to iptables only if every rule of it
is made of what iptables itself makes; with extensions of iptables and anything else in it, it cannot be kept at all.

Reads the JSON listing (libnftables-json(5)), in which an extension of iptables is an object "xt".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: Families and tables of iptables; nothing else can be its.
_FAMILIES = ("ip", "ip6")
#: table -> its chains that the kernel calls: name -> type and priority (iptables 1.8, as nft lists them). The hook has
#: the chain's name.
_BASE_CHAINS: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "filter": {"INPUT": ("filter", 0), "FORWARD": ("filter", 0), "OUTPUT": ("filter", 0)},
    "nat": {"PREROUTING": ("nat", -100), "INPUT": ("nat", 100), "OUTPUT": ("nat", -100), "POSTROUTING": ("nat", 100)},
    "mangle": {
        "PREROUTING": ("filter", -150),
        "INPUT": ("filter", -150),
        "FORWARD": ("filter", -150),
        "OUTPUT": ("route", -150),
        "POSTROUTING": ("filter", -150),
    },
    "raw": {"PREROUTING": ("filter", -300), "OUTPUT": ("filter", -300)},
    "security": {"INPUT": ("filter", 150), "FORWARD": ("filter", 150), "OUTPUT": ("filter", 150)},
}


class _Right(StrEnum):
    """With what iptables compares a field."""

    VALUE = "value"
    PREFIX = "prefix"
    RANGE = "range"


#: What iptables looks at without an extension.
_FIELDS: Mapping[str, _Right] = {
    "ip saddr": _Right.PREFIX,
    "ip daddr": _Right.PREFIX,
    "ip frag-off": _Right.VALUE,
    "ip6 saddr": _Right.PREFIX,
    "ip6 daddr": _Right.PREFIX,
    "tcp sport": _Right.RANGE,
    "tcp dport": _Right.RANGE,
    "tcp flags": _Right.VALUE,
    "udp sport": _Right.RANGE,
    "udp dport": _Right.RANGE,
    "meta iifname": _Right.VALUE,
    "meta oifname": _Right.VALUE,
    "meta l4proto": _Right.VALUE,
    "meta mark": _Right.VALUE,
}
#: What it reads, and older ones wrote.
_OLDER_FIELDS: Mapping[str, _Right] = {
    "ip protocol": _Right.VALUE,
    "meta iif": _Right.VALUE,
    "meta oif": _Right.VALUE,
}
_VERDICTS = ("accept", "drop", "return", "jump", "goto")
#: What the target TRACE is made of.
_TRACE = {"key": {"meta": {"key": "nftrace"}}, "value": 1}


class Owner(StrEnum):
    """NEITHER: no tool prints it so that it could be loaded again."""

    NFT = "nft"
    IPTABLES = "iptables"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """``why``: of NEITHER, the part of it that is not iptables'."""

    owner: Owner
    why: str = ""


class NotAListing(ValueError):
    """It is not what nft -j prints."""


@dataclass(slots=True)
class _Seen:
    """What is in one table."""

    has_extension: bool = False
    foreign: list[str] = field(default_factory=list)  # iptables cannot have read this
    unlike: bool = False  # iptables reads this, and would write it otherwise


def owners(text: str) -> dict[tuple[str, str], Owned]:
    """For each table (family, name) of the JSON listing, who can put it back. Raises NotAListing."""
    try:
        listed = [next(iter(one.items())) for one in json.loads(text)["nftables"]]
        seen: dict[tuple[str, str], _Seen] = {}
        for kind, facts in listed:
            if kind == "table":
                seen[facts["family"], facts["name"]] = _Seen(unlike=bool({"flags", "comment"} & facts.keys()))
            elif kind != "metainfo":
                _look(seen[facts["family"], facts["table"]], kind, facts)
        return {key: _owned(key, one) for key, one in seen.items()}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        raise NotAListing(f"{type(error).__name__}: {error}") from None


def _owned(key: tuple[str, str], seen: _Seen) -> Owned:
    is_a_place_of_iptables = key[0] in _FAMILIES and key[1] in _BASE_CHAINS
    if not seen.has_extension:
        is_like_iptables = is_a_place_of_iptables and not seen.foreign and not seen.unlike
        return Owned(owner=Owner.IPTABLES if is_like_iptables else Owner.NFT)
    if is_a_place_of_iptables and not seen.foreign:
        return Owned(owner=Owner.IPTABLES)
    return Owned(owner=Owner.NEITHER, why=seen.foreign[0] if seen.foreign else "it uses extensions of xtables")


def _look(seen: _Seen, kind: str, facts: dict[str, Any]) -> None:
    if kind == "rule":
        _look_at_rule(seen, facts)
    elif kind != "chain":
        seen.foreign.append(f"{kind} {facts['name']}" if "name" in facts else kind)
    elif "hook" in facts and not _is_base_chain_of_iptables(facts):
        seen.foreign.append(f"chain {facts['name']}")
    elif "comment" in facts:
        seen.unlike = True


def _is_base_chain_of_iptables(facts: dict[str, Any]) -> bool:
    expected = _BASE_CHAINS.get(facts["table"], {}).get(facts["name"])
    return expected == (facts["type"], facts["prio"]) and facts["hook"] == facts["name"].lower()


def _look_at_rule(seen: _Seen, facts: dict[str, Any]) -> None:
    statements = [next(iter(one.items())) for one in facts.get("expr", [])]
    seen.has_extension |= any(key == "xt" for key, _ in _pairs(facts.get("expr", [])))
    roles = [_role(key, value) for key, value in statements]
    if _Role.FOREIGN in roles or _Role.TARGET in roles[:-1]:
        seen.foreign.append(f"the rule with handle {facts.get('handle')} in chain {facts['chain']}")
    conditions = [role for role in roles if role in (_Role.CONDITION, _Role.OLDER)]
    as_written = [*conditions, _Role.COUNTER, *([_Role.TARGET] if roles[-1:] == [_Role.TARGET] else [])]
    seen.unlike |= "comment" in facts or _Role.OLDER in roles or roles != as_written


def _pairs(value: object) -> Iterator[tuple[str, object]]:
    """Every key with its value, however deep."""
    if isinstance(value, dict):
        yield from value.items()
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _pairs(inner)


class _Role(StrEnum):
    """What a statement is in a rule of iptables, which is written: conditions, counter, target."""

    CONDITION = "condition"
    OLDER = "condition as older ones wrote it"
    COUNTER = "counter"
    TARGET = "target"
    FOREIGN = "foreign"


def _role(key: str, value: Any) -> _Role:
    if key == "match":
        return _condition(value)
    if key == "xt":
        return _Role.TARGET if isinstance(value, dict) and value.get("type") == "target" else _Role.CONDITION
    if key in _VERDICTS or (key == "mangle" and value == _TRACE):
        return _Role.TARGET
    if key == "counter" and isinstance(value, dict):  # else it is a name: an object of nft's
        return _Role.COUNTER
    if key == "limit" and isinstance(value, dict) and not {"inv", "rate_unit"} & value.keys():
        return _Role.CONDITION
    if key == "log" and isinstance(value, dict) and "group" in value:  # NFLOG; LOG is an extension
        return _Role.TARGET
    return _Role.FOREIGN


def _condition(match: dict[str, Any]) -> _Role:
    field_of = _field(match["left"])
    right = _FIELDS.get(field_of) or _OLDER_FIELDS.get(field_of)
    if right is None or match["op"] not in ("==", "!=") or not _is_literal(match["right"], right):
        return _Role.FOREIGN
    return _Role.CONDITION if field_of in _FIELDS else _Role.OLDER


def _field(left: Any) -> str:
    """As nft names it, a mask aside; "" where it is no field of a packet."""
    if not isinstance(left, dict):
        return ""
    if "&" in left:
        return _field(left["&"][0])
    if "meta" in left:
        return f"meta {left['meta']['key']}"
    payload = left.get("payload", {})
    return f"{payload.get('protocol')} {payload.get('field')}"


def _is_literal(right: Any, kind: _Right) -> bool:
    if isinstance(right, dict):
        return right.keys() <= {kind.value, "|"}
    return not (isinstance(right, str) and right.startswith("@"))

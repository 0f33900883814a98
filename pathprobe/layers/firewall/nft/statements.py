"""What does a statement of nft's JSON do, in terms of the model?

A table: the statement's name -> how it is read. What is not understood stays as an Opaque condition; what decides and
is not understood (a jump that JSON can not show) is an Opaque followed by HANDED, so that nobody takes it for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pathprobe.layers.firewall.model import Assign, Copy, End, Ending, Field, Nat, Opaque, Statement, Untrack
from pathprobe.layers.firewall.nft import values
from pathprobe.layers.firewall.nft.conditions import Surroundings, conditions, membership
from pathprobe.layers.firewall.nft.fields import Subject, existence, has_field, of_version, subject_of
from pathprobe.layers.firewall.nft.maps import (
    ENDINGS,
    Choice,
    Statements,
    found_in_map,
    jump,
    undecided,
    verdict_map,
)
from pathprobe.layers.firewall.nft.nat import translation
from pathprobe.layers.firewall.nft.text import statement_text
from pathprobe.layers.firewall.nft.values import STRANGE, Json, Strange

Reader = Callable[[Json, Surroundings], Statements | Choice]


def read_statement(statement: Json, around: Surroundings, so_far: Sequence[Statement] = ()) -> Statements | Choice:
    """The model's statements; ``so_far``: what comes before it in the rule. Never raises."""
    try:
        if isinstance(statement, str):
            return _not_in_json(statement)
        ((name, value),) = statement.items()
        if name == "match":
            return conditions(value, around, so_far)
        known = _STATEMENTS.get(name)
        if known is not None:
            return known(value, around)
        if name in _DECIDES_NOTHING:
            return ()
    except STRANGE:
        if isinstance(statement, dict) and statement.keys() & _DECIDES:
            return undecided(statement_text(statement))
    return *_certain(statement, around), Opaque(text=statement_text(statement))


def _certain(statement: Json, around: Surroundings) -> Statements:
    """Of a match that is not understood: which packets have what it looks at."""
    match = statement.get("match") if isinstance(statement, dict) else None
    try:
        return existence(match["left"], around.family) if isinstance(match, dict) else ()
    except STRANGE:
        return ()


_TRANSLATIONS: Final = {kind.value: translation(kind) for kind in Nat}

#: Statements that leave a packet's fate to something that has to be known.
_DECIDES: Final = frozenset(
    {"vmap", "jump", "goto", "queue", "tproxy", "synproxy", "fwd", "reject", "xt", *ENDINGS, *_TRANSLATIONS}
)

_DECIDES_NOTHING: Final = frozenset({"log", "dup", "flow", "last", "reset", "comment"})


def _not_in_json(text: str) -> Statements:
    """nft 1.0 writes what it has no JSON for as text: ``jump { ... }``."""
    line = " ".join(text.split())
    return undecided(line) if line.startswith(("jump", "goto")) else (Opaque(text=line),)


# Verdicts


def _end(ending: Ending) -> Reader:
    statements = (End(ending=ending),)
    return lambda _value, _around: statements


def _reject(value: Json, around: Surroundings) -> Statements:
    given = value or {}
    kind = given.get("type", "icmp")
    if kind == "tcp reset":
        return (End(ending=Ending.REJECT, detail="tcp reset"),)
    end = End(ending=Ending.REJECT, detail=f"{kind} {given.get('expr', 'port-unreachable')}")
    return *of_version(given.get("type"), around.family), end


def _handed(name: str, *protocols: int) -> Reader:
    """To a program or a proxy, which takes packets of these protocols only."""
    asked = (membership((Field.PROTOCOL,), [((one, one),) for one in protocols]),) if protocols else ()

    def read(value: Json, around: Surroundings) -> Statements:
        family = value.get("family") if isinstance(value, dict) else None
        return (
            *of_version(family, around.family),
            *asked,
            End(ending=Ending.HANDED, detail=statement_text({name: value})),
        )

    return read


# Limits


def _rate(statement: Json, limit: Json, kind: str, around: Surroundings) -> Statements:
    """``limit`` is one, or its name."""
    text = statement_text(statement)
    if isinstance(limit, dict) and "map" in limit:
        return *found_in_map(limit["map"], around), Opaque(text=text)
    given = around.objects.get((kind, limit)) if isinstance(limit, str) else limit
    return (Opaque(text=text, at_first=not given.get("inv") if isinstance(given, dict) else None),)


def _limit(kind: str) -> Reader:
    return lambda value, around: _rate({kind: value}, value, kind, around)


_LIMITS: Final = ("limit", "quota", "ct count")


def _update(kind: str) -> Reader:
    def read(value: Json, around: Surroundings) -> Statements:
        inner = value.get("stmt", [])
        return _dynamic({kind: value}, value["elem"], inner if isinstance(inner, list) else [inner], around)

    return read


def _meter(value: Json, around: Surroundings) -> Statements:
    return _dynamic({"meter": value}, value["key"], [value["stmt"]], around)


def _dynamic(statement: Json, key: Json, inner: list[Json], around: Surroundings) -> Statements:
    """An element is added, which asks nothing but that it can be made; unless a limit of its own stands beside it."""
    needed = existence(values.bare(key), around.family)
    for one in inner:
        for kind in _LIMITS:
            if kind in one:
                return *needed, *_rate(statement, one[kind], kind, around)
    return needed


# Effects


def _mangle(value: Json, around: Surroundings) -> Statements:
    key, new = value["key"], value["value"]
    try:
        target = subject_of(key, around.family)
        if target.kind is values.INTERFACE or not target.is_whole or target.kind.ours is not None:
            raise Strange("nothing that can be set")
    except STRANGE:
        # A field that nobody asks about; yet a packet without it leaves the rule, and so does a lookup in vain.
        return *existence(key, around.family), *_found(new, around)
    return *target.before, *has_field(target), *_found(new, around), *_assigned(target, new, around)


def _found(new: Json, around: Surroundings) -> Statements:
    is_map = isinstance(new, dict) and "map" in new
    return found_in_map(new["map"], around) if is_map else existence(new, around.family)


def _assigned(target: Subject, new: Json, around: Surroundings) -> Statements:
    try:
        return (Assign(field=target.field, flip=values.number(new, target.kind)),)
    except STRANGE:
        pass
    try:
        source = subject_of(new, around.family)
    except STRANGE:
        return (Assign(field=target.field, flip=None),)
    copied = () if source.field is target.field else (Copy(field=target.field, source=source.field),)
    keep = target.kind.most if source.keep is None else source.keep
    changed = () if source.is_whole else (Assign(field=target.field, keep=keep, flip=source.flip),)
    return *source.before, *copied, *changed


def _object(value: Json, around: Surroundings) -> Statements:
    """Decides nothing; but where the counter or helper stands in a map, it has to be found there."""
    return found_in_map(value["map"], around) if isinstance(value, dict) and "map" in value else ()


# What iptables-nft writes

#: Targets after which the packet goes on in the chain (iptables-extensions(8)).
_XT_GOES_ON: Final = frozenset({"LOG", "NFLOG", "TRACE", "CHECKSUM", "TCPMSS", "CLASSIFY", "AUDIT", "SET", "TTL", "HL"})
_XT_MARKS: Final = frozenset({"MARK", "CONNMARK"})


def _xt(value: Json, _around: Surroundings) -> Statements:
    text = statement_text({"xt": value})
    kind, name = (value.get("type"), value.get("name")) if isinstance(value, dict) else (None, None)
    if (kind, name) == ("match", "comment") or (kind == "target" and name in _XT_GOES_ON):
        return ()
    if kind == "target" and name in _XT_MARKS:
        return Assign(field=Field.MARK, flip=None), Assign(field=Field.CT_MARK, flip=None)
    return undecided(text) if kind == "target" else (Opaque(text=text),)


_STATEMENTS: Final[Mapping[str, Reader]] = {
    **{name: _end(ending) for name, ending in ENDINGS.items()},
    "jump": lambda value, _: (jump(value, goto=False),),
    "goto": lambda value, _: (jump(value, goto=True),),
    "reject": _reject,
    "queue": _handed("queue"),
    "tproxy": _handed("tproxy", 6, 17),
    "synproxy": _handed("synproxy", 6),
    "fwd": _handed("fwd"),
    "vmap": verdict_map,
    **{kind: _limit(kind) for kind in _LIMITS},
    **{kind: _update(kind) for kind in ("set", "map")},
    "meter": _meter,
    "mangle": _mangle,
    "notrack": lambda _value, _around: (Untrack(),),
    **dict.fromkeys(("counter", "ct helper", "ct timeout", "ct expectation", "secmark"), _object),
    "xt": _xt,
    **_TRANSLATIONS,
}

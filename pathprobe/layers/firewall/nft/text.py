"""How would nft print a statement of its JSON?

For what people are shown where nft's own text is not at hand, and for the part of a rule that is not understood. Close
to what nft prints, not equal: JSON does not say whether a number was written in hexadecimal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from pathprobe.layers.firewall.nft.values import STRANGE, Json

#: Elements of a set that are spelled out; nobody reads ten thousand.
_SPELLED = 12

_BARE_META: Final = frozenset({"iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "iifgroup", "oifgroup"})
#: Whose comparison without an operator means some of the bits.
_FLAGS: Final = frozenset({"ct state", "ct status", "tcp flags"})
_BINARY: Final = frozenset({"&", "|", "^", "<<", ">>"})
_INTERFACES: Final = frozenset({"iif", "oif", "iifname", "oifname"})
_VERDICTS: Final = frozenset({"accept", "drop", "continue", "return", "notrack"})


def statement_text(statement: Json) -> str:
    """A statement as nft would print it; what it does not know it prints as JSON. Never raises."""
    try:
        return _statement(statement)
    except STRANGE:
        return _as_json(statement)


def expression_text(expression: Json) -> str:
    """An expression likewise."""
    try:
        return _expression(expression)
    except STRANGE:
        return _as_json(expression)


def rule_text(statements: Json, comment: str | None) -> str:
    """A rule's statements in one line; never raises."""
    words = [statement_text(one) for one in statements] if isinstance(statements, list) else []
    if comment is not None:
        words.append(f'comment "{comment}"')
    return " ".join(words)


def _as_json(value: Json) -> str:
    try:
        return json.dumps(value)[:500]
    except STRANGE:
        return "?"


def _statement(statement: Json) -> str:
    if isinstance(statement, str):
        return " ".join(statement.split())
    ((name, value),) = statement.items()
    if name in _VERDICTS and value is None:
        return str(name)
    known = _STATEMENTS.get(name)
    return known(value) if known is not None else _as_json(statement)


def _match(value: Json) -> str:
    left, right, op = value["left"], value["right"], value.get("op", "==")
    shown = _expression(right)
    if isinstance(right, str) and left.get("meta", {}).get("key") in _INTERFACES and not right.startswith("@"):
        shown = f'"{right}"'
    has_two_meanings = _expression(left) in _FLAGS and not isinstance(right, dict)
    if op == "in" or (op == "==" and not has_two_meanings and not _BINARY & left.keys()):
        return f"{_expression(left)} {shown}"
    return f"{_expression(left)} {op} {shown}"


def _expression(value: Json) -> str:
    if isinstance(value, bool):
        return "exists" if value else "missing"
    if isinstance(value, int | str):
        return str(value)
    if isinstance(value, list):
        return ",".join(_expression(one) for one in value)
    ((name, inner),) = value.items()
    known = _EXPRESSIONS.get(name)
    if known is not None:
        return known(inner)
    return f" {name} ".join(map(_operand, inner)) if name in _BINARY else _as_json(value)


def _operand(value: Json) -> str:
    text = _expression(value)
    return f"({text.replace(',', ' | ')})" if isinstance(value, list) or "|" in text else text


def _set(value: Json) -> str:
    elements = value if isinstance(value, list) else [value]
    shown = [_element(one) for one in elements[:_SPELLED]]
    if len(elements) > _SPELLED:
        shown.append(f"... {len(elements) - _SPELLED} more")
    return "{ " + ", ".join(shown) + " }"


def _element(value: Json) -> str:
    if isinstance(value, list) and len(value) == 2:
        key, target = value
        return f"{_expression(key)} : {_target(target)}"
    return _expression(value)


def _target(value: Json) -> str:
    if isinstance(value, dict) and (value.keys() <= _VERDICTS or value.keys() <= {"jump", "goto"}):
        return _statement(value)
    return _expression(value)


def _payload(value: Json) -> str:
    if "base" in value:
        return f"@{value['base']},{value['offset']},{value['len']}"
    return f"{value['protocol']} {value['field']}"


def _mapped(word: str) -> Callable[[Json], str]:
    def text(value: Json) -> str:
        data = value["data"]
        return f"{_expression(value['key'])} {word} {data if isinstance(data, str) else _expression(data)}"

    return text


def _translation(name: str) -> Callable[[Json], str]:
    def text(value: Json) -> str:
        given = value or {}
        address = _expression(given["addr"]) if "addr" in given else ""
        family = f" {given['family']}" if "family" in given else ""
        if given.get("family") == "ip6" and "port" in given:
            address = f"[{address}]"
        port = f":{_expression(given['port'])}" if "port" in given else ""
        target = f"{family} to {address}{port}" if address or port else ""
        flags = f" {_expression(given['flags'])}" if "flags" in given else ""
        return name + target + flags

    return text


def _reject(value: Json) -> str:
    if not value:
        return "reject"
    return f"reject with {value['type']}" + (f" {_expression(value['expr'])}" if "expr" in value else "")


def _limit(value: Json) -> str:
    if isinstance(value, str):
        return f'limit name "{value}"'
    over = "over " if value.get("inv") else ""
    unit = f" {value['rate_unit']}" if "rate_unit" in value else ""
    burst = f" burst {value['burst']} {value.get('burst_unit', 'packets')}" if value.get("burst") else ""
    return f"limit rate {over}{value['rate']}{unit}/{value.get('per', 'second')}{burst}"


def _quota(value: Json) -> str:
    if isinstance(value, str):
        return f'quota name "{value}"'
    return f"quota {'over ' if value.get('inv') else ''}{value['val']} {value.get('val_unit', 'bytes')}"


def _counter(value: Json) -> str:
    if isinstance(value, str):
        return f'counter name "{value}"'
    if value and "map" in value:
        return f"counter name {_expression(value)}"
    return f"counter packets {value['packets']} bytes {value['bytes']}" if value else "counter"


def _log(value: Json) -> str:
    given = value or {}
    return " ".join(["log", *(f'prefix "{given[key]}"' if key == "prefix" else f"{key} {given[key]}" for key in given)])


def _set_statement(value: Json) -> str:
    inner = "".join(f" {_statement(one)}" for one in value.get("stmt", ()))
    return f"{value['op']} {value['set']} {{ {_expression(value['elem'])}{inner} }}"


def _meter(value: Json) -> str:
    return f"meter {value['name']} {{ {_expression(value['key'])} {_statement(value['stmt'])} }}"


def _queue(value: Json) -> str:
    given = value or {}
    number = f" num {_expression(given['num'])}" if "num" in given else ""
    return f"queue{number}" + (f" flags {_expression(given['flags'])}" if "flags" in given else "")


def _words(name: str) -> Callable[[Json], str]:
    def text(value: Json) -> str:
        if not isinstance(value, dict):
            return name if value is None else f"{name} {_expression(value)}"
        return " ".join([name, *(f"{key} {_expression(inner)}" for key, inner in value.items())])

    return text


def _generated(value: Json) -> str:
    offset = f" offset {value['offset']}" if value.get("offset") else ""
    return f"numgen {value['mode']} mod {value['mod']}{offset}"


_EXPRESSIONS: Final[Mapping[str, Callable[[Json], str]]] = {
    "meta": lambda value: value["key"] if value["key"] in _BARE_META else f"meta {value['key']}",
    "payload": _payload,
    "ct": lambda value: f"ct {value['dir']} {value['key']}" if "dir" in value else f"ct {value['key']}",
    "fib": lambda value: f"fib {' . '.join(_listed(value['flags']))} {value['result']}",
    "exthdr": lambda value: f"{value['name']} {value['field']}" if "field" in value else f"exthdr {value['name']}",
    "tcp option": lambda value: f"tcp option {value['name']} {value.get('field', '')}".rstrip(),
    "rt": lambda value: f"rt {value['key']}",
    "socket": lambda value: f"socket {value['key']}",
    "osf": lambda value: f"osf {value['key']}",
    "numgen": _generated,
    "jhash": lambda value: f"jhash {_expression(value['expr'])} mod {value['mod']}",
    "symhash": lambda value: f"symhash mod {value['mod']}",
    "prefix": lambda value: f"{_expression(value['addr'])}/{value['len']}",
    "range": lambda value: f"{_expression(value[0])}-{_expression(value[1])}",
    "concat": lambda value: " . ".join(_expression(one) for one in value),
    "set": _set,
    "elem": lambda value: _expression(value["val"]),
    "map": _mapped("map"),
}

_STATEMENTS: Final[Mapping[str, Callable[[Json], str]]] = {
    "match": _match,
    "vmap": _mapped("vmap"),
    "jump": lambda value: f"jump {value['target']}",
    "goto": lambda value: f"goto {value['target']}",
    "counter": _counter,
    "log": _log,
    "limit": _limit,
    "quota": _quota,
    "reject": _reject,
    "mangle": lambda value: f"{_expression(value['key'])} set {_expression(value['value'])}",
    "set": _set_statement,
    "meter": _meter,
    "queue": _queue,
    "ct count": lambda value: f"ct count {'over ' if value.get('inv') else ''}{value['val']}",
    "ct helper": lambda value: f'ct helper set "{value}"',
    "xt": lambda value: f'xt {value["type"]} "{value["name"]}"' if value else "xt",
    "tproxy": _translation("tproxy"),
    **{name: _translation(name) for name in ("dnat", "snat", "masquerade", "redirect")},
    **{name: _words(name) for name in ("synproxy", "dup", "fwd", "flow", "last")},
}


def _listed(value: Json) -> list[str]:
    return value if isinstance(value, list) else [value]

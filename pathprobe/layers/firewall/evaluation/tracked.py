"""Does the kernel keep track of connections at all?

It begins when a rule is loaded that asks for one or translates addresses (nf_ct_netns_get), for the rule's own
families. Without that a chain of type nat is there and no packet is ever led through it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.layers.firewall.model import (
    AnyOf,
    Assign,
    Combined,
    Compare,
    Copy,
    Family,
    Field,
    Opaque,
    Ruleset,
    Statement,
    Translate,
    TranslateMap,
    VerdictMap,
)

_OF_CONNECTIONS = frozenset(field for field in Field if field.value.startswith("ct "))

#: Words in a condition that nobody here evaluates, by which it asks for a connection.
_WORDS = ("ct ", "conntrack", "connlimit", "connbytes", "connmark", "state", "helper", "cluster")

_FAMILIES = {4: (Family.INET, Family.IP), 6: (Family.INET, Family.IP6)}


def keeps_connections(ruleset: Ruleset, version: int) -> bool:
    """Whether some rule makes the kernel track connections of this IP version."""
    return any(
        _asks(statement)
        for table in ruleset.tables
        if table.family in _FAMILIES[version]
        for chain in table.chains.values()
        for rule in chain.rules
        for statement in rule.statements
    )


def _asks(statement: Statement) -> bool:
    match statement:
        case Translate() | TranslateMap():
            return True
        case Compare() | Assign():
            return statement.field in _OF_CONNECTIONS
        case Copy():
            return _any_of((statement.field, statement.source))
        case Combined() | VerdictMap():
            return _any_of(statement.fields)
        case AnyOf():
            return any(_asks(one) for one in statement.conditions)
        case Opaque():
            return any(word in statement.text for word in _WORDS)
        case _:
            return False


def _any_of(fields: Iterable[Field]) -> bool:
    return not _OF_CONNECTIONS.isdisjoint(fields)

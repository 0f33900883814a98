"""Which tables does one ruleset show twice, as nft's and as iptables'?

iptables-nft keeps its rules in tables of nft. A match or target of iptables' own is a mere name to nft (``xt match
"addrtype"``), and iptables-nft-save prints it in full. What nft put into the same chains, on the other hand,
iptables-nft-save prints as far as it goes: ``ip saddr @friends drop`` comes out as ``-A INPUT -j DROP``. So each rule
is taken from who knows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pathprobe.layers.firewall.model import (
    REQUIRES,
    AnyOf,
    Assign,
    Backend,
    Chain,
    Combined,
    Compare,
    Copy,
    Field,
    Named,
    Opaque,
    Rule,
    Ruleset,
    Statement,
    Table,
)


def without_doubles(nft: Ruleset, iptables: tuple[Table, ...]) -> Ruleset:
    """Each table once: in nft's order, with iptables' rules where both show it, then those that nft does not show.

    Rules are joined by their place, where both read as many in the chain, and have nft's handles. A chain that is not
    alike in both, or that iptables can not show, stays as nft has it.
    """
    left = {(table.family, table.name): table for table in iptables if table.backend is Backend.IPTABLES_NFT}
    tables = []
    for table in nft.tables:
        double = left.pop((table.family, table.name), None) if table.backend is Backend.NFT else None
        tables.append(table if double is None else _joined(table, double))
    rest = [one for one in iptables if one.backend is not Backend.IPTABLES_NFT or (one.family, one.name) in left]
    return Ruleset(tables=(*tables, *rest))


def _joined(nft: Table, iptables: Table) -> Table:
    """Built-in chains that nft does not show are printed by iptables although they are not there."""
    chains = {name: _chain(chain, iptables.chains.get(name)) for name, chain in nft.chains.items()}
    others = {name: chain for name, chain in iptables.chains.items() if name not in chains and chain.rules}
    return replace(iptables, chains=chains | others, dormant=nft.dormant)


def _chain(nft: Chain, iptables: Chain | None) -> Chain:
    if iptables is None or len(nft.rules) != len(iptables.rules):
        return nft
    rules = tuple(_rule(one, other) for one, other in zip(nft.rules, iptables.rules, strict=True))
    return replace(nft, rules=rules)


def _rule(nft: Rule, iptables: Rule) -> Rule:
    """In iptables' words where only iptables can make it, or where both say the same."""
    theirs, ours = nft.statements, iptables.statements
    if _is_mark_unknown(theirs):
        theirs, ours = _but_marks(theirs), _but_marks(ours)
    if _is_extension(theirs) or _told(theirs) == _told(ours):
        return replace(iptables, handle=nft.handle)
    return nft


def _is_mark_unknown(statements: Iterable[Statement]) -> bool:
    """Whether nft has the name alone of iptables' MARK or CONNMARK."""
    return any(isinstance(one, Assign) and one.flip is None for one in statements)


def _but_marks(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    return tuple(one for one in statements if not isinstance(one, Assign | Copy))


def _is_extension(statements: Iterable[Statement]) -> bool:
    """Whether nft has the name alone of a match or target: no rule that nft makes has one."""
    return any(isinstance(one, Opaque) and one.text.split()[:1] == ["xt"] for one in statements)


def _told(statements: Iterable[Statement]) -> frozenset[object]:
    """The same for statements that say the same in another order, or with what goes without saying."""
    all_of_them = tuple(statements)
    fields = {field for one in all_of_them for field in _fields(one)}
    return frozenset(_plainly(one) for one in all_of_them if not _goes_without_saying(one, fields))


def _fields(statement: Statement) -> Iterable[Field]:
    match statement:
        case Compare() | Named():
            return (statement.field,)
        case Combined():
            return statement.fields
        case AnyOf():
            return [field for one in statement.conditions for field in _fields(one)]
        case _:
            return ()


def _goes_without_saying(statement: Statement, fields: set[Field]) -> bool:
    """The family of the table, and the protocol of a field that no other protocol has."""
    if not isinstance(statement, Compare) or statement.negated or statement.mask is not None:
        return False
    if statement.field is Field.VERSION:
        return bool(statement.ranges)
    if statement.field is not Field.PROTOCOL or len(statement.ranges) != 1:
        return False
    low, high = statement.ranges[0]
    needed = [REQUIRES[field].protocols for field in fields if field in REQUIRES]
    return low == high and (low,) in needed


def _plainly(statement: Statement) -> object:
    if isinstance(statement, Compare):
        return replace(statement, ranges=tuple(sorted(statement.ranges)))
    if isinstance(statement, Opaque) and statement.at_first is not None:
        return replace(statement, text="a limit")  # each prints it in its own way
    return statement

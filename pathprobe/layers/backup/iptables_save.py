"""Which tables, chains and rules are in what ``iptables-save -c`` printed, and how is that made the present again?

A chain's line is ``:NAME POLICY [packets:octets]``, "-" the policy of those that no hook calls; a rule's begins with
its counters in brackets. ``iptables-restore`` makes each table of its input anew, in one transaction a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

_NO_POLICY = "-"
_HARMLESS = "ACCEPT"
#: What iptables-nft-save prints in place of a table that it cannot read: # Table `nat' is incompatible, use 'nft' tool.
_INCOMPATIBLE = ("# Table `", "' is incompatible")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTable:
    """``lines``: as printed, between ``*name`` and ``COMMIT``. ``policies``: chain -> ACCEPT, DROP or "-"."""

    name: str
    lines: tuple[str, ...]
    policies: Mapping[str, str] = field(default_factory=dict)

    @property
    def rules(self) -> tuple[str, ...]:
        """Without their counters."""
        return tuple(_without_counters(line) for line in self.lines if not line.startswith(":"))

    @property
    def decides_nothing(self) -> bool:
        """It is as if it were not there."""
        return not self.rules and all(policy == _HARMLESS for policy in self.policies.values())


def tables(text: str) -> tuple[SavedTable, ...]:
    """Those that are printed, in their order; comments are passed over."""
    found = []
    name = ""
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith("*"):
            name, lines = line[1:].strip(), []
        elif line == "COMMIT":
            found.append(SavedTable(name=name, lines=tuple(lines), policies=_policies(lines)))
        elif line and not line.startswith("#"):
            lines.append(line)
    return tuple(found)


def incompatible(text: str) -> tuple[str, ...]:
    """The tables that iptables-nft-save says it cannot print."""
    before, after = _INCOMPATIBLE
    lines = [line for line in text.split("\n") if line.startswith(before) and after in line]
    return tuple(line.removeprefix(before).partition(after)[0] for line in lines)


def _policies(lines: Collection[str]) -> dict[str, str]:
    words = [line[1:].split() for line in lines if line.startswith(":")]
    return {found[0]: found[1] for found in words if len(found) > 1}


def _without_counters(rule: str) -> str:
    return rule.partition("] ")[2] if rule.startswith("[") else rule


def written(saved: Collection[SavedTable]) -> str:
    """As iptables-restore reads it."""
    lines = [line for table in saved for line in (f"*{table.name}", *table.lines, "COMMIT")]
    return "".join(f"{line}\n" for line in lines)


def comparable(text: str) -> list[str]:
    """The lines without counters and dates, tables and chains in the order of their names, rules in their own."""
    lines: list[str] = []
    for table in sorted(tables(text), key=lambda one: one.name):
        if table.decides_nothing:
            continue
        lines.append(f"*{table.name}")
        lines += [f":{chain} {policy}" for chain, policy in sorted(table.policies.items())]
        lines += sorted(table.rules, key=_chain_of)
    return lines


def _chain_of(rule: str) -> str:
    words = rule.split(maxsplit=2)
    return words[1] if len(words) > 1 else ""


def emptied(table: SavedTable) -> SavedTable:
    """The same table when it decides nothing: a legacy one cannot be taken away."""
    lines = [f":{chain} {_HARMLESS} [0:0]" for chain, policy in table.policies.items() if policy != _NO_POLICY]
    return SavedTable(name=table.name, lines=tuple(lines), policies=_policies(lines))


def trimmed(table: SavedTable, chains: Collection[str]) -> SavedTable:
    """Only the chains that there were: iptables-nft-save also prints those that the kernel does not have."""
    lines = [line for line in table.lines if not line.startswith(":") or line[1:].partition(" ")[0] in chains]
    return SavedTable(name=table.name, lines=tuple(lines), policies=_policies(lines))

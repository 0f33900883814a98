"""Which tables does the text of iptables-save or ip6tables-save hold?

``*TABLE``, ``:CHAIN POLICY [packets:bytes]`` for each chain, ``[packets:bytes] -A CHAIN ...`` for each rule, ``COMMIT``
at its end. What a rule says that is not understood stays in it as an Opaque; only a text that is none of
iptables-save's is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pathprobe.layers.firewall.iptables.conditions import conditions
from pathprobe.layers.firewall.iptables.ipset_save import IpSet
from pathprobe.layers.firewall.iptables.options import Context
from pathprobe.layers.firewall.iptables.targets import Surroundings, read_target, unknown
from pathprobe.layers.firewall.iptables.words import Dissected, NotUnderstood, Option, dissect, plain, split
from pathprobe.layers.firewall.model import (
    Backend,
    Base,
    Chain,
    ChainType,
    Ending,
    Family,
    Hook,
    Jump,
    Rule,
    Statement,
    Table,
)


class NotIptablesSave(ValueError):
    """The text is none that iptables-save prints: says which line, and why."""


_PREROUTING, _INPUT, _FORWARD = Hook.PREROUTING, Hook.INPUT, Hook.FORWARD
_OUTPUT, _POSTROUTING = Hook.OUTPUT, Hook.POSTROUTING

#: Where the kernel calls the chains of a table: enum nf_ip_hook_priorities, linux/netfilter_ipv4.h.
_PRIORITIES: Mapping[str, Mapping[Hook, int]] = {
    "raw": {_PREROUTING: -300, _OUTPUT: -300},
    "mangle": {_PREROUTING: -150, _INPUT: -150, _FORWARD: -150, _OUTPUT: -150, _POSTROUTING: -150},
    "nat": {_PREROUTING: -100, _INPUT: 100, _OUTPUT: -100, _POSTROUTING: 100},
    "filter": {_INPUT: 0, _FORWARD: 0, _OUTPUT: 0},
    "security": {_INPUT: 50, _FORWARD: 50, _OUTPUT: 50},
}
_HOOKS = {hook.name: hook for hook in Hook}
#: Lines that one comment may go over: it has 256 characters at most (xt_comment.h), and nobody writes so many breaks.
_LONGEST_COMMENT = 32

_POLICIES = {"ACCEPT": Ending.ACCEPT, "DROP": Ending.DROP}


@dataclass(slots=True)
class _Open:
    """A table that is being read."""

    name: str
    bases: dict[str, Base | None] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)

    def closed(self, backend: Backend, family: Family) -> Table:
        chains = {name: Chain(name=name, rules=tuple(self.rules[name]), base=base) for name, base in self.bases.items()}
        return Table(backend=backend, family=family, name=self.name, chains=chains)


def parse(text: str, *, backend: Backend, family: Family, sets: Mapping[str, IpSet] | None = None) -> tuple[Table, ...]:
    """The tables in the order in which they stand. ``sets``: what ``ipset save`` said of those that rules ask for.

    Nothing but comments makes no table. Raises NotIptablesSave.
    """
    context = Context(family=family, sets=sets or {})
    tables: list[Table] = []
    table: _Open | None = None
    for number, line in _lines(text):
        try:
            if line.startswith("*"):
                table = _Open(line[1:].strip())
            elif table is None:
                raise NotIptablesSave("it stands outside of any table")
            elif line.startswith(":"):
                _declare(table, line)
            elif line.strip() == "COMMIT":
                tables.append(table.closed(backend, family))
                table = None
            else:
                _append(table, line, context)
        except NotIptablesSave as reason:
            raise NotIptablesSave(f"line {number} is none of iptables-save's, {reason}: {line[:80]}") from None
    if table is not None:
        raise NotIptablesSave(f"it ends in the middle of table {table.name}, without COMMIT")
    return tuple(tables)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, with their numbers; a comment in quotes may go over several."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line, begun = lines[at], at
        at += 1
        if not line or line.startswith("#") or line.isspace():
            continue
        if '"' in line and _is_open(line):
            for end in range(at + 1, min(at + _LONGEST_COMMENT, len(lines)) + 1):
                whole = "\n".join(lines[begun:end])
                if not _is_open(whole):
                    line, at = whole, end
                    break
        yield begun + 1, line


def _is_open(line: str) -> bool:
    """Whether a quote has begun that is not closed."""
    if "\\" not in line:
        return line.count('"') % 2 == 1
    try:
        split(line)
    except NotUnderstood:
        return True
    return False


def _declare(table: _Open, line: str) -> None:
    words = line[1:].split()
    if len(words) < 2:
        raise NotIptablesSave("a chain has a name and a policy")
    name, policy = words[:2]
    table.bases[name] = None if policy == "-" else _base(table.name, name, policy, words[2:])
    table.rules.setdefault(name, [])


def _base(table: str, name: str, policy: str, counters: list[str]) -> Base:
    hook = _HOOKS.get(name)
    priority = _PRIORITIES.get(table, {}).get(hook) if hook else None
    if hook is None or priority is None:
        raise NotIptablesSave(f"the kernel calls no chain {name} in a table {table}")
    if policy not in _POLICIES:
        raise NotIptablesSave("a policy is ACCEPT or DROP")
    return Base(
        hook=hook,
        priority=priority,
        policy=_POLICIES[policy],
        type=_type(table, hook),
        packets=_packets(counters[0]) if counters else None,
    )


def _type(table: str, hook: Hook) -> ChainType:
    if table == "nat":
        return ChainType.NAT
    # What mangle changes on the way out may call for another route (ipt_mangle_out).
    return ChainType.ROUTE if table == "mangle" and hook is Hook.OUTPUT else ChainType.FILTER


def _packets(counters: str) -> int | None:
    packets, _, _ = counters.strip("[]").partition(":")
    return int(packets) if packets.isascii() and packets.isdigit() else None


def _append(table: _Open, line: str, context: Context) -> None:
    packets = None
    text = line.strip()
    if text.startswith("["):
        counters, _, text = text.partition(" ")
        packets = _packets(counters)
    words = text.split(None, 2)
    if len(words) < 2 or words[0] != "-A":
        raise NotIptablesSave("no rule begins so")
    name = words[1]
    rules = table.rules.get(name)
    if rules is None:
        raise NotIptablesSave(f"a rule for {name}, which is no chain of table {table.name}")
    statements, comment = _read_rule(words[2] if len(words) > 2 else "", table, name, context)
    rules.append(Rule(number=len(rules) + 1, text=text, statements=statements, packets=packets, comment=comment))


def _read_rule(text: str, table: _Open, chain: str, context: Context) -> tuple[tuple[Statement, ...], str | None]:
    try:
        rule = dissect(split(text))
    except NotUnderstood:
        return unknown(text), None
    base = table.bases[chain]
    surroundings = Surroundings(family=context.family, hook=base.hook if base else None, general=rule.general)
    return (*conditions(rule, context), *_verdict(rule, table, surroundings)), _comment(rule)


def _verdict(rule: Dissected, table: _Open, surroundings: Surroundings) -> tuple[Statement, ...]:
    if rule.target is None:
        return ()
    if plain(rule.target.name) in table.bases:
        return (Jump(chain=plain(rule.target.name), goto=rule.goto),)
    return read_target(rule.target, surroundings)


def _comment(rule: Dissected) -> str | None:
    said: list[Option] = [option for match in rule.matches if match.name == "comment" for option in match.options]
    return " ".join(" ".join(option.values) for option in said) or None

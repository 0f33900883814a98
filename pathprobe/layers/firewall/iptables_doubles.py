"""Which tables does one ruleset show twice, as nft's and as iptables'?

iptables-nft keeps its rules in tables of nft, where a match of its own is a mere name to nft. What iptables-nft-save
prints says more; nft has the handle by which a rule is named in a command.
"""

from __future__ import annotations

from dataclasses import replace

from pathprobe.layers.firewall.model import Backend, Chain, Ruleset, Table


def without_doubles(nft: Ruleset, iptables: tuple[Table, ...]) -> Ruleset:
    """Each table once: nft's, iptables' in its place where both show it, then those that nft does not show.

    A rule gets nft's handle by its place, where both read as many rules in the chain; a chain that iptables can not
    show stays as nft has it.
    """
    left = {(table.family, table.name): table for table in iptables if table.backend is Backend.IPTABLES_NFT}
    tables = []
    for table in nft.tables:
        double = left.pop((table.family, table.name), None) if table.backend is Backend.NFT else None
        tables.append(table if double is None else _joined(table, double))
    rest = [one for one in iptables if one.backend is not Backend.IPTABLES_NFT or (one.family, one.name) in left]
    return Ruleset(tables=(*tables, *rest))


def _joined(nft: Table, iptables: Table) -> Table:
    chains = {name: _with_handles(nft.chains.get(name), chain) for name, chain in iptables.chains.items()}
    others = {name: chain for name, chain in nft.chains.items() if name not in chains}
    return replace(iptables, chains=chains | others, dormant=nft.dormant)


def _with_handles(nft: Chain | None, iptables: Chain) -> Chain:
    """iptables prints built-in chains that are not there as well: such a one has no handle, and no rules."""
    if nft is None:
        return iptables
    if len(nft.rules) != len(iptables.rules):
        return replace(iptables, handle=nft.handle)
    rules = tuple(replace(rule, handle=same.handle) for rule, same in zip(iptables.rules, nft.rules, strict=True))
    return replace(iptables, handle=nft.handle, rules=rules)

"""Which commands, in which order, make a kept state's rules the present ones?

Pure. Each tool changes its own rules in one transaction (nft: all of them, iptables: a table at a time). Sets come
before the rules that use them and go after these. What differs in nothing is not touched, and keeps its counters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pathprobe.layers.backup import ipset_save, iptables_save, nft_listing
from pathprobe.layers.backup.iptables_save import SavedTable
from pathprobe.layers.backup.sources import IPSET, IPTABLES, NFTABLES, Kind, Source, rules_of
from pathprobe.layers.backup.state import State

#: Seconds to wait for whoever else is changing the legacy tables (xtables.lock).
_LOCK = "5"
_NFT = ("nft", "-f", "-")
_NFT_CHECK = ("nft", "-c", "-f", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command and its input. ``check``: the same command when it only looks whether it could do that, if it can.

    ``until_unused``: the kernel may still hold on to what goes, for a moment after the rules went that used it.
    """

    source: Source
    command: tuple[str, ...]
    text: str
    check: tuple[str, ...] | None = None
    until_unused: bool = False


def steps(now: State, wanted: State, sources: Sequence[Source], programs: Mapping[str, str]) -> tuple[Step, ...]:
    """``sources``: those that differ. ``programs``: for each iptables among them, its name."""
    found: list[Step] = []
    if NFTABLES in sources:
        found.append(_nft(now, wanted))
    if IPSET in sources:
        text = ipset_save.making(_rules(now, IPSET), _rules(wanted, IPSET))
        found.append(Step(source=IPSET, command=("ipset", "restore"), text=text))
    for source in rules_of(sources, Kind.IPTABLES_NFT):
        found += _iptables_nft(source, now, wanted, programs[source.name])
    for source in rules_of(sources, Kind.IPTABLES_LEGACY):
        found.append(_iptables_legacy(source, now, wanted, programs[source.name]))
    if IPSET in sources:
        found += map(_destroying, ipset_save.extra(_rules(now, IPSET), _rules(wanted, IPSET)))
    return tuple(_checkable(step, sources) for step in found if step.text or step.until_unused)


def _rules(state: State, source: Source) -> str:
    return state.rules.get(source.name, "")


def _checkable(step: Step, sources: Sequence[Source]) -> Step:
    """iptables says of a rule that uses a set which will be there by then that it cannot be."""
    if step.source in IPTABLES and IPSET in sources and "-set " in step.text:
        return Step(source=step.source, command=step.command, text=step.text)
    return step


def _nft(now: State, wanted: State) -> Step:
    old, new = nft_listing.tables(_rules(now, NFTABLES)), nft_listing.tables(_rules(wanted, NFTABLES))
    # A new one's name may be taken by a table that iptables has now.
    taken = {table.key for table in nft_listing.tables(now.listing)} & {table.key for table in new}
    text = nft_listing.replacing(sorted({table.key for table in old} | taken), [table.text for table in new])
    return Step(source=NFTABLES, command=_NFT, text=text, check=_NFT_CHECK)


def _destroying(name: str) -> Step:
    return Step(source=IPSET, command=("ipset", "destroy", name), text="", until_unused=True)


def _iptables_nft(source: Source, now: State, wanted: State, program: str) -> list[Step]:
    """Tables that a table of nft's own has the name of go first, those that are not wanted any more last."""
    old, new = (iptables_save.tables(_rules(state, source)) for state in (now, wanted))
    listed_before = {table.name for table in nft_listing.tables(now.listing) if table.family == source.family}
    listed_then = {table.key: table for table in nft_listing.tables(wanted.listing)}
    nfts_then = {table.key for table in nft_listing.tables(_rules(wanted, NFTABLES))}
    old_names, new_names = {table.name for table in old}, {table.name for table in new}
    extra = [one for one in old if one.name not in new_names and (source.family, one.name) not in nfts_then]
    in_the_way = sorted((listed_before & new_names) - old_names)
    trimmed = [
        iptables_save.trimmed(one, listed_then[source.family, one.name].chains)
        if (source.family, one.name) in listed_then
        else one
        for one in new
    ]
    has_nft = bool(now.listing)
    text = iptables_save.written(trimmed if has_nft else [*trimmed, *map(iptables_save.emptied, extra)])
    removed = [one.name for one in extra] if has_nft else []
    return [
        _removing(source, in_the_way),
        _restoring(source, program, text, is_checked=not in_the_way),
        _removing(source, removed),
    ]


def _removing(source: Source, names: Sequence[str]) -> Step:
    text = nft_listing.replacing([(source.family, name) for name in names], ())
    return Step(source=source, command=_NFT, text=text, check=_NFT_CHECK)


def _restoring(source: Source, program: str, text: str, *, is_checked: bool = True, lock: Sequence[str] = ()) -> Step:
    command = (f"{program}-restore", "--counters", *lock)
    return Step(source=source, command=command, text=text, check=(*command, "--test") if is_checked else None)


def _iptables_legacy(source: Source, now: State, wanted: State, program: str) -> Step:
    old, new = (iptables_save.tables(_rules(state, source)) for state in (now, wanted))
    names = {table.name for table in new}
    extra: list[SavedTable] = [iptables_save.emptied(table) for table in old if table.name not in names]
    return _restoring(source, program, iptables_save.written([*new, *extra]), lock=("-w", _LOCK))

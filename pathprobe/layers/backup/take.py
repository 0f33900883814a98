"""What are this machine's rules now, and which programs say so?

Asks ``System`` for each source. What is not installed is absent and says so; whatever else cannot be read is an error,
for a backup with a hole in it would be found out when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathprobe.core.arrivals.traces import is_of_a_watcher
from pathprobe.layers.backup import iptables_save, nft_listing, ownership, tree
from pathprobe.layers.backup.nft_listing import ListedTable
from pathprobe.layers.backup.ownership import Owner
from pathprobe.layers.backup.sources import ALL, FIREWALLD_TABLE, IPSET, NFTABLES, Kind, Source
from pathprobe.layers.backup.state import Origin, State, Tree
from pathprobe.layers.system import Said, System, Unread

#: What a text that is not UTF-8 is read as: it could not be put back as it was.
_UNREADABLE = "\ufffd"
_AS_ROOT = ("not permitted", "permission denied", "must be root")


class CannotKeep(Exception):
    """A source cannot be read as a whole; the text names it and says what to do."""


@dataclass(slots=True)
class _Found:
    rules: dict[str, str] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nft:
    """``owners``: (family, table) -> who can put it back; None where nft is not there to ask."""

    tables: tuple[ListedTable, ...] = ()
    owners: dict[tuple[str, str], ownership.Owned] | None = None
    listing: str = ""
    absent: str = ""


def state(system: System, etc: Path = Path("/etc"), sources: Sequence[Source] = ALL) -> State:
    """What these sources hold now. Raises CannotKeep."""
    found = _Found()
    nft = _ask_nft(system) if any(source.kind in (Kind.NFT, Kind.IPTABLES_NFT) for source in sources) else _Nft()
    for source in sources:
        if source.kind is Kind.NFT:
            _take_nft(found, nft)
        elif source.kind is Kind.IPTABLES_NFT:
            _take_iptables_nft(found, source, system, nft)
        elif source.kind is Kind.IPTABLES_LEGACY:
            _take_iptables_legacy(found, source, system)
        elif source.kind is Kind.IPSET:
            _take_ipset(found, system)
        else:
            _take_files(found, source, etc)
    return State(rules=found.rules, trees=found.trees, absent=found.absent, listing=nft.listing)


def is_there(system: System, source: Source, etc: Path) -> bool:
    """Whether there is anything of this source to read, or to fail at."""
    try:
        return source.name not in state(system, etc, [source]).absent
    except CannotKeep:
        return True


#: Whose words are kept; iptables says with its version which flavour is the machine's usual one.
_PROGRAMS = ("nft", "iptables", "iptables-nft", "iptables-legacy", "ipset")


def origin(system: System, time: str) -> Origin:
    """``time`` as in ISO 8601, in UTC."""
    said = {name: system.run(name, "--version") for name in _PROGRAMS}
    tools = {name: version for name, one in said.items() if (version := _version(one))}
    return Origin(time=time, hostname=os.uname().nodename, kernel=os.uname().release, tools=tools)


def _version(said: Said | Unread) -> str:
    """Its first line; "" where there is none."""
    return said.out.strip().partition("\n")[0] if isinstance(said, Said) and said.worked else ""


# nft


def _ask_nft(system: System) -> _Nft:
    listed = system.run("nft", "list", "ruleset")
    if isinstance(listed, Unread) and listed.is_missing:
        return _Nft(absent=listed.reason)
    text = nft_listing.without(_said(NFTABLES.name, listed), is_of_a_watcher)
    facts = _said(NFTABLES.name, system.run("nft", "-j", "list", "ruleset"))
    try:
        owners = {key: one for key, one in ownership.owners(facts).items() if not is_of_a_watcher(key[1])}
    except ownership.NotAListing as error:
        raise CannotKeep(f"cannot read nftables: nft -j list ruleset printed no listing ({error})") from None
    tables = nft_listing.tables(text)
    if {table.key for table in tables} != owners.keys():
        raise CannotKeep("cannot read nftables: its tables changed while they were read; ask again")
    return _Nft(tables=tables, owners=owners, listing=text)


def is_of_another(table: ListedTable) -> bool:
    """A daemon makes this table and would make it again: firewalld's, and those that belong to one process."""
    return table.name == FIREWALLD_TABLE or "owner" in table.flags


def _take_nft(found: _Found, nft: _Nft) -> None:
    if nft.owners is None:
        found.absent[NFTABLES.name] = nft.absent
        return
    own = [table for table in nft.tables if not is_of_another(table)]
    for table in own:
        if nft.owners[table.key].owner is Owner.NEITHER:
            raise CannotKeep(_in_neither(table, nft.owners[table.key].why))
    found.rules[NFTABLES.name] = "".join(table.text for table in own if nft.owners[table.key].owner is Owner.NFT)


def _in_neither(table: ListedTable, why: str) -> str:
    return (
        f"cannot keep table {table.family} {table.name}: it has extensions of iptables, which nft cannot load again, "
        f"and what iptables cannot print ({why}); keep the rest with --only, see: nft -a list table "
        f"{table.family} {table.name}"
    )


# iptables


def program(system: System, source: Source, flavour: str) -> str | Unread:
    """The program that this family and flavour has here: iptables-nft where it has a name of its own, or iptables."""
    base = "iptables" if source.family == "ip" else "ip6tables"
    own_name = f"{base}-{flavour}"
    for name in (own_name, base):
        said = system.run(name, "--version")
        if isinstance(said, Said):
            if name == own_name or _flavour(said.out) == flavour:
                return name
        elif not said.is_missing:
            return said
    return Unread(reason=f"{own_name} is not installed", is_missing=True)


def _flavour(version: str) -> str:
    """Before 1.8 there was only one, and nothing in brackets."""
    return "nft" if "nf_tables" in version else "legacy"


def flavour(source: Source) -> str:
    return "nft" if source.kind is Kind.IPTABLES_NFT else "legacy"


def _take_iptables_nft(found: _Found, source: Source, system: System, nft: _Nft) -> None:
    owners = nft.owners or {}
    own = [table for (family, table), one in owners.items() if family == source.family and one.owner is Owner.IPTABLES]
    name = program(system, source, "nft")
    if isinstance(name, Unread):
        if own or not name.is_missing:
            raise CannotKeep(f"cannot read {source.name}: {name.reason}, and there are tables that only it can print")
        found.absent[source.name] = name.reason
    elif nft.owners is None:
        text = _said(source.name, system.run(f"{name}-save", "-c"))
        if iptables_save.incompatible(text):
            raise CannotKeep(f"cannot read {source.name}: there are rules of nft, and {nft.absent}")
        found.rules[source.name] = iptables_save.written(iptables_save.tables(text))
    else:
        found.rules[source.name] = "".join(_iptables_table(source, system, name, table) for table in own)


def _iptables_table(source: Source, system: System, name: str, table: str) -> str:
    """Alone: where another table has a rule of nft's like meta mark set, iptables-nft-save fails as a whole (1.8.9)."""
    command = (f"{name}-save", "-c", "-t", table)
    saved = iptables_save.tables(_said(source.name, system.run(*command)))
    if [one.name for one in saved] != [table]:
        raise CannotKeep(f"cannot read {source.name}: {' '.join(command)} does not print that table")
    return iptables_save.written(saved)


def _take_iptables_legacy(found: _Found, source: Source, system: System) -> None:
    """iptables-legacy-save would load a module for what is not there, so the kernel is asked first."""
    loaded = system.read(source.loaded)
    if isinstance(loaded, Unread) and not loaded.is_missing:
        raise CannotKeep(_sentence(source.name, loaded.reason))
    if isinstance(loaded, Unread) or not loaded.strip():
        found.rules[source.name] = ""
        return
    name = program(system, source, "legacy")
    if isinstance(name, Unread):
        raise CannotKeep(f"cannot read {source.name}: there are tables ({' '.join(loaded.split())}), and {name.reason}")
    text = _said(source.name, system.run(f"{name}-save", "-c"))
    found.rules[source.name] = iptables_save.written(iptables_save.tables(text))


# The others


def _take_ipset(found: _Found, system: System) -> None:
    said = system.run("ipset", "save")
    if isinstance(said, Unread) and said.is_missing:
        found.absent[IPSET.name] = said.reason
    else:
        found.rules[IPSET.name] = _said(IPSET.name, said)


def _take_files(found: _Found, source: Source, etc: Path) -> None:
    try:
        entries = tree.read(etc, source.paths)
    except OSError as error:
        raise CannotKeep(_sentence(source.name, f"{error.filename}: {error.strerror}")) from None
    except tree.Unusual as error:
        raise CannotKeep(_sentence(source.name, str(error))) from None
    if entries:
        found.trees[source.name] = entries
    else:
        found.absent[source.name] = f"there is no {etc / source.paths[0]}"


def _said(name: str, said: Said | Unread) -> str:
    if isinstance(said, Unread):
        raise CannotKeep(_sentence(name, said.reason))
    if not said.worked:
        lines = (said.error or said.out).strip().splitlines() or [f"exit status {said.status}"]
        raise CannotKeep(_sentence(name, lines[0]))
    if _UNREADABLE in said.out:
        raise CannotKeep(f"cannot keep {name}: a name or comment in it is not UTF-8")
    return said.out


def _sentence(name: str, reason: str) -> str:
    advice = "; run it as root (sudo)" if any(word in reason.lower() for word in _AS_ROOT) else ""
    return f"cannot read {name}: {reason}{advice}"

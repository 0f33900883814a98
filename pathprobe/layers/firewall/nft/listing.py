"""What does ``nft -a list ruleset`` say that nft's JSON leaves out?

Each rule's own text, by its handle; and with nft 1.0.6 it alone says which devices an ingress chain belongs to and
whether a table is dormant.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Family, table, chain.
ChainKey = tuple[str, str, str]

_HANDLE = " # handle "


@dataclass(slots=True, kw_only=True)
class Listing:
    """What the text has: ``rules`` by chain and handle, ``devices`` of the chains that have some."""

    rules: dict[tuple[str, str, str, int], str] = field(default_factory=dict)
    devices: dict[ChainKey, tuple[str, ...]] = field(default_factory=dict)
    dormant: set[tuple[str, str]] = field(default_factory=set)
    tables: set[tuple[str, str]] = field(default_factory=set)


def read_listing(text: str) -> Listing:
    """What is said in the output of ``nft -a list ruleset``; never raises, lines it does not know say nothing."""
    listing = Listing()
    table: tuple[str, str] | None = None
    chain: ChainKey | None = None
    begun: list[str] = []  # a rule with many elements goes over several lines
    for line in text.splitlines():
        if not line:
            continue
        if not line.startswith("\t"):
            table, chain = _table_of(line), None
            if table is not None:
                listing.tables.add(table)
        elif table is None:
            pass
        elif chain is not None:
            if line == "\t}":
                chain = None
            else:
                begun = _chain_line(line.strip(), chain, begun, listing)
        elif line.startswith("\tchain ") and len(line.split()) > 2:
            chain, begun = (*table, line.split()[1]), []
        elif line.startswith("\tflags ") and "dormant" in line:
            listing.dormant.add(table)
    return listing


def _table_of(line: str) -> tuple[str, str] | None:
    words = line.split()
    return (words[1], words[2]) if len(words) > 3 and words[0] == "table" else None


def _chain_line(line: str, chain: ChainKey, begun: list[str], listing: Listing) -> list[str]:
    """Takes in a line of a chain; returns what is begun of a rule."""
    body, mark, handle = line.rpartition(_HANDLE)
    if mark and handle.isdecimal() and len(handle) < 20:  # 64 bits
        listing.rules[(*chain, int(handle))] = " ".join([*begun, body]) if begun else body
        return []
    if not begun and line.startswith("type ") and " hook " in line:
        devices = _devices(line)
        if devices:
            listing.devices[chain] = devices
        return []
    if not begun and (not line or line.startswith("comment ")):
        return []
    return [*begun, line]


def _devices(line: str) -> tuple[str, ...]:
    before_priority = line.partition(" priority ")[0]
    _, word, names = before_priority.partition(" device")
    if not word:
        return ()
    return tuple(name.strip(' "{}') for name in names.removeprefix("s =").split(",") if name.strip(' "{}'))

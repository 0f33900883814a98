"""In what does a backup differ from what is there now?

Each source is made comparable by those who know it, so that counters, dates and the like show no difference.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pathprobe.layers.backup import ipset_save, iptables_save, nft_listing, tree
from pathprobe.layers.backup.sources import ALL, Kind, Source
from pathprobe.layers.backup.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``lines``: a unified diff from what is there now to what a restore would put there."""

    source: Source
    lines: tuple[str, ...]


def differences(now: State, wanted: State, sources: Sequence[Source] = ALL) -> tuple[Difference, ...]:
    """One for each source that is in the backup and not as it is now."""
    found = []
    for source in sources:
        if not is_kept(wanted, source):
            continue
        before, after = comparable(now, source), comparable(wanted, source)
        if before != after:
            lines = difflib.unified_diff(
                before, after, f"{source.name} now", f"{source.name} in the backup", lineterm=""
            )
            found.append(Difference(source=source, lines=tuple(lines)))
    return tuple(found)


#: Lines of one source's difference that are shown: ten thousand hide what matters.
MOST_LINES = 200


def shown(difference: Difference, folder: Path, etc: Path) -> list[str]:
    """Its lines, of many only the first, and how the rest is seen; ``folder``: where the backup lies."""
    left = len(difference.lines) - MOST_LINES
    if left <= 0:
        return list(difference.lines)
    command = _command(difference.source, folder, etc)
    last = f"... and {left:,} more line{'' if left == 1 else 's'}; {command} shows them"
    return [*difference.lines[:MOST_LINES], last]


def _command(source: Source, folder: Path, etc: Path) -> str:
    """Shows at least these differences: the tools print what does not count too."""
    kept = shlex.quote(str(folder / (source.file or source.paths[0])))
    match source.kind:
        case Kind.FILES:
            return f"diff -r {shlex.quote(str(etc / source.paths[0]))} {kept}"
        case Kind.NFT:
            return f"nft list ruleset | diff - {kept}"
        case Kind.IPSET:
            return f"ipset save | diff - {kept}"
    return f"{source.name}-save | diff - {kept}"


def is_kept(state: State, source: Source) -> bool:
    return source.name in state.rules or source.name in state.trees


def comparable(state: State, source: Source) -> list[str]:
    """What its rules or files are, line by line; nothing where it is not there."""
    if source.kind is Kind.FILES:
        return tree.comparable(state.trees.get(source.name, {}))
    text = state.rules.get(source.name, "")
    if source.kind is Kind.NFT:
        return nft_listing.comparable(text)
    if source.kind is Kind.IPSET:
        return ipset_save.comparable(text)
    return iptables_save.comparable(text)

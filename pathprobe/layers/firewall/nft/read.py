"""What does nft on this machine say its ruleset is?

Two commands: JSON for what the rules do, the text for how nft prints each of them. nft 1.0.6 prints broken JSON where a
table has flags (a dormant one, one that a program owns): then its chains and sets are asked for one by one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pathprobe.layers.firewall.model import Ruleset
from pathprobe.layers.firewall.nft.nft_json import NotARuleset, parse
from pathprobe.layers.system import System, Unread

AS_JSON = ("nft", "-j", "list", "ruleset")
AS_TEXT = ("nft", "-a", "list", "ruleset")

#: What is in no chain, for the way round broken JSON.
_KINDS = ("sets", "maps", "limits", "quotas", "chains")


@dataclass(frozen=True, slots=True, kw_only=True)
class NftReading:
    """``unseen``: what of it could not be seen, a sentence each."""

    ruleset: Ruleset
    unseen: tuple[str, ...] = ()


def read(system: System) -> NftReading | Unread:
    """The whole ruleset of nft, that of iptables-nft in it. Never raises."""
    said = system.run(*AS_JSON)
    if isinstance(said, Unread):
        return said
    if not said.worked:
        return Unread(reason=_refusal(said.error))
    unseen = []
    listed = system.run(*AS_TEXT)
    listing = "" if isinstance(listed, Unread) or not listed.worked else listed.out
    if not listing and said.out.count('"rule"'):
        unseen.append("nft -a list ruleset said nothing: rules are shown as their JSON reads.")
    if "json callback" in said.error:
        unseen.append("nft has statements that its JSON can not show; they may decide or not.")
    try:
        return NftReading(ruleset=parse(said.out, listing), unseen=tuple(unseen))
    except NotARuleset as error:
        return _piece_by_piece(system, listing, unseen, error)


def _refusal(error: str) -> str:
    if "not permitted" in error or "must be root" in error:
        return "nft list ruleset: permission denied"
    first = error.strip().partition("\n")[0]
    return f"nft -j list ruleset: {first}" if first else "nft -j list ruleset failed"


def _piece_by_piece(system: System, listing: str, unseen: list[str], error: NotARuleset) -> NftReading | Unread:
    pieces: list[object] = []
    for kind in _KINDS:
        found = _objects(system, "list", kind)
        if found is None:
            return Unread(reason=f"nft -j list ruleset: {error}")
        pieces.extend(found)
    for chain in [one["chain"] for one in pieces if isinstance(one, dict) and "chain" in one]:
        place = [str(chain.get(key)) for key in ("family", "table", "name")]
        found = _objects(system, "list", "chain", *place)
        if found is None:
            unseen.append(f"The rules of chain {' '.join(place)} could not be read.")
            continue
        pieces.extend(one for one in found if isinstance(one, dict) and "rule" in one)
    return NftReading(ruleset=parse(json.dumps({"nftables": pieces}), listing), unseen=tuple(unseen))


def _objects(system: System, *words: str) -> list[object] | None:
    said = system.run("nft", "-j", *words)
    if isinstance(said, Unread) or not said.worked:
        return None
    try:
        found = json.loads(said.out, strict=False)["nftables"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, list) else None

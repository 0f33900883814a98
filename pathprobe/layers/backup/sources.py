"""What is kept, and with which program or from which files?

The rules of the kernel are kept as the tool prints them that can also put them back:

* What iptables made through nf_tables stands in nft's listing too, but nft cannot load it again where it uses an
  extension of iptables ("xt match"): such tables are kept by iptables alone, all others by nft alone (``ownership``).
* firewalld and ufw make their rules from files: these are kept. firewalld's own nft tables are made anew from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    NFT = "nft"
    IPTABLES_NFT = "iptables-nft"
    IPTABLES_LEGACY = "iptables-legacy"
    IPSET = "ipset"
    FILES = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``group``: a name for it and its kind together, as ``--only`` takes it.

    ``file``: where its rules lie in a backup. ``family``: of an iptables, as nft names it. ``paths``: below /etc, of
    FILES. ``loaded``: where the kernel lists the legacy tables that there are.
    """

    name: str
    kind: Kind
    group: str = ""
    file: str = ""
    family: str = ""
    paths: tuple[str, ...] = ()
    loaded: str = ""


NFTABLES = Source(name="nftables", kind=Kind.NFT, file="nftables.nft")
IPSET = Source(name="ipset", kind=Kind.IPSET, file="ipset.save")
FIREWALLD = Source(name="firewalld", kind=Kind.FILES, paths=("firewalld",))
UFW = Source(name="ufw", kind=Kind.FILES, paths=("ufw", "default/ufw"))

IPTABLES = (
    Source(name="iptables-nft", kind=Kind.IPTABLES_NFT, group="iptables", file="iptables-nft.rules", family="ip"),
    Source(name="ip6tables-nft", kind=Kind.IPTABLES_NFT, group="ip6tables", file="ip6tables-nft.rules", family="ip6"),
    Source(
        name="iptables-legacy",
        kind=Kind.IPTABLES_LEGACY,
        group="iptables",
        file="iptables-legacy.rules",
        family="ip",
        loaded="/proc/net/ip_tables_names",
    ),
    Source(
        name="ip6tables-legacy",
        kind=Kind.IPTABLES_LEGACY,
        group="ip6tables",
        file="ip6tables-legacy.rules",
        family="ip6",
        loaded="/proc/net/ip6_tables_names",
    ),
)

#: In the order in which they are told.
ALL: tuple[Source, ...] = (NFTABLES, *IPTABLES, IPSET, FIREWALLD, UFW)
BY_NAME = {source.name: source for source in ALL}

#: The whole listing of nft, to read: it is not what is put back.
LISTING_FILE = "reference/ruleset.nft"

#: firewalld's own tables, whatever the family.
FIREWALLD_TABLE = "firewalld"


class UnknownSource(ValueError):
    """The text names it and says what there is."""


def names() -> tuple[str, ...]:
    """What can be named: sources and groups, a group before its own."""
    return tuple(dict.fromkeys(word for source in ALL for word in (source.group, source.name) if word))


def chosen(wanted: Iterable[str]) -> tuple[Source, ...]:
    """The sources of these names or groups, all where none is named. Raises UnknownSource."""
    wanted, known = list(wanted), names()
    for name in wanted:
        if name not in known:
            raise UnknownSource(f"there is no {name!r}: it is one of {', '.join(known)}")
    return tuple(source for source in ALL if not wanted or source.name in wanted or source.group in wanted)


def rules_of(sources: Sequence[Source], kind: Kind) -> tuple[Source, ...]:
    return tuple(source for source in sources if source.kind is kind)

"""What rules does the kernel have, whoever put them there?

nft shows those of nf_tables, iptables those of its own kind in full; a table that both show counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.layers.firewall.iptables import read as iptables_read
from pathprobe.layers.firewall.iptables.doubles import without_doubles
from pathprobe.layers.firewall.model import Ruleset
from pathprobe.layers.firewall.nft import read as nft_read
from pathprobe.layers.system import System, Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """``unseen``: rules that there may be and that could not be read, a sentence each; ``notes``: less grave ones."""

    ruleset: Ruleset
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


#: Empty or not there where the kernel was built without modules.
_MODULES = "/proc/modules"


def _may_have_tables(system: System) -> bool:
    """Whether the kernel could have rules that only nft shows: not if it has modules, and not that one."""
    modules = system.read(_MODULES)
    return isinstance(modules, Unread) or not modules.strip() or "nf_tables " in modules


def read(system: System) -> Reading:
    """The whole ruleset as far as it may be seen; never raises."""
    nft, iptables = nft_read.read(system), iptables_read.read(system)
    if not isinstance(nft, Unread):
        return Reading(
            ruleset=without_doubles(nft.ruleset, iptables.tables),
            unseen=iptables.unseen,
            notes=(*nft.unseen, *iptables.notes),
        )
    unseen = [*iptables.unseen, *iptables.notes]
    if not nft.is_missing:
        unseen.insert(0, nft.reason)
    elif not iptables.sources and not unseen:
        unseen.append("neither nft nor iptables is installed")
    elif _may_have_tables(system):
        unseen.append("nft is not installed: rules of nftables itself could not be read")
    unseen += [
        f"table {name} ({family}) holds more than iptables can show: nft is not installed"
        for family, name in iptables.only_nft
    ]
    return Reading(ruleset=Ruleset(tables=iptables.tables), unseen=tuple(unseen))

"""Whose is a chain, going by its name?

Owners call their chains and tables by names of their own. The patterns are those of fnmatch. A chain that every
ruleset has (INPUT, FORWARD) and a table that an administrator names are nobody's by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from pathprobe.layers.firewall.model import Backend, Family
from pathprobe.layers.firewall.outcome import Place
from pathprobe.layers.firewall.owners.owner import DOCKER, FIREWALLD, UFW


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """``tables`` are nft's own; ``chains`` are those of iptables, or of an nft table that has no name to go by."""

    owner: str
    tables: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()


#: iptables-nft's tables, as nft lists them.
_OF_IPTABLES = frozenset({"filter", "nat", "mangle", "raw", "security"})

_OF_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")

MARKS = (
    Mark(
        owner=FIREWALLD,
        tables=("firewalld", "firewalld_*"),
        chains=(
            *(f"{hook}_{part}" for hook in _OF_HOOKS for part in ("ZONES*", "POLICIES_*", "direct")),
            *("FORWARD_IN_ZONES*", "FORWARD_OUT_ZONES*"),
            *("IN_*", "FWD_*", "FWDI_*", "FWDO_*", "OUT_*", "PRE_*", "POST_*"),
        ),
    ),
    Mark(owner=UFW, chains=("ufw-*", "ufw6-*")),
    Mark(owner=DOCKER, tables=("docker-bridges",), chains=("DOCKER", "DOCKER-*")),
    Mark(owner="podman", tables=("netavark",), chains=("NETAVARK*", "CNI-*")),
    Mark(owner="libvirt", tables=("libvirt_network",), chains=("LIBVIRT_*",)),
    Mark(owner="LXD", tables=("lxd",)),
    Mark(owner="Incus", tables=("incus",)),
    Mark(owner="Kubernetes", tables=("kube-proxy",), chains=("KUBE-*",)),
    Mark(owner="Calico", tables=("calico",), chains=("cali-*",)),
    Mark(owner="Cilium", chains=("CILIUM_*", "OLD_CILIUM_*")),
    Mark(owner="flannel", chains=("FLANNEL-*",)),
    Mark(owner="fail2ban", tables=("f2b-*",), chains=("f2b-*", "fail2ban-*")),
    Mark(owner="CrowdSec", tables=("crowdsec", "crowdsec6", "crowdsec-*"), chains=("CROWDSEC*", "crowdsec-*")),
    Mark(owner="sshguard", tables=("sshguard",), chains=("sshguard",)),
    Mark(
        owner="csf",
        chains=("LOCALINPUT", "LOCALOUTPUT", "DENYIN", "ALLOWIN", "GDENYIN", "LOGDROPIN", "LOGDROPOUT", "INVDROP"),
    ),
    Mark(owner="Shorewall", chains=("shorewall", "net-fw", "net2fw", "loc-fw", "loc2fw", "net-loc", "net2loc")),
    Mark(owner="OpenWrt", tables=("fw4",)),
    Mark(owner="Tailscale", chains=("ts-input", "ts-forward")),
    Mark(owner="wg-quick", tables=("wg-quick-*",)),
)


def owner_of(place: Place) -> str | None:
    """Whose rule it is, as people call that: "firewalld", "Docker"; None where the names do not tell."""
    return owner_by_names(place.backend, place.family, place.table, place.chain)


def owner_by_names(backend: Backend, family: Family, table: str, chain: str) -> str | None:
    if backend is Backend.NFT:
        named = next((mark.owner for mark in MARKS if _is_like(table, mark.tables)), None)
        # nft users call chains as they like: theirs tell something in the tables that iptables-nft makes alone.
        if named is not None or family not in (Family.IP, Family.IP6) or table not in _OF_IPTABLES:
            return named
    return next((mark.owner for mark in MARKS if _is_like(chain, mark.chains)), None)


def _is_like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)

"""Nobody but a person keeps the rule: which nft or iptables line opens the port there?

Before the rule that stopped the packet, or, where the chain's policy did, at the chain's end. A rule that speaks of
nothing but this port is deleted instead. nft finds a rule by its handle, iptables by its number; both are the kernel's,
and change when others write.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from pathprobe.layers.findings import either
from pathprobe.layers.firewall.model import Backend, Family, Hook
from pathprobe.layers.firewall.outcome import Place
from pathprobe.layers.firewall.owners.matching import Ports, spoken_of
from pathprobe.layers.firewall.owners.owner import Question
from pathprobe.layers.system import Said, System, Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where rules are loaded from at boot, and which iptables is meant by that name.

    ``nft_file``: empty where there is none. ``saving``: the command that keeps what iptables has loaded, for each IP
    version. ``iptables``: what ``iptables`` without a suffix is here, None not known.
    """

    nft_file: str = ""
    saving: tuple[tuple[int, str], ...] = ()
    iptables: Backend | None = None


#: Where distributions keep them: Debian and Arch, Red Hat.
_NFT_FILES = (("/etc", "nftables.conf"), ("/etc/sysconfig", "nftables.conf"))
_SAVED = (
    ("/etc/iptables", "rules.v4", 4, "netfilter-persistent save"),
    ("/etc/iptables", "rules.v6", 6, "netfilter-persistent save"),
    ("/etc/sysconfig", "iptables", 4, "service iptables save"),
    ("/etc/sysconfig", "ip6tables", 6, "service ip6tables save"),
    ("/etc/iptables", "iptables.rules", 4, "iptables-save -f /etc/iptables/iptables.rules"),
    ("/etc/iptables", "ip6tables.rules", 6, "ip6tables-save -f /etc/iptables/ip6tables.rules"),
)


def read(system: System) -> Kept:
    listed = {folder: system.names(folder) for folder in ("/etc", "/etc/sysconfig", "/etc/iptables")}
    found = {folder: () if isinstance(names, Unread) else names for folder, names in listed.items()}
    saving = {version: command for folder, name, version, command in reversed(_SAVED) if name in found[folder]}
    return Kept(
        nft_file=next((f"{folder}/{name}" for folder, name in _NFT_FILES if name in found[folder]), ""),
        saving=tuple(sorted(saving.items())),
        iptables=_flavour(system),
    )


def _flavour(system: System) -> Backend | None:
    """``iptables v1.8.9 (nf_tables)``; before 1.8 there was legacy alone, and it said nothing."""
    said = system.run("iptables", "--version")
    if not isinstance(said, Said) or not said.worked:
        return None
    return Backend.IPTABLES_NFT if "(nf_tables)" in said.out else Backend.IPTABLES_LEGACY


def opening(place: Place, kept: Kept, question: Question, *, is_answer: bool = False) -> tuple[str, ...]:
    """Commands of which each lets the port through where it was stopped; ``is_answer``: from it, not to it."""
    if place.backend is Backend.NFT:
        return either(_by_nft(place, question, is_answer))
    saving = dict(kept.saving).get(_version(place))
    commands = _by_iptables(place, kept, question, is_answer)
    return either(command + (f" && {saving}" if saving else "") for command in commands)


def note(place: Place, kept: Kept) -> str:
    """Whether that lasts."""
    if place.backend is Backend.NFT and kept.nft_file:
        return f"This fix lasts until the next boot; to keep it, edit {kept.nft_file}."
    if place.backend is not Backend.NFT and not dict(kept.saving).get(_version(place)):
        return "This fix lasts until the next boot, unless something saves what iptables has loaded."
    return "This fix lasts until the next boot." if place.backend is Backend.NFT else ""


def _is_only_for(place: Place, question: Question) -> bool:
    """To delete it opens the port to everybody, which is not wanted where it is for one client."""
    return (
        not question.only_source
        and place.rule is not None
        and spoken_of(place.rule, question.port, question.protocol).ports is Ports.EXACTLY
    )


def _is_of_answer(place: Place, is_answer: bool) -> bool:
    return is_answer or place.hook is Hook.OUTPUT


# nft


def _by_nft(place: Place, question: Question, is_answer: bool) -> tuple[str, ...]:
    at = f"{place.family} {place.table} {place.chain}"
    is_back = _is_of_answer(place, is_answer)
    side = "sport" if is_back else "dport"
    accept = f"{_client_in_nft(place, question, is_back)}{question.protocol} {side} {question.port} accept"
    if place.rule is None:
        return (f"nft add rule {at} {accept}",)
    if place.rule.handle is None:
        return (f"nft insert rule {at} index {place.rule.number - 1} {accept}",)
    inserting = f"nft insert rule {at} position {place.rule.handle} {accept}"
    if _is_only_for(place, question):
        return f"nft delete rule {at} handle {place.rule.handle}", inserting
    element = _element(place, question)
    return (element, inserting) if element else (inserting,)


def _client_in_nft(place: Place, question: Question, is_back: bool) -> str:
    if not question.only_source:
        return ""
    header = "ip6" if question.of_ipv6 or place.family is Family.IP6 else "ip"
    return f"{header} {'daddr' if is_back else 'saddr'} {question.client} "


def _element(place: Place, question: Question) -> str:
    """``tcp dport @blocked drop``: the port is taken out of the set, unless it is for one client."""
    words = place.rule.text.split() if place.rule is not None and not question.only_source else []
    for word, after in itertools.pairwise(words):
        if word == "dport" and after.startswith("@"):
            name = after.removeprefix("@")
            return f"nft delete element {place.family} {place.table} {name} '{{ {question.port} }}'"
    return ""


# iptables


def program(place: Place, kept: Kept) -> str:
    """iptables or ip6tables, with the flavour where the bare name is the other one's."""
    name = "ip6tables" if place.family is Family.IP6 else "iptables"
    if kept.iptables in (None, place.backend) or place.backend is Backend.NFT:
        return name
    return f"{name}-legacy" if place.backend is Backend.IPTABLES_LEGACY else f"{name}-nft"


def table_option(place: Place) -> str:
    return "" if place.table == "filter" else f"-t {place.table} "


def deleting(place: Place, kept: Kept) -> str:
    """By what the rule says where that is known as iptables spells it, else by its number."""
    assert place.rule is not None
    head = f"-A {place.chain} "
    text = place.rule.text
    what = text.removeprefix(head) if text.startswith(head) else str(place.rule.number)
    return f"{program(place, kept)} {table_option(place)}-D {place.chain} {what}"


def _by_iptables(place: Place, kept: Kept, question: Question, is_answer: bool) -> tuple[str, ...]:
    start = f"{program(place, kept)} {table_option(place)}"
    is_back = _is_of_answer(place, is_answer)
    side = "--sport" if is_back else "--dport"
    client = f"{'-d' if is_back else '-s'} {question.client} " if question.only_source else ""
    accept = f"{client}-p {question.protocol} {side} {question.port} -j ACCEPT"
    if place.rule is None:
        return (f"{start}-A {place.chain} {accept}",)
    inserting = f"{start}-I {place.chain} {place.rule.number} {accept}"
    return (deleting(place, kept), inserting) if _is_only_for(place, question) else (inserting,)


def _version(place: Place) -> int:
    return 6 if place.family is Family.IP6 else 4

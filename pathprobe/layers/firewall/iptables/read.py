"""What do iptables and ip6tables, in both flavours, say on this machine?

iptables-nft is asked always. iptables-legacy is asked only where the kernel has tables of its kind already: asking
loads them, and a table that is loaded takes part in the walk of every packet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pathprobe.layers.firewall.iptables import ipset_save
from pathprobe.layers.firewall.iptables.ipset_save import IpSet
from pathprobe.layers.firewall.iptables.iptables_save import NotIptablesSave, parse
from pathprobe.layers.firewall.model import Backend, Family, Table
from pathprobe.layers.system import Said, System, Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """``unseen``: tables that there are, or may be, and that nobody could read; ``notes``: what else could not be
    seen, or only as nft has it; in words. ``sources``: the commands whose word this is.

    ``only_nft``: tables of iptables-nft that hold what iptables can not print; nft has to be read for these.
    """

    tables: tuple[Table, ...] = ()
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    only_nft: tuple[tuple[Family, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """What one save command printed."""

    backend: Backend
    family: Family
    command: str
    text: str


_NAMES = {Family.IP: "iptables", Family.IP6: "ip6tables"}
_LOADED = {Family.IP: "/proc/net/ip_tables_names", Family.IP6: "/proc/net/ip6_tables_names"}


def read(system: System) -> Seen:
    """All tables of both families and flavours."""
    texts: list[_Text] = []
    unseen: list[str] = []
    notes: list[str] = []
    for family in (Family.IP, Family.IP6):
        plain = _flavour_of_plain(system, family)
        for one, missed in ((_nft(system, family, plain), notes), (_legacy(system, family, plain), unseen)):
            if isinstance(one, _Text):
                texts.append(one)
            elif one:
                missed.append(one)
    sets, said = _sets(system, texts)
    notes += said
    tables: list[Table] = []
    for text in texts:
        try:
            tables += parse(text.text, backend=text.backend, family=text.family, sets=sets)
        except NotIptablesSave as reason:
            notes.append(f"What {text.command} printed could not be read: {reason}.")
    return Seen(
        tables=tuple(tables),
        unseen=tuple(unseen),
        notes=tuple(notes),
        sources=tuple(text.command for text in texts),
        only_nft=tuple(one for text in texts for one in _only_nft(text)),
    )


def _flavour_of_plain(system: System, family: Family) -> Backend | None:
    """Which one goes by the plain name; before 1.8 there was one flavour, which did not say so."""
    said = system.run(_NAMES[family], "--version")
    if isinstance(said, Unread) or not said.worked:
        return None
    return Backend.IPTABLES_NFT if "nf_tables" in said.out else Backend.IPTABLES_LEGACY


def _nft(system: System, family: Family, plain: Backend | None) -> _Text | str | None:
    said = _saved(system, family, "nft", is_plain=plain is Backend.IPTABLES_NFT)
    if said is None:
        return None
    return _text(said, Backend.IPTABLES_NFT, family)


def _legacy(system: System, family: Family, plain: Backend | None) -> _Text | str | None:
    loaded = system.read(_LOADED[family])
    if isinstance(loaded, Unread):
        # No such file: the kernel has no legacy tables at all.
        return None if loaded.is_missing else f"{_NAMES[family]}-legacy's tables ({loaded.reason})"
    names = loaded.split()
    if not names:
        return None
    said = _saved(system, family, "legacy", is_plain=plain is Backend.IPTABLES_LEGACY)
    if said is None:
        one = "table" if len(names) == 1 else "tables"
        return (
            f"The kernel has {_NAMES[family]}-legacy {one} {', '.join(names)}, and there is no "
            f"{_NAMES[family]}-legacy-save to read them with."
        )
    return _text(said, Backend.IPTABLES_LEGACY, family)


def _saved(system: System, family: Family, flavour: str, *, is_plain: bool) -> tuple[str, Said | Unread] | None:
    """What the save command of a flavour said, by the name that it has here; None: it has none."""
    name = _NAMES[family]
    for command in (f"{name}-{flavour}-save", *([f"{name}-save"] if is_plain else [])):
        said = system.run(command, "-c")
        if not (isinstance(said, Unread) and said.is_missing):
            return command, said
    return None


def _text(saved: tuple[str, Said | Unread], backend: Backend, family: Family) -> _Text | str:
    command, said = saved
    if isinstance(said, Unread):
        return f"{command} -c could not be asked: {said.reason}."
    if not said.worked:
        return _failed(f"{command} -c", said)
    return _Text(backend=backend, family=family, command=f"{command} -c", text=said.out)


def _failed(command: str, said: Said) -> str:
    if "ermission denied" in said.error or "not permitted" in said.error:
        return f"{command} is for root alone: permission denied."
    reasons = [line for line in said.error.splitlines() if line.strip() and not line.startswith("#")]
    return f"{command} failed: {reasons[0].strip() if reasons else f'exit status {said.status}'}."


def _sets(system: System, texts: list[_Text]) -> tuple[Mapping[str, IpSet], list[str]]:
    """The sets that rules ask for; ipset is not asked where none does."""
    if not any(" --match-set " in text.text for text in texts):
        return {}, []
    said = system.run("ipset", "save")
    if isinstance(said, Unread):
        return {}, [f"Rules ask for ipsets that could not be seen: {said.reason}."]
    if not said.worked:
        return {}, [f"Rules ask for ipsets that could not be seen: {_failed('ipset save', said)}"]
    return ipset_save.parse(said.out), []


def _only_nft(text: _Text) -> list[tuple[Family, str]]:
    """``# Table `filter' is incompatible, use 'nft' tool.``, or that it contains incompatible base-chains."""
    return [
        (text.family, line.split("`", 1)[1].split("'", 1)[0])
        for line in text.text.splitlines()
        if line.startswith("# Table `") and "incompatible" in line
    ]

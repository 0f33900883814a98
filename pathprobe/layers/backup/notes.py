"""What should who restores know that the difference itself does not show, and how much is in a backup?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pathprobe.layers.backup import ipset_save, iptables_save, nft_listing
from pathprobe.layers.backup.compare import is_kept
from pathprobe.layers.backup.folder import Backup
from pathprobe.layers.backup.sources import ALL, FIREWALLD, IPTABLES, Kind, Source
from pathprobe.layers.backup.state import EntryKind, State
from pathprobe.layers.system import Said, System

#: Docker's chain for every published port, in the filter and the nat table.
_DOCKER = ":DOCKER "


def amount(state: State, source: Source) -> str:
    """How much there is of a source, in a few words."""
    if source.kind is Kind.FILES:
        return _count(sum(one.kind is not EntryKind.FOLDER for one in state.trees[source.name].values()), "file")
    text = state.rules[source.name]
    if source.kind is Kind.NFT:
        return _count(len(nft_listing.tables(text)), "table")
    if source.kind is Kind.IPSET:
        return _count(len(ipset_save.sets(text)), "set")
    return _count(sum(len(table.rules) for table in iptables_save.tables(text)), "rule")


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def before_restoring(
    backup: Backup, sources: Sequence[Source], new: Sequence[Source], hostname: str, environment: Mapping[str, str]
) -> Iterator[str]:
    """Sentences that belong before the decision. ``new``: what is asked for, there, and not in the backup."""
    if backup.origin.hostname != hostname:
        yield f"this backup is of {backup.origin.hostname}, and this machine is {hostname}"
    for source in new:
        if source.name in backup.state.absent:
            yield f"{source.name} is not in this backup ({backup.state.absent[source.name]}) and stays as it is"
    if any(source.name not in backup.state.absent for source in new):
        kept = [source.name for source in ALL if is_kept(backup.state, source)]
        yield f"this backup holds {_joined(kept)} only; everything else stays as it is"
    if any(_DOCKER in backup.state.rules.get(source.name, "") for source in IPTABLES if source in sources):
        yield (
            "the backup has the rules that Docker had made for its containers; if these have changed since, "
            "let Docker make them anew afterwards: systemctl restart docker"
        )
    client = environment.get("SSH_CONNECTION", "").split(" ")[0]
    if client:
        yield (
            f"you are here by SSH from {client}: if the backup's rules do not let that in, this session ends, and only "
            "the console can undo it"
        )


def _joined(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def runtime_only(system: System) -> str | None:
    """A sentence if firewalld's runtime is not what its files say, for only these are kept."""
    running = system.run("firewall-cmd", "--list-all-zones")
    if not (isinstance(running, Said) and running.worked):
        return None
    permanent = system.run("firewall-cmd", "--permanent", "--list-all-zones")
    if not (isinstance(permanent, Said) and permanent.worked):
        return None
    now, kept = _zones(running.out), _zones(permanent.out)
    for zone in now:
        changed = [line for line in now[zone] if line not in kept.get(zone, ())]
        changed += [line for line in kept.get(zone, ()) if line not in now[zone]]
        if changed:
            return (
                f"{FIREWALLD.name} does other than its files say (zone {zone}: {changed[0]}), and the files are "
                "what is kept; to write down what it does now: firewall-cmd --runtime-to-permanent"
            )
    return None


def _zones(text: str) -> dict[str, list[str]]:
    """Zone -> its lines. Interfaces are left out: NetworkManager assigns them, and no file says so."""
    zones: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line and not line[0].isspace():
            lines = zones[line.split()[0]] = []
        elif line.strip() and not line.strip().startswith("interfaces:"):
            lines.append(" ".join(line.split()))
    return zones

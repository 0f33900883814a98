"""What does the loaded policy say: of a port's type, of what a domain may bind, of domains that it does not hold?

semanage needs root and its store; seinfo and sesearch (setools) read the policy itself, which others may do as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pathprobe.layers.mandatory_access import mode, policy, port_labels
from pathprobe.layers.mandatory_access.facts import DomainRules, Labels, PortLabel
from pathprobe.layers.mandatory_access.logs import last_line
from pathprobe.layers.system import Said, System, Unread

#: Folders of the policy's store: since RHEL 7.3, and in RHEL 7 before.
STORES = ("/var/lib/selinux/{policy}/active", "/etc/selinux/{policy}/active")
LOCAL_PORTS = "ports.local"


def read_labels(system: System, port: int, protocol: str, policy_name: str) -> Labels:
    """From semanage; without it (or without root) from seinfo and the operator's own entries in the policy's store."""
    local = _local_labels(system, policy_name)
    listed = _listed_labels(system, port)
    return Labels(
        entries=port_labels.covering(port, protocol, listed.entries, local.entries),
        source=listed.source or local.source,
        knows_policy=bool(listed.source),
        knows_local=bool(local.source),
        unread=(*listed.unread, *local.unread),
        opaque=(*listed.opaque, *local.opaque),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """What one of the lists has, for all ports. ``source`` is empty where it could not be read."""

    entries: tuple[PortLabel, ...] = ()
    opaque: tuple[str, ...] = ()
    source: str = ""
    unread: tuple[str, ...] = ()


def _listed_labels(system: System, port: int) -> _Listing:
    unread: list[str] = []
    for command, parse in (
        (("semanage", "port", "-l"), port_labels.parse_semanage),
        (("seinfo", f"--portcon={port}"), port_labels.parse_portcon),
    ):
        said = system.run(*command)
        entries, opaque = parse(said.out) if isinstance(said, Said) and said.worked else ((), ())
        if entries:
            return _Listing(entries=entries, opaque=opaque, source=" ".join(command), unread=tuple(unread))
        unread.append(_why_nothing(said, command[0]))
    return _Listing(unread=tuple(unread))


def _why_nothing(said: Said | Unread, program: str) -> str:
    if isinstance(said, Unread):
        return said.reason
    return f"{program}: {last_line(said) if not said.worked else 'no port is listed'}"


def _local_labels(system: System, policy_name: str) -> _Listing:
    """The store's file has what ``semanage port -l -C`` lists; a store without it has nothing of the operator's."""
    for template in STORES:
        store = template.format(policy=policy_name)
        path = f"{store}/{LOCAL_PORTS}"
        text = system.read(path)
        if isinstance(text, str):
            entries, opaque = port_labels.parse_portcon(text, is_local=True)
            return _Listing(entries=entries, opaque=opaque, source=path)
        if text.is_missing and not isinstance(system.names(store), Unread):
            return _Listing(source=path)
    said = system.run("semanage", "port", "-l", "-C")
    if isinstance(said, Said) and said.worked:
        entries, opaque = port_labels.parse_semanage(said.out, is_local=True)
        return _Listing(entries=entries, opaque=opaque, source="semanage port -l -C")
    return _Listing(unread=("the operator's own port labels could not be read",))


def read_rules(system: System, domains: Sequence[str], protocol: str, label: str) -> Iterator[DomainRules]:
    """What sesearch says of each domain; nothing of those that it could not be asked about."""
    for domain in domains:
        asked = ("sesearch", "-A", "-s", domain)
        what = ("-c", f"{protocol}_socket", "-p", "name_bind")
        all_, of_label = system.run(*asked, *what), system.run(*asked, "-t", label, *what) if label else None
        if not isinstance(all_, Said) or not all_.worked or not isinstance(of_label, Said) or not of_label.worked:
            continue
        names = policy.booleans_in(all_.out + "\n" + of_label.out)
        booleans = {name: value for name in names if (value := _boolean(system, name)) is not None}
        yield DomainRules(
            domain=domain,
            rules=policy.parse_rules(all_.out, booleans),
            for_label=policy.parse_rules(of_label.out, booleans),
        )


def _boolean(system: System, name: str) -> bool | None:
    """selinuxfs has two digits: the value now, and the one that waits to be committed."""
    text = system.read(f"/sys/fs/selinux/booleans/{name}")
    return {"1": True, "0": False}.get(text[:1]) if isinstance(text, str) else None


def read_permissive_domains(system: System) -> tuple[str, ...] | None:
    """The domains that are not held to the policy; None where it could not be asked."""
    for command in (("semanage", "permissive", "-l"), ("seinfo", "--permissive")):
        said = system.run(*command)
        if isinstance(said, Said) and said.worked:
            return mode.permissive_domains(said.out)
    return None

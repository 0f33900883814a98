"""What does this machine's firewalld say of itself?

By ``firewall-cmd``, which asks the daemon over D-Bus for both of its configurations. Where the daemon does not run, the
permanent one is what its files say. Services are looked up in their files, for the command tells only one at a time;
where these may not be read, the command is asked after all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from pathprobe.layers.firewall.owners.firewalld import listing, stored
from pathprobe.layers.firewall.owners.firewalld.standing import with_included
from pathprobe.layers.firewall.owners.firewalld.zones import (
    Configuration,
    Firewalld,
    Policy,
    Service,
    Zone,
)
from pathprobe.layers.system import Said, System, Unread

#: An administrator's files come before those that the distribution brought.
FOLDERS = ("/etc/firewalld", "/usr/lib/firewalld")

#: What firewalld takes where firewalld.conf names none.
_DEFAULT_ZONE = "public"

#: Exit status of firewall-cmd where polkit says no (firewall/errors.py): NOT_AUTHORIZED.
_NOT_AUTHORIZED = 253


def read(system: System) -> Firewalld | Unread | None:
    """None: there is no firewalld on this machine."""
    default = system.run("firewall-cmd", "--get-default-zone")  # it answers where --state would say "running"
    if isinstance(default, Said) and default.worked:
        return _of_daemon(system, default.out.strip())
    if isinstance(default, Said) and _is_refused(default):
        return Unread(reason=_complaint(default))
    conf = system.read(f"{FOLDERS[0]}/firewalld.conf")
    if isinstance(conf, Unread) and conf.is_missing:
        return None if isinstance(default, Unread) and default.is_missing else _of_files(system, "")
    return conf if isinstance(conf, Unread) else _of_files(system, conf)


def _of_daemon(system: System, default_zone: str) -> Firewalld:
    runtime = _listed(system)
    permanent = _listed(system, "--permanent", has_direct=not isinstance(runtime, Unread) and bool(runtime.direct))
    panic = system.run("firewall-cmd", "--query-panic")
    conf = system.read(f"{FOLDERS[0]}/firewalld.conf")
    settings = {} if isinstance(conf, Unread) else stored.settings(conf)
    return Firewalld(
        is_running=True,
        default_zone=default_zone,
        runtime=runtime,
        permanent=permanent,
        services=_services(system, _named_in(runtime, permanent), is_running=True),
        in_panic=isinstance(panic, Said) and panic.worked,
        backend=_backend(conf, settings),
    )


def _of_files(system: System, conf: str) -> Firewalld:
    settings = stored.settings(conf)
    permanent = Configuration(
        zones=_files(system, "zones", stored.zone),
        policies=_files(system, "policies", stored.policy),
        direct=_direct(system),
    )
    return Firewalld(
        is_running=False,
        default_zone=settings.get("DefaultZone", _DEFAULT_ZONE),
        runtime=Unread(reason="firewalld does not run"),
        permanent=permanent,
        services=_services(system, _named_in(permanent), is_running=False),
        backend=_backend(conf, settings),
        source=f"{FOLDERS[0]}/zones",
    )


def _backend(conf: str | Unread, settings: Mapping[str, str]) -> str | None:
    """Before it could choose (0.6), it had iptables alone."""
    return None if isinstance(conf, Unread) else settings.get("FirewallBackend", "iptables")


def _listed(system: System, *which: str, has_direct: bool = True) -> Configuration | Unread:
    """``has_direct``: each call takes a tenth of a second, and hardly anybody has direct rules."""
    zones = system.run("firewall-cmd", *which, "--list-all-zones")
    if isinstance(zones, Unread):
        return zones
    if not zones.worked:
        return Unread(reason=_complaint(zones))
    policies = system.run("firewall-cmd", *which, "--list-all-policies")  # since 0.9
    direct = system.run("firewall-cmd", *which, "--direct", "--get-all-rules") if has_direct else None
    return Configuration(
        zones=listing.zones(zones.out),
        policies=listing.policies(policies.out) if isinstance(policies, Said) and policies.worked else {},
        direct=tuple(direct.out.splitlines()) if isinstance(direct, Said) and direct.worked else (),
    )


def _is_refused(said: Said) -> bool:
    return said.status == _NOT_AUTHORIZED or "Authorization failed" in said.error


def _complaint(said: Said) -> str:
    if _is_refused(said):
        return "firewalld tells its zones to root only"
    lines = (said.error or said.out).strip().splitlines()
    return f"firewall-cmd: {lines[-1].strip()}" if lines else f"firewall-cmd ended with status {said.status}"


def _direct(system: System) -> tuple[str, ...]:
    text = system.read(f"{FOLDERS[0]}/direct.xml")
    return () if isinstance(text, Unread) else stored.direct(text)


_Kept = TypeVar("_Kept", Zone, Policy)


def _files(system: System, kind: str, parse: Callable[[str, str], _Kept | None]) -> Mapping[str, _Kept]:
    """All of a kind; what cannot be read or is no XML is left out, as firewalld does."""
    found: dict[str, _Kept] = {}
    for folder in FOLDERS:
        names = system.names(f"{folder}/{kind}")
        for name in () if isinstance(names, Unread) else names:
            stem, dot, ending = name.rpartition(".")
            if dot and ending == "xml" and stem not in found:
                text = system.read(f"{folder}/{kind}/{name}")
                kept = None if isinstance(text, Unread) else parse(stem, text)
                if kept is not None:
                    found[stem] = kept
    return found


# Services


def _named_in(*configurations: Configuration | Unread) -> Iterable[str]:
    for one in configurations:
        if not isinstance(one, Unread):
            of_zones = [zone.holds for zone in one.zones.values()]
            for holds in (*of_zones, *(policy.holds for policy in one.policies.values())):
                yield from holds.services
                elements = (rule.element for rule in holds.rich_rules if rule.element is not None)
                yield from (attributes.get("name", "") for kind, attributes in elements if kind == "service")


def _services(system: System, names: Iterable[str], *, is_running: bool) -> Mapping[str, Service]:
    found: dict[str, Service] = {}
    waiting = sorted(set(names))
    looked_for: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in looked_for or not name:
            continue
        looked_for.add(name)
        service = _service(system, name, is_running=is_running)
        if service is not None:
            found[name] = service
            waiting.extend(with_included(name, found))
    return found


def _service(system: System, name: str, *, is_running: bool) -> Service | None:
    for folder in FOLDERS:
        text = system.read(f"{folder}/services/{name}.xml")
        if isinstance(text, str):
            return stored.service(name, text)
        if not text.is_missing:
            break  # what stands there comes before the other folder's, and may not be read
    said = system.run("firewall-cmd", f"--info-service={name}") if is_running else None
    return listing.services(said.out).get(name) if isinstance(said, Said) and said.worked else None

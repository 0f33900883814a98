"""What does this machine's firewalld say of itself?

By ``firewall-cmd``, which asks the daemon over D-Bus for both of its configurations. Where the daemon does not run or
does not answer, the permanent one is what its files say. Services are looked up in their files, for the command tells
only one at a time; where these may not be read, the command is asked after all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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

#: Exit status of pgrep(1) where no process is called so.
_NOBODY = 1

_PERMANENT = "firewall-cmd --permanent --list-all-zones"


def read(system: System) -> Firewalld | Unread | None:
    """None: there is no firewalld on this machine."""
    default = _default_zone(system)
    if isinstance(default, Said) and default.worked:
        return _of_daemon(_Asking(system=system), default.out.strip())
    if isinstance(default, Unread) and default.is_silent:
        return _of_silent_daemon(system, default)
    if isinstance(default, Said) and _is_refused(default):
        return Unread(reason=_complaint(default))
    conf = system.read(f"{FOLDERS[0]}/firewalld.conf")
    if isinstance(conf, Unread) and conf.is_missing:
        return None if isinstance(default, Unread) and default.is_missing else _of_files(system, "")
    return conf if isinstance(conf, Unread) else _of_files(system, conf)


def _default_zone(system: System) -> Said | Unread:
    """It answers where --state would say "running"."""
    if _is_known_not_to_run(system):
        return Unread(reason="firewalld does not run")
    return system.run("firewall-cmd", "--get-default-zone")


def _is_known_not_to_run(system: System) -> bool:
    """firewall-cmd takes a tenth of a second to say so, pgrep a hundredth.

    Not where processes are hidden from this user (proc(5), hidepid), or where the bus is said to be another one.
    """
    folder, environment = system.names(FOLDERS[0]), system.read("/proc/self/environ")
    is_installed = not (isinstance(folder, Unread) and folder.is_missing)
    is_elsewhere = isinstance(environment, str) and "DBUS_SYSTEM_BUS_ADDRESS=" in environment
    if not is_installed or is_elsewhere or isinstance(system.read("/proc/1/comm"), Unread):
        return False
    running = system.run("pgrep", "-f", "firewalld")
    return isinstance(running, Said) and running.status == _NOBODY


@dataclass(slots=True, kw_only=True)
class _Asking:
    """``silence``: why firewall-cmd gave no answer in time; it is not asked again then."""

    system: System
    silence: Unread | None = None

    def ask(self, *words: str) -> Said | Unread:
        if self.silence is not None:
            return self.silence
        said = self.system.run("firewall-cmd", *words)
        if isinstance(said, Unread) and said.is_silent:
            self.silence = said
        return said


def _of_silent_daemon(system: System, silence: Unread) -> Firewalld:
    """Whether it runs is not known; what its files say may be in force."""
    asking = _Asking(system=system, silence=silence)
    conf = system.read(f"{FOLDERS[0]}/firewalld.conf")
    settings = {} if isinstance(conf, Unread) else stored.settings(conf)
    permanent = _in_files(system)
    return Firewalld(
        is_running=True,
        default_zone=settings.get("DefaultZone", _DEFAULT_ZONE),
        runtime=silence,
        permanent=permanent,
        services=_services(asking, _named_in(permanent), is_running=False),
        backend=_backend(conf, settings),
        source=f"{FOLDERS[0]}/zones",
        silence=silence.reason,
    )


def _in_files(system: System) -> Configuration | Unread:
    folder = system.names(f"{FOLDERS[0]}/zones")
    if isinstance(folder, Unread) and not folder.is_missing:
        return folder
    return Configuration(
        zones=_files(system, "zones", stored.zone),
        policies=_files(system, "policies", stored.policy),
        direct=_direct(system),
    )


def _of_daemon(asking: _Asking, default_zone: str) -> Firewalld:
    system = asking.system
    runtime = _listed(asking)
    permanent = _listed(asking, "--permanent", has_direct=not isinstance(runtime, Unread) and bool(runtime.direct))
    source = _PERMANENT
    if isinstance(permanent, Unread) and permanent.is_silent:
        permanent, source = _in_files(system), f"{FOLDERS[0]}/zones"
    panic = asking.ask("--query-panic")
    conf = system.read(f"{FOLDERS[0]}/firewalld.conf")
    settings = {} if isinstance(conf, Unread) else stored.settings(conf)
    return Firewalld(
        is_running=True,
        default_zone=default_zone,
        runtime=runtime,
        permanent=permanent,
        services=_services(asking, _named_in(runtime, permanent), is_running=True),
        in_panic=isinstance(panic, Said) and panic.worked,
        backend=_backend(conf, settings),
        source=source,
        silence="" if asking.silence is None else asking.silence.reason,
    )


def _of_files(system: System, conf: str) -> Firewalld:
    settings = stored.settings(conf)
    permanent = _in_files(system)
    return Firewalld(
        is_running=False,
        default_zone=settings.get("DefaultZone", _DEFAULT_ZONE),
        runtime=Unread(reason="firewalld does not run"),
        permanent=permanent,
        services=_services(_Asking(system=system), _named_in(permanent), is_running=False),
        backend=_backend(conf, settings),
        source=f"{FOLDERS[0]}/zones",
    )


def _backend(conf: str | Unread, settings: Mapping[str, str]) -> str | None:
    """Before it could choose (0.6), it had iptables alone."""
    return None if isinstance(conf, Unread) else settings.get("FirewallBackend", "iptables")


def _listed(asking: _Asking, *which: str, has_direct: bool = True) -> Configuration | Unread:
    """``has_direct``: each call takes a tenth of a second, and hardly anybody has direct rules."""
    zones = asking.ask(*which, "--list-all-zones")
    if isinstance(zones, Unread):
        return zones
    if not zones.worked:
        return Unread(reason=_complaint(zones))
    policies = asking.ask(*which, "--list-all-policies")  # since 0.9
    direct = asking.ask(*which, "--direct", "--get-all-rules") if has_direct else None
    return Configuration(
        zones=listing.zones(zones.out),
        policies=listing.policies(policies.out) if isinstance(policies, Said) and policies.worked else {},
        direct=tuple(direct.out.splitlines()) if isinstance(direct, Said) and direct.worked else (),
    )


def _is_refused(said: Said) -> bool:
    return said.status == _NOT_AUTHORIZED or "Authorization failed" in said.error


def _complaint(said: Said) -> str:
    if _is_refused(said):
        return "told to root only"
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


def _services(asking: _Asking, names: Iterable[str], *, is_running: bool) -> Mapping[str, Service]:
    found: dict[str, Service] = {}
    waiting = sorted(set(names))
    looked_for: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in looked_for or not name:
            continue
        looked_for.add(name)
        service = _service(asking, name, is_running=is_running)
        if service is not None:
            found[name] = service
            waiting.extend(with_included(name, found))
    return found


def _service(asking: _Asking, name: str, *, is_running: bool) -> Service | None:
    for folder in FOLDERS:
        text = asking.system.read(f"{folder}/services/{name}.xml")
        if isinstance(text, str):
            return stored.service(name, text)
        if not text.is_missing:
            break  # what stands there comes before the other folder's, and may not be read
    said = asking.ask(f"--info-service={name}") if is_running else None
    return listing.services(said.out).get(name) if isinstance(said, Said) and said.worked else None

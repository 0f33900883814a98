"""What does this machine say of a port and its mandatory access control?

Only asks: no command changes anything. semanage takes a second at each call, so it and sesearch are asked only where
SELinux is on, and about no more than is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pathprobe.layers.mandatory_access import apparmor, avc, mode, port_labels
from pathprobe.layers.mandatory_access.facts import (
    AppArmor,
    AppArmorDenial,
    AvcDenial,
    Confined,
    Facts,
    Log,
    Mode,
    Modes,
)
from pathprobe.layers.mandatory_access.logs import read_log
from pathprobe.layers.mandatory_access.read_policy import read_labels, read_permissive_domains, read_rules
from pathprobe.layers.mandatory_access.record import printable
from pathprobe.layers.system import Said, System, Unread

ENFORCE = "/sys/fs/selinux/enforce"
CONFIG = "/etc/selinux/config"
APPARMOR_ENABLED = "/sys/module/apparmor/parameters/enabled"
APPARMOR_PROFILES = "/sys/kernel/security/apparmor/profiles"
APPARMOR_FILES = "/etc/apparmor.d"
LOCAL_PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
PRIVILEGED_BELOW = "/proc/sys/net/ipv4/ip_unprivileged_port_start"

#: Domains that sesearch is asked about: each is two questions to a large policy.
_MOST_DOMAINS = 2
_PRIVILEGED_BY_DEFAULT = 1024


def read(system: System, port: int, protocol: str, *, pids: Sequence[int] = ()) -> Facts:
    """Everything about one port. ``protocol``: tcp, udp or sctp; ``pids``: the processes that listen on it, if any."""
    modes = read_modes(system)
    selinux_on = modes.present in (Mode.ENFORCING, Mode.PERMISSIVE)
    apparmor_on = _text(system.read(APPARMOR_ENABLED)).strip() == "Y"
    below = _number(system.read(PRIVILEGED_BELOW), _PRIVILEGED_BY_DEFAULT)
    text, log = read_log(system) if selinux_on or apparmor_on else ("", Log())
    facts = Facts(
        port=port,
        protocol=protocol,
        modes=modes,
        log=log,
        processes=tuple(_confined(system, pid) for pid in pids),
        chosen_by_kernel=_local_port_range(system),
        privileged_below=below,
    )
    if selinux_on:
        facts = _with_selinux(system, facts, text)
    if apparmor_on:
        denials = apparmor.denials_of(text, port, protocol, is_privileged=port < below)
        facts = replace(facts, apparmor=_apparmor(system, denials))
    return facts


def _with_selinux(system: System, facts: Facts, log: str) -> Facts:
    denials = avc.denials_of(log, facts.port, facts.protocol)
    labels = read_labels(system, facts.port, facts.protocol, facts.modes.policy)
    domains = _domains(denials, facts.processes)
    label = port_labels.effective(labels)
    return replace(
        facts,
        denials=denials,
        labels=labels,
        domain_rules=tuple(read_rules(system, domains, facts.protocol, label.type if label else "")),
        permissive_domains=read_permissive_domains(system) if domains else None,
    )


def _domains(denials: Iterable[AvcDenial], processes: Iterable[Confined]) -> tuple[str, ...]:
    named = [denial.domain for denial in denials if avc.is_of_server(denial)] + [one.domain for one in processes]
    return tuple(dict.fromkeys(domain for domain in named if domain))[:_MOST_DOMAINS]


# ---- the mode


def read_modes(system: System) -> Modes:
    """The mode now and the one for the next boot."""
    configured, name = mode.of_config(_text(system.read(CONFIG)))
    present = _present_mode(system)
    return replace(present, configured=configured, policy=name)


def _present_mode(system: System) -> Modes:
    enforce = system.read(ENFORCE)
    if isinstance(enforce, str):
        text = printable(enforce.strip())
        return Modes(present=mode.of_enforce_file(enforce), source=ENFORCE, text=text, reason=f"{ENFORCE} has {text!r}")
    own = _text(system.read("/proc/self/attr/current"))
    if mode.is_selinux_context(own):
        domain = mode.domain_of(own)
        return Modes(
            present=Mode.UNKNOWN,
            reason=f"this process ({domain}) does not see /sys/fs/selinux: ask outside of the container",
        )
    for command, parse in (("getenforce", mode.of_getenforce), ("sestatus", mode.of_sestatus)):
        said = system.run(command)
        if isinstance(said, Said) and (found := parse(said.out)) is not Mode.UNKNOWN:
            return Modes(present=found, source=command, text=printable(said.out.strip().splitlines()[0]))
    if enforce.is_missing:
        return Modes(present=Mode.DISABLED, source=ENFORCE, text="no such file")
    return Modes(present=Mode.UNKNOWN, reason=enforce.reason)


# ---- processes, AppArmor, the kernel's settings


def _confined(system: System, pid: int) -> Confined:
    folder = f"/proc/{pid}"
    name = printable(_text(system.read(f"{folder}/comm")).strip())
    current = _text(system.read(f"{folder}/attr/current"))
    if mode.is_selinux_context(current):
        return Confined(pid=pid, name=name, domain=mode.domain_of(current))
    own = _text(system.read(f"{folder}/attr/apparmor/current")) or current
    profile, profile_mode = apparmor.parse_confinement(own)
    return Confined(pid=pid, name=name, profile=profile, profile_mode=profile_mode)


def _apparmor(system: System, denials: tuple[AppArmorDenial, ...]) -> AppArmor:
    files = _names(system.names(APPARMOR_FILES))
    files += tuple(f"local/{name}" for name in _names(system.names(f"{APPARMOR_FILES}/local")))
    profiles = apparmor.parse_profiles(_text(system.read(APPARMOR_PROFILES)))
    return AppArmor(enabled=True, profiles=profiles, denials=denials, profile_files=files)


def _local_port_range(system: System) -> tuple[int, int] | None:
    words = _text(system.read(LOCAL_PORT_RANGE)).split()
    if len(words) != 2 or not all(word.isascii() and word.isdecimal() and len(word) <= 5 for word in words):
        return None
    return int(words[0]), int(words[1])


def _number(text: str | Unread, otherwise: int) -> int:
    word = _text(text).strip()
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= 5 else otherwise


def _text(text: str | Unread) -> str:
    return text if isinstance(text, str) else ""


def _names(names: Sequence[str] | Unread) -> tuple[str, ...]:
    return () if isinstance(names, Unread) else tuple(names)

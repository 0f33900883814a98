"""What is known of a port on a machine with mandatory access control?

Times are in seconds since 1970. What could not be read has a reason in words, which is another thing than "nothing".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Of SELinux. UNKNOWN: it could not be asked."""

    ENFORCING = "enforcing"
    PERMISSIVE = "permissive"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """``configured``: what /etc/selinux/config has for the next boot; None where it says nothing that is understood.

    ``source`` and ``text``: who said what the mode is. ``reason``: why it is not known.
    """

    present: Mode
    configured: Mode | None = None
    policy: str = "targeted"
    source: str = ""
    text: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLabel:
    """A portcon entry: the ports ``low`` to ``high``, both included, are of this type.

    ``is_local``: this machine's operator added it (``semanage port -C``).
    """

    type: str
    protocol: str
    low: int
    high: int
    is_local: bool = False

    @property
    def ports(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The entries that cover the port, in the kernel's order. ``source``: who listed them, empty where nobody could.

    ``knows_policy``: those of the policy are among them; ``knows_local``: the operator's are told from the policy's.
    ``opaque``: lines that were not understood.
    """

    entries: tuple[PortLabel, ...] = ()
    source: str = ""
    knows_policy: bool = False
    knows_local: bool = False
    unread: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AvcDenial:
    """One "avc:  denied" record. ``time`` and ``port`` are None, words are empty, where the record has none.

    ``permissive``: it was only noted and let happen; None: a kernel that does not say. ``program``: the path, from the
    SYSCALL record of the same event. ``event``: as in ``audit(TIME:SERIAL)``. ``text``: the record, printable.
    """

    permissions: tuple[str, ...]
    protocol: str
    port: int | None
    time: float | None = None
    event: str = ""
    process: str = ""
    program: str = ""
    pid: int | None = None
    domain: str = ""
    target: str = ""
    permissive: bool | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppArmorDenial:
    """One record of AppArmor's. ``port`` is None where the kernel did not say which: most do not for bind and create.

    ``enforced``: False in complain mode, where it was let happen. ``capability``: its name where one was missing.
    """

    operation: str
    profile: str
    enforced: bool
    time: float | None = None
    event: str = ""
    process: str = ""
    pid: int | None = None
    family: str = ""
    socket_type: str = ""
    port: int | None = None
    capability: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Where denials were looked for. ``source`` is empty where no log could be read, ``unread`` says why.

    ``is_whole``: a denial would have been in it.
    """

    source: str = ""
    is_whole: bool = False
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Confined:
    """A process and what confines it: an SELinux ``domain``, or an AppArmor ``profile`` with its mode."""

    pid: int
    name: str = ""
    domain: str = ""
    profile: str = ""
    profile_mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindRule:
    """The policy allows a domain to bind ports of ``target``, a type or an attribute.

    ``condition``: the booleans it hangs on, as sesearch prints them; ``holds``: None where that is not known.
    """

    target: str
    condition: str = ""
    holds: bool | None = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRules:
    """What sesearch says of a domain: all it may bind, and by which rules the port's present label."""

    domain: str
    rules: tuple[BindRule, ...]
    for_label: tuple[BindRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppArmor:
    """``profile_files``: the names in /etc/apparmor.d, those of its folder ``local`` with that before them."""

    enabled: bool = False
    profiles: tuple[tuple[str, str], ...] = ()
    denials: tuple[AppArmorDenial, ...] = ()
    profile_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was read about one port. ``denials`` are of this port and protocol alone, the latest first.

    ``permissive_domains``: None where the policy could not be asked. ``chosen_by_kernel``: the ports that the kernel
    hands out itself, both ends included. ``privileged_below``: ports under it ask for CAP_NET_BIND_SERVICE.
    """

    port: int
    protocol: str
    modes: Modes
    labels: Labels = Labels()
    log: Log = Log()
    denials: tuple[AvcDenial, ...] = ()
    processes: tuple[Confined, ...] = ()
    domain_rules: tuple[DomainRules, ...] = ()
    permissive_domains: tuple[str, ...] | None = None
    apparmor: AppArmor = AppArmor()
    chosen_by_kernel: tuple[int, int] | None = None
    privileged_below: int = 1024

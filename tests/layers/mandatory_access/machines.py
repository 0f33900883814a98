"""Recorded machines of several kinds, and the port that is asked about on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pathprobe.core.layers import Layer
from pathprobe.layers.mandatory_access.facts import Facts
from pathprobe.layers.mandatory_access.judge import judge
from pathprobe.layers.mandatory_access.logs import AUSEARCH, DMESG, JOURNAL
from pathprobe.layers.mandatory_access.read import read
from pathprobe.layers.system import Recorded, Said, Unread

RECORDED = Path(__file__).parent / "recorded"
#: When the recordings were made, in seconds since 1970.
NOW = 1795000000.0

ausearch, journal, dmesg = " ".join(AUSEARCH), " ".join(JOURNAL), " ".join(DMESG)
STORE = "/var/lib/selinux/targeted/active"
DENIED = Unread(reason="/var/log/audit/audit.log: Permission denied")


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


def domain_of(name: str) -> str:
    return f"system_u:system_r:{name}:s0\x00"


def rhel(
    *,
    enforce: str = "1\n",
    log: str = "selinux/ausearch_raw_rhel9.txt",
    commands: dict[str, Any] | None = None,
    files: dict[str, Any] | None = None,
) -> Recorded:
    """RHEL 9 as root, without setools, nginx denied 9090."""
    return Recorded(
        commands={
            "getenforce": "Enforcing\n",
            "semanage port -l": recorded("selinux/semanage_port.txt"),
            "semanage permissive -l": "",
            ausearch: recorded(log),
        }
        | (commands or {}),
        files={
            "/sys/fs/selinux/enforce": enforce,
            "/etc/selinux/config": recorded("selinux/config.txt"),
            f"{STORE}/commit_num": "7",
            "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
            "/proc/sys/net/ipv4/ip_unprivileged_port_start": "1024\n",
        }
        | (files or {}),
    )


def rhel_as_a_user(*, setools: bool = False) -> Recorded:
    """The same without root: neither the store nor the audit log."""
    refused = "ValueError: SELinux policy is not managed or store cannot be accessed.\n"
    commands: dict[str, Any] = {
        "semanage port -l": Said(status=1, error=refused),
        "semanage port -l -C": Said(status=1, error=refused),
        ausearch: Said(status=1, error="Error opening /var/log/audit/audit.log (Permission denied)\n"),
        journal: Said(
            status=0,
            out="-- No entries --\n",
            error="Hint: You are currently not seeing messages from other users and the system.\n",
        ),
        dmesg: Said(status=1, error="dmesg: read kernel buffer failed: Operation not permitted\n"),
    }
    if setools:
        commands["seinfo --portcon=9090"] = recorded("selinux/seinfo_portcon_9090.txt")
    files: dict[str, Any] = {"/sys/fs/selinux/enforce": "1", "/var/log/audit/audit.log": DENIED}
    return Recorded(commands=commands, files=files | {f"{STORE}/ports.local": DENIED})


def ubuntu(log: str | None = "apparmor/journal_ubuntu.txt", files: dict[str, Any] | None = None) -> Recorded:
    """Ubuntu as root, without auditd."""
    return Recorded(
        commands={journal: recorded(log)} if log else {},
        files={
            "/sys/module/apparmor/parameters/enabled": "Y\n",
            "/sys/kernel/security/apparmor/profiles": recorded("apparmor/profiles.txt"),
            "/etc/apparmor.d/usr.sbin.nginx": "",
            "/etc/apparmor.d/usr.sbin.mysqld": "",
            "/etc/apparmor.d/local/usr.sbin.mysqld": "",
            "/etc/apparmor.d/mydaemon": "",
        }
        | (files or {}),
    )


DEBIAN_WITHOUT_EITHER = Recorded(files={"/sys/module/apparmor/parameters/enabled": "N\n"})


def facts_of(machine: Recorded, port: int = 9090, protocol: str = "tcp", **options: Any) -> Facts:
    return read(machine, port, protocol, **options)


def judged(machine: Recorded, port: int = 9090, protocol: str = "tcp", *, pids: Any = (), **options: Any) -> Layer:
    return judge(read(machine, port, protocol, pids=pids), now=NOW, **options)

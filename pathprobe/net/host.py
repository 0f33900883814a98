"""What do this host's kernel tables and interfaces say?

All of it is of the calling thread's network namespace, needs no privileges, and is None where it cannot be read.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from pathprobe.core.host_facts import HostFacts

_SIOCGIFFLAGS = 0x8913
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_IFREQ = struct.Struct("16sH22x")


def host_facts(*, interface: str | None, arrival: str | None, proc: Path = Path("/proc")) -> HostFacts:
    """The facts about the interface that packets leave by, and the one ``arrival`` that an answer came in by."""
    flags = _flags(interface) if interface else None
    tables = proc / "sys/net/netfilter"
    return HostFacts(
        interface=interface,
        up=None if flags is None else bool(flags & _IFF_UP),
        running=None if flags is None else bool(flags & _IFF_RUNNING),
        conntrack_count=_number(tables / "nf_conntrack_count"),
        conntrack_max=_number(tables / "nf_conntrack_max"),
        arrival=arrival,
        rp_filter=_rp_filter(proc, arrival) if arrival else None,
    )


def _rp_filter(proc: Path, interface: str) -> int | None:
    """The larger of all's and the interface's own counts (ip-sysctl.rst)."""
    values = [_number(proc / "sys/net/ipv4/conf" / name / "rp_filter") for name in ("all", interface)]
    return max((value for value in values if value is not None), default=None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _flags(interface: str) -> int | None:
    """SIOCGIFFLAGS (netdevice(7)): sysfs would show the namespace in which it was mounted."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, _IFREQ.pack(interface.encode(), 0))
        except OSError:
            return None
    return int(_IFREQ.unpack(answer)[1])

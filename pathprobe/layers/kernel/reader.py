"""Which settings and counters of the kernel decide about a packet to one of its ports?"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.layers.counters import CONNTRACK, NETSTAT, conntrack, tcp_extensions
from pathprobe.layers.kernel.facts import SETTINGS, Kernel
from pathprobe.layers.system import System, Unread, read_each

#: Below /proc/sys (Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst).
_GENERAL = (
    "net/core/somaxconn",
    "net/ipv4/ip_forward",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/ip_local_reserved_ports",
    "net/ipv4/ip_unprivileged_port_start",
    "net/ipv4/tcp_abort_on_overflow",
    "net/ipv4/tcp_max_syn_backlog",
    "net/ipv4/tcp_syncookies",
    "net/ipv4/tcp_tw_recycle",
    "net/ipv6/bindv6only",
    "net/ipv6/conf/all/forwarding",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_max",
)

#: Of each interface, and of "all".
_OF_INTERFACES = (
    "net/ipv4/conf/{}/forwarding",
    "net/ipv4/conf/{}/route_localnet",
    "net/ipv4/conf/{}/rp_filter",
    "net/ipv6/conf/{}/disable_ipv6",
)
_NO_INTERFACES = ("all", "default")


def read(system: System) -> Kernel:
    """Settings and counters of the network namespace that this process is in."""
    folders = system.names(f"{SETTINGS}net/ipv4/conf")
    names = () if isinstance(folders, Unread) else tuple(folders)
    settings: dict[str, str] = {}
    unseen = []
    paths = tuple(_paths(names))
    for path, text in zip(paths, read_each(system, [SETTINGS + path for path in paths]), strict=True):
        if not isinstance(text, Unread):
            settings[path] = text.strip()
        elif not text.is_missing:
            unseen.append(text.reason)
    return Kernel(
        settings=settings,
        interfaces=tuple(name for name in names if name not in _NO_INTERFACES),
        tcp=tcp_extensions(_text(system, NETSTAT)),
        conntrack=conntrack(_text(system, CONNTRACK)),
        unseen=tuple(unseen),
    )


def _paths(names: tuple[str, ...]) -> Iterator[str]:
    yield from _GENERAL
    for path in _OF_INTERFACES:
        yield from (path.format(name) for name in names)


def _text(system: System, path: str) -> str:
    text = system.read(path)
    return "" if isinstance(text, Unread) else text

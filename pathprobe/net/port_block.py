"""Which source ports, one beside the other, are ours alone?

As in ports.py, bound sockets keep them from other programs while the kernel's TCP still ends half-open connections with
a reset. Here they follow each other, so that a filter and a reader tell ours by two comparisons, and hold for every
address of this host.
"""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from pathlib import Path
from random import Random
from types import TracebackType

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_RANGE = "32768 60999"

#: Blocks that may be found in use before the host has no room for one.
_MOST_TRIES = 200


class PortBlock:
    """``count`` ephemeral ports in a row, for TCP and UDP, free again on exit. Raises OSError when there are none."""

    def __init__(self, count: int, rng: Random) -> None:
        self._family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        lowest, highest = map(int, _local_range().split())
        self._opened = ExitStack()
        for _ in range(_MOST_TRIES):
            start = rng.randint(lowest, max(lowest, highest - count))
            if self._reserve(range(start, start + count)):
                self.numbers = range(start, start + count)
                return
        raise OSError(errno.EADDRINUSE, f"no {count} neighbouring source ports are free: see {_RANGE}")

    def _reserve(self, ports: range) -> bool:
        with ExitStack() as opened:
            for port in ports:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    if not _bind(opened, self._family, kind, port):
                        return False
            self._opened = opened.pop_all()
        return True

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> PortBlock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bind(opened: ExitStack, family: int, kind: socket.SocketKind, port: int) -> bool:
    """For both IP versions at once, where there are two. UDP answers pile up here: the least memory is enough."""
    sock = opened.enter_context(socket.socket(family, kind))
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    try:
        sock.bind(("", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def _local_range() -> str:
    try:
        return _RANGE.read_text()
    except OSError:
        return _USUAL_RANGE

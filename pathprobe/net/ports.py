"""Which source ports are ours alone?

A bound TCP socket that never listens keeps a port from other programs, and the kernel still answers
a SYN-ACK to it with the RST that ends the half-open connection politely.
"""

from __future__ import annotations

import socket
from types import TracebackType


class ReservedPorts:
    """``count`` ephemeral ports on a source address, as the kernel hands them out; free again on exit."""

    def __init__(self, source: str, count: int, scope: int = 0) -> None:
        self._sockets: list[socket.socket] = []
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        address = (source, 0, 0, scope) if family == socket.AF_INET6 else (source, 0)
        try:
            for _ in range(count):
                sock = socket.socket(family, socket.SOCK_STREAM)
                self._sockets.append(sock)
                sock.bind(address)
        except OSError:
            self.close()
            raise
        self.numbers: tuple[int, ...] = tuple(sock.getsockname()[1] for sock in self._sockets)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def __enter__(self) -> ReservedPorts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

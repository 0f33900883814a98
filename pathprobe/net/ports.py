"""Which source ports are ours alone?

A bound socket keeps a port from other programs. A TCP one never listens, so the kernel still answers a SYN-ACK
with the RST that ends the half-open connection politely. A UDP one swallows the answers, which the kernel would
otherwise refuse with port unreachable.
"""

from __future__ import annotations

import errno
import socket
from types import TracebackType

#: Times that a port free for TCP may be taken for UDP before that is no accident.
_MOST_CLASHES = 100


class ReservedPorts:
    """``count`` ephemeral ports on a source address, as the kernel hands them out; free again on exit.

    With ``udp`` each is reserved for UDP as well: a diagnosis may use it for either. Raises OSError.
    """

    def __init__(self, source: str, count: int, scope: int = 0, *, udp: bool = False) -> None:
        self._sockets: list[socket.socket] = []
        self._family = socket.AF_INET6 if ":" in source else socket.AF_INET
        self._source, self._scope = source, scope
        numbers: list[int] = []
        try:
            for _ in range(count + _MOST_CLASHES):
                if len(numbers) < count and (number := self._reserve(udp=udp)):
                    numbers.append(number)
        except OSError:
            self.close()
            raise
        self.numbers: tuple[int, ...] = tuple(numbers)

    def _reserve(self, *, udp: bool) -> int | None:
        number = self._bind(socket.SOCK_STREAM, 0)
        if udp:
            try:
                self._bind(socket.SOCK_DGRAM, number)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return None
                raise
        return number

    def _bind(self, kind: socket.SocketKind, port: int) -> int:
        """The port that the socket got; 0 leaves the choice to the kernel."""
        sock = socket.socket(self._family, kind)
        self._sockets.append(sock)
        sock.bind((self._source, port, 0, self._scope) if self._family == socket.AF_INET6 else (self._source, port))
        return int(sock.getsockname()[1])

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def __enter__(self) -> ReservedPorts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

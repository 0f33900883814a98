"""How does a node of the lab come to have TCP servers that do more than complete a handshake?

Sockets that are opened inside the node's namespace, where they stay for life, and one thread that serves them,
one connection after the other.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress

from pathprobe.lab.recordings import TcpKind

#: Seconds after which a connection that asks nothing is given up.
_PATIENCE = 5.0
_LARGEST_REQUEST = 65536
_BODY = b"The quick brown fox jumps over the lazy dog.\n" * 12
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"


class TcpServices:
    """The TCP servers of one node, from construction, which has to happen in its namespace, until ``close``."""

    def __init__(self, family: int, services: Mapping[int, TcpKind]) -> None:
        """``family`` is 4 or 6, ``services`` port -> kind. Raises OSError for a port that is taken."""
        address_family = socket.AF_INET if family == 4 else socket.AF_INET6
        self._served: dict[int, tuple[TcpKind, socket.socket]] = {}
        self._connections: list[socket.socket] = []
        for port, kind in services.items():
            listener = socket.create_server(("", port), family=address_family)
            self._served[listener.fileno()] = (kind, listener)
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="tcp-services", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving; the ports are free and the thread is gone when this returns."""
        os.write(self._stop_writer, b"x")
        self._thread.join()
        os.close(self._stop_reader)
        os.close(self._stop_writer)
        for opened in (*self._connections, *(listener for _, listener in self._served.values())):
            opened.close()

    def _serve(self) -> None:
        poll = select.poll()
        for descriptor in (self._stop_reader, *self._served):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._stop_reader:
                    return
                self._accept(*self._served[descriptor])

    def _accept(self, kind: TcpKind, listener: socket.socket) -> None:
        # OSError: the client gave up, or a box reset it in our name.
        with suppress(OSError):
            connection, _ = listener.accept()
            if kind is TcpKind.SILENT:
                self._connections.append(connection)
                return
            connection.settimeout(_PATIENCE)
            with connection:
                connection.recv(_LARGEST_REQUEST)
                _answer(kind, connection)


def _answer(kind: TcpKind, connection: socket.socket) -> None:
    if kind is TcpKind.SENDS:
        connection.sendall(_HEAD % len(_BODY) + _BODY)
        return
    connection.sendall(_HEAD % len(_BODY) + _BODY[: len(_BODY) // 2])
    # Closing with a linger time of 0 sends a RST (tcp_close in net/ipv4/tcp.c). What was sent is out before it.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

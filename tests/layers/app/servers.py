"""Servers that say what a test wants them to, on 127.0.0.1; each has ended when its test has."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Script = Callable[[socket.socket], None]

#: Seconds after which a conversation of a failing test is given up.
PATIENCE = 20.0


@contextmanager
def serving(script: Script, listener: socket.socket | None = None) -> Iterator[int]:
    """The port; each connection is given to the script, one after the other, and closed behind it."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    ending = threading.Event()
    talking: list[socket.socket] = []

    def serve() -> None:
        while not ending.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            talking[:] = [connection]
            with connection, suppress(OSError):
                connection.settimeout(PATIENCE)
                script(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Wakes who waits in accept(), or for a client whose farewell was lost.
        ending.set()
        for waited_for in (listener, *talking):
            with suppress(OSError):
                waited_for.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def says(octets: bytes, *, first: bool = False) -> Script:
    """It says this to whatever it hears, or before it hears anything, and hangs up."""

    def script(connection: socket.socket) -> None:
        if not first:
            connection.recv(65536)
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        until_gone(connection)

    return script


def says_and_waits(octets: bytes) -> Script:
    """It says this, if anything, and nothing more until its client gives up."""

    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        if octets:
            connection.sendall(octets)
        until_gone(connection)

    return script


def until_gone(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def resets(connection: socket.socket) -> None:
    """It hears something, and closes with a linger time of 0, which sends a RST."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def in_tls(context: ssl.SSLContext, answer: bytes = b"") -> Script:
    """It shakes hands; then it answers the first thing that it hears."""

    def script(connection: socket.socket) -> None:
        with suppress(ssl.SSLError, OSError), context.wrap_socket(connection, server_side=True) as secured:
            if answer and secured.recv(65536):
                secured.sendall(answer)
            until_gone(secured)

    return script


def tls_context(chain: Path, key: Path, *, protocols: tuple[str, ...] = ()) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

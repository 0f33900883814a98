"""How does a node of the lab come to have UDP services?

Sockets that are opened inside the node's namespace, where they stay for life, and one thread that answers on
all of them. What is answered is in net.udp_services.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from pathprobe.net.scenario import Service, ServiceKind
from pathprobe.net.udp_services import answer, answering_port

#: The largest payload of a datagram, so that none is cut short.
_LARGEST_PAYLOAD = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    kind: ServiceKind
    asked: socket.socket
    answering: socket.socket


class UdpServices:
    """The UDP services of one node, from construction, which has to happen in its namespace, until ``close``."""

    def __init__(self, family: int, services: Iterable[Service]) -> None:
        """``family`` is 4 or 6. Raises OSError for a port that is taken."""
        self._sockets: list[socket.socket] = []
        self._served: dict[int, _Served] = {}
        try:
            for service in services:
                self._open(family, service)
        except OSError:
            self._close_sockets()
            raise
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="udp-services", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering; the ports are free and the thread is gone when this returns."""
        os.write(self._stop_writer, b"x")
        self._thread.join()
        os.close(self._stop_reader)
        os.close(self._stop_writer)
        self._close_sockets()

    def _open(self, family: int, service: Service) -> None:
        asked = self._bound(family, service.port)
        port = answering_port(service.kind, service.port)
        answering = asked if port == service.port else self._bound(family, port)
        self._served[asked.fileno()] = _Served(kind=service.kind, asked=asked, answering=answering)

    def _bound(self, family: int, port: int) -> socket.socket:
        opened = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        self._sockets.append(opened)
        opened.setblocking(False)
        opened.bind(("", port))
        return opened

    def _close_sockets(self) -> None:
        for opened in self._sockets:
            opened.close()

    def _serve(self) -> None:
        poll = select.poll()
        for descriptor in (self._stop_reader, *self._served):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._stop_reader:
                    return
                _serve_one(self._served[descriptor])


def _serve_one(served: _Served) -> None:
    # EAGAIN: the datagram's checksum was wrong. EPERM: a rule of this very node stops the answer.
    with suppress(OSError):
        request, client = served.asked.recvfrom(_LARGEST_PAYLOAD)
        reply = answer(served.kind, request)
        if reply is not None:
            served.answering.sendto(reply, client)

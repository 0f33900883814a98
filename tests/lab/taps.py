"""A capture at one node of a lab, as tcpdump would take it there."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from pathprobe.wire.pcapng import Writer

_ALL_PROTOCOLS, _IP = 0x0003, (0x0800, 0x86DD)
_OUTGOING = 4  # PACKET_OUTGOING, <linux/if_packet.h>


class Tap:
    """Writes what passes into a file for as long as the context lasts; make it inside the node's namespace.

    ``ahead``: nanoseconds that the node's clock is ahead of everybody else's.
    """

    def __init__(self, path: Path, *, ahead: int = 0) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.setblocking(False)
        self._path, self._ahead = path, ahead
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._record, name="tap", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._stop_writer, b"x")
        self._thread.join()
        for descriptor in (self._stop_reader, self._stop_writer):
            os.close(descriptor)
        self._socket.close()

    def _record(self) -> None:
        poll = select.poll()
        poll.register(self._stop_reader, select.POLLIN)
        poll.register(self._socket, select.POLLIN)
        with self._path.open("wb") as stream:
            writer = Writer(stream)
            writer.interface("any")
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if self._socket.fileno() in ready:
                    self._write_all(writer)
                elif self._stop_reader in ready:
                    return

    def _write_all(self, writer: Writer) -> None:
        while True:
            try:
                octets, (interface, protocol, kind, *_) = self._socket.recvfrom(65535)
            except BlockingIOError:
                return
            if protocol in _IP:
                writer.packet(time.time_ns() + self._ahead, octets, interface=interface, outgoing=kind == _OUTGOING)

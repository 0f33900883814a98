"""What arrives at a port of this machine, and what leaves in answer?

A packet socket on all interfaces, before netfilter for what comes in and behind it for what goes out: a packet that
arrives is seen whatever the rules do to it, and an answer that is seen has left.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pathprobe.net import bpf
from pathprobe.net.raw import open_receiver, stamp_ns

_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_PACKET_OUTGOING, _PACKET_OTHERHOST = 4, 3
_ARPHRD_LOOPBACK = 772
_STATISTICS = struct.Struct("=II")

#: Frames that are taken at once: all that the queue holds, so that what happened to them is told after them; and no
#: more, so that a flood does not keep the clock from being looked at.
_BURST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """An IP datagram on an interface. ``time_ns`` since 1970; ``looped``: this machine sent it to itself."""

    time_ns: int
    octets: bytes
    interface: str
    outgoing: bool
    looped: bool


class Doorstep:
    """What concerns one port, from now on. Raises PermissionError without CAP_NET_RAW."""

    def __init__(self, port: int) -> None:
        self._lost = 0
        self._socket = open_receiver(bpf.arrivals_program(port))

    def fileno(self) -> int:
        """Readable when frames are there."""
        return self._socket.fileno()

    def receive(self) -> Iterator[Passing]:
        """The frames that are there now, oldest first, up to a burst."""
        for _ in range(_BURST):
            try:
                octets, ancillary, _, sender = self._socket.recvmsg(65535, 256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    continue
                raise
            interface, _, kind, hardware, *_ = sender
            outgoing, looped = kind == _PACKET_OUTGOING, hardware == _ARPHRD_LOOPBACK
            if kind == _PACKET_OTHERHOST or (outgoing and looped):
                continue  # not meant for this machine; loopback shows every packet twice, going out and coming in
            yield Passing(
                time_ns=stamp_ns(ancillary), octets=octets, interface=interface, outgoing=outgoing, looped=looped
            )

    @property
    def lost(self) -> int:
        """Frames that the socket's queue dropped (PACKET_STATISTICS counts since the last look)."""
        _, dropped = _STATISTICS.unpack(self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size))
        self._lost += dropped
        return self._lost

    def close(self) -> None:
        self._socket.close()

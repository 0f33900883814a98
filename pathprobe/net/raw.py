"""How do our own packets get out, and how do the answers come in?

Out: a raw IP socket with our own header (IP_HDRINCL, IPV6_HDRINCL); the kernel routes and resolves
neighbours, whatever the link is. In: one packet socket of type SOCK_DGRAM, which hands over the IP
packet whatever the link header was, behind a BPF filter, with kernel time stamps. It sees what
comes in before netfilter, and what goes out after netfilter and egress rules: what it does not
see did not leave (dev_queue_xmit_nit in net/core/dev.c).
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pathprobe.net import bpf
from pathprobe.net.base import Frame

_IPV6_HDRINCL = 36
_SO_TIMESTAMPNS = 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_PACKET_OUTGOING = 4
#: Send up to the interface's MTU, whatever path MTU this host has learnt for the target (ip(7)): without it the
#: kernel refuses larger packets with EMSGSIZE for ten minutes after one "fragmentation needed".
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE = 10, 23, 3
_ARPHRD_LOOPBACK = 772
_TIMESPEC = struct.Struct("=qq")
_STATISTICS = struct.Struct("=II")

#: Seconds by which the wall clock may seem to move against the monotonic one before it is believed to have
#: been set: less is this process being preempted between two readings.
_CLOCK_SET = 0.25

#: Room for a burst of answers while Python is busy; the kernel caps it at rmem_max unless we may force it.
_RECEIVE_BUFFER = 4 << 20
_SO_RCVBUFFORCE = 33


def require_privileges() -> None:
    """Raises PermissionError where RawNetwork would: without CAP_NET_RAW."""
    socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()


class RawNetwork:
    """The live network for one target, or for many. Raises PermissionError without CAP_NET_RAW."""

    def __init__(
        self, target: str, *, interface: str | None = None, scope: int = 0, filter_program: bytes | None = None
    ) -> None:
        """``filter_program``: what is taken; None for what concerns the one target."""
        self.epoch = time.time()
        self._started = time.monotonic()
        self._shift = self.epoch
        self._lost = 0
        self._address = (target, 0, 0, scope) if ":" in target else (target, 0)
        self._out = _open_sender(target, interface)
        try:
            self._in = open_receiver(filter_program or bpf.program(target))
        except OSError:
            self._out.close()
            raise

    @property
    def now(self) -> float:
        """Seconds since the network was opened, on the monotonic clock."""
        return time.monotonic() - self._started

    def fileno(self) -> int:
        """Readable when frames are there."""
        return self._in.fileno()

    def send(self, octets: bytes) -> str | None:
        return self._send(octets, self._address)

    def send_to(self, address: str, octets: bytes) -> str | None:
        """The same to another target of the same family."""
        return self._send(octets, (address, *self._address[1:]))

    def _send(self, octets: bytes, address: tuple[Any, ...]) -> str | None:
        try:
            self._out.sendto(octets, address)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, f"E{error.errno}")
        return None

    def receive(self) -> Iterator[Frame]:
        self._follow_the_clock()
        while True:
            try:
                octets, ancillary, _, sender = self._in.recvmsg(65535, 256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    continue
                raise
            interface, _, packet_type, hardware, *_ = sender
            outgoing = packet_type == _PACKET_OUTGOING
            if outgoing and hardware == _ARPHRD_LOOPBACK:
                continue  # loopback shows every packet twice: going out and coming in
            time_ = stamp_ns(ancillary) / 1e9 - self._shift
            yield Frame(time=time_, octets=octets, interface=interface, outgoing=outgoing)

    def _follow_the_clock(self) -> None:
        """The kernel stamps with the wall clock, and somebody may set that during the run."""
        shift = time.time() - self.now
        if abs(shift - self._shift) > _CLOCK_SET:
            self._shift = shift

    @property
    def lost(self) -> int:
        """Frames that the socket's queue dropped (PACKET_STATISTICS counts since the last look)."""
        _, dropped = _STATISTICS.unpack(self._in.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size))
        self._lost += dropped
        return self._lost

    def close(self) -> None:
        self._out.close()
        self._in.close()


def _open_sender(target: str, interface: str | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with _closed_on_failure(sock):
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
        if interface is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.setblocking(False)
    return sock


def open_receiver(filter_program: bytes) -> socket.socket:
    """A packet socket on all interfaces, with time stamps, behind a filter. Raises PermissionError."""
    # With protocol 0 nothing arrives before bind(), so the filter misses nothing and lets nothing slip in.
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    with _closed_on_failure(sock):
        bpf.attach(sock, filter_program)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        bpf.bind_to_all_interfaces(sock)
    return sock


@contextmanager
def _closed_on_failure(sock: socket.socket) -> Iterator[None]:
    try:
        yield
    except OSError:
        sock.close()
        raise


def stamp_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """When the kernel took the frame, in nanoseconds since 1970; now, where it did not say."""
    for level, kind, octets in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(octets)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()

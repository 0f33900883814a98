"""How do very many of our own packets get out at once?

Through a raw IP socket, as single ones do (raw.py): the kernel routes and resolves neighbours. Here up to a batch of
them in one call, sendmmsg(2), from one piece of memory that holds a copy of the template for each.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import struct

#: Probes in one call. More would not be cheaper (the call itself is a hundredth of its packets), and on a virtual link
#: the answers to the first come in before the last went out.
BATCH = 64

_IPV6_HDRINCL = 36
#: Without it the kernel keeps quiet when the device's queue drops what we send (raw_send_hdrinc in net/ipv4/raw.c).
_IP_RECVERR, _IPV6_RECVERR = 11, 25

#: The kernel takes no more for the moment: our socket's buffer is full, which is no loss.
BUSY = frozenset({"EAGAIN", "EINTR"})

#: Or the device's queue, or the table of neighbours: we are faster than this host can be.
OVERRUN = frozenset({"ENOBUFS", "ENOMEM"})

#: Seconds until a full queue is tried again: some hundred packets on a slow link.
FULL_QUEUE = 0.002

_ADDRESS_SIZE = {socket.AF_INET: 16, socket.AF_INET6: 28}
_ADDRESS_AT = {socket.AF_INET: 4, socket.AF_INET6: 8}


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_Iovec)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("message", _Msghdr), ("sent", ctypes.c_uint))


def open_sender(family: socket.AddressFamily, interface: str | None) -> socket.socket:
    """A raw socket for whole datagrams. Raises PermissionError without CAP_NET_RAW, OSError for a bad interface."""
    sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        if interface is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class Outbox:
    """A batch of datagrams that are all copies of one template; ``buffer`` holds them, ``stride`` octets apart."""

    def __init__(self, sock: socket.socket, template: bytes, scope: int = 0) -> None:
        """``scope``: the interface number, for link-local destinations."""
        self._sock = sock
        self._size = _ADDRESS_SIZE[sock.family]
        self._address_at = _ADDRESS_AT[sock.family]
        self.stride = len(template)
        self.buffer = bytearray(template * BATCH)
        self._names = bytearray(_empty_name(sock.family, scope) * BATCH)
        self._headers = self._point_at_everything()
        self._sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg

    def _point_at_everything(self) -> ctypes.Array[_Mmsghdr]:
        buffer = ctypes.addressof((ctypes.c_char * len(self.buffer)).from_buffer(self.buffer))
        names = ctypes.addressof((ctypes.c_char * len(self._names)).from_buffer(self._names))
        self._vectors = (_Iovec * BATCH)()
        headers = (_Mmsghdr * BATCH)()
        for slot, (vector, header) in enumerate(zip(self._vectors, headers, strict=True)):
            vector.base, vector.length = buffer + slot * self.stride, self.stride
            message = header.message
            message.name, message.name_length = names + slot * self._size, self._size
            message.vectors, message.vector_count = ctypes.pointer(vector), 1
        return headers

    def address(self, slot: int, destination: bytes) -> None:
        """Where the datagram in a slot goes: four or sixteen octets."""
        at = slot * self._size + self._address_at
        self._names[at : at + len(destination)] = destination

    def send(self, first: int, count: int) -> tuple[int, str | None]:
        """Send ``count`` datagrams from slot ``first`` on: how many went, and why the next one did not.

        The reason is the errno's name; None when all went, or some and the kernel has not said why no more.
        """
        sent = self._sendmmsg(self._sock.fileno(), ctypes.byref(self._headers[first]), count, socket.MSG_DONTWAIT)
        if sent >= 0:
            return sent, None
        number = ctypes.get_errno()
        return 0, errno.errorcode.get(number, os.strerror(number))

    def wait(self) -> None:
        """Give our socket's buffer a moment to empty."""
        select.select([], [self._sock], [], FULL_QUEUE)


def _empty_name(family: socket.AddressFamily, scope: int) -> bytes:
    if family == socket.AF_INET:
        return struct.pack("=HH12x", family, 0)
    return struct.pack("=HHI16xI", family, 0, 0, scope)

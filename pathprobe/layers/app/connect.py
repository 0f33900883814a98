"""Which addresses has the name, and to which of them does a connection come about?

Each address in the resolver's order (RFC 6724), as a plain client tries them. Errors of the network are facts here;
only what leaves nothing to ask raises.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pathprobe.layers.app.facts import Attempt, Ended, How, KernelView
from pathprobe.layers.app.target import Question, is_address

_T = TypeVar("_T")

#: Octets asked for at once, and kept of the beginning of what a peer sends.
_CHUNK, _HEAD = 16384, 4096

#: More addresses of one name are not tried.
_MOST_TRIED = 8

_HOW = {
    errno.ECONNREFUSED: How.REFUSED,
    errno.ETIMEDOUT: How.TIMEOUT,
    errno.ECONNRESET: How.RESET,
    errno.EPIPE: How.RESET,
    errno.ECONNABORTED: How.RESET,
    errno.EHOSTUNREACH: How.UNREACHABLE,
    errno.ENETUNREACH: How.UNREACHABLE,
    errno.EADDRNOTAVAIL: How.UNREACHABLE,
    errno.EAFNOSUPPORT: How.UNREACHABLE,
    errno.EPERM: How.DENIED,
    errno.EACCES: How.DENIED,
}

#: linux/tcp.h, struct tcp_info: eight octets of small fields, then these numbers of four octets.
_INFO_SIZE = 256
_INFO_NUMBERS = struct.Struct("@8x24I")
_SENT_MSS, _UNACKNOWLEDGED, _PATH_MTU, _TOTAL_RETRANS = 2, 4, 13, 23
#: tcpi_rcv_ooopack, since Linux 5.4.
_OUT_OF_ORDER = struct.Struct("@224xI")


class CannotAsk(Exception):
    """There is nothing to ask: the name has no address, a file cannot be read. The caller's exit status is 1."""


def resolve(question: Question) -> tuple[str, ...]:
    """The addresses to try, each once. Raises CannotAsk with a line that says why."""
    host = question.connect_to or question.host
    wanted = {4: socket.AF_INET, 6: socket.AF_INET6, None: socket.AF_UNSPEC}[question.family]
    if is_address(host) and question.family not in (None, ipaddress.ip_address(host.partition("%")[0]).version):
        raise CannotAsk(f"{host} is no IPv{question.family} address and -{question.family} was asked for")
    try:
        found = socket.getaddrinfo(host, question.port, wanted, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "no valid name"
        raise CannotAsk(f"cannot resolve {host}: {reason}; check the name, or give --connect-to ADDRESS") from None
    addresses = (_literal(one[4]) for one in found)
    return tuple(dict.fromkeys(addresses))[:_MOST_TRIED]


def _literal(sockaddr: tuple[object, ...]) -> str:
    """With the zone of a link-local address."""
    address = str(sockaddr[0])
    scope = sockaddr[3] if len(sockaddr) > 3 else 0
    return f"{address}%{scope}" if scope and "%" not in address else address


def connect(addresses: Sequence[str], port: int, timeout: float) -> tuple[Stream | None, tuple[Attempt, ...]]:
    """The first connection that comes about, and what became of each that was tried."""
    attempts: list[Attempt] = []
    for address in addresses:
        begun = time.monotonic()
        opened = _open(address, port, timeout)
        ended = opened if isinstance(opened, Ended) else None
        attempts.append(Attempt(address=address, seconds=time.monotonic() - begun, ended=ended))
        if not isinstance(opened, Ended):
            return Stream(opened), tuple(attempts)
    return None, tuple(attempts)


def _open(address: str, port: int, timeout: float) -> socket.socket | Ended:
    try:
        return socket.create_connection((address, port), timeout)
    except OSError as error:
        return end_of(error)


def end_of(error: OSError) -> Ended:
    """An error of a socket as a fact."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return Ended(how=How.TIMEOUT)
    how = _HOW.get(error.errno or 0, How.OTHER)
    return Ended(how=how, detail=os.strerror(error.errno) if error.errno else str(error))


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a step is given up, on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds; never 0, which a socket takes for "do not wait at all"."""
        return max(self.at - time.monotonic(), 1e-3)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.at


class Stream:
    """A TCP connection whose errors are facts. ``head``: the beginning of what came; the numbers count octets."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self.head = b""
        self.sent = self.received = 0

    def send(self, octets: bytes, deadline: Deadline) -> Ended | None:
        def send() -> None:
            self._socket.sendall(octets)

        ended = self._try(send, deadline)
        if not isinstance(ended, Ended):
            self.sent += len(octets)
            return None
        return ended

    def receive(self, deadline: Deadline) -> bytes | Ended:
        """What came, at least one octet, or how it ended."""
        if deadline.is_over:
            return Ended(how=How.TIMEOUT)
        octets = self._try(lambda: self._socket.recv(_CHUNK), deadline)
        if isinstance(octets, Ended):
            return octets
        if not octets:
            return Ended(how=How.CLOSED)
        self.received += len(octets)
        if len(self.head) < _HEAD:
            self.head += octets[: _HEAD - len(self.head)]
        return octets

    def kernel(self) -> KernelView | None:
        """What the kernel knows of it by now; None where it does not tell."""
        try:
            octets = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
        except OSError:
            return None
        if len(octets) < _INFO_NUMBERS.size:
            return None
        numbers = _INFO_NUMBERS.unpack_from(octets)
        is_told = len(octets) >= _OUT_OF_ORDER.size
        return KernelView(
            unacknowledged=numbers[_UNACKNOWLEDGED],
            sent_again=numbers[_TOTAL_RETRANS],
            out_of_order=_OUT_OF_ORDER.unpack_from(octets)[0] if is_told else 0,
            path_mtu=numbers[_PATH_MTU],
            largest_sent=numbers[_SENT_MSS],
        )

    def close(self) -> None:
        self._socket.close()

    def _try(self, call: Callable[[], _T], deadline: Deadline) -> _T | Ended:
        try:
            self._socket.settimeout(deadline.left)
            return call()
        except OSError as error:
            return end_of(error)

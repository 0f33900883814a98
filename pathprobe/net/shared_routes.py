"""How would the kernel send to each of very many addresses?

It is asked once for a whole /24, or /64, unless one of its own routes (or addresses, or broadcast addresses: they are
routes of the table "local") is narrower than that: there each address is asked about. A policy rule (ip-rule(8)) for a
narrower range of destinations is not looked for; the kernel follows it all the same, from the network's source address.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from pathprobe.net.routes import NoRoute, NotOneHost, Route, lookup

_RTM_NEWROUTE, _RTM_GETROUTE, _NLMSG_DONE, _NLMSG_ERROR = 24, 26, 3, 2
_REQUEST_ALL = 0x301
_RTA_DST = 1
_HEADER, _ROUTE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBBBBBI"), struct.Struct("=HH")
_BITS = {4: 32, 6: 128}
_NETWORK_BITS = {4: 24, 6: 64}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Router:
    """Asks the kernel, for one source address and interface, either of which may be left to the kernel."""

    def __init__(self, *, source: str | None = None, interface: str | None = None) -> None:
        self._source, self._interface = source, interface
        self._divided: dict[int, set[int]] = {}

    def is_shared(self, address: str, number: int) -> bool:
        """Whether all of its /24 or /64 is sent as this address is; ``number`` is the address too."""
        version = 6 if ":" in address else 4
        network = number >> (_BITS[version] - _NETWORK_BITS[version])
        if version not in self._divided:
            self._divided[version] = set(_divided_networks(version))
        return network not in self._divided[version]

    def lookup(self, address: str) -> Route | str:
        """The route to an address, or the errno's name when there is none; OSError when there is no such interface."""
        try:
            return lookup(address, source=self._source, interface=self._interface)
        except NoRoute as refused:
            return refused.error
        except NotOneHost:
            return "EACCES"  # what send() says of a broadcast address


def _divided_networks(version: int) -> Iterator[int]:
    """Networks in which the kernel has routes for less than the whole."""
    for bits, destination in _destinations(version):
        if bits > _NETWORK_BITS[version]:
            number = int.from_bytes(destination, "big")
            yield number >> (_BITS[version] - _NETWORK_BITS[version])


def _destinations(version: int) -> Iterator[tuple[int, bytes]]:
    body = _ROUTE.pack(_FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.sendto(_HEADER.pack(_HEADER.size + len(body), _RTM_GETROUTE, _REQUEST_ALL, 1, 0) + body, (0, 0))
        while True:
            answer = netlink.recv(1 << 17)
            at = 0
            while at < len(answer):
                length, kind, _, _, _ = _HEADER.unpack_from(answer, at)
                if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                    return
                if kind == _RTM_NEWROUTE:
                    yield _destination(answer, at + _HEADER.size, at + length)
                at += length + (-length % 4)


def _destination(answer: bytes, at: int, end: int) -> tuple[int, bytes]:
    bits = _ROUTE.unpack_from(answer, at)[1]
    at += _ROUTE.size
    while at + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(answer, at)
        if kind == _RTA_DST:
            return bits, answer[at + _ATTRIBUTE.size : at + length]
        at += length + (-length % 4)
    return bits, b""

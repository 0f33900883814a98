"""How would the kernel itself send to this address?

Asked over rtnetlink (RTM_GETROUTE, linux/rtnetlink.h), if wanted with protocol and port, so that policy
rules on them count too. Needs no privileges. Scapy's own routing table is not asked: it knows neither
policy rules nor namespaces made later.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_RTM_NEWROUTE, _RTM_GETROUTE, _NLMSG_ERROR = 24, 26, 2
_NLM_F_REQUEST = 1
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC = 1, 2, 4, 5, 7
_RTA_VIA, _RTA_IP_PROTO, _RTA_DPORT = 18, 27, 29
_LOCAL = 2
#: Broadcast and multicast: nobody in particular.
_NOT_ONE_HOST = (3, 5)
#: Route types that refuse: what send() would say (net/ipv4/fib_semantics.c, fib_props).
_REFUSING_TYPES = {6: errno.EINVAL, 7: errno.EHOSTUNREACH, 8: errno.EACCES}

_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The kernel's choice. ``gateway`` None: the target is a neighbour. ``local``: it is this host."""

    interface: str
    source: str
    gateway: str | None
    local: bool
    mtu: int


class NoRoute(Exception):
    """The kernel would not send there; ``error`` is the errno's name."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class NotOneHost(Exception):
    """The kernel takes the address for a broadcast or multicast address."""


def lookup(
    target: str,
    *,
    protocol: int | None = None,
    port: int | None = None,
    source: str | None = None,
    interface: str | None = None,
) -> Route:
    """The route for one packet. Raises NoRoute, NotOneHost, or OSError when the interface does not exist."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    request = _request(family, target, protocol, port, source, interface)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.sendto(request, (0, 0))
        answer = netlink.recv(65536)
    return _read(answer, family, target, source)


def _request(
    family: int, target: str, protocol: int | None, port: int | None, source: str | None, interface: str | None
) -> bytes:
    bits = 128 if family == socket.AF_INET6 else 32
    attributes = [_attribute(_RTA_DST, socket.inet_pton(family, target))]
    if protocol is not None:
        attributes.append(_attribute(_RTA_IP_PROTO, bytes([protocol])))
    if port is not None:
        attributes.append(_attribute(_RTA_DPORT, struct.pack("!H", port)))
    if source is not None:
        attributes.append(_attribute(_RTA_SRC, socket.inet_pton(family, source)))
    if interface is not None:
        attributes.append(_attribute(_RTA_OIF, struct.pack("=I", socket.if_nametoindex(interface))))
    body = _ROUTE.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, 0) + b"".join(attributes)
    return _HEADER.pack(_HEADER.size + len(body), _RTM_GETROUTE, _NLM_F_REQUEST, 1, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    octets = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
    return octets + bytes(-len(octets) % 4)


def _read(answer: bytes, family: int, target: str, source: str | None) -> Route:
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind == _NLMSG_ERROR:
        (negative,) = struct.unpack_from("=i", answer, _HEADER.size)
        raise NoRoute(_errno_name(-negative))
    route_type = _ROUTE.unpack_from(answer, _HEADER.size)[7]
    if route_type in _REFUSING_TYPES:
        raise NoRoute(_errno_name(_REFUSING_TYPES[route_type]))
    if route_type in _NOT_ONE_HOST:
        raise NotOneHost(target)
    attributes = dict(_attributes(answer, _HEADER.size + _ROUTE.size))
    (index,) = struct.unpack("=I", attributes[_RTA_OIF])
    interface = socket.if_indextoname(index)
    chosen = attributes.get(_RTA_PREFSRC)
    return Route(
        interface=interface,
        source=source or (socket.inet_ntop(family, chosen) if chosen else _any_address(family)),
        gateway=_gateway(attributes, family),
        local=route_type == _LOCAL,
        mtu=_mtu(interface),
    )


def _attributes(answer: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset + _ATTRIBUTE.size <= len(answer):
        length, kind = _ATTRIBUTE.unpack_from(answer, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind, answer[offset + _ATTRIBUTE.size : offset + length]
        offset += length + (-length % 4)


def _gateway(attributes: dict[int, bytes], family: int) -> str | None:
    if _RTA_GATEWAY in attributes:
        return socket.inet_ntop(family, attributes[_RTA_GATEWAY])
    via = attributes.get(_RTA_VIA)  # struct rtvia: family, then the address; an IPv4 route by an IPv6 router
    return socket.inet_ntop(socket.AF_INET6, via[2:18]) if via and len(via) >= 18 else None


def _any_address(family: int) -> str:
    return "::" if family == socket.AF_INET6 else "0.0.0.0"


def _mtu(interface: str) -> int:
    """SIOCGIFMTU; the Ethernet default where the interface went away meanwhile."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(sock, 0x8921, struct.pack("16si12x", interface.encode(), 0))
        except OSError:
            return 1500
    return int(struct.unpack_from("=i", answer, 16)[0])


def _errno_name(number: int) -> str:
    return errno.errorcode.get(number, os.strerror(number))

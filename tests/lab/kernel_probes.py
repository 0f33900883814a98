"""What does a node's own kernel find out about a network?

connect() and ping sockets with a TTL and an error queue (ip(7), IP_RECVERR). So the lab is judged
without the code that it is there to judge.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pathprobe.net.graph import Graph
from pathprobe.net.scenario import Expectation, Scenario

#: Seconds. Nothing here takes long; it only bounds the wait of a failing test.
PATIENCE = 5.0
FULL_TTL, CLOSED_PORT = 64, 9

# <linux/in.h>, <linux/in6.h>; Python 3.11 does not name them.
_RECEIVE_ERRORS = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_TTL = {
    4: (socket.IPPROTO_IP, socket.IP_TTL),
    6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_ECHO = {4: (socket.IPPROTO_ICMP, 8), 6: (socket.IPPROTO_ICMPV6, 128)}


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error that the kernel queued for a socket."""

    type: int
    code: int
    source: str


Answer = IcmpError | str


def chain(**fields: Any) -> Scenario:
    return replace(Scenario(name="x", summary="", family=4, expect=Expectation(state="open")), **fields)


@contextmanager
def probe(scenario: Scenario, ttl: int, port: int | None, source_port: int = 0) -> Iterator[socket.socket]:
    """A SYN to ``port``, or an echo request when it is None, on its way with this TTL."""
    family = scenario.family
    protocol, echo_request = _ECHO[family]
    kind, number = (socket.SOCK_DGRAM, protocol) if port is None else (socket.SOCK_STREAM, 0)
    with socket.socket(FAMILY[family], kind, number) as asking:
        asking.setblocking(False)
        asking.setsockopt(*_RECEIVE_ERRORS[family], 1)
        asking.setsockopt(*_TTL[family], ttl)
        asking.bind(("", source_port))
        if port is None:
            asking.sendto(struct.pack("!BBHHH", echo_request, 0, 0, 0, 1), (scenario.destination_address, 0))
        else:
            status = asking.connect_ex((scenario.destination_address, port))
            assert status in (0, errno.EINPROGRESS), errno.errorcode[status]
        yield asking


def has_answer(asking: socket.socket, patience: float) -> bool:
    poll = select.poll()
    poll.register(asking, select.POLLOUT if asking.type == socket.SOCK_STREAM else select.POLLIN)
    return bool(poll.poll(patience * 1000))


def read_answer(asking: socket.socket) -> Answer:
    """syn-ack, reset, echo-reply, or the ICMP error."""
    try:
        _, ancillary, _, _ = asking.recvmsg(1024, 1024, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        if asking.type != socket.SOCK_STREAM:
            return "echo-reply"
        status = asking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # ECONNRESET: the handshake was a proxy's, which then learnt that nothing listens behind it.
        return {0: "syn-ack", errno.ECONNRESET: "syn-ack", errno.ECONNREFUSED: "reset"}[status]
    # struct sock_extended_err, and the sockaddr of who sent the error (ip(7)).
    extended = next(content for level, kind, content in ancillary if (level, kind) in _RECEIVE_ERRORS.values())
    _, _, type_, code = struct.unpack("=IBBB", extended[:7])
    offender = extended[16:]
    version = 4 if struct.unpack("=H", offender[:2])[0] == socket.AF_INET else 6
    address = offender[4:8] if version == 4 else offender[8:24]
    return IcmpError(type_, code, socket.inet_ntop(FAMILY[version], address))


def answer(scenario: Scenario, ttl: int = FULL_TTL, port: int | None = 8080, source_port: int = 0) -> Answer:
    """What came; ``source_port`` is an echo's identifier, 0 for any."""
    with probe(scenario, ttl, port, source_port) as asking:
        assert has_answer(asking, PATIENCE), f"nothing came for port {port} at TTL {ttl}"
        return read_answer(asking)


def is_silent(scenario: Scenario, ttl: int, *, control_ttl: int = FULL_TTL) -> bool:
    """No answer, although one came to a control that was sent later: nothing has to be waited for."""
    with probe(scenario, ttl, scenario.port) as asking:
        answer(scenario, control_ttl, CLOSED_PORT)
        return not has_answer(asking, 0)


def expiries_at(scenario: Scenario, ttl: int) -> set[IcmpError]:
    """What the hop says of a TTL that ends there, whichever of its twins is asked."""
    one = expired_at(scenario, ttl)
    return {replace(one, source=address) for address in Graph(scenario).hop_addresses(ttl)}


def expired_at(scenario: Scenario, ttl: int) -> IcmpError:
    return IcmpError({4: 11, 6: 3}[scenario.family], 0, scenario.hop_address(ttl))


@contextmanager
def raw_tcp(family: int) -> Iterator[socket.socket]:
    with socket.socket(FAMILY[family], socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.settimeout(PATIENCE)
        yield raw

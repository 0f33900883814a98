"""Namespaces do to packets what their scenario says, and leave nothing behind.

The probes here are the kernel's own: connect() and ping sockets with a TTL and an error queue
(ip(7), IP_RECVERR). So the lab is judged without the code that it is there to judge.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pathprobe.core.icmp import Meaning, explain
from pathprobe.lab import catalogue, netns
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Expectation, Hook, Match, Route, Rule, Scenario

pytestmark = pytest.mark.lab

#: Before the fixture below makes anybody root of a user namespace.
STARTED_AS_ROOT = os.geteuid() == 0

#: Seconds. Nothing here takes long; it only bounds the wait of a failing test.
PATIENCE = 5.0
FULL_TTL, CLOSED_PORT = 64, 9

# <linux/in.h>, <linux/in6.h>; Python 3.11 does not name them.
_RECEIVE_ERRORS = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_TTL = {
    4: (socket.IPPROTO_IP, socket.IP_TTL),
    6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_ECHO = {4: (socket.IPPROTO_ICMP, 8), 6: (socket.IPPROTO_ICMPV6, 128)}


@pytest.fixture(scope="module", autouse=True)
def private_namespaces() -> None:
    try:
        netns.privatise()
    except netns.LabUnavailable as reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(reason))


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error that the kernel queued for a socket."""

    type: int
    code: int
    source: str


Answer = IcmpError | str


def neighbourhood(*, family: int = 4, **faults: tuple[Rule, ...] | tuple[Route, ...]) -> Scenario:
    return Scenario(name="x", summary="", family=family, expect=Expectation(state="open"), **faults)  # type: ignore[arg-type]


@contextmanager
def probe(scenario: Scenario, ttl: int, port: int | None) -> Iterator[socket.socket]:
    """A SYN to ``port``, or an echo request when it is None, on its way with this TTL."""
    family = scenario.family
    protocol, echo_request = _ECHO[family]
    kind, number = (socket.SOCK_DGRAM, protocol) if port is None else (socket.SOCK_STREAM, 0)
    with socket.socket(_FAMILY[family], kind, number) as asking:
        asking.setblocking(False)
        asking.setsockopt(*_RECEIVE_ERRORS[family], 1)
        asking.setsockopt(*_TTL[family], ttl)
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
        return {0: "syn-ack", errno.ECONNREFUSED: "reset"}[status]
    # struct sock_extended_err, and the sockaddr of who sent the error (ip(7)).
    extended = next(content for level, kind, content in ancillary if (level, kind) in _RECEIVE_ERRORS.values())
    _, _, type_, code = struct.unpack("=IBBB", extended[:7])
    offender = extended[16:]
    version = 4 if struct.unpack("=H", offender[:2])[0] == socket.AF_INET else 6
    address = offender[4:8] if version == 4 else offender[8:24]
    return IcmpError(type_, code, socket.inet_ntop(_FAMILY[version], address))


def answer(scenario: Scenario, ttl: int = FULL_TTL, port: int | None = 8080) -> Answer:
    with probe(scenario, ttl, port) as asking:
        assert has_answer(asking, PATIENCE), f"nothing came for port {port} at TTL {ttl}"
        return read_answer(asking)


def is_silent(scenario: Scenario, ttl: int, *, control_ttl: int = FULL_TTL) -> bool:
    """No answer, although one came to a control that was sent later: nothing has to be waited for."""
    with probe(scenario, ttl, scenario.port) as asking:
        answer(scenario, control_ttl, CLOSED_PORT)
        return not has_answer(asking, 0)


def expired_at(scenario: Scenario, ttl: int) -> IcmpError:
    return IcmpError({4: 11, 6: 3}[scenario.family], 0, scenario.hop_address(ttl))


def catalogued(*mechanisms: str, protocol: str | None = None) -> list[str]:
    """The catalogue's scenarios with a path and an expected mechanism; a host that is down takes seconds, and its own test."""
    scenarios = [catalogue.load(name) for name in catalogue.names()]
    return [s.name for s in scenarios if s.expect.mechanism in mechanisms and s.target_up and s.protocol in (protocol or s.protocol)]


def settled(name: str) -> list[str]:
    return [name]

"""UDP services of a node answer in its namespace, and are gone when they are closed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from pathprobe.lab import catalogue
from pathprobe.lab.network import Lab
from pathprobe.lab.services import UdpServices
from pathprobe.net.scenario import Service, ServiceKind

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host", "own_namespace")]

FAMILIES = pytest.mark.parametrize("family", [4, 6])

#: Seconds. Nothing here takes long; it only bounds the wait of a failing test.
PATIENCE = 5.0

_LOOPBACK = {4: (socket.AF_INET, "127.0.0.1"), 6: (socket.AF_INET6, "::1")}


#: Free, as is all else in a namespace of our own.
PORT, OTHER = 5353, 5363


@pytest.fixture
def own_namespace() -> Iterator[None]:
    with Lab(catalogue.load("neighbour-open-v6")) as lab, lab.inside("client"):
        yield


@contextmanager
def client(family: int) -> Iterator[socket.socket]:
    with socket.socket(_LOOPBACK[family][0], socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE)
        yield asking


@FAMILIES
@pytest.mark.parametrize(("kind", "offset"), [(ServiceKind.ANSWERS, 0), (ServiceKind.OTHER_PORT, 1)])
def test_a_service_answers_from_its_port(kind: ServiceKind, offset: int, family: int) -> None:
    with closing(UdpServices(family, [Service(port=PORT, kind=kind)])), client(family) as asking:
        asking.sendto(b"hello", (_LOOPBACK[family][1], PORT))
        reply, sender = asking.recvfrom(1024)

    assert reply == b"here"
    assert sender[1] == PORT + offset


@FAMILIES
def test_a_silent_service_answers_nothing_while_others_answer(family: int) -> None:
    services = [
        Service(port=PORT, kind=ServiceKind.SILENT),
        Service(port=OTHER, kind=ServiceKind.ANSWERS),
    ]
    with closing(UdpServices(family, services)), client(family) as asking:
        for port in (PORT, OTHER):
            asking.sendto(b"hello", (_LOOPBACK[family][1], port))
        senders = [asking.recvfrom(1024)[1][1]]
        asking.setblocking(False)
        with pytest.raises(BlockingIOError):
            asking.recvfrom(1024)

    assert senders == [OTHER]


def test_closing_frees_the_ports_and_leaves_no_thread_and_no_descriptor() -> None:
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    for _ in range(3):
        UdpServices(4, [Service(port=PORT, kind=ServiceKind.OTHER_PORT)]).close()

    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before


def test_a_port_that_is_taken_is_told_and_leaves_nothing_open() -> None:
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", OTHER))
        services = [
            Service(port=PORT, kind=ServiceKind.ANSWERS),
            Service(port=OTHER, kind=ServiceKind.ANSWERS),
        ]
        with pytest.raises(OSError, match="in use"):
            UdpServices(4, services)

    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before

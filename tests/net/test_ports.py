"""Source ports are ours alone while they are held, and the kernel's again afterwards."""

from __future__ import annotations

import errno
import socket

import pytest

from pathprobe.lab import catalogue
from pathprobe.lab.network import Lab
from pathprobe.net.ports import ReservedPorts

HERE = "127.0.0.1"


def bind(port: int) -> int:
    """The errno of binding to a port, 0 when it could be done."""
    with socket.socket() as other:
        try:
            other.bind((HERE, port))
        except OSError as error:
            return error.errno or -1
    return 0


def connect(port: int) -> int:
    with socket.socket() as other:
        return other.connect_ex((HERE, port))


def test_there_are_as_many_as_were_asked_for_and_no_two_alike() -> None:
    with ReservedPorts(HERE, 32) as ports:
        assert len(set(ports.numbers)) == len(ports.numbers) == 32
        assert all(0 < number < 65536 for number in ports.numbers)


def test_nobody_else_gets_them_meanwhile() -> None:
    with ReservedPorts(HERE, 3) as ports:
        assert [bind(number) for number in ports.numbers] == [errno.EADDRINUSE] * 3


def test_nothing_listens_on_them() -> None:
    with ReservedPorts(HERE, 1) as ports:
        assert connect(ports.numbers[0]) == errno.ECONNREFUSED


def test_they_are_free_again_at_once() -> None:
    with ReservedPorts(HERE, 3) as ports:
        numbers = ports.numbers
    assert [bind(number) for number in numbers] == [0, 0, 0]


def test_they_are_free_again_after_an_error_too() -> None:
    with pytest.raises(KeyError), ReservedPorts(HERE, 1) as ports:
        raise KeyError
    assert bind(ports.numbers[0]) == 0


def test_a_source_that_this_host_does_not_have_is_an_error() -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        ReservedPorts("192.0.2.1", 3)


def test_running_out_of_descriptors_gives_back_those_that_were_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    make = socket.socket

    def sparing(*arguments: int) -> socket.socket:
        if len(opened) == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        opened.append(make(*arguments))
        return opened[-1]

    monkeypatch.setattr(socket, "socket", sparing)
    with pytest.raises(OSError, match="Too many open files"):
        ReservedPorts(HERE, 3)
    assert [sock.fileno() for sock in opened] == [-1, -1]


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
def test_ipv6_has_them_as_well_and_a_link_local_source_needs_its_scope() -> None:
    with Lab(catalogue.load("neighbour-open-v6")) as lab, lab.inside("client"):
        scope = socket.if_nametoindex("to-target")
        for source, number in (("::1", 0), ("fd00::9", 0), ("fe80::1", scope)):
            with ReservedPorts(source, 2, number) as ports:
                assert len(set(ports.numbers)) == 2
        with pytest.raises(OSError, match="Invalid argument"):
            ReservedPorts("fe80::1", 1)

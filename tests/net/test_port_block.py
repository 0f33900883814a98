"""Neighbouring source ports are ours alone while they are held, for TCP and UDP."""

from __future__ import annotations

import errno
import socket
from random import Random

import pytest

from pathprobe.net.port_block import PortBlock

HERE = "127.0.0.1"
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)


def bind(kind: socket.SocketKind, port: int) -> int:
    """The errno of binding to a port, 0 when it could be done."""
    with socket.socket(socket.AF_INET, kind) as other:
        try:
            other.bind((HERE, port))
        except OSError as error:
            return error.errno or -1
    return 0


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_else_gets_them_meanwhile_and_then_they_are_free(kind: socket.SocketKind) -> None:
    with PortBlock(16, Random()) as block:
        numbers = block.numbers
        assert len(numbers) == 16
        assert [bind(kind, number) for number in numbers] == [errno.EADDRINUSE] * 16
    assert bind(kind, numbers[0]) == 0


def test_a_block_in_use_is_left_alone() -> None:
    seed = Random(4).getstate()
    first, second = Random(), Random()
    first.setstate(seed)
    second.setstate(seed)
    with PortBlock(16, first) as one, PortBlock(16, second) as other:
        assert not set(one.numbers) & set(other.numbers)


def test_nothing_listens_on_them() -> None:
    with PortBlock(1, Random()) as block, socket.socket() as caller:
        assert caller.connect_ex((HERE, block.numbers[0])) == errno.ECONNREFUSED

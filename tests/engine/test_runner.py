"""The pump on asyncio: woken by frames, by its one timer, and by an interruption."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from pathprobe.engine.runner import pump
from pathprobe.net.base import Frame


class Idle:
    """A network with a descriptor that is readable while a frame waits."""

    epoch = 0.0
    lost = 0

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def fileno(self) -> int:
        return self._ours.fileno()

    def send(self, octets: bytes) -> str | None:
        raise AssertionError(octets)

    def deliver(self) -> None:
        self._theirs.send(b"!")

    def receive(self) -> Iterator[Frame]:
        self._ours.recv(1)
        yield from ()

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class Turns:
    """A diagnosis that says when to be called again, as often as it was told to; None is its end."""

    def __init__(self, *waits: float | None) -> None:
        self._waits = list(waits)
        self.calls: list[float] = []
        self.on_call = lambda: None

    def advance(self, now: float) -> float | None:
        self.calls.append(now)
        self.on_call()
        wait = self._waits.pop(0)
        return None if wait is None else now + wait


#: Seconds that no test waits for: only a frame, or an interruption, ends the wait before.
FOREVER = 3600.0


@pytest.fixture
def network() -> Iterator[Idle]:
    network = Idle()
    yield network
    network.close()


async def test_it_ends_when_the_diagnosis_does(network: Idle) -> None:
    turns = Turns(0.0, 0.0, None)
    await pump(turns, network, asyncio.Event())
    assert len(turns.calls) == 3


async def test_a_timer_calls_again_when_nothing_arrives(network: Idle) -> None:
    turns = Turns(0.01, None)
    await pump(turns, network, asyncio.Event())
    first, second = turns.calls
    assert second - first >= 0.01


async def test_it_tells_how_long_it_waited(network: Idle) -> None:
    assert await pump(Turns(0.01, 0.01, None), network, asyncio.Event()) >= 0.02
    assert await pump(Turns(None), network, asyncio.Event()) == 0.0


async def test_a_frame_ends_the_wait(network: Idle) -> None:
    turns = Turns(FOREVER, None)
    network.deliver()
    await asyncio.wait_for(pump(turns, network, asyncio.Event()), timeout=10)
    assert len(turns.calls) == 2


async def test_an_interruption_ends_the_wait_and_the_pump(network: Idle) -> None:
    turns, interrupted = Turns(FOREVER, FOREVER), asyncio.Event()
    turns.on_call = interrupted.set
    await asyncio.wait_for(pump(turns, network, interrupted), timeout=10)
    assert len(turns.calls) == 1


async def test_nothing_is_left_in_the_loop(network: Idle) -> None:
    await pump(Turns(None), network, asyncio.Event())
    assert asyncio.get_running_loop().remove_reader(network.fileno()) is False
    assert asyncio.all_tasks() == {asyncio.current_task()}

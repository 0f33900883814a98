"""How does a session meet a network?

``Diagnosis`` joins them without a clock of its own: frames in, probes out, and when to be called again.
Two pumps drive it, one on asyncio with one timer, one on a simulated clock that jumps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from pathprobe.core.ledger import Ledger, Match
from pathprobe.core.packets import Malformed
from pathprobe.core.probes import Probe
from pathprobe.core.session import Session
from pathprobe.engine.recorder import Recorder
from pathprobe.net.base import Frame, Sink, Source
from pathprobe.wire.craft import Crafter
from pathprobe.wire.dissect import dissect


class Network(Sink, Source, Protocol):
    """Both ways at once."""


class LiveNetwork(Network, Protocol):
    """A network with a file descriptor to wait on and a clock that runs by itself."""

    @property
    def now(self) -> float: ...

    def fileno(self) -> int: ...


class JumpingNetwork(Network, Protocol):
    """A network whose clock is moved by us."""

    @property
    def now(self) -> float: ...

    def next_event(self) -> float | None: ...

    def advance(self, until: float) -> None: ...


class Diagnosis:
    """One session on one network."""

    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        network: Network,
        crafter: Crafter,
        *,
        recorder: Recorder | None = None,
        progress: Callable[[Session, float], None] | None = None,
    ) -> None:
        self.session = session
        self.ledger = ledger
        self._network = network
        self._crafter = crafter
        self._recorder = recorder
        self._progress = progress

    def advance(self, now: float) -> float | None:
        """Read what came, send what is wanted; the time to be called again, or None when it is over."""
        for frame in self._network.receive():
            self._take(frame)
        while probes := self.session.step(now):
            for probe in probes:
                self._send(probe, now)
        for probe in self.session.farewells(now):
            self._network.send(self._crafter.farewell(probe))
            self.ledger.farewell_sent(probe)
        if self._progress:
            self._progress(self.session, now)
        if self.session.done(now):
            return None
        return self.session.wake_at(now)

    def _take(self, frame: Frame) -> None:
        packet = dissect(frame.octets)
        if isinstance(packet, Malformed):
            return
        reading = self.ledger.read(packet, frame.time, frame.interface)
        if reading is None or (isinstance(reading, Match) and frame.outgoing):
            return
        if self._recorder:
            self._recorder.keep(self._network.epoch, frame, reading)

    def _send(self, probe: Probe, now: float) -> None:
        error = self._network.send(self._crafter.craft(probe))
        if error is None:
            self.ledger.sent(probe, now)
        else:
            self.ledger.not_sent(probe, now, error)


async def pump(diagnosis: Diagnosis, network: LiveNetwork, interrupted: asyncio.Event) -> float:
    """Drive a diagnosis on a live network until it is over or ``interrupted`` is set; the seconds that it waited."""
    loop = asyncio.get_running_loop()
    awake = asyncio.Event()
    loop.add_reader(network.fileno(), awake.set)
    stop = asyncio.ensure_future(interrupted.wait())
    stop.add_done_callback(lambda _: awake.set())
    waited = 0.0
    try:
        while not interrupted.is_set() and (wake_at := diagnosis.advance(network.now)) is not None:
            awake.clear()
            begun = network.now
            timer = loop.call_later(max(0.0, wake_at - begun), awake.set)
            await awake.wait()
            timer.cancel()
            waited += network.now - begun
        return waited
    finally:
        loop.remove_reader(network.fileno())
        stop.cancel()
        await asyncio.wait([stop])


def pump_jumping(diagnosis: Diagnosis, network: JumpingNetwork) -> None:
    """Drive a diagnosis on a network whose clock jumps from event to event."""
    while (wake_at := diagnosis.advance(network.now)) is not None:
        arrival = network.next_event()
        network.advance(wake_at if arrival is None else min(wake_at, arrival))

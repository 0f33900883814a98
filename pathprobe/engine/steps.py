"""What becomes of single probes to many targets?

The steps that hold many pairs against one place (core.sharing): each is sent once, all through one socket, and its
answer is an ICMP message: an expired TTL, a refusal, an echo reply.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Protocol

from pathprobe.core.evidence import Observation
from pathprobe.core.ledger import Ledger, Match
from pathprobe.core.outcomes import Reply
from pathprobe.core.packets import IcmpError, Malformed, Packet
from pathprobe.core.probes import Flow, Kind, Probe
from pathprobe.core.timing import WINDOW_WITHOUT_ROUND_TRIP, silence_window
from pathprobe.core.trials import Step
from pathprobe.engine.options import Options
from pathprobe.net import bpf
from pathprobe.net.base import Frame
from pathprobe.net.ports import ReservedPorts
from pathprobe.net.raw import RawNetwork
from pathprobe.net.routes import NoRoute, lookup
from pathprobe.wire.craft import Crafter
from pathprobe.wire.dissect import dissect

#: Steps a second where the user gave no rate: they die at the hop before the one that is asked.
STEPS_PER_SECOND = 4000.0

#: Seconds between two looks at what came, and so at the clock.
_TICK = 0.01


class Interrupted(Protocol):
    """A threading.Event or an asyncio.Event."""

    def is_set(self) -> bool: ...


@dataclass(slots=True, kw_only=True)
class _Asked:
    """What was asked of one address: its ledger, and which probe was which step."""

    ledger: Ledger
    steps: dict[int, Step] = field(default_factory=dict)


Answers = dict[Step, Observation]


def ask_steps(
    steps: Sequence[Step], options: Options, interrupted: Interrupted, *, rate: float = STEPS_PER_SECOND
) -> Answers:
    """Send each step once, in their order and so many a second; what became of those that left.

    Blocks until the silence window of the last has passed, or until ``interrupted``. Raises as ``diagnose`` does.
    """
    answers: Answers = {}
    for version in (4, 6):
        chosen = [step for step in steps if _version(step.about.address) == version]
        if chosen and not interrupted.is_set():
            answers |= _ask(chosen, options, interrupted, rate)
    return answers


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _ask(steps: Sequence[Step], options: Options, interrupted: Interrupted, rate: float) -> Answers:
    first = steps[0].about.address
    version = _version(first)
    # A port that is ours alone, so that this host's kernel ends what an answer might open.
    with ReservedPorts("::" if version == 6 else "0.0.0.0", 1, udp=True) as ports:
        program = bpf.port_program(version, ports.numbers[0])
        network = RawNetwork(first, interface=options.interface, filter_program=program)
        pool = _Pool(network, options, ports.numbers[0])
        try:
            pool.send_all(steps, interrupted, rate)
            pool.wait(interrupted)
            return pool.answers()
        finally:
            network.close()


class _Pool:
    """One socket, and a ledger for each address."""

    def __init__(self, network: RawNetwork, options: Options, port: int) -> None:
        self._port = port
        self._network = network
        self._options = options
        self._crafter = Crafter(timestamp=time.monotonic_ns() // 1_000_000 % (1 << 32))
        self._rng = Random(SystemRandom().getrandbits(64))
        self._asked: dict[str, _Asked] = {}
        self._identifier = self._rng.getrandbits(16)
        self._count = 0
        self._round_trips: list[float] = []
        self._last_sent = 0.0

    def send_all(self, steps: Sequence[Step], interrupted: Interrupted, rate: float) -> None:
        begun = self._network.now
        for number, step in enumerate(steps):
            while (ahead := number / rate - (self._network.now - begun)) > _TICK and not interrupted.is_set():
                self._listen(min(ahead, _TICK))
            if interrupted.is_set():
                return
            self._send(step)
        self._listen(0.0)

    def wait(self, interrupted: Interrupted) -> None:
        """Until silence means something; while nothing has come at all, that takes longest."""
        while not interrupted.is_set():
            window = silence_window(self._round_trips, self._options.wait)
            left = self._last_sent + window - self._network.now
            if left <= 0 or self._all_answered():
                return
            self._listen(min(left, WINDOW_WITHOUT_ROUND_TRIP / 10))

    def answers(self) -> Answers:
        now = self._network.now
        return {
            asked.steps[seen.probe.id]: seen
            for asked in self._asked.values()
            for seen in asked.ledger.observations(now)
        }

    def _all_answered(self) -> bool:
        return len(self._round_trips) == self._count

    def _send(self, step: Step) -> None:
        address = step.about.address
        try:
            route = lookup(address, source=self._options.source, interface=self._options.interface)
        except NoRoute:
            return
        probe = self._probe(step, route.source)
        asked = self._asked.setdefault(address, _Asked(ledger=Ledger(address)))
        asked.steps[probe.id] = step
        error = self._network.send_to(address, self._crafter.craft(probe))
        now = self._last_sent = self._network.now
        if error is None:
            asked.ledger.sent(probe, now)
        else:
            asked.ledger.not_sent(probe, now, error)

    def _probe(self, step: Step, source: str) -> Probe:
        self._count += 1
        echo = step.kind is Kind.ECHO
        flow = Flow(
            kind=step.kind,
            source=source,
            destination=step.about.address,
            source_port=self._identifier if echo else self._port,
            destination_port=step.port,
        )
        return Probe(
            id=self._count,
            role=step.role,
            flow=flow,
            flow_number=0 if echo else 1,
            ttl=step.ttl,
            attempt=1,
            token=self._token(step.kind),
            identification=self._count % 0xFFFF + 1,
        )

    def _token(self, kind: Kind) -> int:
        if kind is Kind.ECHO:
            return self._identifier << 16 | self._count % (1 << 16)
        return self._count % 0xFFFE + 1 if kind is Kind.UDP else self._rng.getrandbits(32)

    def _listen(self, seconds: float) -> None:
        select.select([self._network], [], [], seconds)
        for frame in self._network.receive():
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        packet = dissect(frame.octets)
        if isinstance(packet, Malformed):
            return
        for address in _concerned(packet):
            if (asked := self._asked.get(address)) is None:
                continue
            reading = asked.ledger.read(packet, frame.time, frame.interface)
            if isinstance(reading, Match) and not reading.duplicate and isinstance(reading.outcome, Reply):
                self._round_trips.append(reading.outcome.rtt)


def _concerned(packet: Packet) -> Iterator[str]:
    """Whose ledger may know this packet: it goes there, comes from there, or quotes what went there."""
    if isinstance(packet.body, IcmpError):
        if packet.body.quote is not None:
            yield packet.body.quote.destination
        return
    yield packet.destination
    yield packet.source

"""A session and a network that is one function, on a clock that jumps.

The network says what becomes of a probe: a fate, or None for silence. Answers come ``round_trip`` later;
those of one instant are read together, as the engine does, before the session is asked again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from pathprobe.core.evidence import Evidence
from pathprobe.core.ledger import Ledger, Match, Reading
from pathprobe.core.outcomes import NOT_SEEN, Answered, Ended, NotSent, Outcome, Refusal
from pathprobe.core.packets import Packet
from pathprobe.core.probes import Kind, Probe, Role
from pathprobe.core.report import Verdict
from pathprobe.core.session import Session
from pathprobe.core.verdict import conclude
from tests.core.factories import (
    DISTANCE,
    PORT,
    THERE,
    answered,
    departure,
    expired,
    farewell,
    packet_of,
    question,
    rejected,
    reset,
    router,
)

PORTS = tuple(range(40001, 40033))

Network = Callable[[Probe], Outcome | None]


@dataclass(frozen=True)
class Sent:
    """A probe and when it was handed over, seconds."""

    time: float
    probe: Probe


@dataclass(frozen=True)
class Talk:
    """Everything that was said: ``ended`` in seconds."""

    session: Session
    sent: list[Sent]
    ended: float
    evidence: Evidence

    @property
    def verdict(self) -> Verdict:
        return conclude(self.evidence)

    @property
    def probes(self) -> list[Probe]:
        return [one.probe for one in self.sent]

    def of(self, role: Role, kind: Kind | None = None) -> list[Probe]:
        return [probe for probe in self.probes if probe.role is role and kind in (None, probe.flow.kind)]


def as_it_comes(batch: list[Packet]) -> Iterable[Packet]:
    return batch


def talk(
    network: Network,
    *,
    ports: Iterable[int] = PORTS,
    seed: int = 1,
    rng: Random | None = None,
    round_trip: float = 0.01,
    deliver: Callable[[list[Packet]], Iterable[Packet]] = as_it_comes,
    longest: float = 60.0,
    deaf: bool = False,
    resets_leave: bool = True,
    **asked: Any,
) -> Talk:
    """The whole conversation. Fails if it goes on for ``longest`` seconds or goes round on the spot.

    ``deaf``: this host's own TCP sees no answer; ``resets_leave``: ours may.
    """
    ledger = Ledger(question(**asked).target)
    session = Session(question(**asked), ledger, tuple(ports), rng or Random(seed))
    sent: list[Sent] = []
    coming: list[tuple[float, int, Packet]] = []
    order = count()
    now = 0.0
    while now < longest:
        while probes := session.step(now):
            assert len(sent) < 1000, "a flood"
            for probe in probes:
                sent.append(Sent(now, probe))
                fate = network.at(now, probe) if isinstance(network, Limited) else network(probe)
                _send(ledger, probe, fate, now)
                packet = packet_of(probe, fate)
                if packet:
                    heapq.heappush(coming, (now + round_trip, next(order), packet))
        wake_at = session.wake_at(now)
        if session.done(now) or wake_at is None:
            return Talk(session, sent, now, session.evidence(now))
        assert wake_at > now, "asked to be called again at once"
        now = min([wake_at, *[time for time, _, _ in coming[:1]]])
        batch = []
        while coming and coming[0][0] <= now:
            batch.append(heapq.heappop(coming)[2])
        for packet in deliver(batch):
            _react(ledger, ledger.read(packet, now), now, deaf=deaf)
        for probe in session.farewells(now):
            ledger.farewell_sent(probe)
            if resets_leave:
                ledger.read(farewell(probe, by=Ended.BY_US), now)
    raise AssertionError(f"still talking after {longest} s and {len(sent)} probes")


def _react(ledger: Ledger, reading: Reading | None, now: float, *, deaf: bool) -> None:
    """This host's own TCP ends what nobody asked it for, unless a rule keeps the answer from it."""
    if deaf or not isinstance(reading, Match) or reading.probe.flow.kind is not Kind.TCP:
        return
    if isinstance(reading.outcome, Answered):
        ledger.read(farewell(reading.probe), now)


def _send(ledger: Ledger, probe: Probe, fate: Outcome | None, now: float) -> None:
    if isinstance(fate, NotSent) and fate.error != NOT_SEEN:
        ledger.not_sent(probe, now, fate.error)
        return
    ledger.sent(probe, now)
    if not isinstance(fate, NotSent):
        ledger.read(departure(probe), now)


def nowhere(probe: Probe, hop: int) -> bool:  # noqa: ARG001
    return False


def road(
    *,
    distance: int = DISTANCE,
    back: int | None = None,
    listening: Iterable[int] = (PORT,),
    lost: Callable[[Probe, int], bool] = nowhere,
    mute: Iterable[int] = (),
) -> Network:
    """A path of routers to a target that answers echo. ``lost(probe, hop)``: it dies silently on its way into
    that hop. The hops in ``mute`` answer nobody. ``back`` is the length of the way back, if it is another."""
    homeward = distance if back is None else back

    def network(probe: Probe) -> Outcome | None:
        if any(lost(probe, hop) for hop in range(1, min(probe.ttl, distance) + 1)):
            return None
        if probe.ttl < distance:
            return None if probe.ttl in mute else expired()
        if probe.flow.kind is Kind.ECHO or probe.flow.destination_port in listening:
            return answered(back=homeward)
        if probe.flow.kind is Kind.UDP:
            return rejected(THERE, (3, 3), back=homeward)
        return reset(back=homeward)

    return network


class Limited:
    """A network whose hop ``hop`` lets ICMP errors go like Linux: ``tokens`` at once, then one a second."""

    def __init__(self, network: Network, hop: int, tokens: float) -> None:
        self._network, self._hop, self._tokens, self._burst, self._filled = network, hop, tokens, max(tokens, 1), 0.0

    def __call__(self, probe: Probe) -> Outcome | None:
        return self._network(probe)

    def at(self, now: float, probe: Probe) -> Outcome | None:
        fate = self._network(probe)
        limited = THERE if self._hop == DISTANCE else router(self._hop)
        if not isinstance(fate, Refusal) or (fate.source or router(probe.ttl)) != limited:
            return fate
        self._tokens, self._filled = min(self._burst, self._tokens + now - self._filled), now
        if self._tokens < 1 - 1e-6:
            return None
        self._tokens -= 1
        return fate


class NearTheEnd(Random):
    """Chance at its upper end: every counter that starts with it wraps within a few steps."""

    def getrandbits(self, k: int, /) -> int:
        return (1 << k) - (3 << 17 if k == 32 else 3)

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:  # noqa: ARG002
        return start - 1


def is_test(probe: Probe) -> bool:
    return probe.role is Role.TEST


def is_echo(probe: Probe) -> bool:
    return probe.flow.kind is Kind.ECHO

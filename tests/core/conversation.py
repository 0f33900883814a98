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
from pathprobe.core.ledger import Ledger
from pathprobe.core.outcomes import NOT_SEEN, NotSent, Outcome
from pathprobe.core.packets import Packet
from pathprobe.core.probes import Kind, Probe, Role
from pathprobe.core.report import Verdict
from pathprobe.core.session import Session
from pathprobe.core.verdict import conclude
from tests.core.factories import DISTANCE, PORT, answered, departure, expired, packet_of, question, reset

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
    round_trip: float = 0.01,
    deliver: Callable[[list[Packet]], Iterable[Packet]] = as_it_comes,
    longest: float = 60.0,
    **asked: Any,
) -> Talk:
    """The whole conversation. Fails if it goes on for ``longest`` seconds or goes round on the spot."""
    ledger = Ledger(question(**asked).target)
    session = Session(question(**asked), ledger, tuple(ports), Random(seed))
    sent: list[Sent] = []
    coming: list[tuple[float, int, Packet]] = []
    order = count()
    now = 0.0
    while now < longest:
        while probes := session.step(now):
            assert len(sent) < 1000, "a flood"
            for probe in probes:
                sent.append(Sent(now, probe))
                fate = network(probe)
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
            ledger.read(packet, now)
    raise AssertionError(f"still talking after {longest} s and {len(sent)} probes")


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
        return reset(back=homeward)

    return network


def is_test(probe: Probe) -> bool:
    return probe.role is Role.TEST


def is_echo(probe: Probe) -> bool:
    return probe.flow.kind is Kind.ECHO

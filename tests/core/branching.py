"""A road that branches: at one hop each flow crosses one of several routers, by a hash of its source port."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from pathprobe.core.outcomes import Outcome
from pathprobe.core.probes import Probe
from tests.core.conversation import Network, Talk, is_echo, talk
from tests.core.factories import DISTANCE, PORT, answered, expired, reset, router

#: Where the road branches, and where its routers' addresses tell them apart.
BRANCHING_HOP = 2

#: Enough for 64 flows and for what else a diagnosis sends.
PORTS = range(40001, 40001 + 32 + 64)

Fate = Callable[[Probe, int], Outcome | None]


def address(branch: int) -> str:
    return f"10.9.{100 * branch + BRANCHING_HOP}.2"


def way_of(source_port: int, branches: int, spread: int = 0) -> int:
    """Which branch a flow takes; another ``spread`` is another hash."""
    return Random(source_port * 7919 + spread).randrange(branches)


def branching(
    branches: int,
    *,
    bad: Iterable[int] = (),
    dies_at: int | None = None,
    refusal: Outcome | None = None,
    lost: float = 0.0,
    seed: int = 1,
    spread: int = 0,
    distance: int = DISTANCE,
) -> Network:
    """What crosses a ``bad`` branch dies on its way into hop ``dies_at``: silently, or with ``refusal``.

    Echo takes the first branch and is never stopped. Any packet is lost with the chance ``lost``.
    """
    chance, stopped = Random(seed), frozenset(bad)

    def network(probe: Probe) -> Outcome | None:
        branch = 0 if is_echo(probe) else way_of(probe.flow.source_port, branches, spread)
        if chance.random() < lost:
            return None
        if dies_at and branch in stopped and not is_echo(probe) and probe.ttl >= dies_at:
            return refusal
        if probe.ttl < distance:
            return expired(address(branch) if probe.ttl == BRANCHING_HOP else router(probe.ttl), back=probe.ttl)
        served = is_echo(probe) or probe.flow.destination_port == PORT
        return answered(back=distance) if served else reset(back=distance)

    return network


def ask(network: Network, **asked: Any) -> Talk:
    """The whole conversation with 16 flows, unless told otherwise."""
    return talk(network, ports=PORTS, **{"flows": 16, **asked})

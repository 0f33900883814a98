"""Which networks would nobody think of, and what is true of them?

A seed gives a shape and a question (terrain), things that make it hard (surroundings), and one fault or none (random
faults). What is true follows from how it was made, not from what pathprobe says (truth).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from pathprobe.core.report import State
from pathprobe.lab.random_faults import Fault, draw_fault
from pathprobe.lab.surroundings import Surroundings, draw_surroundings
from pathprobe.lab.terrain import Terrain, draw_terrain
from pathprobe.lab.truth import Truth
from pathprobe.net.actions import Lose, parse
from pathprobe.net.scenario import Expectation, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A generated network and its truth."""

    scenario: Scenario
    truth: Truth

    @property
    def is_slow(self) -> bool:
        """Some link takes time."""
        return bool(self.scenario.delays)

    @property
    def throws_dice(self) -> bool:
        """Some rule drops packets by chance, which on a real network is another one in every run."""
        return any(isinstance(parse(rule.action), Lose) for rule in self.scenario.rules)


def generate(seed: int) -> Network:
    """The network of a seed; the same seed gives the same network."""
    rng = Random(seed)
    terrain = draw_terrain(rng)
    around = draw_surroundings(rng, terrain)
    fault = draw_fault(rng, terrain, around)
    return Network(scenario=_scenario(seed, terrain, around, fault), truth=_told(terrain, around, fault))


def _told(terrain: Terrain, around: Surroundings, fault: Fault) -> Truth:
    """What is true, less what the surroundings hide."""
    truth = fault.truth
    # A UDP port that gives no answer is known by what is said of it and of closed ones: errors, that may all die.
    unsaid = terrain.protocol == "udp" and around.errors_die_at is not None and truth.states != {State.OPEN}
    devices = truth.devices | _look_alikes(terrain, around, truth)
    return replace(
        truth, hidden=unsaid, by_chance=around.by_chance, devices=devices, reach=max(truth.reach, *devices, 0)
    )


def _look_alikes(terrain: Terrain, around: Surroundings, truth: Truth) -> set[int]:
    """Mute hops beside the box that refuses: only the way back could tell them apart, and it is not the way there."""
    if terrain.layout.way_back is None:
        return set()
    return {hop + step for hop in truth.devices for step in (-1, 1) if hop + step in around.mute_hops}


def _scenario(seed: int, terrain: Terrain, around: Surroundings, fault: Fault) -> Scenario:
    return Scenario(
        name=f"random-{seed}",
        summary="made at random",
        family=terrain.family,
        expect=Expectation(state=min(fault.truth.states)),
        protocol=terrain.protocol,
        port=terrain.port,
        destination=fault.destination,
        served_by=fault.served_by,
        routers=terrain.routers,
        branches=terrain.layout.branches,
        way_back=terrain.layout.way_back,
        listen=fault.listen(terrain),
        services=fault.services(terrain),
        target_up=fault.target_up,
        rules=(*fault.rules, *around.rules),
        routes=fault.routes,
        ttl=around.ttl,
        delays=around.delays,
    )

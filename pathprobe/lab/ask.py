"""What does pathprobe say of a scenario, and is that right?

The same question on the real network (in a Lab) and on the simulated one, and the comparison with
what the scenario's file expects.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pathprobe.core.report import Hop, Result, Target, Verdict
from pathprobe.engine.diagnose import diagnose, simulate
from pathprobe.engine.options import Options
from pathprobe.engine.recorder import Recorder
from pathprobe.lab.network import Lab
from pathprobe.net.graph import Graph
from pathprobe.net.scenario import Expectation, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field of the verdict that is not as the scenario expects."""

    field: str
    expected: object
    got: object

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.got}"


def question(scenario: Scenario) -> Target:
    """The scenario's target."""
    return Target(
        given=scenario.arguments[1],
        address=scenario.destination_address,
        port=scenario.port,
        protocol=scenario.protocol,
    )


def ask_live(lab: Lab, *, recorder: Recorder | None = None) -> Result:
    """The verdict on the lab's real network, asked from its client."""
    scenario = lab.scenario
    with lab.inside("client"):
        options = Options(flows=scenario.flows)
        result, _ = asyncio.run(diagnose(question(scenario), options, asyncio.Event(), recorder=recorder))
    return result


def ask_simulated(scenario: Scenario, *, seed: int = 1, recorder: Recorder | None = None) -> Result:
    """The verdict on the simulated network of a scenario."""
    from pathprobe.net.simulated import SimulatedNetwork

    local = scenario.destination in ("client", "loopback")
    source = scenario.destination_address if local else scenario.link_address(0, "left")
    network, options = SimulatedNetwork(scenario, seed=seed), Options(flows=scenario.flows)
    return simulate(question(scenario), network, source, options, seed=seed, recorder=recorder)


def observed(verdict: Verdict) -> Expectation:
    """A verdict in the terms of a scenario file."""
    location = verdict.location
    return Expectation(
        state=verdict.state,
        mechanism=verdict.mechanism,
        where=location.where,
        last_good=location.last_good.ttl if location.last_good else None,
        first_bad=location.first_bad.ttl if location.first_bad else None,
        device=location.device.ttl if location.device else None,
        distance=verdict.distance,
        direction=location.direction,
    )


def differences(scenario: Scenario, result: Result) -> tuple[Difference, ...]:
    """What is wrong with a result; nothing if it is right."""
    expected, got = scenario.expect, observed(result.verdict)
    fields = [
        Difference(field=name, expected=getattr(expected, name), got=getattr(got, name))
        for name in Expectation.__slots__
        if getattr(expected, name) != getattr(got, name)
    ]
    return (*fields, *_wrong_addresses(scenario, result))


def _wrong_addresses(scenario: Scenario, result: Result) -> list[Difference]:
    """An address must be one that the named hop has in this network."""
    location, graph = result.verdict.location, Graph(scenario)
    places: list[tuple[str, Hop | None]] = [("last_good", location.last_good), ("first_bad", location.first_bad)]
    if location.device:
        places.append(("device", Hop(ttl=location.device.ttl, address=location.device.address)))
    return [
        Difference(field=f"{name}.address", expected=scenario.hop_address(hop.ttl), got=hop.address)
        for name, hop in places
        if hop and hop.address and hop.address not in graph.hop_addresses(hop.ttl)
    ]

"""Results to be rendered: simulated runs, worked out once and shared, and the report around them."""

from __future__ import annotations

import functools
from typing import Any

from pathprobe.core.evidence import Evidence
from pathprobe.core.hops import control_label, hop_rows
from pathprobe.core.report import Report, Result, Target, Vantage
from pathprobe.core.verdict import conclude
from pathprobe.engine.diagnose import Options, simulate
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated, question
from pathprobe.net.simulated import SimulatedNetwork


@functools.cache
def result(name: str) -> Result:
    return ask_simulated(catalogue.load(name))


def result_with(name: str, options: Options) -> Result:
    """The same question, asked in another way."""
    scenario = catalogue.load(name)
    return simulate(question(scenario), SimulatedNetwork(scenario), scenario.link_address(0, "left"), options)


def result_of(evidence: Evidence) -> Result:
    """What follows from observations that no scenario gives."""
    verdict = conclude(evidence)
    return Result(
        target=Target(given=evidence.target, address=evidence.target, port=8080, protocol="tcp"),
        verdict=verdict,
        hops=hop_rows(evidence, verdict),
        control=control_label(evidence),
        source=evidence.source,
        source_port=None,
        observations=evidence.observations,
    )


def report(*results: Result, **changes: Any) -> Report:
    facts: dict[str, Any] = {
        "engine": "raw",
        "started": 1_780_000_000.123,
        "duration": 0.61,
        "vantage": Vantage(hostname="here", interface="eth0", source="10.9.1.9"),
        "results": results,
    }
    return Report(**{**facts, **changes})

"""What came of asking one scenario often, and does that keep what was promised?"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from pathprobe.core.report import Result, State
from pathprobe.lab.ask import differences
from pathprobe.lab.judge import Judgement, judge
from pathprobe.net.scenario import Scenario

#: Packets to a healthy target, and to any: fewer.
HEALTHY_BUDGET, HARDEST_BUDGET = 40, 250

#: A noisy network may be misjudged once in so many runs.
NOISY_RUNS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One verdict. ``wrong``: in which fields it differs; ``packets`` sent; ``seconds`` taken."""

    judgement: Judgement
    wrong: tuple[str, ...]
    confidence: float
    packets: int
    seconds: float


def run_of(scenario: Scenario, result: Result) -> Run:
    return Run(
        judgement=judge(scenario, result),
        wrong=tuple(map(str, differences(scenario, result))),
        confidence=result.verdict.confidence,
        packets=len(result.observations),
        seconds=result.duration,
    )


def is_noisy(scenario: Scenario) -> bool:
    """Chance or the clock decides what becomes of a packet, or when it arrives."""
    return not scenario.is_steady or any(delay.jitter_ms for delay in scenario.delays)


def is_healthy(scenario: Scenario) -> bool:
    """Nothing is wrong with this network."""
    return scenario.expect.state == State.OPEN and scenario.is_steady


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """All runs of one scenario, which are at least one."""

    scenario: Scenario
    runs: tuple[Run, ...]

    def count(self, judgement: Judgement) -> int:
        return sum(run.judgement is judgement for run in self.runs)

    @property
    def least_sure(self) -> float:
        return min(run.confidence for run in self.runs)

    @property
    def packets(self) -> int:
        return max(run.packets for run in self.runs)

    @property
    def seconds(self) -> float:
        return median(run.seconds for run in self.runs)

    @property
    def budget(self) -> int:
        return HEALTHY_BUDGET if is_healthy(self.scenario) else HARDEST_BUDGET


def missed(tally: Tally) -> list[str]:
    """The figures that a scenario misses, in words.

    A steady network always gets the right verdict. A noisy one is misjudged at most once in 50 runs, and so never
    in fewer; a verdict that only knows less is no misjudgement there, and the table shows how many there were.
    """
    found, wrong = [], tally.count(Judgement.WRONG)
    noisy = is_noisy(tally.scenario)
    if not noisy:
        wrong += tally.count(Judgement.WIDER)
    if wrong > (len(tally.runs) // NOISY_RUNS if noisy else 0):
        found.append(f"{wrong} of {len(tally.runs)} verdicts are not right")
    if tally.packets >= tally.budget:
        found.append(f"{tally.packets} packets, not under {tally.budget}")
    return found

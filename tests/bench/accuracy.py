"""Is pathprobe right, how sure is it, what does it cost, and what do nmap and traceroute say of the same networks?

    python -m tests.bench.accuracy [NAMES] [--times N] [--noisy-times N] [--simulated N] [--processes N] [--no-peers]

Asks every network of the lab (or NAMES), noisy ones more often, several labs at a time, and prints a table for each
protocol, what was not right, and how well the confidence is calibrated over the noisy networks, real and simulated.
Exit status 0 when all figures are met, else 1. Needs root or user namespaces, and for the peers' columns nmap and
traceroute. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from tabulate import tabulate

from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_live, ask_simulated
from pathprobe.lab.judge import Judgement
from pathprobe.lab.netns import LabUnavailable
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Scenario
from tests.bench import calibration, peers, tally
from tests.bench.tally import Run, Tally

#: Runs of one scenario that a process makes at a time, so that all processes end at about the same time.
_CHUNK = 10

#: Seeds of simulated runs begin here: the tests use those from 0 on.
_FIRST_SEED = 1000

HEADINGS = ("network", "truth", "right", "less", "wrong", "sure", "packets", "seconds", "nmap", "traceroute")

_Given = TypeVar("_Given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to run: how often each steady, noisy and simulated network, in how many processes, with peers or not."""

    names: tuple[str, ...]
    times: int
    noisy_times: int
    simulated: int
    processes: int
    with_peers: bool

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        return tuple(catalogue.load(name) for name in self.names or catalogue.names())

    @property
    def simulable(self) -> tuple[Scenario, ...]:
        return tuple(scenario for scenario in self.scenarios if tally.is_noisy(scenario) and scenario.is_simulable)

    def runs_of(self, scenario: Scenario) -> int:
        return self.noisy_times if tally.is_noisy(scenario) else self.times


def ask(name: str, times: int) -> list[Run]:
    """Verdicts on a real network, built anew for each.

    A busy host may fail to build one: that run is missing, and told. Raises LabUnavailable when all of them are.
    """
    scenario, runs = catalogue.load(name), []
    for number in range(times):
        try:
            with Lab(scenario) as lab:
                runs.append(tally.run_of(scenario, ask_live(lab)))
        except LabUnavailable as error:
            print(f"accuracy: {error}", file=sys.stderr)
            if number == times - 1 and not runs:
                raise
    return runs


def ask_peers(name: str) -> tuple[str, str]:
    try:
        return peers.cells(catalogue.load(name))
    except LabUnavailable as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return "", ""


def simulate(name: str, seeds: range) -> list[Run]:
    scenario = catalogue.load(name)
    return [tally.run_of(scenario, ask_simulated(scenario, seed=seed)) for seed in seeds]


def main(arguments: Sequence[str] | None = None) -> int:
    question = _question(arguments)
    # A fresh process has one thread, which making its mounts private takes.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(question.processes, mp_context=context) as pool:
            tallies = _asked(pool, question)
            beside = _beside(pool, question) if question.with_peers else {}
            simulated = _simulated(pool, question)
    except LabUnavailable as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 1
    return report(tallies, beside, simulated)


def report(tallies: Sequence[Tally], beside: dict[str, tuple[str, str]], simulated: Sequence[Run]) -> int:
    """Print everything; the exit status."""
    for protocol in dict.fromkeys(one.scenario.protocol for one in tallies):
        rows = [
            row(one, beside.get(one.scenario.name, ("", ""))) for one in tallies if one.scenario.protocol == protocol
        ]
        print(f"\n{protocol}\n\n{tabulate(rows, HEADINGS, tablefmt='github', disable_numparse=True)}")
    _print_faults(tallies)
    noisy = [run for one in tallies if tally.is_noisy(one.scenario) for run in one.runs]
    for title, runs in (("real", noisy), ("simulated", simulated)):
        if runs:
            print(f"\ncalibration over the noisy networks, {title}\n")
            print(tabulate(calibration.table(runs), calibration.HEADINGS, tablefmt="github", disable_numparse=True))
    if beside:
        print(f"\n{beside_in_words(beside)}", end="")
    return _conclusion(tallies, [*noisy, *simulated])


def row(one: Tally, beside: tuple[str, str]) -> tuple[str, ...]:
    """A scenario's line of the table. HEADINGS says what the columns are."""
    over = " !" if one.packets >= one.budget else ""
    cells = (
        one.scenario.name,
        truth(one.scenario),
        f"{one.count(Judgement.RIGHT)}/{len(one.runs)}",
        str(one.count(Judgement.WIDER) or ""),
        str(one.count(Judgement.WRONG) or ""),
        f"{one.least_sure:.1%}",
        f"{one.packets}{over}",
        f"{one.seconds:.2f}",
        *beside,
    )
    # A bar would end the cell.
    return tuple(cell.replace("|", " or ") for cell in cells)


def beside_in_words(beside: dict[str, tuple[str, str]]) -> str:
    """How often each peer is wrong, and names no place."""
    lines = []
    for peer, said in zip(("nmap", "traceroute"), zip(*beside.values(), strict=True), strict=True):
        wrong, silent = (sum(mark in words for words in said) for mark in (peers.WRONG, peers.NO_PLACE))
        lines.append(f"{peer}: of {len(said)} networks wrong about {wrong}, no place for {silent}\n")
    return "".join(lines)


def truth(scenario: Scenario) -> str:
    """State, mechanism and place: the box that gave itself away, the interval, or the hop that answers."""
    expect = scenario.expect
    if expect.device is not None:
        place = f"by hop {expect.device}"
    elif expect.first_bad is not None:
        place = f"[{expect.last_good}..{expect.first_bad}]"
    else:
        place = f"hop {expect.last_good}" if expect.last_good else expect.where
    return " ".join(filter(None, (expect.state, expect.mechanism, place)))


def _print_faults(tallies: Iterable[Tally]) -> None:
    for one in tallies:
        for number, run in enumerate(one.runs, 1):
            if run.wrong:
                print(f"{one.scenario.name}, run {number}, {run.judgement}: {'; '.join(run.wrong)}")


def _conclusion(tallies: Sequence[Tally], noisy: Sequence[Run]) -> int:
    missed = [f"{one.scenario.name}: {line}" for one in tallies for line in tally.missed(one)]
    missed += calibration.missed(noisy)
    runs = sum(len(one.runs) for one in tallies)
    healthy = max((one.packets for one in tallies if tally.is_healthy(one.scenario)), default=0)
    print(f"\n{len(tallies)} networks, {runs} runs; most packets: {healthy} to a healthy target, ", end="")
    print(f"{max(one.packets for one in tallies)} in all. {len(missed)} figures missed.")
    for line in missed:
        print(f"  {line}")
    return 1 if missed else 0


def _asked(pool: ProcessPoolExecutor, question: Question) -> list[Tally]:
    jobs = {scenario.name: _chunks(question.runs_of(scenario)) for scenario in question.scenarios}
    futures = {name: [pool.submit(ask, name, size) for size in sizes] for name, sizes in jobs.items()}
    return [
        Tally(scenario=scenario, runs=tuple(run for future in futures[scenario.name] for run in future.result()))
        for scenario in _shown(question.scenarios, "asked")
    ]


def _chunks(times: int) -> list[int]:
    return [min(_CHUNK, times - start) for start in range(0, times, _CHUNK)]


def _beside(pool: ProcessPoolExecutor, question: Question) -> dict[str, tuple[str, str]]:
    if not all(map(shutil.which, ("nmap", "traceroute"))):
        print("accuracy: no columns for nmap and traceroute, for not both are installed", file=sys.stderr)
        return {}
    futures = [pool.submit(ask_peers, scenario.name) for scenario in question.scenarios]
    names = (scenario.name for scenario in _shown(question.scenarios, "asked the peers about"))
    return dict(zip(names, _results(futures), strict=True))


def _simulated(pool: ProcessPoolExecutor, question: Question) -> list[Run]:
    seeds = range(_FIRST_SEED, _FIRST_SEED + question.simulated)
    futures = [pool.submit(simulate, scenario.name, seeds) for scenario in question.simulable]
    return [run for runs in _results(futures) for run in runs]


def _results(futures: Iterable[Future[_Given]]) -> Iterable[_Given]:
    return (future.result() for future in futures)


def _shown(scenarios: Sequence[Scenario], what: str) -> Iterable[Scenario]:
    """The same, telling how far it has come."""
    for number, scenario in enumerate(scenarios, 1):
        yield scenario
        if sys.stderr.isatty():
            print(f"\r{what} {number} of {len(scenarios)} networks", end="", file=sys.stderr)


def _question(arguments: Sequence[str] | None) -> Question:
    parser = argparse.ArgumentParser(prog="accuracy")
    add: Callable[..., object] = parser.add_argument
    add("names", nargs="*")
    add("--times", type=int, default=10, help="runs of each steady network")
    add("--noisy-times", type=int, default=tally.NOISY_RUNS, help="runs of each noisy network")
    add("--simulated", type=int, default=50, help="simulated runs of each noisy network, for the calibration")
    add("--processes", type=int, default=12, help="labs at a time: each mostly waits")
    add("--no-peers", action="store_true", help="do not run nmap and traceroute")
    given = parser.parse_args(arguments)
    return Question(
        names=tuple(given.names),
        times=given.times,
        noisy_times=given.noisy_times,
        simulated=given.simulated,
        processes=given.processes,
        with_peers=not given.no_peers,
    )


if __name__ == "__main__":
    sys.exit(main())

"""How long does pathprobe take, and what does it cost, beside the peers on the same work?

    python -m tests.bench.speed [NAMES] [--rounds N] [--quick] [--results FILE]

Builds each network anew for each run, for a router that answered one tool has less left for the next; the tools take
turns. An answer is compared with what the network was built to be before its time counts. Prints a table, whether the
bounds are kept, and writes all runs to a file. Exit status 0 when all bounds are kept, else 1. Needs root or user
namespaces; a peer that is not installed has empty cells. Not collected by pytest: times on a shared machine are no
test.
"""

from __future__ import annotations

import argparse
import compileall
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from pathprobe.lab.netns import LabUnavailable
from tests.bench import figures, many, single
from tests.bench.answers import differs
from tests.bench.figures import Race
from tests.bench.measure import Cost, run
from tests.bench.results import write
from tests.bench.work import LIST, Tool, Work

WORKS = (*single.WORKS, *many.WORKS)

_PACKAGE = Path(__file__).parents[2] / "pathprobe"

_ROUNDS, _QUICK_ROUNDS = 5, 2
_RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run: its cost, if it was right, and what was wrong with it. ``stopped``: it did not end by itself."""

    cost: Cost | None = None
    wrong: str = ""
    stopped: bool = False


def race(work: Work, *, rounds: int, quick: bool) -> list[Race]:
    """All tools of a work, in turn."""
    tools = [tool for tool in work.tools if tool.quick or not quick]
    outcomes: dict[str, list[Outcome]] = {tool.name: [] for tool in tools}
    installed = {tool.name for tool in tools if shutil.which(tool.command[0])}
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder, "pairs")
        pairs.write_text("".join(f"{pair}\n" for pair in work.pairs))
        for number in range(rounds):
            for tool in tools:
                if tool.name in installed and is_due(tool, outcomes[tool.name], number, quick=quick):
                    outcomes[tool.name].append(_run(work, tool, pairs))
    return [_race(tool, outcomes[tool.name], installed=tool.name in installed) for tool in tools]


def is_due(tool: Tool, before: Sequence[Outcome], number: int, *, quick: bool) -> bool:
    """A slow tool runs in the first rounds only, and one that had to be stopped not again."""
    most = 1 if quick and tool.rounds < _ROUNDS else tool.rounds
    return number < most and not (before and before[-1].stopped)


def _run(work: Work, tool: Tool, pairs: Path) -> Outcome:
    command = tuple(str(pairs) if word == LIST else word for word in tool.command)
    with work.network() as lab:
        done = run(lab, command, seconds=tool.seconds)
    if done.cost is None:
        return Outcome(wrong=f"stopped after {tool.seconds:g} s", stopped=True)
    wrong = differs(tool.read(done.printed), work.truth, tool.questions)
    return Outcome(wrong=wrong) if wrong else Outcome(cost=done.cost)


def _race(tool: Tool, outcomes: Sequence[Outcome], *, installed: bool) -> Race:
    return Race(
        tool=tool,
        costs=tuple(one.cost for one in outcomes),
        wrong=tuple(one.wrong for one in outcomes if one.wrong),
        installed=installed,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _asked(arguments)
    works = [work for work in WORKS if _is_wanted(work, asked)]
    # As pip does when it installs: from a checkout Python may be told to leave no compiled modules behind, and then
    # compiles them all in every run.
    compileall.compile_dir(_PACKAGE, quiet=1)
    rounds = _QUICK_ROUNDS if asked.quick else asked.rounds
    raced: list[tuple[Work, list[Race]]] = []
    try:
        for work in works:
            print(f"{work.name}: {work.what}", file=sys.stderr)
            raced.append((work, race(work, rounds=rounds, quick=asked.quick)))
    except LabUnavailable as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    write(asked.results, raced)
    return _report(raced)


def _is_wanted(work: Work, asked: argparse.Namespace) -> bool:
    return work.name in asked.names if asked.names else work.quick or not asked.quick


def _report(raced: Sequence[tuple[Work, Sequence[Race]]]) -> int:
    _print([row for work, races in raced for row in figures.rows(work, races)], figures.HEADINGS)
    _print([row for work, races in raced for row in figures.bound_rows(work, races)], figures.BOUND_HEADINGS)
    missed = [work.name for work, races in raced for bound in work.bounds if figures.is_missed(bound, races)]
    return 1 if missed else 0


def _print(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    print(f"{tabulate(rows, headings, tablefmt='github', disable_numparse=True)}\n")


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="speed")
    add: Callable[..., object] = parser.add_argument
    add("names", nargs="*", metavar="NAMES", help=", ".join(work.name for work in WORKS))
    add("--rounds", type=int, default=_ROUNDS, help="runs of each tool, unless it is a slow one")
    add("--quick", action="store_true", help="two rounds, and without what is slow")
    add("--results", type=Path, default=_RESULTS, help="where all runs go")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - {work.name for work in WORKS}:
        parser.error(f"no work called {', '.join(sorted(unknown))}; there are {', '.join(work.name for work in WORKS)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())

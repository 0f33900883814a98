"""Are verdicts as often right as they say they are sure?"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

from pathprobe.lab.judge import Judgement
from tests.bench.tally import Run

#: Lower ends of the bins of confidence; each ends where the next begins.
BINS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)

#: Who says to be surer than SURE has to be right in so large a share of cases.
SURE, SHARE_RIGHT = 0.95, 0.95

HEADINGS = ("confidence", "verdicts", "mean", "right", "knows less", "wrong", "share right")


def table(runs: Iterable[Run]) -> list[tuple[str, ...]]:
    """A row for each bin that has verdicts in it, the surest last. HEADINGS says what the columns are."""
    known, rows = tuple(runs), []
    for low, high in zip(BINS, (*BINS[1:], 2.0), strict=True):
        inside = [run for run in known if low <= run.confidence < high]
        if inside:
            rows.append((f"{low:g} to {min(high, 1.0):g}", *_row(inside)))
    sure = [run for run in known if run.confidence > SURE]
    if sure:
        rows.append((f"above {SURE:g}", *_row(sure)))
    return rows


def _row(runs: list[Run]) -> tuple[str, ...]:
    counts = [sum(run.judgement is judgement for run in runs) for judgement in Judgement]
    share = counts[0] / len(runs)
    return str(len(runs)), f"{mean(run.confidence for run in runs):.1%}", *map(str, counts), f"{share:.1%}"


def missed(runs: Iterable[Run]) -> list[str]:
    """In words, when those who are sure are not right often enough."""
    sure = [run for run in runs if run.confidence > SURE]
    right = sum(run.judgement is Judgement.RIGHT for run in sure)
    if not sure or right >= SHARE_RIGHT * len(sure):
        return []
    return [f"of the verdicts with confidence above {SURE:g} only {right / len(sure):.1%} are right"]

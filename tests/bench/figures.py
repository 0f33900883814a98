"""How do the runs compare: ratios by round, and are the bounds kept?

Only runs whose answer was right count. A round's ratio is ours by the peer's of the same round, so that what else the
machine was busy with weighs on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.measure import Cost
from tests.bench.work import OURS, Bound, How, Measure, Tool, Work

HEADINGS = ("work", "tool", "asked for", "runs", "wall s", "ours by its: median", "min", "max", "CPU s", "MiB", "wrong")
BOUND_HEADINGS = ("work", "pathprobe's", "figure", "median", "min", "max", "at most", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """One tool's runs of a work, a round each. ``cost`` None: stopped, or wrong, and ``wrong`` says what."""

    tool: Tool
    costs: tuple[Cost | None, ...]
    wrong: tuple[str, ...] = ()
    installed: bool = True

    @property
    def counted(self) -> tuple[Cost, ...]:
        return tuple(cost for cost in self.costs if cost is not None)

    def of(self, measure: Measure) -> list[float | None]:
        """The measure of every round, None where it does not count."""
        return [None if cost is None else float(getattr(cost, measure)) for cost in self.costs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Spread | None:
        """None of nothing."""
        return cls(median=median(values), least=min(values), most=max(values)) if values else None


def ratio(ours: Race, peer: Race, measure: Measure) -> Spread | None:
    """Ours by the peer's, over the rounds in which both count."""
    return Spread.over([mine / theirs for mine, theirs in _together(ours, peer, measure) if theirs])


def difference(ours: Race, peer: Race, measure: Measure) -> Spread | None:
    return Spread.over([mine - theirs for mine, theirs in _together(ours, peer, measure)])


def alone(race: Race, measure: Measure) -> Spread | None:
    return Spread.over([value for value in race.of(measure) if value is not None])


def _together(ours: Race, peer: Race, measure: Measure) -> list[tuple[float, float]]:
    # A slow peer ran in fewer rounds, the first ones.
    rounds = zip(ours.of(measure), peer.of(measure), strict=False)
    return [(mine, theirs) for mine, theirs in rounds if mine is not None and theirs is not None]


def bound_figure(bound: Bound, races: Sequence[Race]) -> Spread | None:
    """What a bound is about; None where its peer is not there, or nothing of it counts."""
    ours = _named(OURS, races)
    peer = ours if bound.peer is None else _named(bound.peer, races)
    if ours is None or peer is None:
        return None
    match bound.how:
        case How.VALUE:
            return alone(ours, bound.measure)
        case How.RATIO:
            return ratio(ours, peer, bound.measure)
        case How.DIFFERENCE:
            return difference(ours, peer, bound.measure)


def _named(name: str, races: Sequence[Race]) -> Race | None:
    return next((race for race in races if race.tool.name == name), None)


def is_missed(bound: Bound, races: Sequence[Race]) -> bool:
    """A wrong or stopped pathprobe misses; a peer that is not installed, or itself wrong, proves nothing."""
    ours = _named(OURS, races)
    if ours is None or not ours.counted:
        return True
    figure = bound_figure(bound, races)
    return figure is not None and figure.median > bound.at_most


def rows(work: Work, races: Sequence[Race]) -> list[tuple[str, ...]]:
    """A work's lines of the table. HEADINGS says what the columns are."""
    ours = _named(OURS, races)
    return [_row(work, race, ours if race.tool.name != OURS else None) for race in races]


def _row(work: Work, race: Race, ours: Race | None) -> tuple[str, ...]:
    if not race.installed:
        return (work.name, race.tool.name, "not installed", *[""] * (len(HEADINGS) - 3))
    beside = ratio(ours, race, Measure.WALL) if ours else None
    return (
        work.name,
        race.tool.name,
        ", ".join(race.tool.questions),
        f"{len(race.counted)}/{len(race.costs)}",
        _middle(race, Measure.WALL, "{:.3f}"),
        *(("", "", "") if beside is None else _cells(beside)),
        _middle(race, Measure.CPU, "{:.3f}"),
        _middle(race, Measure.MEMORY, "{:.0f}"),
        race.wrong[0] if race.wrong else "",
    )


def _middle(race: Race, measure: Measure, form: str) -> str:
    figure = alone(race, measure)
    return "" if figure is None else form.format(figure.median)


def _cells(figure: Spread) -> tuple[str, str, str]:
    return f"{figure.median:.3g}", f"{figure.least:.3g}", f"{figure.most:.3g}"


def bound_rows(work: Work, races: Sequence[Race]) -> list[tuple[str, ...]]:
    """A line for each bound. BOUND_HEADINGS says what the columns are."""
    lines: list[tuple[str, ...]] = []
    for bound in work.bounds:
        figure = bound_figure(bound, races)
        cells = ("", "", "") if figure is None else _cells(figure)
        kept = "missed" if is_missed(bound, races) else "" if figure is None else "kept"
        words = {How.VALUE: "itself", How.RATIO: f"by {bound.peer}'s", How.DIFFERENCE: f"less {bound.peer}'s"}
        lines.append((work.name, bound.measure, words[bound.how], *cells, f"{bound.at_most:g}", kept))
    return lines

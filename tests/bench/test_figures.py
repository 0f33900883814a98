"""Ratios are by round, of right answers only; a bound is kept, missed, or proves nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench import figures, networks, results, speed
from tests.bench.answers import Question, nothing
from tests.bench.figures import Race, Spread
from tests.bench.measure import Cost, cost_of
from tests.bench.work import OURS, Bound, How, Measure, Tool, Work

STATE = Question.STATE
RESULTS = Path(__file__).with_name("results.json")

RATIO = Bound(measure=Measure.WALL, how=How.RATIO, at_most=0.5, peer="nmap")
DIFFERENCE = Bound(measure=Measure.CPU, how=How.DIFFERENCE, at_most=0.25, peer="nmap")
ALONE = Bound(measure=Measure.MEMORY, how=How.VALUE, at_most=300)


def race(name: str, *walls: float | None, wrong: tuple[str, ...] = (), installed: bool = True) -> Race:
    """Runs of these seconds, with half of it in CPU and ten times as many MiB; None for one that does not count."""
    tool = Tool(name=name, command=(name,), read=nothing, questions=(STATE,))
    costs = tuple(None if wall is None else Cost(wall=wall, cpu=wall / 2, memory=wall * 10) for wall in walls)
    return Race(tool=tool, costs=costs, wrong=wrong, installed=installed)


def work(*bounds: Bound) -> Work:
    return Work(name="drop", what="a drop", network=networks.scenario("open"), truth={}, tools=(), bounds=bounds)


def test_a_ratio_is_of_the_runs_of_one_round() -> None:
    found = figures.ratio(race(OURS, 1.0, 3.0, 1.0), race("nmap", 2.0, 3.0, 4.0), Measure.WALL)
    assert found == Spread(median=0.5, least=0.25, most=1.0)


def test_a_round_counts_when_both_were_right() -> None:
    found = figures.ratio(race(OURS, None, 3.0, 1.0), race("nmap", 2.0, None, 4.0), Measure.WALL)
    assert found == Spread(median=0.25, least=0.25, most=0.25)
    assert figures.ratio(race(OURS, None), race("nmap", 2.0), Measure.WALL) is None


def test_a_slow_peer_has_fewer_rounds() -> None:
    found = figures.ratio(race(OURS, 1.0, 9.0), race("nmap", 2.0), Measure.WALL)
    assert found == Spread(median=0.5, least=0.5, most=0.5)


@pytest.mark.parametrize(
    ("bound", "races", "missed"),
    [
        (RATIO, (race(OURS, 1.0), race("nmap", 2.0)), False),
        (RATIO, (race(OURS, 1.1), race("nmap", 2.0)), True),
        (RATIO, (race(OURS, None, wrong=("state",)), race("nmap", 2.0)), True),
        (RATIO, (race(OURS, 1.0), race("nmap", None, wrong=("state",))), False),
        (RATIO, (race(OURS, 1.0), race("nmap", installed=False)), False),
        (RATIO, (race(OURS, 1.0),), False),
        (DIFFERENCE, (race(OURS, 1.0), race("nmap", 0.5)), False),
        (DIFFERENCE, (race(OURS, 1.1), race("nmap", 0.5)), True),
        (ALONE, (race(OURS, 30.0, 1.0, 30.0),), False),
        (ALONE, (race(OURS, 31.0, 1.0, 31.0),), True),
        (ALONE, (), True),
    ],
)
def test_a_bound_is_missed_by_what_pathprobe_shows_and_not_by_what_a_peer_does_not(
    bound: Bound, races: Sequence[Race], missed: bool
) -> None:
    assert figures.is_missed(bound, races) is missed


def test_the_table_has_a_line_a_tool() -> None:
    races = (race(OURS, 1.0, 2.0), race("nmap", 2.0, None, wrong=("state: 1 of 1",)), race("mtr", installed=False))
    ours, nmap, mtr = figures.rows(work(), races)
    assert ours == ("drop", OURS, "state", "2/2", "1.500", "", "", "", "0.750", "15", "")
    assert nmap == ("drop", "nmap", "state", "1/2", "2.000", "0.5", "0.5", "0.5", "1.000", "20", "state: 1 of 1")
    assert mtr == ("drop", "mtr", "not installed", *[""] * 8)
    assert {len(row) for row in (ours, nmap, mtr)} == {len(figures.HEADINGS)}


def test_a_bound_s_line_says_beside_whom_and_whether_it_is_kept() -> None:
    races = (race(OURS, 1.0), race("nmap", 2.0))
    lines = figures.bound_rows(work(RATIO, DIFFERENCE, ALONE), races)
    assert lines == [
        ("drop", "wall", "by nmap's", "0.5", "0.5", "0.5", "0.5", "kept"),
        ("drop", "cpu", "less nmap's", "-0.5", "-0.5", "-0.5", "0.25", "kept"),
        ("drop", "memory", "itself", "10", "10", "10", "300", "kept"),
    ]
    assert figures.bound_rows(work(RATIO), races[:1]) == [("drop", "wall", "by nmap's", "", "", "", "0.5", "")]


def test_what_is_kept_of_a_race_is_plain_and_whole() -> None:
    races = (race(OURS, 1.0, None, wrong=("state: 1 of 1",)), race("nmap", installed=False))
    read = json.loads(json.dumps(results.entry(work(RATIO, ALONE), races)))
    ours, nmap = read["tools"]
    assert ours["runs"] == [{"wall": 1.0, "cpu": 0.5, "memory": 10.0}, None]
    assert (ours["wrong"], nmap["installed"], nmap["runs"]) == (["state: 1 of 1"], False, [])
    assert [bound["figure"] for bound in read["bounds"]] == [None, {"median": 10.0, "least": 10.0, "most": 10.0}]


@pytest.mark.parametrize(
    ("rounds", "before", "quick", "due"),
    [
        (9, (), False, True),
        (9, (speed.Outcome(wrong="state"),), False, True),
        (9, (speed.Outcome(wrong="stopped after 30 s", stopped=True),), False, False),
        (1, (speed.Outcome(),), False, False),
        (2, (speed.Outcome(),), False, True),
        (2, (speed.Outcome(),), True, False),
        (9, (speed.Outcome(),), True, True),
    ],
)
def test_a_slow_tool_has_fewer_rounds_and_one_that_hangs_only_one(
    rounds: int, before: Sequence[speed.Outcome], quick: bool, due: bool
) -> None:
    tool = Tool(name="mtr", command=("mtr",), read=nothing, questions=(STATE,), rounds=rounds)
    assert speed.is_due(tool, before, len(before), quick=quick) is due


def test_a_work_that_is_not_raced_keeps_its_results() -> None:
    before = [{"work": "open", "date": 1}, {"work": "drop", "date": 1}]
    now = [{"work": "drop", "date": 2}, {"work": "echo", "date": 2}]
    assert results.merged(before, now) == [before[0], now[0], now[1]]


def test_the_kept_results_are_of_works_that_there_are_and_of_no_machine() -> None:
    text = RESULTS.read_text()
    read = json.loads(text)
    assert read["schema"] == results.SCHEMA
    assert {one["work"] for one in read["works"]} <= {one.name for one in speed.WORKS}
    assert "/home" not in text
    assert "/usr" not in text


def test_a_tool_that_was_stopped_has_no_cost() -> None:
    assert cost_of("") is None
    text = '{"wall_s": 0.5, "cpu_s": 0.25, "peak_kib": 2048, "status": 0}'
    assert cost_of(text) == Cost(wall=0.5, cpu=0.25, memory=2.0)


@pytest.mark.parametrize("one", speed.WORKS, ids=lambda one: str(one.name))
def test_every_work_is_ours_to_do_and_has_a_truth_for_each_question(one: Work) -> None:
    names = [tool.name for tool in one.tools]
    assert names[0] == OURS
    assert len(set(names)) == len(names)
    assert {question for tool in one.tools for question in tool.questions} <= set(one.truth)
    assert {bound.peer for bound in one.bounds} - {None} <= set(names)

"""A verdict that knows less is told from one that is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.report import Device, Direction, Hop, Mechanism, Result, State, Where
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.lab.judge import Judgement, judge

RIGHT, WIDER, WRONG = Judgement

R1, R2, R3 = Hop(ttl=1, address="10.9.1.1"), Hop(ttl=2, address="10.9.2.2"), Hop(ttl=3, address="10.9.3.2")
TARGET, STRANGER = Hop(ttl=4, address="10.0.0.5"), Hop(ttl=2, address="10.9.9.9")


@pytest.fixture(scope="module")
def dropped() -> Result:
    """r2 drops the port: path, forward, between hops 2 and 3, of a target at hop 4."""
    return ask_simulated(catalogue.load("drop-r2-forward"))


def of(result: Result) -> Judgement:
    return judge(catalogue.load("drop-r2-forward"), result)


def test_what_the_file_expects_is_right(dropped: Result) -> None:
    assert of(dropped) is RIGHT


@pytest.mark.parametrize(
    ("place", "judgement"),
    [
        ({"last_good": R1}, WIDER),
        ({"last_good": None}, WIDER),
        ({"first_bad": TARGET, "where": Where.UNKNOWN, "direction": None}, WIDER),
        ({"first_bad": None, "where": Where.UNKNOWN}, WIDER),
        ({"last_good": R3, "first_bad": TARGET}, WRONG),
        ({"last_good": R1, "first_bad": R2}, WRONG),
        ({"first_bad": TARGET, "where": Where.TARGET_EDGE, "direction": None}, WRONG),
        ({"where": Where.LOCAL}, WRONG),
        ({"direction": Direction.RETURN}, WRONG),
        ({"last_good": STRANGER}, WRONG),
        ({"device": Device(ttl=2, address="10.9.2.2", by=())}, WRONG),
    ],
)
def test_an_interval_is_right_wider_or_without_the_truth(
    dropped: Result, place: dict[str, object], judgement: Judgement
) -> None:
    location = replace(dropped.verdict.location, **place)  # type: ignore[arg-type]
    assert of(replace(dropped, verdict=replace(dropped.verdict, location=location))) is judgement


@pytest.mark.parametrize(
    ("fields", "judgement"),
    [
        ({"distance": None}, WIDER),
        ({"distance": 5}, WRONG),
        ({"state": State.UNKNOWN}, WRONG),
        ({"mechanism": Mechanism.REJECT}, WRONG),
        ({"mechanism": None}, WRONG),
        ({"state": State.OPEN_FILTERED, "mechanism": None}, WIDER),
        ({"state": State.OPEN_FILTERED}, WIDER),
    ],
)
def test_a_distance_may_be_unknown_a_state_and_a_mechanism_may_not(
    dropped: Result, fields: dict[str, object], judgement: Judgement
) -> None:
    verdict = replace(dropped.verdict, **fields)  # type: ignore[arg-type]
    assert of(replace(dropped, verdict=verdict)) is judgement

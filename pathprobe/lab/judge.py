"""Is a verdict right, does it only know less, or is it wrong?

Where packets get lost, a verdict may know less than its scenario's file expects: a wider interval that contains the
true one, or a place, distance, direction or box of which it says nothing; of a silent UDP port that it is either open
or filtered, and then of no mechanism. That is honest, and less than right. Another state or mechanism, an interval
without the true one in it, or a place that is not so, is wrong.
"""

from __future__ import annotations

from enum import StrEnum

from pathprobe.core.report import Result, State, Where
from pathprobe.lab.ask import Difference, differences
from pathprobe.net.scenario import Scenario


class Judgement(StrEnum):
    """What a verdict is worth beside the truth."""

    RIGHT = "right"
    WIDER = "wider"
    WRONG = "wrong"


def judge(scenario: Scenario, result: Result) -> Judgement:
    """What the verdict on a scenario is worth."""
    found = differences(scenario, result)
    if not found:
        return Judgement.RIGHT
    hedges = (scenario.expect.state, result.verdict.state) == (State.FILTERED, State.OPEN_FILTERED)
    less = all(_knows_less(difference, hedges=hedges) for difference in found)
    return Judgement.WIDER if less else Judgement.WRONG


def _knows_less(difference: Difference, *, hedges: bool) -> bool:
    expected, got = difference.expected, difference.got
    match difference.field:
        case "state":
            return hedges
        case "mechanism":
            return hedges and got is None
        case "where":
            return got is Where.UNKNOWN
        case "last_good":
            return got is None or (isinstance(got, int) and isinstance(expected, int) and got < expected)
        case "first_bad":
            return got is None or (isinstance(got, int) and isinstance(expected, int) and got > expected)
        case "device" | "distance" | "direction":
            return got is None
        case _:
            return False

"""Throws of the dice that once led to a wrong verdict."""

from __future__ import annotations

import pytest

from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated, differences

ONCE_WRONG = [
    ("echo-loss-r2-30-open", 0, "the target's answer to the smallest TTL was lost: no distance"),
    ("echo-loss-r2-30-open", 24, "seven pings were lost, and of the control's only three: filtered"),
    ("echo-loss-r1-30-drop-r2", 8, "r2's answer to a ping's step was lost: the interval began at r1"),
    ("loss-r3-30-drop-r2", 180, "the target's answers to TTL 4 were lost: a hop too far away"),
    ("loss-r1-30-drop-r2", 40, "r3's answers were lost, a pair a second: first bad hop 4"),
    ("loss-r2-30-reset-r3", 48, "one flow was lost five times: intermittent"),
    ("udp-loss-r2-30-silent-service", 9, "no source ports were left to ask more closed ports"),
]


@pytest.mark.parametrize(("name", "seed", "why"), ONCE_WRONG)
def test_what_luck_once_made_wrong_is_right(name: str, seed: int, why: str) -> None:
    scenario = catalogue.load(name)
    assert differences(scenario, ask_simulated(scenario, seed=seed)) == (), why

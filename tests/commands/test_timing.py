"""Where did the time go?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.commands.timing import timing_of, words
from pathprobe.core.report import Timing
from tests.output.reports import report, result

NOON = 1_780_000_000.0


def test_probing_waiting_and_concluding_are_what_the_run_took() -> None:
    one = replace(result("open"), started=NOON, duration=0.6, waited=0.5)
    timing = timing_of(report(one, one, started=NOON, duration=1.3), resolve=0.2)
    assert (timing.resolve, timing.probe, timing.wait, timing.conclude) == pytest.approx((0.2, 0.2, 1.0, 0.1))


def test_the_start_is_all_that_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    assert timing_of(report(duration=0.0), resolve=0.0).start > 0
    monkeypatch.setattr("pathprobe.commands.timing._running", lambda: 2.0)
    assert timing_of(report(duration=0.6), resolve=0.3).start == pytest.approx(1.1)
    one = replace(result("open"), started=NOON + 0.125, duration=0.25)
    loaded_later = timing_of(report(one, started=NOON, duration=0.5), resolve=0.0)
    assert (loaded_later.start, loaded_later.conclude) == pytest.approx((1.625, 0.125))


def test_it_is_one_line() -> None:
    timing = Timing(start=0.23, resolve=0.0, probe=0.021, wait=0.504, conclude=0.0104)
    assert words(timing) == (
        "0.23 s to start, 0.00 to resolve, 0.02 to probe, 0.50 waited for answers, 0.01 to conclude"
    )

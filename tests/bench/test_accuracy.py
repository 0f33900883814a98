"""The tables say what the runs were, and the exit status whether the figures are met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.lab import catalogue
from pathprobe.lab.judge import Judgement
from tests.bench import accuracy, calibration, tally
from tests.bench.tally import Run, Tally, is_healthy, is_noisy

RIGHT, WIDER, WRONG = Judgement
GOOD = Run(judgement=RIGHT, wrong=(), confidence=0.99, packets=10, seconds=0.1)
LESS = replace(GOOD, judgement=WIDER, wrong=("last_good: expected 2, got 1",))
BAD = replace(GOOD, judgement=WRONG, wrong=("state: expected filtered, got open",))

STEADY, NOISY, HEALTHY = "drop-r2-forward", "loss-r2-30-drop-r2", "open"


def of(name: str, *runs: Run) -> Tally:
    return Tally(scenario=catalogue.load(name), runs=runs)


@pytest.mark.parametrize(
    ("one", "faults"),
    [
        (of(STEADY, *[GOOD] * 10), 0),
        (of(STEADY, *[GOOD] * 99, BAD), 1),
        (of(STEADY, *[GOOD] * 99, LESS), 1),
        (of(NOISY, *[GOOD] * 49, BAD), 0),
        (of(NOISY, *[GOOD] * 48, BAD, BAD), 1),
        (of(NOISY, *[GOOD] * 48, BAD, LESS), 0),
        (of(NOISY, *[GOOD] * 9, BAD), 1),
        (of(HEALTHY, replace(GOOD, packets=39)), 0),
        (of(HEALTHY, replace(GOOD, packets=40)), 1),
        (of(STEADY, replace(GOOD, packets=249)), 0),
        (of(STEADY, GOOD, replace(GOOD, packets=250)), 1),
        (of(STEADY, replace(BAD, packets=250)), 2),
    ],
)
def test_each_figure_that_is_missed_is_told(one: Tally, faults: int) -> None:
    assert len(tally.missed(one)) == faults
    assert accuracy.report([one], {}, []) == (1 if faults else 0)


def test_verdicts_that_are_sure_are_right_in_95_of_100(capsys: pytest.CaptureFixture[str]) -> None:
    assert calibration.missed([GOOD] * 95 + [BAD] * 5) == []
    assert calibration.missed([GOOD] * 94 + [BAD] * 6) != []
    assert calibration.missed([replace(BAD, confidence=0.95)]) == []
    assert accuracy.report([of(STEADY, GOOD)], {}, [GOOD] * 9 + [LESS]) == 1
    assert "only 90.0% are right" in capsys.readouterr().out


def test_each_bin_of_confidence_has_its_share_that_is_right() -> None:
    runs = [replace(GOOD, confidence=0.9), replace(BAD, confidence=0.92), GOOD, replace(LESS, confidence=1.0)]
    assert calibration.table(runs) == [
        ("0.9 to 0.95", "2", "91.0%", "1", "0", "1", "50.0%"),
        ("0.99 to 0.999", "1", "99.0%", "1", "0", "0", "100.0%"),
        ("0.999 to 1", "1", "100.0%", "0", "1", "0", "0.0%"),
        ("above 0.95", "2", "99.5%", "1", "1", "0", "50.0%"),
    ]


def test_a_row_shows_the_least_sure_and_the_dearest_run() -> None:
    one = of(NOISY, GOOD, replace(LESS, confidence=0.9, packets=250, seconds=3.0), replace(BAD, seconds=2.0))
    assert accuracy.row(one, ("filtered/no-response", "open|filtered")) == (
        NOISY,
        "filtered drop [2..3]",
        "1/3",
        "1",
        "1",
        "90.0%",
        "250 !",
        "2.00",
        "filtered/no-response",
        "open or filtered",
    )


def test_what_the_peers_get_wrong_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    beside = {
        "reset-r2-forward": ("closed/reset ttl 63 (WRONG)", "target at hop 3 (WRONG)"),
        STEADY: ("filtered/no-response (no place)", "last answer hop 2, then *"),
    }
    accuracy.report([of(STEADY, GOOD)], beside, [])
    said = capsys.readouterr().out
    assert "nmap: of 2 networks wrong about 1, no place for 1\n" in said
    assert "traceroute: of 2 networks wrong about 1, no place for 0\n" in said


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("open", "open answer hop 4"),
        ("udp-silent-service", "open|filtered [3..4]"),
        ("reject-r2-admin-prohibited", "filtered reject by hop 2"),
        ("local-output-drop", "filtered local-error local"),
    ],
)
def test_the_truth_is_state_mechanism_and_place(name: str, truth: str) -> None:
    assert accuracy.truth(catalogue.load(name)) == truth


def test_noisy_is_what_goes_by_chance_by_the_clock_or_takes_its_time() -> None:
    assert [is_noisy(catalogue.load(name)) for name in (NOISY, "used-up-open", "slow-open", STEADY)] == [1, 1, 1, 0]
    assert [is_healthy(catalogue.load(name)) for name in (HEALTHY, STEADY, "loss-r2-30-open")] == [1, 0, 0]


def test_there_are_noisy_networks_of_every_protocol_and_family() -> None:
    noisy = [one for one in map(catalogue.load, catalogue.names()) if is_noisy(one)]
    assert {(one.protocol, one.family) for one in noisy} == {
        (protocol, family) for protocol in ("tcp", "udp", "icmp") for family in (4, 6)
    }

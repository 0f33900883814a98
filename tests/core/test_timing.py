"""Is silence given the time that the network has shown to need?"""

from __future__ import annotations

import pytest

from pathprobe.core.timing import grace, silence_window


@pytest.mark.parametrize(
    ("round_trips", "window"),
    [
        ([], 1.0),
        ([0.0001], 0.2),
        ([0.05], 0.2),
        ([0.1], 0.3),
        ([0.1, 0.3, 0.2], 0.9),
        ([0.9], 2.7),
        ([2.0], 3.0),
    ],
)
def test_silence_is_believed_after_three_of_the_longest_round_trips(round_trips: list[float], window: float) -> None:
    assert silence_window(round_trips) == pytest.approx(window)


@pytest.mark.parametrize(
    ("round_trips", "longest", "window"),
    [([], 0.5, 0.5), ([], 4.0, 1.0), ([0.3], 0.25, 0.25), ([0.3], 2.0, 0.9), ([0.001], 0.05, 0.05)],
)
def test_the_users_own_bound_shortens_the_window_and_never_lengthens_it(
    round_trips: list[float], longest: float, window: float
) -> None:
    assert silence_window(round_trips, longest) == pytest.approx(window)


@pytest.mark.parametrize(
    ("round_trips", "seconds"), [([], 0.5), ([0.0001], 0.03), ([0.02], 0.05), ([0.02, 0.1, 0.05], 0.21)]
)
def test_a_welcome_answer_is_waited_for_twice_the_longest_round_trip(round_trips: list[float], seconds: float) -> None:
    assert grace(round_trips) == pytest.approx(seconds)


def test_round_trips_may_come_from_any_iterable() -> None:
    assert silence_window(iter([0.1])) == pytest.approx(0.3)
    assert grace(iter([0.1])) == pytest.approx(0.21)

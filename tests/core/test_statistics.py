"""Are the chances those that counting every case gives?"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.statistics import chance_of_guess, chance_of_next_passing, chance_of_split

deterministic = settings(derandomize=True, deadline=None, max_examples=100)


def counted(test_passed: int, test_sent: int, control_passed: int, control_sent: int) -> Fraction:
    """Every way to deal the losses out over the probes, one by one."""
    probes = range(test_sent + control_sent)
    ways = list(combinations(probes, test_passed + control_passed))
    as_bad = sum(sum(passed < test_sent for passed in way) <= test_passed for way in ways)
    return Fraction(as_bad, len(ways))


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    test_sent, control_sent = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    return draw(st.integers(0, test_sent)), test_sent, draw(st.integers(0, control_sent)), control_sent


@deterministic
@given(tables())
def test_the_chance_of_a_split_is_what_enumeration_gives(table: tuple[int, int, int, int]) -> None:
    assert chance_of_split(*table) == pytest.approx(float(counted(*table)))


@deterministic
@given(tables())
def test_losses_and_passes_change_places_with_test_and_control(table: tuple[int, int, int, int]) -> None:
    test_passed, test_sent, control_passed, control_sent = table
    mirrored = chance_of_split(control_sent - control_passed, control_sent, test_sent - test_passed, test_sent)
    assert chance_of_split(*table) == pytest.approx(mirrored)


@deterministic
@given(tables())
def test_the_two_tails_cover_everything_and_share_what_was_seen(table: tuple[int, int, int, int]) -> None:
    test_passed, test_sent, control_passed, control_sent = table
    other_tail = chance_of_split(control_passed, control_sent, test_passed, test_sent)
    assert 1 <= chance_of_split(*table) + other_tail <= 2 + 1e-12


@pytest.mark.parametrize(
    ("table", "chance"),
    [
        ((0, 1, 1, 1), 1 / 2),
        ((0, 3, 3, 3), 1 / 20),
        ((0, 5, 5, 5), 1 / 252),
        ((0, 5, 4, 5), 5 / 210),
        ((3, 3, 3, 3), 1),
    ],
)
def test_known_tables_have_their_textbook_chance(table: tuple[int, int, int, int], chance: float) -> None:
    assert chance_of_split(*table) == pytest.approx(chance)


@pytest.mark.parametrize("table", [(0, 0, 3, 3), (0, 3, 0, 0), (0, 0, 0, 0)])
def test_without_a_comparison_there_is_no_evidence(table: tuple[int, int, int, int]) -> None:
    assert chance_of_split(*table) == 1.0


def test_each_loss_more_makes_the_next_success_less_likely() -> None:
    chances = [chance_of_next_passing(lost) for lost in range(5)]
    assert chances == [1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]


def test_a_guess_hits_one_of_the_tokens_that_are_out() -> None:
    assert chance_of_guess(0) == 0
    assert chance_of_guess(2) == 2 * chance_of_guess(1) == 2**-31

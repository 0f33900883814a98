"""Are the chances those that counting every case gives?"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.statistics import (
    chance_of_guess,
    chance_of_next_passing,
    chance_of_so_many,
    chance_of_split,
    flows_to_rule_out,
    most_likely_at_most,
)

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


@pytest.mark.parametrize(("routers", "flows"), list(enumerate((6, 11, 16, 21, 27, 33, 38, 44, 51, 57), start=2)))
def test_the_stopping_rule_is_that_of_the_published_table(routers: int, flows: int) -> None:
    assert flows_to_rule_out(routers) == flows


@pytest.mark.parametrize("routers", [2, 3])
def test_the_stopping_rule_is_what_counting_every_way_to_spread_flows_gives(routers: int) -> None:
    def missed(flows: int) -> Fraction:
        ways = list(product(range(routers), repeat=flows))
        return Fraction(sum(len(set(way)) < routers for way in ways), len(ways))

    flows = flows_to_rule_out(routers)
    assert missed(flows) < Fraction(1, 20) <= missed(flows - 1)


@pytest.mark.parametrize("routers", [-1, 0, 1])
def test_one_router_cannot_be_ruled_out(routers: int) -> None:
    with pytest.raises(ValueError, match="there anyway"):
        flows_to_rule_out(routers)


@pytest.mark.parametrize(
    ("least", "of", "each", "chance"), [(0, 3, 0.5, 1), (1, 3, 0.5, 7 / 8), (3, 3, 0.5, 1 / 8), (1, 16, 0.0, 0)]
)
def test_the_chance_of_so_many_is_the_tail_of_the_binomial(least: int, of: int, each: float, chance: float) -> None:
    assert chance_of_so_many(least, of, each) == pytest.approx(chance)


@pytest.mark.parametrize(
    ("happened", "of", "right"),
    [
        (0, 1, 0.95),  # 1 - 0.05 ** (1 / 1)
        (0, 10, 0.2589),  # 1 - 0.05 ** (1 / 10)
        (1, 10, 0.3942),  # tables of the binomial distribution, one-sided 95 %
        (5, 10, 0.7776),
        (10, 10, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_highest_rate_is_the_one_of_the_tables(happened: int, of: int, right: float) -> None:
    assert most_likely_at_most(happened, of) == pytest.approx(right, abs=0.002)

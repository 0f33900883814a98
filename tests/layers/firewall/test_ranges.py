"""Sets of ranges are sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathprobe.layers.firewall.evaluation.ranges import common, normalised, single, union, without
from pathprobe.layers.firewall.model import Ranges

_range = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda one: (one[0], one[0] + one[1]))
sets = st.lists(_range, max_size=8).map(lambda ranges: normalised(tuple(ranges)))


def numbers(ranges: Ranges) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(some=sets, others=sets)
def test_ranges_are_combined_as_sets_are(some: Ranges, others: Ranges) -> None:
    for combined, expected in (
        (common(some, others), numbers(some) & numbers(others)),
        (without(some, others), numbers(some) - numbers(others)),
        (union(some, others), numbers(some) | numbers(others)),
    ):
        assert numbers(combined) == expected
        assert combined == normalised(combined)


@pytest.mark.parametrize(
    ("ranges", "expected"), [((), None), (((5, 5),), 5), (((5, 6),), None), (((5, 5), (7, 7)), None)]
)
def test_one_number_alone_is_single(ranges: Ranges, expected: int | None) -> None:
    assert single(ranges) == expected

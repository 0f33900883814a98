"""Which numbers are in both of two sets, and which in the one alone?

A set of numbers is a tuple of ranges, sorted and apart from each other, so that addresses by the billion and rules by
the thousand cost little.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache

from pathprobe.layers.firewall.model import Ranges

#: Above every number that a packet can hold.
_BEYOND = 1 << 129


def normalised(ranges: Ranges) -> Ranges:
    """The same numbers, in order, with neighbours joined."""
    return ranges if len(ranges) < 2 else _sorted(ranges)


@lru_cache(maxsize=256)
def _sorted(ranges: Ranges) -> Ranges:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def single(ranges: Ranges) -> int | None:
    """The one number that is in the set, None where it holds several or none."""
    return ranges[0][0] if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else None


def common(some: Ranges, others: Ranges) -> Ranges:
    """What is in both; the sets are normalised, and so is the answer."""
    few, many = (some, others) if len(some) <= len(others) else (others, some)
    found: list[tuple[int, int]] = []
    for low, high in few:
        for first, last in many[_first_touching(many, low) : _behind(many, high)]:
            found.append((max(low, first), min(high, last)))
    return tuple(found)


def without(some: Ranges, others: Ranges) -> Ranges:
    """What is in the first set alone; the sets are normalised, and so is the answer."""
    left = some
    if len(others) > len(some):
        return common(some, _complement(others))
    for low, high in others:
        begin, end = _first_touching(left, low), _behind(left, high)
        if begin >= end:
            continue
        pieces = []
        if left[begin][0] < low:
            pieces.append((left[begin][0], low - 1))
        if left[end - 1][1] > high:
            pieces.append((high + 1, left[end - 1][1]))
        left = (*left[:begin], *pieces, *left[end:])
    return left


def union(some: Ranges, others: Ranges) -> Ranges:
    """What is in one of the two at least."""
    return normalised(some + others)


def _complement(ranges: Ranges) -> Ranges:
    edges = [0, *(edge for low, high in ranges for edge in (low, high + 1)), _BEYOND]
    return tuple((low, high - 1) for low, high in zip(edges[::2], edges[1::2], strict=True) if low < high)


def _first_touching(ranges: Ranges, low: int) -> int:
    """The index of the first range that does not end before ``low``."""
    index = bisect_right(ranges, (low, _BEYOND)) - 1
    return index if index >= 0 and ranges[index][1] >= low else index + 1


def _behind(ranges: Ranges, high: int) -> int:
    """The index of the first range that begins after ``high``."""
    return bisect_left(ranges, (high + 1, -1))

"""How often are verdicts right, beside how sure they say they are?

Where packets get lost by chance the best verdict is wrong at times, and its confidence says how often that may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

#: The confidences that bound the rows of the table.
_BOUNDS = (0.0, 0.5, 0.8, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verdict and what is wrong with it.

    ``knows_nothing``: no state, though the network hides none. ``by_chance``: the network loses packets, or routers
    in it spare their ICMP. ``packets``: probes sent.
    """

    found: tuple[str, ...]
    knows_nothing: bool
    by_chance: bool
    confidence: float
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Verdicts whose confidence is at least ``least`` and below ``below`` (the last row: at most)."""

    least: float
    below: float
    verdicts: int
    right: int


def calibration(judged: Iterable[Judged]) -> tuple[Row, ...]:
    """The verdicts by confidence; a row without verdicts is left out."""
    known = tuple(judged)
    rows = (_row(known, least, below) for least, below in pairwise(_BOUNDS))
    return tuple(row for row in rows if row.verdicts)


def _row(known: tuple[Judged, ...], least: float, below: float) -> Row:
    last = below == _BOUNDS[-1]
    there = [one for one in known if least <= one.confidence and (one.confidence < below or last)]
    return Row(least=least, below=below, verdicts=len(there), right=sum(not one.found for one in there))

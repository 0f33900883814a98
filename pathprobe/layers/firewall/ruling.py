"""Is the packet let in and the answer out, is it stopped, or does that depend on something?

One journey has an outcome for each group of senders, and for each answer to what could not be told. Limits are taken as
not yet reached: who asks once is one of few.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pathprobe.layers.firewall.evaluation.journey import Journey
from pathprobe.layers.firewall.outcome import Fate, Outcome


class Ruling(StrEnum):
    OPEN = "open"
    BLOCKED = "blocked"
    DEPENDS = "depends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """``outcome``: of most senders; ``others``: those that fare otherwise, the largest group first.

    ``of_answer``: it is about the way out. ``limited``: outcomes of those who come once a limit is reached.
    """

    ruling: Ruling
    outcome: Outcome
    others: tuple[Outcome, ...] = ()
    of_answer: bool = False
    limited: tuple[Outcome, ...] = ()


def ruled(journey: Journey) -> Ruled:
    """What a journey says; the way out counts where the way in is open."""
    inwards = _of_one_way(journey.way_in, of_answer=False)
    if inwards.ruling is Ruling.BLOCKED or not journey.way_out:
        return inwards
    outwards = _of_one_way(journey.way_out, of_answer=True)
    return inwards if outwards.ruling is Ruling.OPEN and not outwards.others else _graver(inwards, outwards)


def _graver(inwards: Ruled, outwards: Ruled) -> Ruled:
    order = (Ruling.OPEN, Ruling.DEPENDS, Ruling.BLOCKED)
    return outwards if order.index(outwards.ruling) > order.index(inwards.ruling) else inwards


def _of_one_way(outcomes: Iterable[Outcome], *, of_answer: bool) -> Ruled:
    ordered = sorted(outcomes, key=lambda one: (bool(_doubts(one)), -_share(one)))
    usual = [one for one in ordered if not any(doubt.is_reached for doubt in one.doubts)] or ordered
    main = usual[0]
    others = tuple(one for one in usual if _class(one) is not _class(main))
    limited = tuple(one for one in ordered if one not in usual and _class(one) is not _class(main))
    return Ruled(ruling=_ruling(main, usual, others), outcome=main, others=others, of_answer=of_answer, limited=limited)


def _ruling(main: Outcome, usual: list[Outcome], others: tuple[Outcome, ...]) -> Ruling:
    if not others:
        return _class(main)
    if any(_doubts(one) for one in usual) or _class(main) is not Ruling.OPEN:
        return Ruling.DEPENDS
    return Ruling.OPEN


def _class(outcome: Outcome) -> Ruling:
    if outcome.fate is Fate.ACCEPTED:
        return Ruling.OPEN
    return Ruling.DEPENDS if outcome.fate is Fate.HANDED else Ruling.BLOCKED


def _doubts(outcome: Outcome) -> bool:
    return any(not doubt.is_limit for doubt in outcome.doubts)


def _share(outcome: Outcome) -> int:
    """How many senders it is about."""
    return sum(high - low + 1 for low, high in outcome.sources or ())

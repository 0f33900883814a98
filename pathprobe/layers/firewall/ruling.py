"""Is the packet let in and the answer out, is it stopped, or does that depend on something?

One journey has an outcome for each group of senders, and for each answer to what could not be told. Limits are taken as
not yet reached: who asks once is one of few.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from pathprobe.layers.firewall.evaluation.journey import Journey
from pathprobe.layers.firewall.outcome import Fate, Outcome, Redirection


class Ruling(StrEnum):
    OPEN = "open"
    BLOCKED = "blocked"
    DEPENDS = "depends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """``outcome``: of most senders; ``others``: those that fare otherwise, the largest group first.

    ``of_answer``: it is about the way out. ``unanswered``: of senders who are let in, and whose answer is stopped.
    ``limited``: outcomes of those who come once a limit is reached. ``redirections``: of the packet, even
    where the outcome is its answer's.
    """

    ruling: Ruling
    outcome: Outcome
    others: tuple[Outcome, ...] = ()
    of_answer: bool = False
    unanswered: tuple[Outcome, ...] = ()
    limited: tuple[Outcome, ...] = ()
    redirections: tuple[Redirection, ...] = ()


def ruled(journey: Journey) -> Ruled:
    """What a journey says; the way out counts where the way in is open."""
    inwards = _of_one_way(journey.way_in, of_answer=False)
    if inwards.ruling is Ruling.BLOCKED or not journey.way_out:
        return inwards
    outwards = _of_one_way(journey.way_out, of_answer=True)
    if _ORDER.index(outwards.ruling) > _ORDER.index(inwards.ruling):
        return replace(outwards, redirections=inwards.redirections)
    return replace(inwards, unanswered=outwards.others) if outwards.ruling is Ruling.OPEN else inwards


_ORDER = (Ruling.OPEN, Ruling.DEPENDS, Ruling.BLOCKED)


def _of_one_way(outcomes: Iterable[Outcome], *, of_answer: bool) -> Ruled:
    ordered = sorted(outcomes, key=lambda one: (_is_unsure(one), -_share(one)))
    at_first = [one for one in ordered if not _reached(one)]
    main = (at_first or ordered)[0]
    usual, limited = (at_first, [one for one in ordered if _reached(one)]) if at_first else (ordered, [])
    others = tuple(one for one in usual if _class(one) is not _class(main))
    return Ruled(
        ruling=_ruling(main, usual, others),
        outcome=main,
        others=others,
        of_answer=of_answer,
        limited=tuple(one for one in limited if _class(one) is not _class(main)),
        redirections=main.redirections,
    )


def _ruling(main: Outcome, usual: list[Outcome], others: tuple[Outcome, ...]) -> Ruling:
    if not others:
        return _class(main)
    if any(_is_unsure(one) for one in usual) or _class(main) is not Ruling.OPEN:
        return Ruling.DEPENDS
    return Ruling.OPEN


def _class(outcome: Outcome) -> Ruling:
    if outcome.fate is Fate.ACCEPTED:
        return Ruling.OPEN
    return Ruling.DEPENDS if outcome.fate is Fate.HANDED else Ruling.BLOCKED


def _reached(outcome: Outcome) -> bool:
    return any(doubt.is_reached for doubt in outcome.doubts)


def _is_unsure(outcome: Outcome) -> bool:
    return any(not doubt.is_limit for doubt in outcome.doubts)


def _share(outcome: Outcome) -> int:
    """How many senders it is about."""
    return sum(high - low + 1 for low, high in outcome.sources or ())

"""How did an attempt end, when several things were seen of it?

What left counts before what was thrown away: a SYN that was dropped once and answered at its second try is answered.
A reset comes with a drop of the packet that it answers (NO_SOCKET), and so does a rule that rejects (NETFILTER_DROP):
it is the answer that the asker knows of, and the drop says whose it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pathprobe.core.arrivals.facts import Attempt, Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What was seen that can end an attempt: times of what left, and whether the rest was seen at all."""

    answers: Sequence[int] = ()
    resets: Sequence[int] = ()
    refusals: Sequence[int] = ()
    answer_dropped: bool = False
    dropped: bool = False
    handed_on: bool = False


def judge(tries: Sequence[int], seen: Endings) -> tuple[Fate, float | None]:
    """The fate, and the milliseconds from the try to what ended it where that left this machine."""
    for fate, times in (
        (Fate.ANSWERED, seen.answers),
        (Fate.RESET, seen.resets),
        (Fate.REFUSED, seen.refusals),
    ):
        if times:
            asked = max((one for one in tries if one <= times[0]), default=tries[0])
            return fate, (times[0] - asked) / 1e6
    if seen.answer_dropped:
        return Fate.ANSWER_DROPPED, None
    if seen.dropped:
        return Fate.DROPPED, None
    return (Fate.HANDED_ON if seen.handed_on else Fate.UNANSWERED), None


def nothing_listens(attempt: Attempt) -> bool:
    """The kernel itself said so: a reset or a port unreachable that no rule made, or a drop for want of a socket."""
    if attempt.by_rule:
        return False
    match attempt.fate:
        case Fate.RESET:
            return True
        case Fate.REFUSED:
            refusal = attempt.refusal
            return attempt.protocol == "udp" and refusal is not None and refusal.port_unreachable
        case Fate.DROPPED:
            return all(one.reason == "NO_SOCKET" for one in attempt.drops)
    return False


def is_blocked(attempt: Attempt) -> bool:
    """Something on this machine kept it from its answer."""
    ends = (Fate.RESET, Fate.REFUSED, Fate.DROPPED, Fate.ANSWER_DROPPED)
    return attempt.fate in ends and not nothing_listens(attempt)

"""Which answers does an on-call engineer want to see first?

The order of a table of many: what cannot be reached, what is reached and then stops, what is refused, what nobody can
tell, what works. Among equals the one that was asked most often.
"""

from __future__ import annotations

from pathprobe.core.report import Claim, Result, State

#: Troubles of connections that stand, after the states that are worse than any of them.
_TROUBLES = (
    Claim.LARGE_STALLED,
    Claim.STALLED,
    Claim.CUT,
    Claim.REQUEST_UNANSWERED,
    Claim.ANSWER_REPEATED,
    Claim.ANSWER_UNHEARD,
    Claim.WINDOW_SHUT,
    Claim.RESET_BY_BOX,
    Claim.RESET_MIDWAY,
)

_FEW, _MOST_ASKED_FOR = 5, 20

_BEFORE = (State.UNREACHABLE, State.FILTERED, State.INTERMITTENT)
_AFTER = (State.CLOSED, State.OPEN_FILTERED, State.UNKNOWN, State.OPEN)


def trouble_of(result: Result) -> Claim | None:
    """What is wrong with connections that the target accepted."""
    claims = {one.claim for one in result.verdict.reasons}
    return next((one for one in _TROUBLES if one in claims), None)


def urgency(result: Result) -> tuple[int, int]:
    """A key to sort results by, worst first."""
    attempts = result.counted.attempts if result.counted else 1
    state = result.verdict.state
    if state in _BEFORE:
        return _BEFORE.index(state), -attempts
    if trouble := trouble_of(result):
        return len(_BEFORE) + _TROUBLES.index(trouble), -attempts
    return len(_BEFORE) + len(_TROUBLES) + _AFTER.index(state), -attempts


def is_told_in_full(answers: int, *, narrowed: bool) -> bool:
    """A person reads so many accounts; more if these were asked for. Else a line each."""
    return answers <= (_MOST_ASKED_FOR if narrowed else _FEW)

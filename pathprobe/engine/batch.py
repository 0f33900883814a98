"""What is the state of very many targets, and where do those die that are not open?

First a sweep over all, then a second look at those that are not open (second_pass.py), which is loaded only where
there are such: of a list whose targets all answer most of the time is Python that loads.
"""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.core.asked import Asked, answer_of
from pathprobe.core.first_pass import answer_of_finding, unresolved
from pathprobe.core.own_resets import Resets
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.engine.audience import Audience, Plan
from pathprobe.engine.sweep import Interrupted, SweepSummary, sweep


def ask_all(asked: Iterable[Asked], plan: Plan, audience: Audience, interrupted: Interrupted) -> SweepSummary:
    """Ask about every target and tell of each once, as soon as it is known; what the first pass did.

    Blocks until all are known or ``interrupted`` is set. Raises PermissionError without CAP_NET_RAW, OSError for a bad
    source or interface.
    """
    by_pair: dict[Pair, Asked] = {}
    for one in asked:
        if one.address is None:
            audience.tell(answer_of(one, unresolved(one.target, one.trouble or ""), settled=False))
        else:
            by_pair[one.pair] = one
    audience.show()
    first = _FirstPass(by_pair, plan, audience)
    options = plan.options
    summary = sweep(
        by_pair,
        plan.pace,
        on_finding=first.take,
        after_look=audience.show,
        interrupted=interrupted,
        interface=options.interface,
        source=options.source,
        wait=options.wait,
    )
    if interrupted.is_set():
        first.tell_all()
    elif first.unsure:
        from pathprobe.engine.second_pass import look_again

        look_again(first.unsure, by_pair, plan, audience, interrupted)
    return summary


class _FirstPass:
    """Tells of what needs no second look, and keeps the rest."""

    def __init__(self, by_pair: dict[Pair, Asked], plan: Plan, audience: Audience) -> None:
        self._by_pair = by_pair
        self._trace = plan.options.trace
        self._tell = audience.tell
        self._resets = Resets()
        self._others: list[Finding] = []

    def take(self, finding: Finding) -> None:
        if not self._trace or finding.state is PairState.NOT_SENT:
            self._tell(answer_of_finding(self._by_pair[finding.pair], finding))
        elif finding.state in (PairState.OPEN, PairState.CLOSED):
            for sure in self._resets.take(finding):
                self._tell(answer_of_finding(self._by_pair[sure.pair], sure, compared=True))
        else:
            if not self._others:
                import pathprobe.engine.second_pass  # noqa: F401  now, for the windows of others are not over yet
            self._others.append(finding)

    @property
    def unsure(self) -> list[Finding]:
        return self._others + self._resets.unsure

    def tell_all(self) -> None:
        """It was interrupted: what is known of the rest is better than nothing."""
        for finding in self.unsure:
            self._tell(answer_of_finding(self._by_pair[finding.pair], finding, settled=False))

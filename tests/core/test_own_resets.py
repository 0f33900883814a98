"""A reset from as far away as an open port's answer is the target's own, whichever came first."""

from __future__ import annotations

from itertools import permutations

from pathprobe.core.own_resets import Resets
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.probes import Kind


def seen(state: PairState, port: int, ttl: int, address: str = "10.0.0.5") -> Finding:
    return Finding(pair=Pair(kind=Kind.TCP, address=address, port=port), state=state, source=address, ttl=ttl)


def test_the_order_of_answers_does_not_matter() -> None:
    own, forged = seen(PairState.CLOSED, 81, 61), seen(PairState.CLOSED, 82, 63)
    other = seen(PairState.CLOSED, 81, 61, "10.0.0.6")
    for order in permutations([seen(PairState.OPEN, 80, 61), own, forged, other]):
        resets = Resets()
        sure = [one for finding in order for one in resets.take(finding)]
        assert set(sure) == {order[[one.state for one in order].index(PairState.OPEN)], own}
        assert {one.pair for one in resets.unsure} == {forged.pair, other.pair}

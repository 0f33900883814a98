"""How far has a packet come, by what rules, and what had to be taken for granted on the way?

Where a condition cannot be told, the packet goes on twice: once as if it held and once as if not. Two that meet again
and differ in nothing but that answer are one again, for it made no difference; so are two that differ in their senders
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

from pathprobe.layers.firewall.evaluation.packet import Key, Packet
from pathprobe.layers.firewall.evaluation.ranges import union
from pathprobe.layers.firewall.model import Nat
from pathprobe.layers.firewall.outcome import Doubt, Place, Redirection

#: Ways that are followed apart from each other; beyond, properties in which they differ are not known any more.
_MOST = 64


@dataclass(frozen=True, slots=True)
class Assumed:
    """A condition that could not be told, and what was assumed; ``before``: those met earlier."""

    doubt: Doubt
    held: bool
    before: Assumed | None

    def __iter__(self) -> Iterator[Assumed]:
        """The last one first."""
        one: Assumed | None = self
        while one is not None:
            yield one
            one = one.before


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """``passed``: who let it through so far, hook by hook; ``bound``: the translations that its connection has."""

    packet: Packet
    assumed: Assumed | None = None
    passed: tuple[Place, ...] = ()
    redirections: tuple[Redirection, ...] = ()
    bound: frozenset[Nat] = frozenset()

    def assuming(self, doubt: Doubt, *, held: bool) -> State:
        return replace(self, assumed=Assumed(doubt, held, self.assumed))


def merged(states: list[State]) -> list[State]:
    """The same states, with those put together that nothing tells apart any more."""
    if len(states) < 2:
        return states
    apart: list[State] = []
    for state in states:
        _add(apart, state)
    return apart if len(apart) <= _MOST else _blurred(apart)


def _add(apart: list[State], state: State) -> None:
    for index, other in enumerate(apart):
        both = _joined(other, state)
        if both is not None:
            del apart[index]
            _add(apart, both)
            return
    apart.append(state)


def _joined(one: State, other: State) -> State | None:
    """Both as one state, None where something tells them apart."""
    if one.passed != other.passed or one.redirections != other.redirections or one.bound != other.bound:
        return None
    if not one.packet.is_like(other.packet):
        return None
    some, others = one.packet.numbers[Key.SOURCE], other.packet.numbers[Key.SOURCE]
    if some == others:
        return _without_last_doubt(one, other)
    if one.assumed is not other.assumed or some is None or others is None:
        return None
    return replace(one, packet=one.packet.become({Key.SOURCE: union(some, others)}))


def _without_last_doubt(one: State, other: State) -> State | None:
    last, likewise = one.assumed, other.assumed
    if last is likewise:
        return one
    if last is None or likewise is None or last.before is not likewise.before or last.doubt is not likewise.doubt:
        return None
    return replace(one, assumed=last.before)


def _blurred(states: list[State]) -> list[State]:
    """Of very many, those that only their way here tells apart are one; of still too many, what they have in common."""
    alike: list[State] = []
    for state in states:
        for index, other in enumerate(alike):
            if other.bound == state.bound and other.packet.is_like(state.packet):
                alike[index] = _in_common(other, state)
                break
        else:
            alike.append(state)
    return alike if len(alike) <= _MOST else [reduce(_in_common, alike)]


def _in_common(one: State, other: State) -> State:
    numbers = dict(one.packet.numbers)
    for key, value in other.packet.numbers.items():
        if key is Key.SOURCE:
            known = numbers[key]
            numbers[key] = None if known is None or value is None else union(known, value)
        elif numbers.get(key) != value:
            numbers[key] = None
    return State(
        packet=replace(one.packet, numbers=numbers),
        assumed=one.assumed or other.assumed,
        passed=one.passed if one.passed == other.passed else (),
        redirections=one.redirections,
        bound=one.bound & other.bound,
    )

"""How far has a packet come, by what rules, and what had to be taken for granted on the way?

Where a condition cannot be told, the packet goes on twice: once as if it held and once as if not. Two that meet again
and differ in nothing but that answer are one again, for it made no difference; so are two that differ in their senders
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pathprobe.layers.firewall.evaluation.packet import Key, Packet
from pathprobe.layers.firewall.evaluation.ranges import normalised
from pathprobe.layers.firewall.model import Nat, Ranges
from pathprobe.layers.firewall.outcome import Doubt, Place, Redirection

#: Ways that are followed apart from each other; beyond, properties in which they differ are not known any more.
_MOST = 16


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
    """``passed``: who let it through so far, hook by hook; ``several``: those are one of several ways that are alike.

    ``bound``: the translations that its connection has, that of nothing included.
    """

    packet: Packet
    assumed: Assumed | None = None
    passed: tuple[Place, ...] = ()
    several: bool = False
    redirections: tuple[Redirection, ...] = ()
    bound: frozenset[Nat] = frozenset()

    def assuming(self, doubt: Doubt, *, held: bool) -> State:
        return replace(self, assumed=Assumed(doubt, held, self.assumed))

    def of(self, senders: Ranges) -> State:
        return replace(self, packet=self.packet.of(senders))

    @property
    def sent_to(self) -> tuple[object, ...]:
        """Equal for states of one translation; a rule is told by itself, for to compare it whole takes long."""
        ways = tuple((id(one.place), one.address, one.port) for one in self.redirections)
        return ways, self.bound


def merged(states: list[State]) -> list[State]:
    """The same states, with those put together that nothing tells apart any more."""
    if len(states) < 2:
        return states
    groups: dict[object, list[State]] = {}
    for state in states:
        ways = tuple(map(id, state.passed))
        groups.setdefault((state.packet.likeness, ways, state.sent_to), []).append(state)
    apart = [one for group in groups.values() for one in _together(group)]
    return apart if len(apart) <= _MOST else _blurred(apart)


def _together(group: list[State]) -> list[State]:
    """Of states that differ in senders and assumptions alone: those of one assumption are one."""
    if len(group) < 2:
        return group
    same: dict[int, list[State]] = {}
    for state in group:
        same.setdefault(id(state.assumed), []).append(state)
    one_each = [_of_all(found) for found in same.values()]
    while (fewer := _without_idle_doubts(one_each)) is not one_each:
        one_each = fewer
    return one_each


def _of_all(states: list[State]) -> State:
    first, *others = states
    if not others:
        return first
    return first.of(normalised(tuple(part for state in states for part in state.packet.senders)))


def _without_idle_doubts(states: list[State]) -> list[State]:
    """Two that assume the opposite of one condition, and nothing else, are one that assumes neither."""
    waiting: dict[object, State] = {}
    kept: list[State] = []
    joined = False
    for state in states:
        last = state.assumed
        if last is None:
            kept.append(state)
            continue
        met = waiting.pop((id(last.doubt), id(last.before), not last.held, state.packet.senders), None)
        if met is None:
            waiting[id(last.doubt), id(last.before), last.held, state.packet.senders] = state
        else:
            joined = True
            kept.append(replace(state, assumed=last.before))
    return [*kept, *waiting.values()] if joined else states


def _blurred(states: list[State]) -> list[State]:
    """Of very many, those that only their way here tells apart are one; of still too many, what they have in common.

    Where a packet is sent to is never blurred: that would say of one what is true of another.
    """
    alike: dict[object, list[State]] = {}
    for state in states:
        alike.setdefault((state.packet.likeness, state.sent_to), []).append(state)
    fewer = [_any_of(group) for group in alike.values()]
    if len(fewer) <= _MOST:
        return fewer
    sent: dict[object, list[State]] = {}
    for state in fewer:
        sent.setdefault((state.sent_to, state.packet.value(Key.DESTINATION)), []).append(state)
    return [_any_of(group) for group in sent.values()]


def _any_of(group: list[State]) -> State:
    """What is known of all of them: of their ways here the first stands for all."""
    first, *others = group
    if not others:
        return first
    packet = first.packet
    for other in others:
        if other.packet.likeness != packet.likeness:
            packet = packet.become(_differing(packet, other.packet))
    several = any(one.several or one.passed != first.passed for one in group)
    assumed = next((one.assumed for one in group if one.assumed), None)
    senders = _of_all(group).packet.senders
    return replace(first, packet=packet.of(senders), assumed=assumed, several=several)


def _differing(one: Packet, other: Packet) -> dict[Key, None]:
    return {key: None for key, value in one.numbers.items() if other.numbers.get(key, value) != value}

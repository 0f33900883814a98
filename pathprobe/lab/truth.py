"""What is true of a network by construction, and does a verdict contradict it?

A verdict may know less than the truth: a wider interval, no box, no distance, ``unknown``. It may not say what is
false. Which states and places are right follows from the fault and its hop; how much of it can be known, from
what is around it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.core.report import Direction, Mechanism, State, Verdict, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a right verdict may say; ``unknown`` is never false.

    ``reach``: the last hop that the port's probes get to. ``first_bad``: the nearest hop that may be said to see none
    of them; a box that refuses them before its routing is both. ``devices``: the hop of the box that refuses, if one
    does. ``distances``: hops to the target. Two hops are right where nothing that comes home tells them apart.
    ``mechanisms`` and ``directions`` are those that may be claimed.
    ``hidden``: what is around hides the state, so that it can not be known. ``by_chance``: not every run is alike.
    """

    states: frozenset[State]
    wheres: frozenset[Where]
    mechanisms: frozenset[Mechanism]
    reach: int
    first_bad: int
    distances: frozenset[int]
    devices: frozenset[int] = frozenset()
    directions: frozenset[Direction] = frozenset()
    hidden: bool = False
    by_chance: bool = False

    @property
    def healthy(self) -> bool:
        """Nothing is wrong with the port, the target itself answers, and nothing gets lost."""
        return self.states == {State.OPEN} and not self.by_chance and len(self.distances) == 1


def contradictions(truth: Truth, verdict: Verdict) -> list[str]:
    """In what a verdict contradicts the truth; empty when it does not."""
    location = verdict.location
    claims: tuple[tuple[str, object, frozenset[object]], ...] = (
        ("state", verdict.state, frozenset({*truth.states, State.UNKNOWN})),
        ("where", location.where, frozenset({*truth.wheres, Where.UNKNOWN})),
        ("mechanism", verdict.mechanism, frozenset({*truth.mechanisms, None})),
        ("direction", location.direction, frozenset({*truth.directions, None})),
        ("distance", verdict.distance, frozenset({*truth.distances, None})),
        ("device", location.device and location.device.ttl, frozenset({*truth.devices, None})),
    )
    wrong = [f"{name} {said}, not {_listed(right)}" for name, said, right in claims if said not in right]
    if location.last_good is not None and location.last_good.ttl > truth.reach:
        wrong.append(f"last good hop {location.last_good.ttl}, though nothing gets beyond {truth.reach}")
    if location.first_bad is not None and location.first_bad.ttl < truth.first_bad:
        wrong.append(f"first bad hop {location.first_bad.ttl}, though all get to the one before {truth.first_bad}")
    return wrong


def knows_nothing(truth: Truth, verdict: Verdict) -> bool:
    """The verdict gives no state, though the network hides none."""
    return verdict.state is State.UNKNOWN and not truth.hidden


def _listed(right: frozenset[object]) -> str:
    return " or ".join(sorted(str(said) for said in right if said is not None)) or "any"

"""How is it said that some flows live and others die, and how are the paths shown?

The clauses for the headline, and the block of paths, in which flows that took the same way share a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pathprobe.core.report import Claim, Fact, Path, State, Verdict

Facts = Mapping[str, Fact]


def told(verdict: Verdict, claim: Claim) -> Facts | None:
    """The facts of a claim; None when the verdict does not make it."""
    return next((reason.facts for reason in verdict.reasons if reason.claim is claim), None)


def how_many(verdict: Verdict) -> str | None:
    """``5 of 16 flows die``; None when the verdict is not about flows."""
    facts = told(verdict, Claim.FLOWS_DIE)
    return f"{facts['died']} of {facts['of']} flows die" if facts else None


def in_common(verdict: Verdict) -> str | None:
    """What those that die have in common, if anything was seen."""
    if facts := told(verdict, Claim.SAME_ROUTER):
        return f"{who_cross(facts).lower()} cross {facts['router']} (hop {facts['hop']})"
    if facts := told(verdict, Claim.UNSEEN_AT):
        return f"not one of those that die is seen at hop {facts['hop']}, where living flows cross {facts['routers']}"
    return None


def who_cross(facts: Facts) -> str:
    """All of them, unless the way of some is not known."""
    crossing, died = facts.get("crossing"), facts.get("died")
    return "All that die" if crossing == died else f"{crossing} of the {died} that die"


def are_traced(paths: tuple[Path, ...]) -> bool:
    """A router was met on more flows than the first."""
    return any(hop for path in paths[1:] for hop in path.hops[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What ``count`` flows have in common: their hops, where ``?`` is one that nobody knows, and what came of them."""

    hops: tuple[str, ...]
    state: State
    count: int


def ways(paths: tuple[Path, ...]) -> tuple[Way, ...]:
    """The ways that flows took, the most common first."""
    counted = Counter((_way(path, paths), path.state) for path in paths)
    return tuple(Way(hops=hops, state=state, count=count) for (hops, state), count in counted.most_common())


def block(paths: tuple[Path, ...]) -> str:
    """``11 of 16  10.9.1.1 - 10.9.2.2 - 10.0.0.5   open``, a line for each way that flows took."""
    width = len(str(len(paths)))
    lines = [(f"{way.count:>{width}} of {len(paths)}  {' - '.join(way.hops)}", way.state) for way in ways(paths)]
    longest = max(len(text) for text, _ in lines)
    return "\n".join(["  paths", *(f"    {text:<{longest}}   {state}" for text, state in lines)])


def _way(path: Path, paths: tuple[Path, ...]) -> tuple[str, ...]:
    """The hops of a path. Where all flows that were asked met one router, that one stands for those that were not;
    never a router that only flows of another state met. A path that ends in silence ends in ``?``.
    """
    way = tuple(hop or _only(path.state, paths, index) or "?" for index, hop in enumerate(path.hops[: path.reach]))
    return way if path.reach == len(path.hops) else (*way, "?")


def _only(state: State, paths: tuple[Path, ...], index: int) -> str | None:
    met = {path.hops[index] for path in paths} - {None}
    alike = {path.hops[index] for path in paths if path.state is state}
    return met.pop() if len(met) == 1 and met <= alike else None

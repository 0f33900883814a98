"""Which resets are surely the target's own, by what it answered elsewhere?

A box on the way that forges a reset is nearer than the target, and that shows in the TTL (core.locate). A reset that
came with the TTL of an open port of the same address was made as far away. All others wait for a second look.
"""

from __future__ import annotations

from collections import defaultdict

from pathprobe.core.pairs import Finding, PairState


class Resets:
    """The closed pairs of a first pass, in whatever order it tells of them."""

    def __init__(self) -> None:
        self._open: defaultdict[str, set[int | None]] = defaultdict(set)
        self._waiting: defaultdict[str, list[Finding]] = defaultdict(list)

    def take(self, finding: Finding) -> list[Finding]:
        """The findings that are sure from now on, this one or earlier ones."""
        address = finding.pair.address
        if finding.state is PairState.OPEN:
            self._open[address].add(finding.ttl)
            return [finding, *self._released(address)]
        if finding.state is not PairState.CLOSED:
            return []
        self._waiting[address].append(finding)
        return self._released(address)

    def _released(self, address: str) -> list[Finding]:
        waiting, known = self._waiting.pop(address, []), self._open.get(address, set())
        sure = [finding for finding in waiting if finding.ttl in known]
        if len(sure) < len(waiting):
            self._waiting[address] = [finding for finding in waiting if finding.ttl not in known]
        return sure

    @property
    def unsure(self) -> list[Finding]:
        """The closed pairs with nothing to compare them with."""
        return [finding for waiting in self._waiting.values() for finding in waiting]

"""Which machines does a network have, and which of them are linked?

A chain ``client -- r1 -- ... -- rN -- target``; beside hop k its twins rkb, rkc ..., each linked to both
neighbours of the hop; and another way back b1 ... bM, b1 being next to the router in which it ends:

    client -- r1 -- r2 -- r3 -- target         client -- r1 -- r2 -- r3 -- target
                \\- r2b -/                                 \\- b1 - b2 -/
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

#: Next hops of one hop; real routers have up to 128, load balancing in the Internet rarely over 16.
WIDEST_BRANCH = 16
_LONGEST_WAY_BACK = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Hop ``at`` has ``width`` parallel routers: the one before spreads flows (layer 4) over them.

    What comes back goes through ``at`` alone, or with ``both_ways`` through the twins too.
    """

    at: str
    width: int = 2
    both_ways: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """What goes back leaves the chain at ``leaves`` and joins it again at ``joins``, over ``routers`` others.

    The chain's routers in between still send their own messages the direct way.
    """

    leaves: str
    joins: str = "r1"
    routers: int = 1


class LinkKind(StrEnum):
    """Which part of the layout a link belongs to."""

    CHAIN = "chain"
    TO_TWIN = "to-twin"
    FROM_TWIN = "from-twin"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The two nodes of a link, ``left`` the one towards the client.

    ``position``: how many hops from the client the link begins; a way back counts as the last link it goes
    round. ``number``: of the twin (1: b, 2: c ...), or of the link on the way back (1: the one that ends it).
    """

    left: str
    right: str
    kind: LinkKind
    position: int
    number: int = 0

    @property
    def name(self) -> str:
        return f"{self.left}-{self.right}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The shape of a network. Raises ValueError for one that the lab can not build."""

    routers: int
    branches: tuple[Branch, ...] = ()
    way_back: WayBack | None = None

    def __post_init__(self) -> None:
        self._check_branches()
        self._check_way_back()

    @property
    def chain(self) -> tuple[str, ...]:
        """The nodes from the client to the target, as a packet passes them without branches."""
        return ("client", *(f"r{position}" for position in range(1, self.routers + 1)), "target")

    @property
    def nodes(self) -> tuple[str, ...]:
        """All nodes: the chain, then twins, then the way back."""
        twins = (twin for position in range(self.routers + 1) for twin in self.twins(position))
        return (*self.chain, *twins, *self._back)

    def twins(self, position: int) -> tuple[str, ...]:
        """The routers beside the chain's own at that position."""
        width = next((branch.width for branch in self.branches if branch.at == self.chain[position]), 1)
        return tuple(f"r{position}{letter}" for letter in string.ascii_lowercase[1:width])

    def position(self, node: str) -> int | None:
        """How many hops a node is from the client; None on the way back."""
        if node in self.chain:
            return self.chain.index(node)
        return next((k for k in range(self.routers + 1) if node in self.twins(k)), None)

    @property
    def links(self) -> tuple[Ends, ...]:
        """Every link, those of the chain first."""
        chain = (
            Ends(left=left, right=right, kind=LinkKind.CHAIN, position=position)
            for position, (left, right) in enumerate(pairwise(self.chain))
        )
        return (*chain, *self._links_of_twins(), *self._links_back())

    def _links_of_twins(self) -> Iterator[Ends]:
        for position in range(1, self.routers + 1):
            before, after = self.chain[position - 1], self.chain[position + 1]
            for number, twin in enumerate(self.twins(position), start=1):
                yield Ends(left=before, right=twin, kind=LinkKind.TO_TWIN, position=position - 1, number=number)
                yield Ends(left=twin, right=after, kind=LinkKind.FROM_TWIN, position=position, number=number)

    def _links_back(self) -> Iterator[Ends]:
        if self.way_back is None:
            return
        position = self.chain.index(self.way_back.leaves) - 1
        nodes = (self.way_back.joins, *self._back, self.way_back.leaves)
        for number, (left, right) in enumerate(pairwise(nodes), start=1):
            yield Ends(left=left, right=right, kind=LinkKind.BACK, position=position, number=number)

    @property
    def _back(self) -> tuple[str, ...]:
        return tuple(f"b{k}" for k in range(1, self.way_back.routers + 1)) if self.way_back else ()

    def _check_branches(self) -> None:
        positions = sorted(self._router(branch.at) for branch in self.branches)
        if 1 in positions:
            raise ValueError("no branch at r1: the client has one link, and one router on it")
        if any(after - before < 2 for before, after in pairwise(positions)):
            raise ValueError("no branches at neighbouring hops: leave one router between them that is alone")
        if any(not 2 <= branch.width <= WIDEST_BRANCH for branch in self.branches):
            raise ValueError(f"a branch has a width of 2 to {WIDEST_BRANCH}")

    def _check_way_back(self) -> None:
        if self.way_back is None:
            return
        ends = {self.way_back.joins, self.way_back.leaves}
        if not self._router(self.way_back.joins) < self._router(self.way_back.leaves):
            raise ValueError("a way back leads from a router to one that is nearer to the client")
        if ends & {branch.at for branch in self.branches}:
            raise ValueError("a way back begins and ends at routers without branches")
        if not 1 <= self.way_back.routers <= _LONGEST_WAY_BACK:
            raise ValueError(f"a way back has 1 to {_LONGEST_WAY_BACK} routers of its own")

    def _router(self, node: str) -> int:
        """The position of one of the chain's routers."""
        routers = self.chain[1:-1]
        if node not in routers:
            raise ValueError(f"no router {node!r}; there are {', '.join(routers)}")
        return routers.index(node) + 1

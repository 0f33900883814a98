"""Which shape does a random network have, and which question is asked about it?

The shape alone decides nothing about the port: how long the chain is, where it has parallel routers, over which
routers answers come home. Faults and surroundings are put on it by hop, that is on all routers that are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random

from pathprobe.net.layout import Branch, Layout, WayBack
from pathprobe.net.scenario import Hook, Match, Rule

#: Sizes of the chain; short ones are likelier, as faults are near an edge more often than not.
_ROUTERS = (0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12, 14)

#: The tested ports; echo has none.
PORTS = {"tcp": 8080, "udp": 5353, "icmp": None}
_PROTOCOLS = ("tcp", "tcp", "tcp", "udp", "udp", "icmp")

_BRANCH_SHARE, _BOTH_WAYS_SHARE, _WIDEST = 0.15, 0.3, 4
_WAY_BACK_SHARE, _LONGEST_WAY_BACK = 0.15, 5


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """A shape and a question. The target is hop ``routers`` + 1, hop 0 is the client."""

    family: int
    protocol: str
    layout: Layout

    @property
    def routers(self) -> int:
        return self.layout.routers

    @property
    def port(self) -> int | None:
        return PORTS[self.protocol]

    @property
    def hops(self) -> range:
        """The hops that are routers."""
        return range(1, self.routers + 1)

    def at(self, hop: int) -> tuple[str, ...]:
        """All machines at a hop."""
        return (self.layout.chain[hop], *self.layout.twins(hop))

    def on(self, hop: int, hook: Hook, match: Match, action: str) -> tuple[Rule, ...]:
        """The same rule on every machine at a hop, so that it does not matter which branch a packet takes."""
        return tuple(Rule(at=name, hook=hook, match=match, action=action) for name in self.at(hop))

    @property
    def lone_hops(self) -> tuple[int, ...]:
        """The hops with one router, through which everything passes both ways, unless another way back spares it."""
        return tuple(hop for hop in self.hops if not self.layout.twins(hop))

    @cached_property
    def spared(self) -> range:
        """The hops that what comes back goes round."""
        back = self.layout.way_back
        if back is None:
            return range(0)
        return range(self.layout.chain.index(back.joins) + 1, self.layout.chain.index(back.leaves))

    @property
    def seen_both_ways(self) -> tuple[int, ...]:
        """The hops of which one router sees all packets of a flow, there and back."""
        return tuple(hop for hop in self.lone_hops if hop not in self.spared)

    @property
    def routers_back(self) -> tuple[tuple[str, ...], ...]:
        """The machines that what comes back passes, by hop."""
        around = self.layout.way_back.routers if self.layout.way_back else 0
        beside = ((f"b{number}",) for number in range(1, around + 1))
        return (*(self.at(hop) for hop in self.hops if hop not in self.spared), *beside)

    @property
    def test(self) -> Match:
        """The packets of the question."""
        if self.protocol == "icmp":
            return Match(protocol="icmp", icmp="echo-request")
        return Match(protocol=self.protocol, destination_port=self.port)

    @property
    def answer(self) -> Match:
        """The packets that answer it."""
        if self.protocol == "icmp":
            return Match(protocol="icmp", icmp="echo-reply")
        return Match(protocol=self.protocol, source_port=self.port)


def draw_terrain(rng: Random) -> Terrain:
    """A random shape and question."""
    routers, family, protocol = rng.choice(_ROUTERS), rng.choice((4, 6)), rng.choice(_PROTOCOLS)
    branches = _branches(rng, routers)
    layout = Layout(routers=routers, branches=branches, way_back=_way_back(rng, routers, branches))
    return Terrain(family=family, protocol=protocol, layout=layout)


def _branches(rng: Random, routers: int) -> tuple[Branch, ...]:
    if routers < 2 or rng.random() >= _BRANCH_SHARE:
        return ()
    hop, width = rng.randint(2, routers), rng.randint(2, _WIDEST)
    return (Branch(at=f"r{hop}", width=width, both_ways=rng.random() < _BOTH_WAYS_SHARE),)


def _way_back(rng: Random, routers: int, branches: tuple[Branch, ...]) -> WayBack | None:
    alone = [name for k in range(1, routers + 1) if (name := f"r{k}") not in {branch.at for branch in branches}]
    if len(alone) < 2 or rng.random() >= _WAY_BACK_SHARE:
        return None
    joins, leaves = sorted(rng.sample(range(len(alone)), 2))
    return WayBack(leaves=alone[leaves], joins=alone[joins], routers=rng.randint(1, _LONGEST_WAY_BACK))

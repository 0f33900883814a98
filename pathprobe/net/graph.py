"""Which addresses do the links of a scenario have, and through which neighbours does a node reach them?

Every node knows every network by its prefix, and the way to it: onwards to the next hop, and to all of its
routers where there are several; back to the one before. A twin and a way back have networks of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pathprobe.net.layout import Ends, LinkKind
from pathprobe.net.scenario import Scenario

#: Octets, where a scenario says nothing else: what Linux gives to veth and tun.
ETHERNET_MTU = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two linked nodes and their addresses; ``network`` is in CIDR form, ``mtu`` in octets."""

    ends: Ends
    network: str
    left_address: str
    right_address: str
    mtu: int

    @property
    def length(self) -> str:
        """Of the network's prefix, in bits."""
        return self.network.partition("/")[2]

    def address(self, node: str) -> str:
        """The address of one of the two."""
        return self.left_address if node == self.ends.left else self.right_address

    def neighbour(self, node: str) -> str:
        """The other one of the two."""
        return self.ends.right if node == self.ends.left else self.ends.left


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a node reaches a network: over one of ``links``, its own.

    ``source`` is the address from which it then speaks, where that is not the one on the link.
    """

    network: str
    links: tuple[Link, ...]
    source: str | None = None


class Graph:
    """The links of a scenario, and the ways over them. ``links``: all, those of the chain first, from the client on."""

    def __init__(self, scenario: Scenario) -> None:
        layout = scenario.layout
        self._scenario = scenario
        self._positions = {node: layout.position(node) for node in layout.nodes}
        self.links = tuple(_link(scenario, ends) for ends in layout.links)
        self._onwards: dict[str, list[Link]] = {node: [] for node in layout.nodes}
        self._backwards: dict[str, list[Link]] = {node: [] for node in layout.nodes}
        for link in self.links:
            self._onwards[link.ends.left].append(link)
            self._backwards[link.ends.right].append(link)

    def links_of(self, node: str) -> tuple[Link, ...]:
        """A node's links, those towards the client first."""
        return (*self._backwards[node], *self._onwards[node])

    def ways(self, node: str) -> Iterator[Way]:
        """How a node reaches the networks that it is not in."""
        for link in self.links:
            if node not in (link.ends.left, link.ends.right):
                yield self.way_to(node, link)

    def way_to(self, node: str, link: Link) -> Way:
        """How a node reaches the network of a link that is not its own."""
        through = self._next(node) if self._is_ahead(node, link) else self._previous(node)
        return Way(network=link.network, links=through, source=self._one_name(node))

    def hop_addresses(self, ttl: int) -> frozenset[str]:
        """The addresses from which the hop ``ttl`` answers: its own, and those of its twins."""
        twins = self._scenario.layout.twins(ttl) if ttl <= self._scenario.routers else ()
        own = self._scenario.hop_address(ttl)
        return frozenset({own, *(self._backwards[twin][0].right_address for twin in twins)})

    def _one_name(self, node: str) -> str | None:
        """The address of a hop with several links towards the client: its one on the chain, whichever way it speaks."""
        position = self._positions[node]
        return self._scenario.hop_address(position) if position and len(self._backwards[node]) > 1 else None

    def _is_ahead(self, node: str, link: Link) -> bool:
        """Whether the link is farther from the client than the node."""
        here = self._positions[node]
        if here is not None:
            return link.ends.position >= here
        # On the way back: its links by their number; of the others those beyond its beginning.
        own = self._backwards[node][0].ends
        return link.ends.number > own.number if link.ends.kind is LinkKind.BACK else link.ends.position > own.position

    def _next(self, node: str) -> tuple[Link, ...]:
        found = self._onwards[node]
        return tuple([link for link in found if link.ends.kind is not LinkKind.BACK] or found)

    def _previous(self, node: str) -> tuple[Link, ...]:
        found = self._backwards[node]
        back = [link for link in found if link.ends.kind is LinkKind.BACK]
        spread = any(branch.both_ways and branch.at == found[0].ends.left for branch in self._scenario.branches)
        return tuple(back or (found if spread else found[:1]))


def _link(scenario: Scenario, ends: Ends) -> Link:
    network, left, right = _addresses(scenario, ends)
    mtu = scenario.mtu.get(ends.name, ETHERNET_MTU)
    return Link(ends=ends, network=network, left_address=left, right_address=right, mtu=mtu)


def _addresses(scenario: Scenario, ends: Ends) -> tuple[str, str, str]:
    """A link's network and its two addresses."""
    if ends.kind is LinkKind.CHAIN:
        left, right = (scenario.link_address(ends.position, side) for side in ("left", "right"))
        return scenario.link_network(ends.position), left, right
    prefix, length = _prefix(scenario.family, *_numbers(ends))
    return f"{prefix}0/{length}" if scenario.family == 4 else f"{prefix}/{length}", f"{prefix}1", f"{prefix}2"


def _numbers(ends: Ends) -> tuple[int, int]:
    """The two numbers in a network's address that say which it is."""
    match ends.kind:
        case LinkKind.TO_TWIN:
            return 10 + ends.number, ends.position + 1
        case LinkKind.FROM_TWIN:
            return 10 + ends.number, 100 + ends.position
        case _:
            return 8, ends.number


def _prefix(family: int, first: int, second: int) -> tuple[str, int]:
    # In hexadecimal the twin b is 0xb and c is 0xc, up to f.
    return (f"10.{first}.{second}.", 24) if family == 4 else (f"fd00:{first:x}:{second}::", 64)

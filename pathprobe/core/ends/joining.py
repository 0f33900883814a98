"""Which packet at one end is which at the other?

A packet crosses the network with its octets, so it is known by them: a TCP segment by its sequence number, a datagram
or echo by what it carries, any of them by its IP-ID and by its timestamp option (RFC 7323). Boxes rewrite some of
these and seldom all. What is left is weighed:

- Conversations are joined first. The same addresses and ports and one packet in common will do; where a NAT rewrote
  them, what packets have in common must weigh enough (``_ENOUGH``) not to be chance.
- Then the packets of each direction (core.matching).

"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pathprobe.core.ends.conversations import Conversation
from pathprobe.core.ends.matching import ALIKE, clock_of, match, matched
from pathprobe.core.packets import Echo, Packet, Tcp, TcpFlags, Udp
from pathprobe.core.sightings import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One packet, seen at both ends; ``forward``: it goes from the client to the server."""

    client: Sighting
    server: Sighting
    forward: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A conversation of the client's capture, and what the server's shows of it; None: nothing.

    ``client`` is None for one that only the server's capture has.
    """

    client: Conversation | None
    server: Conversation | None
    pairs: tuple[Pair, ...] = ()

    @property
    def forward(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.forward)

    @property
    def back(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if not pair.forward)


#: How much one thing in common says. An IP-ID has 16 bits and counts up, so neighbours have similar ones; timestamps
#: are the same for all connections between two hosts in one millisecond (tcp_v4_init_ts_off).
_WEIGHTS = {"sequence": 4, "clock": 1, "payload": 3, "identification": 1}
_ENOUGH = 4

#: Packets of a conversation that are looked at to find its other end: the first, which most boxes rewrite least.
_LOOKED_AT = 8
#: Conversations that are compared for one token: scanners give all their SYNs one sequence number.
_COMPARED = 64
#: An IP-ID counts only with the first packets, else long conversations would have some in common by chance.
_IDENTIFIED = 4
#: Octets of a payload from which on it is no chance that two have the same.
_TELLING = 8

_Token = tuple[str, Hashable]


def join(client: Sequence[Conversation], server: Sequence[Conversation]) -> tuple[Joined, ...]:
    """The conversations of both captures; each is in one entry. Addresses and ports may differ between the ends."""
    tokens = [_tokens(one) for one in client], [_tokens(one) for one in server]
    taken = _same_flows(client, server, tokens)  # first: what has its own other end is no other's
    found = defaultdict(list)
    for number, those in enumerate(tokens[1]):
        for token in those:
            found[token].append(number)
    done = set(taken.values())
    for at, one in enumerate(client):
        if at not in done and (other := _best(one, tokens[0][at], server, tokens[1], found, taken)) is not None:
            taken[other] = at
    other_end = {at: number for number, at in taken.items()}
    joined = [_joined(one, server[other_end[at]] if at in other_end else None) for at, one in enumerate(client)]
    alone = [Joined(client=None, server=one) for number, one in enumerate(server) if number not in taken]
    return (*joined, *alone)


def _same_flows(
    client: Sequence[Conversation],
    server: Sequence[Conversation],
    tokens: tuple[Sequence[frozenset[_Token]], Sequence[frozenset[_Token]]],
) -> dict[int, int]:
    """The server's conversations that have the addresses and ports of one of the client's -> which."""
    by_flow = {one.flow: number for number, one in enumerate(server)}
    taken = {}
    for at, one in enumerate(client):
        other = by_flow.get(one.flow)
        if other is not None and (tokens[0][at] & tokens[1][other] or _same_shape(one, server[other])):
            taken[other] = at
    return taken


def _best(
    one: Conversation,
    mine: frozenset[_Token],
    server: Sequence[Conversation],
    tokens: Sequence[frozenset[_Token]],
    found: dict[_Token, list[int]],
    taken: dict[int, int],
) -> int | None:
    """The conversation that has most in common with this one, if that is enough and no other has as much."""
    candidates = {number for token in mine for number in found.get(token, ())[:_COMPARED]}
    scores = sorted(
        ((_score(one, mine, server[number], tokens[number]), -number) for number in candidates - taken.keys()),
        reverse=True,
    )
    if not scores or scores[0][0] < _ENOUGH or (len(scores) > 1 and scores[1][0] == scores[0][0]):
        return None
    return -scores[0][1]


def _score(one: Conversation, mine: frozenset[_Token], other: Conversation, theirs: frozenset[_Token]) -> int:
    if one.flow.kind is not other.flow.kind:
        return 0
    kinds = {kind for kind, _ in mine & theirs}
    ends = (
        one.flow.source == other.flow.source,
        one.flow.destination == other.flow.destination,
        one.flow.source_port == other.flow.source_port,
        one.flow.destination_port == other.flow.destination_port,
    )
    return sum(_WEIGHTS[kind] for kind in kinds) + sum(ends)


def _tokens(one: Conversation) -> frozenset[_Token]:
    """What the first packets of a conversation are known by, its asker's for the most part."""
    there = one.there[:_LOOKED_AT]
    known = {token for seen in (*there, *one.back[:_LOOKED_AT]) for token in _tokens_of(seen.packet)}
    return frozenset(known | {token for seen in there[:_IDENTIFIED] for token in _identified(seen.packet)})


def _identified(packet: Packet) -> Iterable[_Token]:
    """Linux leaves it 0 in a SYN-ACK and in what may not be fragmented (RFC 6864); IPv6 has none."""
    if packet.identification:
        yield "identification", (packet.identification, len(packet.transport))


def _tokens_of(packet: Packet) -> Iterable[_Token]:
    match packet.body:
        case Tcp(sequence=sequence, flags=flags) as segment if sequence:
            yield "sequence", (sequence, bool(flags & TcpFlags.ACK))
            if clock := clock_of(segment):
                yield "clock", clock
        case Udp(payload=payload) if len(payload) >= _TELLING:
            yield "payload", payload
        case Echo(payload=payload, sequence=sequence, kind=kind) if payload:
            yield "payload", (kind, sequence, payload)


def _same_shape(one: Conversation, other: Conversation) -> bool:
    """Nothing but addresses and ports in common: as many packets, at the same distances in time."""
    gaps = [_gaps(each.there) for each in (one, other)]
    return (
        len(gaps[0]) == len(gaps[1]) > 0
        and len(one.back) == len(other.back)
        and all(abs(a - b) < ALIKE for a, b in zip(*gaps, strict=True))
    )


def _gaps(seen: Sequence[Sighting]) -> list[int]:
    return [after.time_ns - before.time_ns for before, after in pairwise(seen)]


def _joined(client: Conversation, server: Conversation | None) -> Joined:
    if server is None:
        return Joined(client=client, server=None)
    there = [Pair(client=a, server=b, forward=True) for a, b in matched(client.there, server.there)]
    back = [Pair(client=a, server=b, forward=False) for a, b in matched(client.back, server.back)]
    errors = [Pair(client=a, server=b, forward=False) for a, b in match(client.errors, server.errors, 0)]
    return Joined(client=client, server=server, pairs=(*there, *back, *errors))

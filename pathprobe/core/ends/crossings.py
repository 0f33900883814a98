"""Which packets does a question consist of, at either end, and which of them are one and the same?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who only words a verdict needs nothing of what finds it
    from pathprobe.core.ends.conversations import Conversation
    from pathprobe.core.ends.joining import Joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One packet: its frame in the client's and in the server's capture, None where it was not seen.

    ``forward``: it goes from the client to the server. ``probe``: the id of the one that asks, or of the last one
    before; None where the server saw it before any of them.
    """

    client: int | None
    server: int | None
    forward: bool
    probe: int | None


def crossings(joined: Iterable[Joined], probes: Mapping[int, int]) -> tuple[Crossing, ...]:
    """Every packet of these conversations, ICMP errors about them too; ``probes``: frame of the client -> its id."""
    return tuple(one for each in joined for one in _of(each, probes))


def _of(joined: Joined, probes: Mapping[int, int]) -> Iterator[Crossing]:
    there = {pair.client.number: pair.server.number for pair in joined.pairs}
    asked_there = {there[number]: id for number, id in probes.items() if number in there}
    probe = None
    for number, forward in _numbers(joined.client):
        probe = probes.get(number, probe)
        yield Crossing(client=number, server=there.get(number), forward=forward, probe=probe)
    arrived, probe = set(there.values()), None
    for number, forward in _numbers(joined.server):
        probe = asked_there.get(number, probe)
        if number not in arrived:
            yield Crossing(client=None, server=number, forward=forward, probe=probe)


def _numbers(conversation: Conversation | None) -> list[tuple[int, bool]]:
    """The frames of a conversation in their order, and whether they go forward."""
    if conversation is None:
        return []
    there = [(seen.number, True) for seen in conversation.there]
    return sorted(there + [(seen.number, False) for seen in (*conversation.back, *conversation.errors)])

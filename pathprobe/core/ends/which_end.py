"""Which of two captures is the client's?

A packet loses TTL on its way, so the end that sees a SYN with the greater one is nearer to who sent it. Neighbours see
the same; there it counts whether the packet goes out or comes in, where the file says so. Where no packet is in both,
the one that alone holds questions is the client's: the server's may well be empty.
"""

from __future__ import annotations

from collections.abc import Sequence

from pathprobe.core.ends.answers import asks
from pathprobe.core.ends.conversations import Conversation
from pathprobe.core.ends.joining import Joined, Pair
from pathprobe.core.evidence import INITIAL_TTLS


def are_swapped(joined: Sequence[Joined]) -> bool:
    """The first capture is the server's."""
    votes = [is_asked_from_second(one) for one in joined if one.forward]
    if votes:
        return votes.count(True) > len(votes) / 2
    first = [_leave(one.client) for one in joined if one.client]
    second = [_leave(one.server) for one in joined if one.server]
    return not any(first) and any(second)


def is_asked_from_second(joined: Joined) -> bool:
    """The packets that ask in this conversation come from the host of the second capture."""
    votes = [vote for pair in joined.forward if (vote := _vote(pair)) is not None]
    return votes.count(True) > len(votes) / 2


def _vote(pair: Pair) -> bool | None:
    first, second = pair.client, pair.server
    if first.packet.ttl != second.packet.ttl:
        return first.packet.ttl < second.packet.ttl
    if first.outgoing is None and second.outgoing is None:
        return None
    return first.outgoing is False or second.outgoing is True


def _leave(one: Conversation) -> bool:
    """Its questions were seen to go out, as far as the file says, or have the TTL of packets that just left."""
    return any(
        packet.outgoing or (packet.outgoing is None and packet.packet.ttl in INITIAL_TTLS) for packet in asks(one)
    )

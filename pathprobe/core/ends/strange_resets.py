"""Was an established connection ended by a reset that the other end never sent?

A reset that answers the SYN is one of the fates (core.fates). One that comes later, and that only the end which got it
has seen, was made on the way: by a firewall that forgot the connection, or by one that did not like what it carried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pathprobe.core.ends.answers import asks, is_reset
from pathprobe.core.ends.conversations import Conversation
from pathprobe.core.ends.joining import Joined
from pathprobe.core.probes import Kind
from pathprobe.core.sightings import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangeReset:
    """``to_client``: it came to the client in the server's name, else the other way about.

    ``frame`` is its number in the capture of the end that got it, ``ttl`` the one with which it came.
    """

    to_client: bool
    frame: int
    ttl: int


def strange_resets(joined: Joined, is_missing: Callable[[Sighting], bool]) -> tuple[StrangeReset, ...]:
    """``is_missing`` says of a packet that only the client saw whether it can not be the server's own."""
    client, server = joined.client, joined.server
    if client is None or server is None or client.flow.kind is not Kind.TCP:
        return ()
    known = {pair.client.number for pair in joined.back}, {pair.server.number for pair in joined.forward}
    begun = _established(client)
    to_client = (
        one
        for one in client.back
        if is_reset(one.packet) and one.number not in known[0] and one.number > begun and is_missing(one)
    )
    to_server = (one for one in server.there if is_reset(one.packet) and one.number not in known[1])
    return (
        *(StrangeReset(to_client=True, frame=one.number, ttl=one.packet.ttl) for one in to_client),
        *(StrangeReset(to_client=False, frame=one.number, ttl=one.packet.ttl) for one in to_server if joined.forward),
    )


def _established(client: Conversation) -> float:
    """The number of the first packet with which the client goes on after its SYN; infinity where it never did."""
    asking = {one.number for one in asks(client)}
    return min((one.number for one in client.there if one.number not in asking), default=float("inf"))

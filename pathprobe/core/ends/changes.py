"""What do packets look like at the other end, held against what left?

Field by field, as core.quotes compares what a router quotes; but here both are whole, and it is known which way they
went. What connection tracking turns back on the way home is one change and not two: an answer whose destination
becomes again what the question's source was.

The TTL says how many hops lie between (``hops``), and is a change only where it grew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pathprobe.core.ends.joining import Joined, Pair
from pathprobe.core.packets import IcmpError, Packet, Protocol, Quote, Tcp, Udp
from pathprobe.core.quotes import Change, Difference, compare

_PROTOCOLS: dict[type, tuple[int, int]] = {
    Tcp: (Protocol.TCP, Protocol.TCP),
    Udp: (Protocol.UDP, Protocol.UDP),
}
_ECHO = (Protocol.ICMP, Protocol.ICMPV6)

#: What the NAT undoes in an answer, if it did it to the question.
_TURNED_BACK = {
    Change.DESTINATION_ADDRESS: Change.SOURCE_ADDRESS,
    Change.SOURCE_ADDRESS: Change.DESTINATION_ADDRESS,
    Change.DESTINATION_PORT: Change.SOURCE_PORT,
    Change.SOURCE_PORT: Change.DESTINATION_PORT,
}

#: Packets of each conversation and direction that are compared.
_COMPARED = 16

#: Octets that are told, from the first that differs.
_TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One field that arrives otherwise than it left, in ``packets`` of ``of`` that have it.

    ``before`` and ``after`` are None where they differ from packet to packet, or an option is not there.
    ``frames`` are numbers in the client's capture.
    """

    what: Change
    forward: bool
    before: str | None
    after: str | None
    packets: int
    of: int
    frames: tuple[int, ...]


def changes(joined: Iterable[Joined]) -> tuple[Changed, ...]:
    """Everything that boxes rewrote in these conversations, the way there first."""
    conversations = tuple(joined)
    there = tuple(_changed([pair for one in conversations for pair in _whole(one.forward)], forward=True))
    back = tuple(_changed([pair for one in conversations for pair in _whole(one.back)], forward=False))
    done = {(one.what, one.before, one.after) for one in there}
    return (*there, *(one for one in back if not _is_turned_back(one, done)))


def _whole(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The first packets of a direction: what is changed in none of them is seldom changed later."""
    compared = (pair for pair in pairs if not isinstance(pair.client.packet.body, IcmpError))
    return islice(compared, _COMPARED)


def hops(pairs: Iterable[Pair]) -> int | None:
    """How many hops from one end to the other, the end itself included; None where a TTL grew, or for no pair."""
    found = Counter(
        _hops(pair.client.packet, pair.server.packet) if pair.forward else _hops(pair.server.packet, pair.client.packet)
        for pair in pairs
    )
    likely = [count for count, _ in found.most_common(1)]
    return likely[0] if likely and likely[0] > 0 else None


def _hops(sent: Packet, arrived: Packet) -> int:
    return sent.ttl - arrived.ttl + 1


def _changed(pairs: Sequence[Pair], *, forward: bool) -> Iterator[Changed]:
    shown: dict[object, list[tuple[int, Difference]]] = {}
    for pair in pairs:
        for name, difference in _differences(pair):
            shown.setdefault(name, []).append((pair.client.number, difference))
    for seen in shown.values():
        changed = [(frame, one) for frame, one in seen if one.is_one]
        if changed:
            yield Changed(
                what=changed[0][1].change,
                forward=forward,
                before=_only({one.before for _, one in changed}),
                after=_only({one.after for _, one in changed}),
                packets=len(changed),
                of=len(seen),
                frames=tuple(frame for frame, _ in changed),
            )


def _only(values: set[str | None]) -> str | None:
    return values.pop() if len(values) == 1 else None


def _differences(pair: Pair) -> Iterator[tuple[object, Difference]]:
    sent, arrived = (pair.client, pair.server) if pair.forward else (pair.server, pair.client)
    for name, difference in compare(sent.packet, _as_quote(arrived.packet), expired=False).fields.items():
        if difference.change is not Change.HIDDEN:  # cards fill checksums in after the capture
            yield name, difference
    if isinstance(sent.packet.body, Tcp):
        yield from _segment(sent.packet, arrived.packet)


def _as_quote(packet: Packet) -> Quote:
    """A packet as the other end got it, in the shape in which a router would give it back."""
    protocol = _PROTOCOLS.get(type(packet.body), _ECHO)[packet.version == 6]
    return Quote(
        version=packet.version,
        source=packet.source,
        destination=packet.destination,
        ttl=packet.ttl,
        protocol=protocol,
        identification=packet.identification,
        total_length=packet.total_length,
        traffic_class=packet.traffic_class,
        transport=packet.transport,
    )


def _segment(sent: Packet, arrived: Packet) -> Iterator[tuple[object, Difference]]:
    """The data of a segment, as far as both captures have it; a card may have joined or split it."""
    before, after = _data(sent), _data(arrived)
    there = min(len(before), len(after))
    if sent.total_length - len(sent.transport) and arrived.total_length == sent.total_length and there:
        first = next((at for at in range(there) if before[at] != after[at]), there)
        yield (
            Change.PAYLOAD,
            Difference(Change.PAYLOAD, before[first : first + _TOLD].hex(), after[first : first + _TOLD].hex()),
        )


def _data(packet: Packet) -> bytes:
    return packet.transport[(packet.transport[12] >> 4) * 4 :] if len(packet.transport) > 12 else b""


def _is_turned_back(one: Changed, done: set[tuple[Change, str | None, str | None]]) -> bool:
    there = _TURNED_BACK.get(one.what)
    return there is not None and (there, one.after, one.before) in done

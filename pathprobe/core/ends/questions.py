"""Which questions did the client put to the server, and what became of every packet that asks?

A question is a protocol, an address and a port, as the client names them. All conversations about it are taken
together: a scanner takes a new source port for every try, a client its next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pathprobe.core.ends.answers import asks, errors_by_packet, is_reset, message_of
from pathprobe.core.ends.fates import Try, tries
from pathprobe.core.ends.joining import Joined, Pair
from pathprobe.core.evidence import Observation
from pathprobe.core.icmp import Meaning
from pathprobe.core.outcomes import Answered, Outcome, Rejected, Reset, Silent, TimeExceeded, TooBig, Unreachable
from pathprobe.core.packets import Echo, IcmpError, Packet, Tcp, Udp
from pathprobe.core.probes import Flow, Kind, Probe, Role
from pathprobe.core.sightings import Sighting

Asked = tuple[Kind, str, int]

#: Datagrams of one conversation that are told one by one; the counts are of all.
_TOLD = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``observations`` are what the client alone saw, in seconds from ``start_ns``.

    ``frames`` and ``server_frames``: probe id -> packets in either capture.
    """

    asked: Asked
    joined: tuple[Joined, ...]
    tries: tuple[Try, ...]
    start_ns: int
    observations: tuple[Observation, ...]
    frames: dict[int, tuple[int, ...]]
    server_frames: dict[int, tuple[int, ...]]

    @property
    def source(self) -> str:
        return self.observations[0].probe.flow.source

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(pair for one in self.joined for pair in one.pairs)

    @property
    def sent(self) -> tuple[Sighting, ...]:
        return tuple(packet for one in self.tries for packet in one.sent)

    def probes_of(self, some: Iterable[Try]) -> tuple[int, ...]:
        """The probes that are told of these tries."""
        numbers = {packet.number for one in some for packet in one.sent}
        return tuple(id for id, frames in self.frames.items() if frames[0] in numbers)


def questions(joined: Iterable[Joined], end_ns: int) -> tuple[Question, ...]:
    """The client's questions in the order in which they were put; ``end_ns``: when its capture ended."""
    groups: dict[Asked, list[Joined]] = {}
    for one in joined:
        if one.client is not None:
            flow = one.client.flow
            groups.setdefault((flow.kind, flow.destination, flow.destination_port), []).append(one)
    found = (_question(asked, those, end_ns) for asked, those in groups.items())
    return tuple(one for one in found if one is not None)


def _question(asked: Asked, joined: Sequence[Joined], end_ns: int) -> Question | None:
    full = _full_ttl(joined)
    made = [(each, tries(each, full)) for each in joined]
    found = tuple(one for _, those in made for one in those)
    if not found:
        return None
    start = min(packet.time_ns for one in joined if one.client for packet in asks(one.client))
    reader = _Reader(start, end_ns)
    for each, those in made:
        reader.take(each, those)
    return Question(
        asked=asked,
        joined=tuple(joined),
        tries=found,
        start_ns=start,
        observations=tuple(reader.observations),
        frames=reader.frames,
        server_frames=reader.server_frames,
    )


def _full_ttl(joined: Sequence[Joined]) -> int:
    """From which TTL on packets are meant to arrive: the least that did, else the greatest that was sent."""
    arrived = [pair.client.packet.ttl for one in joined for pair in one.forward]
    sent = [packet.packet.ttl for one in joined if one.client for packet in asks(one.client)]
    return min(arrived) if arrived else max(sent, default=0)


class _Reader:
    """Writes down one question's packets as probes, as the live run and every renderer know them."""

    def __init__(self, start_ns: int, end_ns: int) -> None:
        self.observations: list[Observation] = []
        self.frames: dict[int, tuple[int, ...]] = {}
        self.server_frames: dict[int, tuple[int, ...]] = {}
        self._start, self._end = start_ns, end_ns
        self._attempts: Counter[int] = Counter()
        self._flows: dict[Flow, int] = {}

    def take(self, joined: Joined, found: Sequence[Try]) -> None:
        assert joined.client is not None
        arrived = {pair.client.number: pair.server.number for pair in joined.forward}
        came_from = {pair.client.number: pair.server.number for pair in joined.back}
        errors = errors_by_packet(joined.client)
        tried = {packet.number: one for one in found for packet in one.sent}
        for packet in asks(joined.client)[:_TOLD]:
            answer = self._answer(packet, errors, tried.get(packet.number))
            self._write(joined.client.flow, packet, answer)
            id, seen = len(self.observations), (packet, *((answer,) if answer else ()))
            self.frames[id] = tuple(one.number for one in seen)
            known = (arrived.get(packet.number), came_from.get(answer.number) if answer else None)
            self.server_frames[id] = tuple(number for number in known if number is not None)

    def _answer(self, packet: Sighting, errors: Mapping[int, Sequence[Sighting]], tried: Try | None) -> Sighting | None:
        """What the client got for this packet: of repetitions the last one before the answer has it."""
        if packet.number in errors:
            return errors[packet.number][0]
        if tried is None:
            return None
        answers = [*(pair.client for pair in tried.heard), *tried.strange]
        later = [one.number for one in tried.sent if one.number > packet.number]
        before = min(later, default=float("inf"))
        return min((one for one in answers if packet.number < one.number < before), key=_number, default=None)

    def _write(self, flow: Flow, packet: Sighting, answer: Sighting | None) -> None:
        ttl = packet.packet.ttl
        self._attempts[ttl] += 1
        probe = Probe(
            id=len(self.observations) + 1,
            role=Role.TEST,
            flow=flow,
            flow_number=self._flows.setdefault(flow, len(self._flows)),
            ttl=ttl,
            attempt=self._attempts[ttl],
            token=_token(packet.packet),
            identification=packet.packet.identification or 0,
        )
        seen = Observation(
            probe=probe, sent=self._seconds(packet), outcome=self._outcome(packet, answer), departure=packet.packet
        )
        self.observations.append(seen)

    def _outcome(self, packet: Sighting, answer: Sighting | None) -> Outcome:
        if answer is None:
            return Silent(waited=max(0.0, (self._end - packet.time_ns) / 1e9))
        return _outcome(answer, self._seconds(answer), (answer.time_ns - packet.time_ns) / 1e9)

    def _seconds(self, one: Sighting) -> float:
        return (one.time_ns - self._start) / 1e9


def _number(one: Sighting) -> int:
    return one.number


def _token(packet: Packet) -> int:
    match packet.body:
        case Tcp(sequence=sequence):
            return sequence
        case Echo(identifier=identifier, sequence=number):
            return identifier << 16 | number
        case Udp(checksum=checksum):
            return checksum
    return 0


_REFUSALS: dict[Meaning, type[Rejected | Unreachable | TimeExceeded]] = {
    Meaning.REJECT: Rejected,
    Meaning.NO_ROUTE: Unreachable,
    Meaning.TIME_EXCEEDED: TimeExceeded,
    Meaning.OTHER: Unreachable,
}


def _outcome(answer: Sighting, received: float, rtt: float) -> Outcome:
    """An answer as the live run would have written it down; seconds."""
    packet, message = answer.packet, message_of(answer.packet)
    if message is None or not isinstance(packet.body, IcmpError) or packet.body.quote is None:
        kind = Reset if is_reset(packet) else Answered
        return kind(source=packet.source, received=received, rtt=rtt, ttl=packet.ttl)
    body, quote = packet.body, packet.body.quote
    if message.meaning is Meaning.TOO_BIG:
        return TooBig(
            source=packet.source,
            received=received,
            rtt=rtt,
            ttl=packet.ttl,
            message=message,
            quote=quote,
            next_hop_mtu=body.next_hop_mtu,
        )
    return _REFUSALS[message.meaning](
        source=packet.source,
        received=received,
        rtt=rtt,
        ttl=packet.ttl,
        message=message,
        quote=quote,
        extensions=body.extensions,
    )

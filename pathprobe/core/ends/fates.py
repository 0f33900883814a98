"""What became of each try of the client, seen from both ends?

A try is one asking with all its repetitions: the SYNs of one sequence number, the datagrams of one pair of ports, one
echo request. What one end sent and the other saw come is a fact, and so is what only one of them saw.

=====================  =====================================================================================
answered               the server's own answer reached the client
unheard                it did, and the client's own TCP asked again all the same (RFC 9293 section 3.8.1)
refused                the server itself said no: its own RST, or an ICMP error that it sent
forged                 the client got an answer in the server's name that the server never sent
refused on the way     an ICMP error of somebody else
answer lost            the server answered, and nothing of it came to the client
server silent          it arrived, and the server sent nothing
never arrived          it did not arrive
=====================  =====================================================================================

A probe whose TTL was meant to run out on the way is no try: it shows a hop.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from pathprobe.core.ends.answers import (
    answer_key,
    answers_to,
    asks,
    by_answer,
    by_packet,
    is_reset,
    is_syn,
    is_syn_ack,
    message_of,
)
from pathprobe.core.ends.conversations import Conversation
from pathprobe.core.ends.fate import Fate
from pathprobe.core.ends.joining import Joined, Pair
from pathprobe.core.icmp import Meaning, Message
from pathprobe.core.packets import Echo, IcmpError, Packet, Tcp
from pathprobe.core.probes import Flow, Kind
from pathprobe.core.sightings import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """``sent`` is what left the client, ``arrived`` what of it reached the server.

    ``answers`` is what the server sent, ``heard`` what of it reached the client, and ``strange`` what reached the
    client and was not sent by the server. ``refusals`` are ICMP errors at the client; ``of_server`` those that are
    the server's own.
    """

    flow: Flow
    sent: tuple[Sighting, ...]
    arrived: tuple[Pair, ...]
    answers: tuple[Sighting, ...]
    heard: tuple[Pair, ...]
    strange: tuple[Sighting, ...]
    refusals: tuple[Sighting, ...]
    of_server: tuple[Sighting, ...]

    @property
    def fate(self) -> Fate:
        return next(fate for fate, applies in _FATES if applies(self))

    @property
    def asked_again(self) -> bool:
        """The client's TCP sent its SYN again after the answer had come."""
        syn_acks = [pair.client for pair in self.heard if is_syn_ack(pair.client.packet)]
        return bool(syn_acks) and self.sent[-1].number > syn_acks[0].number


_FATES: tuple[tuple[Fate, Callable[[Try], bool]], ...] = (
    (Fate.FORGED, lambda one: bool(one.strange)),
    (Fate.REFUSED, lambda one: any(is_reset(pair.client.packet) for pair in one.heard)),
    (Fate.UNHEARD, lambda one: one.flow.kind is Kind.TCP and one.asked_again),
    (Fate.ANSWERED, lambda one: bool(one.heard)),
    (Fate.REFUSED, lambda one: bool(one.of_server)),
    (Fate.REFUSED_ON_THE_WAY, lambda one: bool(one.refusals)),
    (Fate.ANSWER_LOST, lambda one: bool(one.answers)),
    (Fate.SERVER_SILENT, lambda one: bool(one.arrived)),
    (Fate.NEVER_ARRIVED, lambda _: True),
)


def tries(joined: Joined, full: int) -> tuple[Try, ...]:
    """The tries of one conversation, in the order in which they were made.

    ``full``: the TTL from which on packets are meant to reach the server; what was sent with less shows hops.
    """
    client = joined.client
    if client is None:
        return ()
    arrived = {pair.client.number for pair in joined.forward}
    groups: dict[Hashable, list[Sighting]] = {}
    for one in asks(client):
        if one.packet.ttl >= full or one.number in arrived:
            groups.setdefault(_question(one.packet), []).append(one)
    ends = _Ends(joined)
    return tuple(_try(ends, tuple(sent)) for sent in groups.values())


def _question(packet: Packet) -> Hashable:
    """What repetitions of one question have in common."""
    match packet.body:
        case Tcp(sequence=sequence) if is_syn(packet):
            return sequence
        case Echo(sequence=number):
            return number
    return None


class _Ends:
    """One conversation's packets, found by what they belong to: an echo conversation may go on for days."""

    def __init__(self, joined: Joined) -> None:
        assert joined.client is not None
        self.joined, self.flow = joined, joined.client.flow
        self.forward = {pair.client.number: pair for pair in joined.forward}
        self.back = {pair.server.number: pair for pair in joined.back}
        self.came = {pair.client.number for pair in joined.back}
        self.went_on = _went_on(joined.client)
        self.client_back = by_answer(joined.client.back)
        self.server_back = by_answer(joined.server.back) if joined.server else {}
        self.refusals = by_packet(joined.client.errors, joined.client.there)
        self.sent_refusals = by_packet(joined.server.errors, joined.server.there) if joined.server else {}

    def refused(self, sent: Iterable[Sighting]) -> tuple[Sighting, ...]:
        """The errors that end these packets: "too big" ends none, and the sender tries a smaller one."""
        errors = (error for one in sent for error in self.refusals.get(one.number, ()))
        return tuple(one for one in errors if _ends_it(message_of(one.packet)))

    def answers_of_server(self, asked: Packet, arrived: Sequence[Pair]) -> tuple[Sighting, ...]:
        """What the server sent in answer, ICMP errors included."""
        there = arrived[0].server.packet if arrived else asked
        said = [one for one in self.server_back.get(answer_key(there), ()) if answers_to(one.packet, there)]
        if any(is_syn_ack(one.packet) for one in said):
            said = [one for one in said if not is_reset(one.packet)]  # it ended what it had accepted
        refused = (one for pair in arrived for one in self.sent_refusals.get(pair.server.number, ()))
        return (*said, *refused)

    def strange(self, asked: Packet) -> tuple[Sighting, ...]:
        """What came to the client in answer and is nowhere in the server's capture."""
        back = self.client_back.get(answer_key(asked), ())
        return tuple(
            one
            for one in back
            if one.number not in self.came and one.number < self.went_on and answers_to(one.packet, asked)
        )


def _went_on(client: Conversation) -> float:
    """The number of the packet with which a TCP client took an answer to its SYN for good; infinity where none."""
    if not client.there or not is_syn(client.there[0].packet):
        return float("inf")
    later = (one.number for one in client.there if not is_syn(one.packet) and not is_reset(one.packet))
    return next(later, float("inf"))


def _ends_it(message: Message | None) -> bool:
    return message is not None and message.meaning not in (Meaning.TOO_BIG, Meaning.OTHER)


def _try(ends: _Ends, sent: tuple[Sighting, ...]) -> Try:
    arrived = tuple(ends.forward[one.number] for one in sent if one.number in ends.forward)
    answers = ends.answers_of_server(sent[0].packet, arrived)
    said = (one for one in answers if not isinstance(one.packet.body, IcmpError))
    heard = tuple(ends.back[one.number] for one in said if one.number in ends.back)
    refusals, strange = ends.refused(sent), ends.strange(sent[0].packet)
    return Try(
        flow=ends.flow,
        sent=sent,
        arrived=arrived,
        answers=answers,
        heard=heard,
        strange=_before(strange, heard) if ends.flow.kind is Kind.UDP else strange,
        refusals=refusals,
        of_server=tuple(one for one in refusals if _is_of_server(one, ends.joined, arrived)),
    )


def _before(strange: tuple[Sighting, ...], heard: Sequence[Pair]) -> tuple[Sighting, ...]:
    """A datagram that a capture missed is no forgery: only what came before the server's first answer counts."""
    first = min((pair.client.number for pair in heard), default=None)
    return tuple(one for one in strange if first is None or one.number < first)


def _is_of_server(error: Sighting, joined: Joined, arrived: Sequence[Pair]) -> bool:
    """The server was seen to send it; or it bears its address, and what it quotes had arrived."""
    assert joined.client is not None
    if error.packet.source == joined.client.flow.destination:
        return bool(arrived)
    words = error.packet.body
    sent = joined.server.errors if joined.server else ()
    return isinstance(words, IcmpError) and any(
        isinstance(one.packet.body, IcmpError)
        and one.packet.source == error.packet.source
        and (one.packet.body.type, one.packet.body.code) == (words.type, words.code)
        for one in sent
    )

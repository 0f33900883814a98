"""What do the packets of somebody else's question say, as evidence?

Every SYN, request and echo that was seen becomes a probe, and goes through the same ledger as ours do, with its
answers, in the order of the file. What the same host asked the same target in the same seconds (echo, another port, a
trace in another protocol) is the control. Two things are different from a run of ours:

* A request that was sent again carries the same token. Once any of its copies was answered the others are no silence;
  of one that was never answered each copy is one more try.
* Who sends a SYN seldom waits for us to see how its TCP reacts: that is known from the connection (core.conversations).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.ledger import Ledger
from pathprobe.core.outcomes import Answered, Ended, Reply, Silent, TimeExceeded
from pathprobe.core.packets import Echo, EchoKind, Packet, Tcp, TcpFlags, Udp
from pathprobe.core.probes import FULL_TTL, Flow, Kind, Probe, Role
from pathprobe.core.sightings import Sighting
from pathprobe.core.witness.questions import ARRIVES, Question
from pathprobe.core.witness.recurring import Recurring

#: Nanoseconds before and after a question in which another one is a control: what was so a minute ago may not be now.
SAME_TIME = 15_000_000_000

#: Packets of other questions that are taken as controls: those of one traceroute and a few answers.
_MOST_COMPARED = 200

_SECOND = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Retold:
    """The evidence about one question, and which frames of the file each probe and its answers are.

    ``sent_again``: copies of requests whose later copy was answered.
    """

    evidence: Evidence
    frames: dict[int, tuple[int, ...]]
    sent_again: tuple[Observation, ...] = field(default=())


def retell(question: Question, others: Iterable[Question], *, end_ns: int) -> Retold:
    """The question as evidence; ``others``: of the same host about the same target. Listening ended at ``end_ns``."""
    story = _Story(question)
    seen = [(one, True) for one in question.kept]
    seen += [(one, False) for other in others for one in _compared(question, other)][:_MOST_COMPARED]
    for one, asked in sorted(seen, key=lambda pair: pair[0].number):
        story.take(one, Role.TEST if asked else Role.CONTROL)
    return story.told(end_ns)


def _compared(question: Question, other: Question) -> Sequence[Sighting]:
    first, last = question.first_ns - SAME_TIME, question.last_ns + SAME_TIME
    return [one for one in other.kept if first <= one.time_ns <= last]


def request_of(packet: Packet) -> tuple[Kind, int, int, int] | None:
    """Kind, source port, port and token of a packet that asks."""
    match packet.body:
        case Tcp(flags=flags) as syn if int(flags) & (TcpFlags.SYN | TcpFlags.ACK) == TcpFlags.SYN:
            return Kind.TCP, syn.source_port, syn.destination_port, syn.sequence
        case Echo(kind=EchoKind.REQUEST) as echo:
            return Kind.ECHO, echo.identifier, 0, echo.identifier << 16 | echo.sequence
        case Udp() as datagram:
            return Kind.UDP, datagram.source_port, datagram.destination_port, datagram.checksum
    return None


class _Story:
    """The packets of one question and its controls, in their order."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._register = Recurring()
        self._ledger = Ledger(question.key.target, self._register)
        self._frames: dict[int, tuple[int, ...]] = {}
        self._flows: dict[Flow, int] = {}
        self._attempts: Counter[tuple[Role, Kind, int, int]] = Counter()
        self._heard_before: set[tuple[str, int | None, bytes]] = set()

    def take(self, one: Sighting, role: Role) -> None:
        key, now = self.question.key, self._seconds(one.time_ns)
        packet = one.packet
        request = request_of(packet) if (packet.source, packet.destination) == (key.source, key.target) else None
        if request:
            probe = self._probe(role, packet, *request)
            self._ledger.sent(probe, now)
            self._register.add_sent(probe, request[2])
        elif self._is_seen_twice(packet):
            return
        if reading := self._ledger.read(packet, now, one.interface):
            self._frames[reading.probe.id] = (*self._frames.get(reading.probe.id, ()), one.number)

    def _is_seen_twice(self, packet: Packet) -> bool:
        """An answer that a router shows on its way in and on its way out: octet for octet the same, but for the TTL."""
        sight = packet.source, packet.identification, packet.transport
        if not packet.transport:
            return False
        known = sight in self._heard_before
        self._heard_before.add(sight)
        return known

    def _probe(self, role: Role, packet: Packet, kind: Kind, source_port: int, port: int, token: int) -> Probe:
        key = self.question.key
        if role is Role.TEST:
            port = key.port
        flow = Flow(
            kind=kind, source=key.source, destination=key.target, source_port=source_port, destination_port=port
        )
        ttl = packet.ttl if packet.ttl < ARRIVES else FULL_TTL
        self._attempts[role, kind, port, ttl] += 1
        return Probe(
            id=len(self._ledger) + 1,
            role=role,
            flow=flow,
            flow_number=self._flows.setdefault(flow, len(self._flows)),
            ttl=ttl,
            attempt=self._attempts[role, kind, port, ttl],
            token=token,
            identification=packet.identification or 0,
        )

    def told(self, end_ns: int) -> Retold:
        observations = [self._heard(seen) for seen in self._ledger.observations(self._seconds(end_ns))]
        fates = {_request(seen) for seen in observations if _is_settled(seen)}
        sent_again = tuple(
            seen for seen in observations if isinstance(seen.outcome, Silent) and _request(seen) in fates
        )
        ids = {seen.probe.id for seen in sent_again}
        forged = _forged(observations, self.question.key.target)
        left = tuple(seen for seen in observations if seen.probe.id not in ids | forged)
        key = self.question.key
        evidence = Evidence(target=key.target, source=key.source, observations=left)
        asked = tuple(seen for seen in sent_again if seen.probe.role is Role.TEST)
        return Retold(evidence=evidence, frames=self._frames, sent_again=asked)

    def _heard(self, seen: Observation) -> Observation:
        """With what this host's own TCP made of the answer."""
        if not isinstance(seen.outcome, Answered) or seen.probe.flow.kind is not Kind.TCP:
            return seen
        unheard = (seen.probe.flow.source_port, seen.probe.token) in self.question.unheard
        return replace(seen, ended=Ended.BY_US if unheard else Ended.BY_KERNEL)

    def _seconds(self, time_ns: int) -> float:
        return (time_ns - self.question.first_ns) / _SECOND


def _forged(observations: Sequence[Observation], target: str) -> set[int]:
    """Answers to controls that were made nearer than hops that others reached: they are no measure of the target.

    All answers to the same service are doubtful then.
    """
    expired = (seen for seen in observations if isinstance(seen.outcome, TimeExceeded) and not seen.probe.is_direct)
    farthest = max((seen.probe.ttl for seen in expired if _source(seen) != target), default=0)
    answers = [seen for seen in observations if seen.probe.role is Role.CONTROL and _is_answer_of(target, seen)]
    services = {seen.probe.flow.label for seen in answers if seen.probe.ttl <= farthest}
    return {seen.probe.id for seen in answers if seen.probe.flow.label in services}


def _is_answer_of(target: str, seen: Observation) -> bool:
    return _is_settled(seen) and _source(seen) == target


def _source(seen: Observation) -> str | None:
    return seen.outcome.source if isinstance(seen.outcome, Reply) else None


def _is_settled(seen: Observation) -> bool:
    """An answer settles all copies of the request; that the TTL ran out somewhere tells of this copy alone."""
    return isinstance(seen.outcome, Reply) and not isinstance(seen.outcome, TimeExceeded)


def _request(seen: Observation) -> tuple[Flow, int, int]:
    return seen.probe.flow, seen.probe.token, seen.probe.ttl

"""Which verdict follows from a capture that pathprobe wrote?

The packets go through the same ledger as in the live run, in the same order; so does everything after it.
A run that was killed left only the note of what it asked: then listening ended with the last packet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pathprobe.core.evidence import Evidence
from pathprobe.core.ledger import Ledger
from pathprobe.core.outcomes import NOT_SEEN
from pathprobe.core.packets import Echo, EchoKind, Packet, Tcp, TcpFlags, Udp
from pathprobe.core.probes import NATURAL_SIZE, Flow, Kind, Probe, Role
from pathprobe.core.report import Result, Target
from pathprobe.core.results import result_of
from pathprobe.core.sightings import FileSummary, Sighting
from pathprobe.engine.asked_as import with_service
from pathprobe.engine.notes import Asked, Asking, KeptBack, Note, read_note
from pathprobe.engine.sightings import open_sightings
from pathprobe.wire.captures import NotACapture


class NotOurs(ValueError):
    """The file holds no probe of pathprobe; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The verdicts of a capture, one per question, and what became of its frames."""

    results: tuple[Result, ...]
    file: FileSummary


def analyze(path: Path) -> tuple[Result, ...]:
    """The verdicts of a capture, one per question. Raises NotOurs, OSError."""
    return analysis_of(path).results


def analysis_of(path: Path) -> Analysis:
    """The verdicts and the file they come from; none of them is complete if it is cut. Raises NotOurs, OSError."""
    try:
        with open_sightings(path, with_tunnels=True) as sightings:
            seen = list(sightings)
    except NotACapture as error:
        raise NotOurs(f"{path}: {error}") from None
    results, file = _results(sightings.facts.notes, seen), sightings.summary
    if not results:
        reason = str(file.cut) if file.cut else "nothing in it says what was asked"
        raise NotOurs(f"{path}: no probe of pathprobe in it: {reason}")
    if file.cut:
        results = tuple(replace(result, complete=False) for result in results)
    return Analysis(results=results, file=file)


def _results(texts: Sequence[str], seen: Sequence[Sighting]) -> tuple[Result, ...]:
    notes = [note for text in texts if (note := read_note(text))]
    asked = [note for note in notes if isinstance(note, Asked)]
    kept_back = [note for note in notes if isinstance(note, KeptBack)]
    done = tuple(_result(one, seen, kept_back) for one in asked)
    if killed := _unfinished(notes, asked, seen):
        return (*done, replace(_result(killed, seen, kept_back), complete=False))
    return done


def _unfinished(notes: Sequence[Note], asked: Sequence[Asked], seen: Sequence[Sighting]) -> Asked | None:
    """The question of a run that was killed: put, and never closed. Listening ended with the last packet."""
    closed = {one.start_ns for one in asked}
    for note in notes:
        if isinstance(note, Asking) and note.start_ns not in closed:
            return Asked(
                kind=note.kind,
                source=note.source,
                target=note.target,
                port=note.port,
                start_ns=note.start_ns,
                end_ns=max([note.start_ns, *(one.time_ns for one in seen)]),
                window=float("inf"),
                mtu=note.mtu,
                flows=note.flows,
            )
    return None


def _probed(packet: Packet) -> tuple[Kind, int, int, int] | None:
    """Kind, source port, port and token of a packet that is a probe if it goes to the target."""
    match packet.body:
        case Tcp(flags=flags) as segment if flags & (TcpFlags.SYN | TcpFlags.ACK) == TcpFlags.SYN:
            return Kind.TCP, segment.source_port, segment.destination_port, segment.sequence
        case Echo(kind=EchoKind.REQUEST) as echo:
            return Kind.ECHO, echo.identifier, 0, echo.identifier << 16 | echo.sequence
        case Udp() as datagram:
            return Kind.UDP, datagram.source_port, datagram.destination_port, datagram.checksum
    return None


class _Reader:
    """Rebuilds the probes of one question from their packets."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.ledger = Ledger(asked.target)
        self.frames: dict[int, tuple[int, ...]] = {}
        self._known: set[tuple[Kind, int, int, int]] = set()
        self._flows: dict[Flow, int] = {}
        self._attempts: Counter[tuple[Role, Kind, int, int, int | None]] = Counter()

    def take(self, one: Sighting) -> None:
        now = self._seconds(one.time_ns)
        probed = None if self._is_anothers(one) else _probed(one.packet)
        if probed and one.packet.destination == self.asked.target and self._is_new(one.packet, *probed):
            kind, source_port, port, token = probed
            identification, size = one.packet.identification or 0, self._size(one.packet)
            self.ledger.sent(self._probe(kind, source_port, port, one.packet.ttl, token, identification, size), now)
        reading = self.ledger.read(one.packet, now, one.interface)
        if reading:
            self.frames[reading.probe.id] = (*self.frames.get(reading.probe.id, ()), one.number)

    def _is_anothers(self, one: Sighting) -> bool:
        """It comes in, and not from us: on loopback our own packets do."""
        return one.outgoing is False and one.packet.source != self.asked.source

    def _is_new(self, packet: Packet, kind: Kind, source_port: int, _: int, token: int) -> bool:
        """Not the second sight of a packet: its token was not seen before, with what else tells UDP probes apart."""
        key = (kind, token, 0, 0)
        if kind is Kind.UDP:
            key = (kind, token, source_port, packet.identification or 0)
        is_new = key not in self._known
        self._known.add(key)
        return is_new

    def keep_back(self, note: KeptBack) -> None:
        probe = self._probe(note.kind, note.source_port, note.port, note.ttl, note.token, size=note.size)
        now = self._seconds(note.time_ns)
        if note.error == NOT_SEEN:
            self.ledger.sent(probe, now)  # and no packet of it will be read, only what is said about it
        else:
            self.ledger.not_sent(probe, now, note.error)

    def _size(self, packet: Packet) -> int | None:
        """The size that a probe was padded to; None where it has the one that it has by itself."""
        natural = NATURAL_SIZE[packet.version]
        asks_size = self.asked.mtu is not None and isinstance(packet.body, Tcp | Echo)
        return packet.total_length if asks_size and packet.total_length > natural else None

    def _probe(
        self,
        kind: Kind,
        source_port: int,
        port: int,
        ttl: int,
        token: int,
        identification: int = 0,
        size: int | None = None,
    ) -> Probe:
        asked = self.asked
        role = Role.TEST if (kind, port) == (asked.kind, asked.port) else Role.CONTROL
        flow = Flow(
            kind=kind,
            source=asked.source,
            destination=asked.target,
            source_port=source_port,
            destination_port=port,
        )
        self._attempts[role, kind, port, ttl, size] += 1
        return Probe(
            id=len(self.ledger) + 1,
            role=role,
            flow=flow,
            flow_number=self._flows.setdefault(flow, len(self._flows)),
            ttl=ttl,
            attempt=self._attempts[role, kind, port, ttl, size],
            token=token,
            identification=identification,
            size=size,
        )

    def _seconds(self, time_ns: int) -> float:
        return (time_ns - self.asked.start_ns) / 1e9


def _in_order(seen: Sequence[Sighting], kept_back: Sequence[KeptBack]) -> Iterator[Sighting | KeptBack]:
    """Packets as they stand in the file, for clocks jump; each note before the first packet that is later."""
    waiting = sorted(kept_back, key=lambda note: note.time_ns, reverse=True)
    for one in seen:
        while waiting and waiting[-1].time_ns <= one.time_ns:
            yield waiting.pop()
        yield one
    yield from reversed(waiting)


def _result(asked: Asked, seen: Sequence[Sighting], kept_back: Sequence[KeptBack]) -> Result:
    reader = _Reader(asked)
    for one in _in_order(seen, kept_back):
        if not asked.start_ns <= one.time_ns <= asked.end_ns:
            continue
        if isinstance(one, KeptBack):
            reader.keep_back(one)
        else:
            reader.take(one)
    now = (asked.end_ns - asked.start_ns) / 1e9
    evidence = Evidence(
        target=asked.target,
        source=asked.source,
        observations=reader.ledger.observations(now),
        longest_wait=asked.window,
        ports=asked.flows,
    )
    target = Target(given=asked.target, address=asked.target, port=asked.port or None, protocol=asked.kind)
    result = with_service(result_of(target, evidence, started=asked.start_ns / 1e9, duration=now, mtu=asked.mtu))
    return replace(result, frames=reader.frames, complete=asked.complete)

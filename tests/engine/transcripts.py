"""The packets of a run, put into another order, doubled, delayed, and with strangers' between them.

A transcript is what a recorded run saw. Each mutation gives one that could have been seen of the same network:
an answer never comes before its probe left, and nothing before the question or after the end.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from pathprobe.core.packets import IcmpError, Malformed, Packet, Protocol, Tcp, Udp
from pathprobe.core.report import Result
from pathprobe.engine.notes import Asked, read_note
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.wire.dissect import dissect
from pathprobe.wire.pcapng import Writer
from tests.engine.runs import recorder, run
from tests.engine.strangers import strangers
from tests.wire.whole_files import read_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One packet of the file; ``probe`` it belongs to by the run's own reading, ``departed`` when that left.

    ``outgoing`` as the file says it, which on loopback is never; ``leaves``: it is the probe itself, or another
    packet of ours.
    """

    time_ns: int
    octets: bytes
    interface: str
    outgoing: bool
    leaves: bool
    probe: int | None = None
    departed: int = 0

    @property
    def packet(self) -> Packet:
        packet = dissect(self.octets)
        assert not isinstance(packet, Malformed)
        return packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    frames: tuple[Frame, ...]
    notes: tuple[str, ...]
    asked: Asked

    @property
    def answers(self) -> list[Frame]:
        return [frame for frame in self.frames if is_answer(frame)]


Mutation = Callable[[Transcript, Random], Transcript]


def is_answer(frame: Frame) -> bool:
    return not frame.leaves and frame.probe is not None


@functools.cache
def transcript(name: str) -> Transcript:
    """What the simulated run of a packaged scenario saw."""
    return transcript_of(run(name).octets)


def transcript_of(octets_or_path: bytes | Path) -> Transcript:
    """What stands in a capture of ours about one target."""
    octets = octets_or_path.read_bytes() if isinstance(octets_or_path, Path) else octets_or_path
    capture, (result,) = read_whole(octets), _analyzed(octets)
    owners = {number: probe for probe, numbers in result.frames.items() for number in numbers}
    departures = {probe: capture.packets[min(numbers) - 1].time_ns for probe, numbers in result.frames.items()}
    first = {min(numbers) for numbers in result.frames.values()}
    frames = tuple(
        Frame(
            time_ns=packet.time_ns,
            octets=packet.octets,
            interface=packet.interface,
            outgoing=bool(packet.outgoing),
            leaves=bool(packet.outgoing) or number in first,
            probe=owners.get(number),
            departed=departures.get(owners.get(number, 0), packet.time_ns),
        )
        for number, packet in enumerate(capture.packets, start=1)
    )
    asked = next(note for text in capture.notes if isinstance(note := read_note(text), Asked))
    return Transcript(frames=frames, notes=tuple(capture.notes), asked=asked)


def octets_of(seen: Transcript) -> bytes:
    with tempfile.TemporaryFile() as stream:
        writer = Writer(stream)
        for frame in seen.frames:
            writer.packet(frame.time_ns, frame.octets, interface=frame.interface, outgoing=frame.outgoing)
        writer.statistics(seen.asked.start_ns, seen.asked.end_ns, comments=seen.notes)
        stream.seek(0)
        return stream.read()


def analyzed(seen: Transcript) -> tuple[Result, ...]:
    """The verdicts that follow from a transcript, one per question."""
    return _analyzed(octets_of(seen))


def _analyzed(octets: bytes) -> tuple[Result, ...]:
    with tempfile.NamedTemporaryFile(suffix=".pcapng") as file:
        file.write(octets)
        file.flush()
        return analyze(Path(file.name))


# ---- mutations


def _in_time(seen: Transcript, frames: Iterator[Frame] | list[Frame]) -> Transcript:
    return replace(seen, frames=tuple(sorted(frames, key=lambda frame: frame.time_ns)))


def _answers_at(seen: Transcript, moment: Callable[[Frame], int]) -> Transcript:
    """Each answer at another moment, which is never before its probe's departure or after the end."""
    return _in_time(
        seen,
        [
            replace(frame, time_ns=min(max(moment(frame), frame.departed), seen.asked.end_ns))
            if is_answer(frame)
            else frame
            for frame in seen.frames
        ],
    )


def answers_at_once(seen: Transcript, _: Random) -> Transcript:
    return _answers_at(seen, lambda frame: frame.departed)


def answers_at_the_end(seen: Transcript, chance: Random) -> Transcript:
    """Later than any silence window, and in any order."""
    return _answers_at(seen, lambda _: seen.asked.end_ns - chance.randrange(1000))


def answers_at_any_time(seen: Transcript, chance: Random) -> Transcript:
    return _answers_at(seen, lambda frame: chance.randint(frame.departed, max(frame.departed, seen.asked.end_ns)))


def two_answers_swapped(seen: Transcript, chance: Random) -> Transcript:
    if len(seen.answers) < 2:
        return seen
    one, other = chance.sample(seen.answers, 2)
    times = {one: other.time_ns, other: one.time_ns}
    return _answers_at(seen, lambda frame: times.get(frame, frame.time_ns))


def all_seen_twice(seen: Transcript, _: Random) -> Transcript:
    """As behind a mirror port, or on a bond and on its member."""
    return replace(seen, frames=tuple(copy for frame in seen.frames for copy in (frame, frame)))


def copies_later(seen: Transcript, chance: Random) -> Transcript:
    """Packets that the network doubled: the second copy comes when it likes."""
    late = [
        replace(frame, time_ns=chance.randint(frame.time_ns, max(frame.time_ns, seen.asked.end_ns)))
        for frame in seen.answers
    ]
    return _in_time(seen, [*seen.frames, *late])


def all_on_two_interfaces(seen: Transcript, _: Random) -> Transcript:
    """As with a VLAN on an interface: each packet is seen on both, leaving and coming."""
    return replace(
        seen,
        frames=tuple(
            copy for frame in seen.frames for copy in (frame, replace(frame, interface="over." + frame.interface))
        ),
    )


def strangers_between(seen: Transcript, chance: Random) -> Transcript:
    """After each of our packets a few of others', which know our addresses and ports and no more."""
    frames: list[Frame] = []
    for frame in seen.frames:
        frames.append(frame)
        forged = list(strangers(frame.packet, frame.octets, chance)) if frame.leaves else []
        some = chance.sample(forged, min(len(forged), 3))
        frames += [replace(frame, octets=octets, outgoing=False, leaves=False, probe=None) for octets in some]
    return replace(seen, frames=tuple(frames))


def strangers_first(seen: Transcript, chance: Random) -> Transcript:
    """Every forgery that can be made of our packets, before anybody true could answer."""
    frames: list[Frame] = []
    for frame in seen.frames:
        frames.append(frame)
        if frame.leaves:
            forged = strangers(frame.packet, frame.octets, chance)
            frames += [replace(frame, octets=octets, outgoing=False, leaves=False, probe=None) for octets in forged]
    return replace(seen, frames=tuple(frames))


# ---- another run against the same target


#: So far from the first run's source ports are those of the second.
_OTHER_PORTS = 1000


def another_run(name: str) -> Transcript:
    """The same scenario, asked by a second process: other tokens, other source ports."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.pcapng")
        keeper = recorder(path)
        keeper.finish((ask_simulated(catalogue.load(name), seed=7, recorder=keeper),))
        seen = transcript_of(path)
    return replace(seen, frames=tuple(replace(frame, octets=_other_port(frame)) for frame in seen.frames))


def _other_port(frame: Frame) -> bytes:
    """Our own port moved, wherever it stands in a packet."""
    octets, packet = bytearray(frame.octets), frame.packet
    transport = 20 if packet.version == 4 else 40
    match packet.body:
        case Tcp() | Udp():
            at = transport if frame.leaves else transport + 2
        case IcmpError(quote=quote) if quote and quote.protocol in (Protocol.TCP, Protocol.UDP):
            at = transport + 8 + transport
        case _:
            return frame.octets
    octets[at : at + 2] = (int.from_bytes(octets[at : at + 2], "big") + _OTHER_PORTS).to_bytes(2, "big")
    return bytes(octets)

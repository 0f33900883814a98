"""How do some packets of a capture become a file of their own, each with words beside it?

Packets are written as raw IP datagrams, with their times; what else the file knew of itself is kept.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathprobe import __version__
from pathprobe.core.packets import Malformed, Packet
from pathprobe.engine.notes import read_note
from pathprobe.wire.captured import FileFacts
from pathprobe.wire.captures import open_capture
from pathprobe.wire.dissect import dissect
from pathprobe.wire.link_layers import NotIp, unwrap
from pathprobe.wire.pcapng import Writer
from pathprobe.wire.pcapng_reader import MAGIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of one packet; ``outgoing``: it was sent by the host that the capture is about."""

    outgoing: bool
    comments: Sequence[str]


#: Frame number and packet -> what is said of it; None: it is left out.
Tell = Callable[[int, Packet], Told | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A capture file, and what it says of itself at its end."""

    path: Path
    facts: FileFacts
    is_packed: bool

    @property
    def notes(self) -> list[str]:
        """Those of pathprobe."""
        return [text for text in self.facts.notes if read_note(text)]

    @property
    def is_evidence(self) -> bool:
        """A capture of ours, which has its comments, as it is."""
        return bool(self.notes) and not self.is_packed


def source_at(path: Path) -> Source:
    """Raises OSError, and NotACapture when the file is none."""
    with path.open("rb") as stream:
        is_packed = not stream.read(len(MAGIC)).startswith(MAGIC)
    with open_capture(path) as capture:
        for _ in capture:
            pass
        return Source(path=path, facts=capture.facts, is_packed=is_packed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """``numbers``: frame of the file -> frame of the copy."""

    octets: bytes
    numbers: dict[int, int]


#: When a copy says that listening ended: times of the file's last packet and of the last one that is in the copy.
EndOf = Callable[[int, int | None], int | None]


def copied(source: Source, tell: Tell, *, comment: str, end: EndOf) -> Copy:
    """The packets of which something is told; ``comment`` stands at the head."""
    stream = io.BytesIO()
    writer = Writer(stream, comment=comment, application=f"pathprobe {__version__}")
    numbers: dict[int, int] = {}
    times: list[int] = []
    last: int | None = None
    with open_capture(source.path) as capture:
        for captured in capture:
            frame = unwrap(captured.linktype, captured.octets)
            packet = None if isinstance(frame, NotIp) else dissect(frame.octets)
            if isinstance(frame, NotIp) or packet is None or isinstance(packet, Malformed):
                continue
            times.append(captured.time_ns)
            told = tell(captured.number, packet)
            if told is None:
                continue
            numbers[captured.number], last = len(numbers) + 1, captured.time_ns
            writer.packet(
                captured.time_ns,
                frame.octets,
                interface=captured.interface,
                outgoing=told.outgoing,
                comments=told.comments,
            )
    if times and (ended := end(max(times), last)) is not None:
        started = source.facts.started_ns
        writer.statistics(min(times) if started is None else started, ended, source.notes, delivered=len(times))
    return Copy(octets=stream.getvalue(), numbers=numbers)

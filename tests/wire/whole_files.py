"""A capture file read to its end: what tests compare."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from pathprobe.wire.captured import CapturedPacket, FileFacts
from pathprobe.wire.captures import Capture


@dataclass(frozen=True, kw_only=True)
class WholeFile:
    packets: tuple[CapturedPacket, ...]
    facts: FileFacts

    @property
    def comment(self) -> str:
        return self.facts.comment

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.facts.notes)

    @property
    def ended_ns(self) -> int | None:
        return self.facts.ended_ns


def read_whole(file: bytes | Path) -> WholeFile:
    octets = file.read_bytes() if isinstance(file, Path) else file
    with Capture(io.BytesIO(octets)) as capture:
        return WholeFile(packets=tuple(capture), facts=capture.facts)

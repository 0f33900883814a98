"""How do the packets of a run become evidence that others can read?

Every packet is written as it happens, so that a run that is killed leaves a file that opens. When all is
known the file is written once more, beside the first and then in its place, with the conclusion on each packet.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pathprobe.core.ends.crossings import Crossing
from pathprobe.core.evidence import Observation
from pathprobe.core.ledger import Farewell, Match, Reading
from pathprobe.core.outcomes import Silent
from pathprobe.core.packets import Packet
from pathprobe.core.probes import Kind
from pathprobe.core.report import Result
from pathprobe.engine.notes import Asked, Asking, kept_back_note
from pathprobe.net.base import Frame
from pathprobe.wire.pcapng import Writer

_NANOSECOND = 1_000_000_000

#: Octets of a comment: an option's length has 16 bits; a word about what was left out must fit as well.
_LONGEST_COMMENT = 65_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How packets and results are put into words; the engine itself has no prose."""

    sent: Callable[[Observation], str]
    answer: Callable[[Match], str]
    farewell: Callable[[Farewell], str]
    section: Callable[[Result], str]
    connection: Callable[[Observation], str]
    disowned: Callable[[Packet], str]
    in_short: Callable[[Result, bool], str]
    at_client: Callable[[str, Crossing, Packet, Result], str]
    at_server: Callable[[Observation | None, Crossing, Packet], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    time_ns: int
    frame: Frame
    reading: Reading
    diagnosis: int


class Recorder:
    """Writes one capture for one run, which may ask about several targets in turn.

    Raises OSError when the file cannot be written.
    """

    def __init__(self, path: Path, words: Words, *, application: str, command: str) -> None:
        self.path = path
        self._words = words
        self._application = application
        self._command = command
        self._kept: list[_Kept] = []
        self._diagnosis = 0
        self._notes: list[str] = []
        self._span: tuple[int, int] | None = None
        self._stream: BinaryIO = path.open("wb", buffering=0)
        try:
            with self._named():
                self._writer = Writer(self._stream, comment=fitting([command]), application=application)
        except OSError:
            self._stream.close()
            raise

    @property
    def packets(self) -> int:
        return len(self._kept)

    def begin_diagnosis(self, epoch: float, asking: Asking) -> None:
        """Write down what is asked, before the first packet: a run that is killed has no later chance."""
        start = int(epoch * _NANOSECOND)
        with self._named():
            self._writer.statistics(start, start, comments=[str(asking)])

    def keep(self, epoch: float, frame: Frame, reading: Reading) -> None:
        """Write one packet now, with what is known of it so far."""
        kept = _Kept(
            time_ns=int((epoch + frame.time) * _NANOSECOND), frame=frame, reading=reading, diagnosis=self._diagnosis
        )
        self._kept.append(kept)
        with self._named():
            self._write(self._writer, kept, self._first_words(reading, frame))

    def end_diagnosis(self, epoch: float, now: float, result: Result) -> dict[int, tuple[int, ...]]:
        """One target is done; gives probe id -> the numbers of its frames."""
        start, end = int(epoch * _NANOSECOND), int((epoch + now) * _NANOSECOND)
        self._span = (self._span[0] if self._span else start, end)
        self._notes.append(str(_asked(result, start, end)))
        self._notes += [str(note) for seen in result.observations if (note := kept_back_note(seen, start))]
        frames: dict[int, tuple[int, ...]] = {}
        for number, kept in enumerate(self._kept, start=1):
            if kept.diagnosis == self._diagnosis:
                probe = kept.reading.probe.id
                frames[probe] = (*frames.get(probe, ()), number)
        self._diagnosis += 1
        return frames

    def finish(self, results: tuple[Result, ...]) -> None:
        """Write the file again with the conclusions, and put it in the place of the first.

        Raises OSError, which names the file; what was written as it happened stays.
        """
        with self._named():
            with self._stream:
                if self._span:
                    self._writer.statistics(*self._span, comments=self._notes)
            if self.path.is_file():  # a pipe or a device: what is written is written
                self._rewrite(results)

    def _rewrite(self, results: tuple[Result, ...]) -> None:
        place = self.path.resolve()
        outcomes = [{seen.probe.id: seen for seen in result.observations} for result in results]
        descriptor, beside = tempfile.mkstemp(prefix=".pathprobe-", dir=place.parent)
        try:
            with open(descriptor, "wb") as stream:
                os.fchmod(descriptor, stat.S_IMODE(place.stat().st_mode))
                comment = fitting([self._command, *(self._words.section(result) for result in results)])
                writer = Writer(stream, comment=comment, application=self._application)
                for kept in self._kept:
                    self._write(writer, kept, self._last_words(kept, outcomes))
                if self._span:
                    writer.statistics(*self._span, comments=self._notes)
            Path(beside).replace(place)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of writing say which file it was."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def _write(self, writer: Writer, kept: _Kept, comment: str) -> None:
        frame = kept.frame
        writer.packet(
            kept.time_ns, frame.octets, interface=frame.interface, outgoing=frame.outgoing, comments=[comment]
        )

    def _first_words(self, reading: Reading, frame: Frame) -> str:
        if isinstance(reading, Match):
            return self._words.answer(reading)
        if isinstance(reading, Farewell):
            return self._words.farewell(reading)
        return self._words.sent(Observation(probe=reading.probe, sent=frame.time, outcome=Silent(waited=0.0)))

    def _last_words(self, kept: _Kept, outcomes: list[dict[int, Observation]]) -> str:
        if isinstance(kept.reading, Match | Farewell) or kept.diagnosis >= len(outcomes):
            return self._first_words(kept.reading, kept.frame)
        return self._words.sent(outcomes[kept.diagnosis][kept.reading.probe.id])


def fitting(lines: list[str]) -> str:
    """As many lines as one comment of the format holds, and a word about the rest."""
    kept: list[str] = []
    room = _LONGEST_COMMENT
    for number, line in enumerate(lines):
        room -= len(line.encode(errors="backslashreplace")) + 1
        if room < 0:
            return "\n".join([*(kept or [line[: _LONGEST_COMMENT // 8]]), f"... and {len(lines) - number} more lines"])
        kept.append(line)
    return "\n".join(kept)


def _asked(result: Result, start_ns: int, end_ns: int) -> Asked:
    target = result.target
    return Asked(
        kind=Kind(target.protocol),
        source=result.source,
        target=target.address,
        port=target.port or 0,
        start_ns=start_ns,
        end_ns=end_ns,
        window=result.window,
        mtu=result.mtu,
        flows=result.ports,
        complete=result.complete,
    )

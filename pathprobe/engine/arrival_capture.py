"""How do the packets that were watched become a capture that ``analyze CLIENT SERVER`` joins?

Each is written as it passes, so that a watcher that is killed leaves a file that opens; how the attempts ended stands
at its end. Also written is what the asker sends beside its question (ICMP, SYNs to other ports), for its control
probes are among it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pathprobe.core.arrivals.facts import Seen
from pathprobe.engine.recorder import fitting
from pathprobe.net.doorstep import Passing
from pathprobe.wire.pcapng import Writer

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _WholeBlocks(io.FileIO):
    """A file of which no block stays that was written in part, as on a disk that becomes full."""

    _whole = 0

    def write(self, octets: ReadableBuffer) -> int:
        rest = memoryview(octets)
        length = len(rest)
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError:
            with suppress(OSError):  # what went into a pipe cannot be taken back
                self.truncate(self._whole)
            raise
        self._whole += length
        return length


class ArrivalCapture:
    """One file. Raises OSError, which names the file, when it cannot be begun.

    ``error``: why it could not be written on, None while it can; what comes after that is not kept.
    """

    def __init__(self, path: Path, words: Callable[[Seen, int], str], *, application: str, command: str) -> None:
        """``words``: what a packet of the attempt with this number is."""
        self.path, self.packets = path, 0
        self.error: OSError | None = None
        self._words = words
        self._stream = _WholeBlocks(str(path), "w")
        try:
            self._writer = Writer(self._stream, comment=fitting([command]), application=application)
        except OSError as error:
            self._stream.close()
            raise OSError(error.errno, error.strerror, str(path)) from error

    def keep(self, passing: Passing, seen: Seen, number: int | None) -> None:
        """Write one packet; ``number``: the attempt that it is part of, None for none."""
        if self.error is not None:
            return
        with self._noting():
            self._writer.packet(
                passing.time_ns,
                passing.octets,
                interface=passing.interface,
                outgoing=passing.outgoing,
                comments=[self._words(seen, number)] if number is not None else [],
            )
            self.packets += 1

    def finish(self, started_ns: int, ended_ns: int, lines: Sequence[str]) -> None:
        """Write when watching began and ended, and how each attempt did."""
        if self.error is not None:
            return
        with self._noting():
            self._writer.statistics(started_ns, ended_ns, comments=[fitting(list(lines))] if lines else [])
        self._stream.close()

    def close(self) -> None:
        """Where there is nothing to say any more."""
        self._stream.close()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """The first error ends the file, and not the watching."""
        try:
            yield
        except OSError as error:
            self.error = error
            self._stream.close()

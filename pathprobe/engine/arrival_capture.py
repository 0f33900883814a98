"""How do the packets that were watched become a capture that ``analyze CLIENT SERVER`` joins?

Each is written as it passes, so that a watcher that is killed leaves a file that opens; how the attempts ended stands
at its end. Also written is what the asker sends beside its question (ICMP, SYNs to other ports), for its control
probes are among it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pathprobe.core.arrivals.facts import Seen
from pathprobe.engine.recorder import fitting
from pathprobe.net.doorstep import Passing
from pathprobe.wire.pcapng import Writer


class ArrivalCapture:
    """One file. Raises OSError, which names the file, when it cannot be written."""

    def __init__(self, path: Path, words: Callable[[Seen, int], str], *, application: str, command: str) -> None:
        """``words``: what a packet of the attempt with this number is."""
        self.path, self.packets = path, 0
        self._words = words
        self._stream = path.open("wb", buffering=0)
        with self._named():
            self._writer = Writer(self._stream, comment=fitting([command]), application=application)

    def keep(self, passing: Passing, seen: Seen, number: int | None) -> None:
        """Write one packet; ``number``: the attempt that it is part of, None for none."""
        self.packets += 1
        with self._named():
            self._writer.packet(
                passing.time_ns,
                passing.octets,
                interface=passing.interface,
                outgoing=passing.outgoing,
                comments=[self._words(seen, number)] if number is not None else [],
            )

    def finish(self, started_ns: int, ended_ns: int, lines: Sequence[str]) -> None:
        """Write when watching began and ended, and how each attempt did."""
        with self._named(), self._stream:
            self._writer.statistics(started_ns, ended_ns, comments=[fitting(list(lines))] if lines else [])

    def close(self) -> None:
        """Where there is nothing to say any more."""
        self._stream.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of writing say which file it was."""
        try:
            yield
        except OSError as error:
            self._stream.close()
            raise OSError(error.errno, error.strerror, str(self.path)) from error

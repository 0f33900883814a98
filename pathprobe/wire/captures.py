"""Which packets does this capture file hold, whatever program wrote it?

pcap in both byte orders, with microseconds or nanoseconds; pcapng; either of them gzipped. The packets come one by one,
so memory does not grow with the file. A file that is cut or damaged gives the packets before that place, and says so.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pathprobe.wire import gunzip, pcap, pcapng_reader
from pathprobe.wire.captured import CapturedPacket, Damaged, FileFacts
from pathprobe.wire.file_kinds import kind_of
from pathprobe.wire.gunzip import Gunzip

_BUFFER = 128 * 1024


class NotACapture(ValueError):
    """The file is none; the text says what it seems to be and what to do."""


class Capture:
    """The packets of a file, to be iterated once; ``facts`` is what the file said of itself up to there."""

    def __init__(self, stream: io.RawIOBase | io.BytesIO) -> None:
        """Closing the capture closes the stream. Raises NotACapture."""
        self.facts = FileFacts()
        self._file = io.BufferedReader(stream, _BUFFER)
        self._gunzip = Gunzip(self._file) if self._file.peek().startswith(gunzip.MAGIC) else None
        self._unpacked = io.BufferedReader(self._gunzip, _BUFFER) if self._gunzip else self._file
        self._packets = self._reader()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[CapturedPacket]:
        try:
            yield from self._packets
        except Damaged as damaged:
            self.facts.cut = damaged.cut
        if self._gunzip and self._gunzip.cut:
            self.facts.cut = self._gunzip.cut

    def _reader(self) -> Iterator[CapturedPacket]:
        start = self._unpacked.peek()
        if start.startswith(pcapng_reader.MAGIC):
            return pcapng_reader.read_pcapng(self._unpacked, self.facts)
        if start[:4] in pcap.MAGICS:
            return pcap.read_pcap(self._unpacked, self.facts)
        raise NotACapture(self._gunzip.cut.reason if self._gunzip and self._gunzip.cut else kind_of(start))


def open_capture(path: Path) -> Capture:
    """The capture file at ``path``. Raises OSError, and NotACapture when it is none."""
    stream = path.open("rb", buffering=0)
    try:
        return Capture(stream)
    except NotACapture:
        stream.close()
        raise

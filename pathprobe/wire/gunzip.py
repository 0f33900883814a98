"""How is a gzipped file read as a stream, up to where it is cut? (RFC 1952)

The standard library's reader throws what it unpacked last away when the file ends early; here that comes out first.
Members that follow one another are one file, as gzip(1) has it. A file that unpacks to absurdly much more than it is
made to waste the reader's time, and is not read to its end.
"""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

from pathprobe.core.sightings import Cut

MAGIC = b"\x1f\x8b"

_GZIP_FORMAT = 16 + zlib.MAX_WBITS
#: Octets unpacked at a time: as much is lost in front of damage.
_CHUNK = 128
#: Captures shrink to a third or a tenth; to a hundredth only those of zeros sent in bulk, and what is made to.
_MOST_EXPANSION = 100
#: From this many octets on the expansion is judged.
_EXPANSION_FREE = 10 * 1024 * 1024


class Gunzip(io.RawIOBase):
    """The unpacked octets; ``cut`` says afterwards whether and why they are not all."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__()
        self._packed = packed
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._waiting = b""
        self._taken = self._given = 0
        self._inside_member = False
        self.cut: Cut | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < len(buffer) and not self.cut and (self._waiting or self._fetch()):
            unpacked = self._unpack(len(buffer) - filled)
            buffer[filled : filled + len(unpacked)] = unpacked
            filled += len(unpacked)
        return filled

    def _fetch(self) -> bool:
        """More packed octets; False at the end of the file."""
        self._waiting = self._packed.read(_CHUNK)
        self._taken += len(self._waiting)
        if not self._waiting and self._inside_member:
            self._stop("the gzipped file is cut")
        return bool(self._waiting)

    def _unpack(self, most: int) -> bytes:
        if not self._inside_member and not self._next_member():
            return b""
        try:
            unpacked = self._member.decompress(self._waiting, most)
        except zlib.error:
            self._stop("the gzipped file is damaged")
            return b""
        self._waiting = self._member.unconsumed_tail
        if self._member.eof:
            self._inside_member, self._waiting = False, self._member.unused_data
        self._given += len(unpacked)
        if self._given > max(_EXPANSION_FREE, _MOST_EXPANSION * self._taken):
            self._stop(f"the gzipped file unpacks to more than {_MOST_EXPANSION} times its size: unpack it first")
        return unpacked

    def _next_member(self) -> bool:
        """Whether another member begins; like gzip(1), what follows the last one is ignored."""
        if self._taken > len(self._waiting) and not self._waiting.startswith(MAGIC[:1]):
            self._waiting = b""
            return False
        self._member, self._inside_member = zlib.decompressobj(_GZIP_FORMAT), True
        return True

    def _stop(self, reason: str) -> None:
        self.cut = Cut(offset=self._given, reason=reason)

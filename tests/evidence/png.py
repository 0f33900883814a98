"""Which colour has this pixel of a screenshot? The PNG format (RFC 2083), as far as browsers write it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Colour types with 8 bits a channel: octets of a pixel.
_PIXEL = {2: 3, 6: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    width: int
    height: int
    size: int
    rows: tuple[bytes, ...]

    def at(self, x: float, y: float) -> str:
        """``#rrggbb``."""
        start = int(x) * self.size
        return f"#{self.rows[int(y)][start : start + 3].hex()}"

    def count(self, colour: str, box: tuple[float, float, float, float]) -> int:
        """How many pixels of a box (left, top, right, bottom) have exactly this colour."""
        left, top, right, bottom = map(int, box)
        return sum(self.at(x, y) == colour for y in range(top, bottom) for x in range(left, right))


def read(octets: bytes) -> Picture:
    assert octets.startswith(_SIGNATURE)
    at, data, header = len(_SIGNATURE), b"", b""
    while at < len(octets):
        (length,), kind = struct.unpack_from("!I", octets, at), octets[at + 4 : at + 8]
        body = octets[at + 8 : at + 8 + length]
        header, data = (body, data) if kind == b"IHDR" else (header, data + body * (kind == b"IDAT"))
        at += 12 + length
    width, height, depth, colours, _, _, interlaced = struct.unpack("!IIBBBBB", header)
    assert (depth, interlaced) == (8, 0)
    return Picture(
        width=width,
        height=height,
        size=_PIXEL[colours],
        rows=_rows(zlib.decompress(data), width * _PIXEL[colours], _PIXEL[colours]),
    )


def _rows(data: bytes, width: int, size: int) -> tuple[bytes, ...]:
    rows, above = [], bytes(width)
    for start in range(0, len(data), width + 1):
        above = _unfiltered(data[start], data[start + 1 : start + 1 + width], above, size)
        rows.append(above)
    return tuple(rows)


def _unfiltered(kind: int, line: bytes, above: bytes, size: int) -> bytes:
    """Filter types 0 to 4, section 6 of the RFC."""
    if kind == 0:
        return line
    if kind == 2:
        return bytes((one + up) & 0xFF for one, up in zip(line, above, strict=True))
    done = bytearray(line)
    for at in range(len(line)):
        left, corner = (done[at - size], above[at - size]) if at >= size else (0, 0)
        guess = left if kind == 1 else (left + above[at]) // 2 if kind == 3 else _paeth(left, above[at], corner)
        done[at] = (line[at] + guess) & 0xFF
    return bytes(done)


def _paeth(left: int, up: int, corner: int) -> int:
    straight = left + up - corner
    return min((left, up, corner), key=lambda one: abs(straight - one))

"""How does a payload become unreadable while every checksum and every length around it stays true?

What is blanked becomes zeros, but for its first two octets: they hold the sum of all that stood there. So a checksum
over it does not change (RFC 1071), and so it need not be mended in quotes that hold the checksum and not the payload.
Sixteen bits of sum are all that is left of it. Addresses do change sums: that difference is carried over (RFC 1624).
"""

from __future__ import annotations

import struct

#: Ones' complement arithmetic is arithmetic modulo this.
_MODULUS = 0xFFFF

_WORD = struct.Struct("!H")


def word_sum(octets: bytes) -> int:
    """The sum of RFC 1071 before it is turned over, modulo 0xFFFF; an odd octet counts as if a zero followed."""
    padded = octets + bytes(len(octets) % 2)
    total: int = sum(word for (word,) in _WORD.iter_unpack(padded))
    return total % _MODULUS


def blanked(octets: bytes) -> bytes:
    """Zeros of the same length and the same sum, at odd offsets too: there the sums of both are swapped alike.

    A single octet cannot be hidden from its own sum, and stays.
    """
    if len(octets) < _WORD.size:
        return octets
    return _WORD.pack(word_sum(octets)) + bytes(len(octets) - _WORD.size)


def adjusted(checksum: int, before: bytes, after: bytes) -> int:
    """A checksum that stood for ``before`` and shall stand for ``after``; what was wrong stays as wrong.

    Both stand at even offsets. RFC 1624 equation 3: HC' = ~(~HC + ~m + m').
    """
    return _MODULUS - (_MODULUS - checksum - word_sum(before) + word_sum(after)) % _MODULUS


def mend_checksum(octets: bytearray, at: int, before: bytes, after: bytes, *, zero_is_none: bool = False) -> None:
    """Mend the checksum at offset ``at``, if it is there; ``zero_is_none``: a zero says that there is none."""
    if len(octets) < at + _WORD.size:
        return
    (checksum,) = _WORD.unpack_from(octets, at)
    if checksum or not zero_is_none:
        _WORD.pack_into(octets, at, adjusted(checksum, before, after))

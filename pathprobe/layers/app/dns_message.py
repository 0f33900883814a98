"""How is one question written in the DNS's messages, and what does an answer say?

The plainest form (RFC 1035 section 4): who serves the root, without recursion, which every server knows or refuses at
once; or the address of a name that was given. Octets of the network never raise.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

from pathprobe.layers.app.facts import DnsAnswer
from pathprobe.layers.app.target import is_address

_HEADER = struct.Struct("!6H")
_RESPONSE, _AUTHORITATIVE, _TRUNCATED = 0x8000, 0x0400, 0x0200
_RECURSION_DESIRED, _RECURSION_AVAILABLE, _CODE = 0x0100, 0x0080, 0x000F
_A, _NS, _AAAA, _INTERNET = 1, 2, 28, 1
_RECORD = struct.Struct("!HHIH")
_POINTER = 0xC0

#: Records of an answer that are looked at.
_MOST_RECORDS = 50


class BadName(ValueError):
    """The name to look up is none."""


def query(name: str, identifier: int) -> bytes:
    """The question; of a name that is empty or ".", the servers of the root. Raises BadName."""
    labels = [one for one in name.rstrip(".").split(".") if name.strip(".")]
    try:
        encoded = [one.encode("ascii") if one.isascii() else one.encode("idna") for one in labels]
    except UnicodeError:
        raise BadName(f"{name!r} is no name of the DNS") from None
    if any(not 1 <= len(one) <= 63 for one in encoded) or sum(len(one) + 1 for one in encoded) > 254:
        raise BadName(f"{name!r} is no name of the DNS: its labels have 1 to 63 octets, 253 in all")
    asked = b"".join(bytes((len(one),)) + one for one in encoded) + b"\x00"
    kind, flags = (_A, _RECURSION_DESIRED) if labels else (_NS, 0)
    return _HEADER.pack(identifier, flags, 1, 0, 0, 0) + asked + struct.pack("!HH", kind, _INTERNET)


def read(octets: bytes, asked: bytes, *, transport: str, seconds: float) -> DnsAnswer | None:
    """The answer to a query; None where these octets are none."""
    if len(octets) < _HEADER.size:
        return None
    identifier, flags, questions, answers, _, _ = _HEADER.unpack_from(octets)
    if identifier != int.from_bytes(asked[:2], "big") or not flags & _RESPONSE:
        return None
    if questions and not octets[_HEADER.size :].lower().startswith(asked[_HEADER.size :].lower()):
        return None
    behind = len(asked) if questions else _HEADER.size
    return DnsAnswer(
        transport=transport,
        seconds=seconds,
        code=flags & _CODE,
        is_truncated=bool(flags & _TRUNCATED),
        is_authoritative=bool(flags & _AUTHORITATIVE),
        recursion=bool(flags & _RECURSION_AVAILABLE),
        answers=answers,
        addresses=tuple(_addresses(octets, behind, min(answers, _MOST_RECORDS))),
        length=len(octets),
    )


def _addresses(octets: bytes, position: int, count: int) -> Iterator[str]:
    for _ in range(count):
        position = _behind_name(octets, position)
        if position + _RECORD.size > len(octets):
            return
        kind, _, _, length = _RECORD.unpack_from(octets, position)
        position += _RECORD.size
        content = octets[position : position + length]
        if (kind, len(content)) in ((_A, 4), (_AAAA, 16)):
            yield str(ipaddress.ip_address(content))
        position += length


def _behind_name(octets: bytes, position: int) -> int:
    """A pointer ends a name (RFC 1035 section 4.1.4)."""
    while position < len(octets) and (length := octets[position]):
        if length >= _POINTER:
            return position + 2
        position += 1 + length
    return position + 1


def is_name(text: str) -> bool:
    """Whether there is a name to look up, and not the root."""
    return bool(text.strip(".")) and not is_address(text)

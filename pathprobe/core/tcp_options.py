"""Which options does this TCP header carry?

RFC 9293 section 3.2: one octet of kind and, but for the two that pad, one of length. Names and numbers are
those of IANA's registry; a value that is one number is told as a number.
"""

from __future__ import annotations

from collections.abc import Iterator

END, PADDING = 0, 1
MAXIMUM_SEGMENT_SIZE, TIMESTAMPS = 2, 8

#: The name that operators use, and whether its value is a number worth telling.
_NAMES: dict[int, tuple[str, bool]] = {
    MAXIMUM_SEGMENT_SIZE: ("MSS", True),  # RFC 9293 section 3.7.1
    3: ("window scale", True),  # RFC 7323 section 2
    4: ("SACK permitted", False),  # RFC 2018 section 2
    5: ("SACK", False),  # RFC 2018 section 3
    TIMESTAMPS: ("timestamps", False),  # RFC 7323 section 3
    19: ("MD5 signature", False),  # RFC 2385
    28: ("user timeout", True),  # RFC 5482
    29: ("TCP-AO", False),  # RFC 5925
    30: ("multipath TCP", False),  # RFC 8684
    34: ("fast open", False),  # RFC 7413
}


def read_options(octets: bytes) -> dict[int, bytes]:
    """Kind -> value, without padding; the first of a kind counts, and behind what makes no sense nothing is read."""
    options: dict[int, bytes] = {}
    for kind, value in _options(octets):
        options.setdefault(kind, value)
    return options


def _options(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(octets) and octets[at] != END:
        if octets[at] == PADDING:
            at += 1
            continue
        length = octets[at + 1] if at + 1 < len(octets) else 0
        if length < 2 or at + length > len(octets):
            return
        yield octets[at], octets[at + 2 : at + length]
        at += length


def option_text(kind: int, value: bytes) -> str:
    """``window scale 7``, ``SACK permitted``, ``option 253 (0a0b)``; timestamps differ always, so only their name."""
    name, is_number = _NAMES.get(kind, (f"option {kind}" + (f" ({value.hex()})" if value else ""), False))
    return f"{name} {int.from_bytes(value, 'big')}" if is_number else name

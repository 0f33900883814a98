"""What may others see of what a router says behind the quote of an ICMP error?

MPLS labels, and numbers, names and MTUs of interfaces stay; their addresses are replaced (RFC 5837 section 4.2).
Objects of other kinds become zeros. The checksum of the structure is made anew (RFC 4884 section 7).
"""

from __future__ import annotations

import struct

from pathprobe.core.redaction.pseudonyms import Pseudonyms
from pathprobe.wire.blanking import mend_checksum

_HEADER, _OBJECT = 4, 4
_CHECKSUM = 2
_MPLS, _INTERFACE = 1, 2

# Bits of the C-Type of an interface object, and what stands before and in its address: RFC 5837 sections 4.1 and 4.2.
_HAS_INDEX, _HAS_ADDRESS = 0x08, 0x04
_INDEX, _FAMILY = 4, 4
_ADDRESS_SIZES = {1: 4, 2: 16}


def redacted_extensions(octets: bytes, pseudonyms: Pseudonyms) -> bytes:
    """An extension structure, of the same length."""
    done, at = bytearray(octets[:_HEADER]), _HEADER
    while at + _OBJECT <= len(octets):
        length, class_, c_type = struct.unpack_from("!HBB", octets, at)
        if not _OBJECT <= length <= len(octets) - at:
            break
        body = octets[at + _OBJECT : at + length]
        done += octets[at : at + _OBJECT] + _object(class_, c_type, body, pseudonyms)
        at += length
    done += bytes(len(octets) - len(done))
    mend_checksum(done, _CHECKSUM, octets, bytes(done), zero_is_none=True)
    return bytes(done)


def _object(class_: int, c_type: int, body: bytes, pseudonyms: Pseudonyms) -> bytes:
    if class_ == _MPLS:
        return body
    if class_ != _INTERFACE:
        return bytes(len(body))
    if not c_type & _HAS_ADDRESS:
        return body
    at = _INDEX if c_type & _HAS_INDEX else 0
    size = _ADDRESS_SIZES.get(int.from_bytes(body[at : at + 2], "big"), 0)
    address = body[at + _FAMILY : at + _FAMILY + size]
    if not size or len(address) < size:
        return body[:at] + bytes(len(body) - at)
    return body[: at + _FAMILY] + pseudonyms.packed(address) + body[at + _FAMILY + size :]

"""What is in the octets with which a peer answers a TLS ClientHello?

A glance at the records that are in clear (RFC 8446 section 5, RFC 5246 section 6): is it TLS at all, which version does
the ServerHello choose, which alert was sent. Octets of the network; whatever they are, there is an answer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBBH")
_ALERT, _HANDSHAKE = 21, 22
_KINDS = (20, _ALERT, _HANDSHAKE, 23)
_SERVER_HELLO = 2
#: RFC 8446 section 4.2.1: where the version chosen stands since TLS 1.3.
_SUPPORTED_VERSIONS = 43

_VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}

#: Alerts (RFC 8446 section 6, RFC 6066 section 3): number -> name.
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}
HANDSHAKE_FAILURE, PROTOCOL_VERSION, INTERNAL_ERROR, UNRECOGNIZED_NAME = 40, 70, 80, 112
CERTIFICATE_REQUIRED, NO_APPLICATION_PROTOCOL, BAD_CERTIFICATE = 116, 120, 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """``is_tls``: None where too little came to tell. ``version``: of the ServerHello, if a whole one was seen."""

    is_tls: bool | None
    version: str | None = None
    alert: int | None = None


def glance(octets: bytes) -> Glance:
    """Look at what a server sent first. Never raises."""
    if not octets:
        return Glance(is_tls=None)
    if not _begins_a_record(octets):
        return Glance(is_tls=False)
    version: str | None = None
    alert: int | None = None
    position = 0
    while position + _HEADER.size <= len(octets):
        kind, _, _, length = _HEADER.unpack_from(octets, position)
        content = octets[position + _HEADER.size : position + _HEADER.size + length]
        if kind == _HANDSHAKE and version is None:
            version = _chosen(content)
        elif kind == _ALERT and len(content) == 2:
            alert = content[1]
        position += _HEADER.size + length
    return Glance(is_tls=True, version=version, alert=alert)


def _begins_a_record(octets: bytes) -> bool:
    """The minor version is 0 to 4: no protocol of text begins so."""
    return octets[0] in _KINDS and octets[1:2] in (b"\x03", b"") and (len(octets) < 3 or octets[2] <= 4)


def _chosen(hello: bytes) -> str | None:
    """Type and length, 4; version, 2; random, 32; session, counted; cipher suite, 2; compression, 1; extensions."""
    if len(hello) < 39 or hello[0] != _SERVER_HELLO:
        return None
    number = int.from_bytes(hello[4:6], "big")
    position = 39 + hello[38] + 5
    while position + 4 <= len(hello):
        kind, length = struct.unpack_from("!HH", hello, position)
        if kind == _SUPPORTED_VERSIONS and length == 2:
            number = int.from_bytes(hello[position + 4 : position + 6], "big")
        position += 4 + length
    return _VERSIONS.get(number, f"version {number:#06x}")

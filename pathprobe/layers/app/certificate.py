"""What does a certificate say of itself?

X.509 by hand (RFC 5280 section 4.1, in DER), for the standard library decodes only a certificate that it trusts, and
what is to be told is mostly of those that it does not. Octets of the network: what cannot be read makes None, not an
error. Nothing is verified here; that is OpenSSL's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

#: Tags of the basic encoding (X.690 section 8).
_SEQUENCE, _OID, _BOOLEAN, _OCTETS = 0x30, 0x06, 0x01, 0x04
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3

#: Attributes of a name (RFC 4519) and extensions (RFC 5280 section 4.2), as they are encoded.
_ATTRIBUTES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU"}
_ALTERNATIVE_NAMES, _BASIC_CONSTRAINTS = b"\x55\x1d\x11", b"\x55\x1d\x13"
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

#: Characters are in UTF-16 in a BMPString, in UTF-8 or a part of it in the other kinds.
_BMP_STRING = 0x1E

#: More names than this of one certificate are not kept.
_MOST_NAMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """``names`` and ``addresses``: its subjectAltName. Times in seconds since 1970. ``octets``: its length in DER.

    ``subject`` and ``issuer`` are "CN=..., O=..."; whether they are the same is told by ``is_self_issued``.
    """

    subject: str
    issuer: str
    is_self_issued: bool
    not_before: float
    not_after: float
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    common_name: str | None = None
    is_authority: bool = False
    octets: int = 0

    @property
    def short_subject(self) -> str:
        return self.common_name or self.subject or next(iter(self.names), "nobody")

    def is_for(self, name: str) -> bool:
        """Whether it is for a host name or address, by its alternative names alone (RFC 9525 section 6)."""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return any(_matches(pattern.lower(), name.lower().rstrip(".")) for pattern in self.names)
        return str(address) in self.addresses


def _matches(pattern: str, name: str) -> bool:
    """A wildcard is a whole first label and stands for one label (RFC 9525 section 6.3)."""
    if not pattern.startswith("*."):
        return pattern == name
    first, dot, rest = name.partition(".")
    return bool(first and dot) and rest == pattern[2:] and "." in rest


class _Unreadable(ValueError):
    pass


def read(octets: bytes) -> Certificate | None:
    """The certificate in these octets of DER; None where they are none. Never raises."""
    try:
        return _certificate(octets)
    except (_Unreadable, ValueError, OverflowError):
        return None


def _certificate(octets: bytes) -> Certificate:
    whole = _first(octets, _SEQUENCE)
    fields = list(_elements(_first(whole, _SEQUENCE)))
    if fields and fields[0][0] == _VERSION:
        fields = fields[1:]
    if len(fields) < 6:
        raise _Unreadable("too few fields")
    (_, _serial), (_, _algorithm), (_, issuer), (_, validity), (_, subject), *rest = fields
    begin, end = (_time(tag, text) for tag, text in list(_elements(validity))[:2])
    extensions = dict(_extensions(next((content for tag, content in rest if tag == _EXTENSIONS), b"")))
    names, addresses = _alternative_names(extensions.get(_ALTERNATIVE_NAMES, b""))
    attributes = list(_attributes(subject))
    return Certificate(
        subject=_told(attributes),
        issuer=_told(list(_attributes(issuer))),
        is_self_issued=subject == issuer,
        not_before=begin,
        not_after=end,
        names=names,
        addresses=addresses,
        common_name=next((_plain(text) for kind, text in attributes if kind == "CN"), None),
        is_authority=_is_authority(extensions.get(_BASIC_CONSTRAINTS, b"")),
        octets=len(octets),
    )


def _elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element."""
    position = 0
    while position < len(octets):
        if position + 2 > len(octets):
            raise _Unreadable("cut short")
        tag, length = octets[position], octets[position + 1]
        position += 2
        if length & 0x80:
            more = length & 0x7F
            if not 1 <= more <= 4 or position + more > len(octets):
                raise _Unreadable("no length")
            length = int.from_bytes(octets[position : position + more], "big")
            position += more
        if position + length > len(octets):
            raise _Unreadable("cut short")
        yield tag, octets[position : position + length]
        position += length


def _first(octets: bytes, wanted: int) -> bytes:
    for tag, content in _elements(octets):
        if tag == wanted:
            return content
        break
    raise _Unreadable("another element")


def _time(tag: int, text: bytes) -> float:
    """UTCTime has two digits of the year: from 50 on they are of 19xx (RFC 5280 section 4.1.2.5.1)."""
    digits = text.decode("ascii")
    if tag == _UTC_TIME:
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    elif tag != _GENERALIZED_TIME:
        raise _Unreadable("no time")
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _attributes(name: bytes) -> Iterator[tuple[str, str]]:
    for _, group in _elements(name):
        for _, pair in _elements(group):
            (_, kind), (tag, text), *_ = [*_elements(pair), (0, b""), (0, b"")]
            if kind in _ATTRIBUTES:
                yield _ATTRIBUTES[kind], text.decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace")


def _told(attributes: list[tuple[str, str]]) -> str:
    return ", ".join(f"{kind}={_plain(text)}" for kind, text in attributes)


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text[:100])


def _extensions(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not octets:
        return
    for _, extension in _elements(_first(octets, _SEQUENCE)):
        parts = list(_elements(extension))
        if parts and parts[0][0] == _OID and parts[-1][0] == _OCTETS:
            yield parts[0][1], parts[-1][1]


def _alternative_names(octets: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names: list[str] = []
    addresses: list[str] = []
    if octets:
        for tag, content in list(_elements(_first(octets, _SEQUENCE)))[:_MOST_NAMES]:
            if tag == _DNS_NAME:
                names.append(_plain(content.decode("ascii", "replace")))
            elif tag == _IP_ADDRESS and len(content) in (4, 16):
                addresses.append(str(ipaddress.ip_address(content)))
    return tuple(names), tuple(addresses)


def _is_authority(octets: bytes) -> bool:
    return bool(octets) and any(
        tag == _BOOLEAN and content != b"\x00" for tag, content in _elements(_first(octets, _SEQUENCE))
    )

"""How does a datagram look in which nobody's address and nobody's data can be read?

Addresses are replaced by their pseudonyms, wherever they stand: headers, IP options, quotes in ICMP errors, what a
router says of its interfaces (RFC 5837). Data is blanked, its length kept; so are TCP options that may hold an address,
a cookie or a digest. Ports, sequence numbers, IP-IDs, TTLs, flags and the names of interfaces stay.

The verdict that follows is the same: a checksum is mended by what changed (wire.blanking), so that a quote still has
the checksum of its packet, and a quote is blanked as its packet was, octet by octet, so that what differed still does.
What pathprobe itself sends is known to everybody and stays.
"""

from __future__ import annotations

import struct

from pathprobe.core.icmp import ERROR_TYPES
from pathprobe.core.packets import Protocol
from pathprobe.core.redaction.pseudonyms import Pseudonyms
from pathprobe.wire.blanking import blanked, mend_checksum
from pathprobe.wire.craft import ECHO_TEXT
from pathprobe.wire.extensions import find_extension
from pathprobe.wire.payloads import recognise
from pathprobe.wire.redacted_extensions import redacted_extensions

_IPV4, _IPV6 = 20, 40
_IPV4_TOTAL, _IPV4_ID, _IPV4_FRAGMENT, _IPV4_PROTOCOL, _IPV4_CHECKSUM, _IPV4_ADDRESSES = 2, 4, 6, 9, 10, 12
_IPV6_PAYLOAD, _IPV6_NEXT, _IPV6_ADDRESSES = 4, 6, 8
_LATER_FRAGMENT = 0x1FFF

_FRAGMENT, _ROUTING = 44, 43
#: Hop-by-hop, routing, fragment and destination options, RFC 8200 section 4.
_EXTENSION_HEADERS = frozenset({0, _ROUTING, _FRAGMENT, 60})
_ROUTING_ADDRESSES, _IPV6_ADDRESS = 8, 16

# IP options (RFC 791 section 3.1): end and padding have no length; these three are a pointer and addresses.
_SINGLE_OCTET = (0, 1)
_ROUTES = frozenset({7, 131, 137})

_ICMP_CHECKSUM = 2
#: Where the checksum of a protocol lies, if addresses count in it, and whether a 0 there says "none".
_CHECKSUMS: dict[int, tuple[int, bool]] = {
    Protocol.TCP: (16, False),
    Protocol.UDP: (6, True),
    Protocol.ICMPV6: (_ICMP_CHECKSUM, False),
}

#: Octets of a transport header that hold nothing private.
_PLAIN: dict[int, int] = {Protocol.TCP: 20, Protocol.UDP: 8, Protocol.ICMP: 8, Protocol.ICMPV6: 8}

#: TCP options without an address, a cookie or a digest: MSS, window scale, SACK, timestamps, user timeout.
_PLAIN_OPTIONS = frozenset({2, 3, 4, 5, 8, 28})

_ECHOES = {Protocol.ICMP: (8, 0), Protocol.ICMPV6: (128, 129)}
_REDIRECT = (4, 5)
_ICMP_HEADER = 8
#: What every ICMP message has: type, code, checksum.
_ICMP_FIXED = 4


class Redactor:
    """Redacts the datagrams of one capture, in their order: a quote looks like the packet that it quotes."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._sent: dict[tuple[object, ...], tuple[bytes, bytes]] = {}

    def datagram(self, octets: bytes) -> bytes:
        """The datagram as others may see it: of the same length. What is no IP datagram becomes zeros."""
        return self._ip(octets, quoted=False)

    def _ip(self, octets: bytes, *, quoted: bool) -> bytes:
        match octets[0] >> 4 if octets else 0:
            case 4 if len(octets) >= _IPV4:
                return self._ipv4(octets, quoted=quoted)
            case 6 if len(octets) >= _IPV6:
                return self._ipv6(octets, quoted=quoted)
        return bytes(len(octets))

    def _ipv4(self, octets: bytes, *, quoted: bool) -> bytes:
        start = (octets[0] & 0x0F) * 4
        if not _IPV4 <= start <= len(octets):
            return bytes(len(octets))
        header = bytearray(octets[:start])
        for at in (_IPV4_ADDRESSES, _IPV4_ADDRESSES + 4):
            header[at : at + 4] = self._pseudonyms.packed(octets[at : at + 4])
        header[_IPV4:] = self._ip_options(octets[_IPV4:start])
        mend_checksum(header, _IPV4_CHECKSUM, octets[:start], bytes(header), zero_is_none=quoted)
        end = len(octets) if quoted else min(len(octets), _word(octets, _IPV4_TOTAL) or len(octets))
        transport = octets[start : max(start, end)]
        if _word(octets, _IPV4_FRAGMENT) & _LATER_FRAGMENT:
            body = blanked(transport)
        else:
            addresses = octets[_IPV4_ADDRESSES:_IPV4], bytes(header[_IPV4_ADDRESSES:_IPV4])
            number = (_word(octets, _IPV4_ID), quoted)
            body = self._transport(4, octets[_IPV4_PROTOCOL], transport, addresses, number)
        return bytes(header) + body + bytes(len(octets) - start - len(transport))

    def _ip_options(self, octets: bytes) -> bytes:
        """Addresses that routers noted are replaced, whatever else an option holds becomes zeros."""
        done, at = bytearray(octets), 0
        while at < len(octets):
            length = octets[at + 1] if octets[at] not in _SINGLE_OCTET and at + 1 < len(octets) else 1
            if octets[at] not in _SINGLE_OCTET:
                end = min(len(octets), at + max(2, length))
                done[at + 2 : end] = bytes(end - at - 2)
                if octets[at] in _ROUTES and end >= at + 3:
                    done[at + 2] = octets[at + 2]
                    done[at + 3 : end] = self._addresses(octets[at + 3 : end], 4)
                at = end
            else:
                at += 1
        return bytes(done)

    def _addresses(self, octets: bytes, size: int) -> bytes:
        """Addresses one after the other; what is left over becomes zeros."""
        whole = len(octets) // size * size
        replaced = b"".join(self._pseudonyms.packed(octets[at : at + size]) for at in range(0, whole, size))
        return replaced + bytes(len(octets) - whole)

    def _ipv6(self, octets: bytes, *, quoted: bool) -> bytes:
        header = bytearray(octets[:_IPV6])
        first = int.from_bytes(octets[:4], "big")
        label = self._pseudonyms.number(first & 0xFFFFF, 20)  # it is often made of the addresses
        header[:4] = (first & ~0xFFFFF | label).to_bytes(4, "big")
        header[_IPV6_ADDRESSES:] = self._addresses(octets[_IPV6_ADDRESSES:_IPV6], _IPV6_ADDRESS)
        stated = _word(octets, _IPV6_PAYLOAD)  # 0 where a card shall cut it into segments, see wire.dissect
        end = len(octets) if quoted or not stated else min(len(octets), _IPV6 + stated)
        chain, protocol = self._extension_headers(octets[_IPV6:end], octets[_IPV6_NEXT])
        transport = octets[_IPV6 + len(chain) : end]
        if protocol is None:
            body = blanked(transport)
        else:
            addresses = octets[_IPV6_ADDRESSES:_IPV6], bytes(header[_IPV6_ADDRESSES:])
            body = self._transport(6, protocol, transport, addresses, (0, quoted))
        return bytes(header) + chain + body + bytes(len(octets) - end)

    def _extension_headers(self, octets: bytes, protocol: int) -> tuple[bytes, int | None]:
        """The extension headers without what they carry, and the protocol behind them; None behind what is cut."""
        done = bytearray()
        while protocol in _EXTENSION_HEADERS:
            rest = octets[len(done) :]
            length = 8 if protocol == _FRAGMENT or len(rest) < 2 else (rest[1] + 1) * 8
            if len(rest) < length:
                return bytes(done), None
            one, carried = rest[:length], protocol
            protocol = one[0]
            if carried == _FRAGMENT:
                done += one
                if _word(one, 2) >> 3:
                    return bytes(done), None
            elif carried == _ROUTING:
                done += one[:_ROUTING_ADDRESSES] + self._addresses(one[_ROUTING_ADDRESSES:], _IPV6_ADDRESS)
            else:
                done += one[:2] + bytes(length - 2)
        return bytes(done), protocol

    def _transport(
        self, version: int, protocol: int, octets: bytes, addresses: tuple[bytes, bytes], number: tuple[int, bool]
    ) -> bytes:
        """What is behind the IP headers. ``addresses``: before and after; ``number``: the IP-ID, and if quoted."""
        identification, quoted = number
        is_icmp = (version, protocol) in ((4, Protocol.ICMP), (6, Protocol.ICMPV6))
        if is_icmp and octets and octets[0] in ERROR_TYPES[version] and not quoted:
            return self._icmp_error(version, octets, addresses)
        done = self._as_sent(protocol, octets, identification) if quoted else b""
        if not done:
            done = _scrubbed(protocol, octets)
            if not quoted:
                self._remember(protocol, octets, done, identification)
        return _mended(protocol, done, addresses)

    def _remember(self, protocol: int, before: bytes, after: bytes, identification: int) -> None:
        for key in _keys(protocol, before, identification):
            self._sent[key] = (before, after)

    def _as_sent(self, protocol: int, quote: bytes, identification: int) -> bytes:
        """A quote, blanked as the packet was that it quotes; nothing if that is not known.

        Octets that the path changed stay changed; what a router appended becomes zeros.
        """
        plain = _PLAIN.get(protocol, 0)
        known = (self._sent.get(key) for key in _keys(protocol, quote, identification))
        found = next((one for one in known if one), None)
        if found is None or len(quote) <= plain:
            return b""
        both = zip(quote[plain:], found[0][plain:], found[1][plain:], strict=False)
        rest = bytes(here ^ before ^ after for here, before, after in both)
        return quote[:plain] + rest + bytes(len(quote) - plain - len(rest))

    def _icmp_error(self, version: int, message: bytes, addresses: tuple[bytes, bytes]) -> bytes:
        if len(message) < _ICMP_HEADER:
            return message[:_ICMP_FIXED] + bytes(len(message[_ICMP_FIXED:]))
        head = message[:_ICMP_HEADER]
        if (version, message[0]) == _REDIRECT:
            head = message[:_ICMP_FIXED] + self._pseudonyms.packed(message[_ICMP_FIXED:_ICMP_HEADER])
        extension = find_extension(message, version, message[0])
        quote = self._ip(message[_ICMP_HEADER:extension], quoted=True)
        rest = b"" if extension is None else redacted_extensions(message[extension:], self._pseudonyms)
        done = bytearray(head + quote + rest)
        before, after = addresses if version == 6 else (b"", b"")  # the pseudo-header of RFC 4443 section 2.3
        mend_checksum(done, _ICMP_CHECKSUM, before + message, after + done)
        return bytes(done)


def _mended(protocol: int, octets: bytes, addresses: tuple[bytes, bytes]) -> bytes:
    """Scrubbing leaves the sum as it is, so only the pseudo-header's addresses count (RFC 9293 section 3.1)."""
    done = bytearray(octets)
    if protocol in _CHECKSUMS:
        at, zero_is_none = _CHECKSUMS[protocol]
        mend_checksum(done, at, *addresses, zero_is_none=zero_is_none)
    return bytes(done)


def _keys(protocol: int, transport: bytes, identification: int) -> list[tuple[object, ...]]:
    """By what a quote is known to be of a packet: its first 8 octets, or, rewritten by a NAT, its IP-ID."""
    keys: list[tuple[object, ...]] = [(protocol, transport[:8])]
    return [*keys, (protocol, identification)] if identification else keys


def _scrubbed(protocol: int, octets: bytes) -> bytes:
    """A transport header and what it carries, without what is private; its sum is the same."""
    match protocol:
        case Protocol.TCP:
            end = max(_PLAIN[protocol], (octets[12] >> 4) * 4) if len(octets) > 12 else _PLAIN[protocol]
            options, payload = octets[_PLAIN[protocol] : end], octets[end:]
            return octets[: _PLAIN[protocol]] + _tcp_options(options) + blanked(payload)
        case Protocol.UDP:
            port, payload = _word(octets, 2) if len(octets) >= 4 else 0, octets[8:]
            return octets if recognise(port, payload) else octets[:8] + blanked(payload)
        case Protocol.ICMP | Protocol.ICMPV6 if octets and octets[0] in _ECHOES[Protocol(protocol)]:
            ours = 10 + len(ECHO_TEXT) if octets[10:].startswith(ECHO_TEXT) else 8
            return octets[:ours] + blanked(octets[ours:])
        case Protocol.ICMP | Protocol.ICMPV6:
            return octets[:_ICMP_FIXED] + blanked(octets[_ICMP_FIXED:])
    return blanked(octets)


def _tcp_options(octets: bytes) -> bytes:
    done, at = bytearray(octets), 0
    while at < len(octets) and octets[at] != 0:
        length = octets[at + 1] if octets[at] != 1 and at + 1 < len(octets) else 1
        if octets[at] != 1:
            end = min(len(octets), at + max(2, length))
            if octets[at] not in _PLAIN_OPTIONS:
                done[at + 2 : end] = blanked(octets[at + 2 : end])
            at = end
        else:
            at += 1
    done[at:] = blanked(octets[at:]) if at < len(octets) and any(octets[at:]) else octets[at:]
    return bytes(done)


def _word(octets: bytes, at: int) -> int:
    number: int = struct.unpack_from("!H", octets, at)[0]
    return number

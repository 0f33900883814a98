"""In what does a quote differ from the packet that left?

A router gives the packet back as it arrived there (RFC 792, RFC 1812 section 4.3.2.3). Held against what the
packet socket saw leave, field by field and only where both hold the field: an 8-octet quote of a SYN has ports
and sequence and nothing more (the idea is Tracebox's: Detal et al., IMC 2013).

Differences that mean nothing are left out:

- the IP checksum, and the TTL as far as it is counted down;
- BSD gives the total length back byte-swapped, or without the header's octets, or both;
- ECN "congestion experienced" on a packet that allowed it (RFC 3168): that is what the field is for.

A transport checksum that does not fit (core.checksums) shows what the quote itself hides. Linux hides all: its
connection tracking turns addresses, ports, echo identifier and checksum in a quote back on its way home
(nf_nat_icmp_reply_translation in net/netfilter/nf_nat_proto.c), so its source NAT leaves no trace at all.

The TTL: a router quotes the one that it received or that less one, so 1 or 0 when it ran out. One that is
greater than what was sent was rewritten. More can not be said: a smaller one may be a longer way, and
routers in an MPLS tunnel quote from 2 up (Donnet et al., CCR 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pathprobe.core.checksums import checksum_fit
from pathprobe.core.packets import Packet, Protocol, Quote, TcpFlags
from pathprobe.core.tcp_options import MAXIMUM_SEGMENT_SIZE, option_text, read_options


class Change(StrEnum):
    """What a box on the way does to packets, or in the target's name."""

    SOURCE_ADDRESS = "source address rewritten"
    DESTINATION_ADDRESS = "destination address rewritten"
    DESTINATION = "destination rewritten"
    SOURCE_PORT = "source port rewritten"
    DESTINATION_PORT = "destination port rewritten"
    SEQUENCE = "sequence number rewritten"
    ECHO_IDENTIFIER = "echo identifier rewritten"
    ECHO_SEQUENCE = "echo sequence rewritten"
    IDENTIFICATION = "IP-ID rewritten"
    TTL = "TTL rewritten"
    DSCP = "DSCP changed"
    ECN = "ECN changed"
    LENGTH = "length changed"
    TCP_FLAGS = "TCP flags changed"
    WINDOW = "TCP window changed"
    MSS = "MSS changed"
    OPTION = "TCP option changed"
    OPTION_ADDED = "TCP option added"
    OPTION_REMOVED = "TCP option removed"
    PAYLOAD = "payload changed"
    HIDDEN = "rewritten, and turned back in the quote"
    IN_PLACE = "answers in the target's place"
    TAP = "answers in the target's place too"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field as it left and as it is quoted; None for an option that is not there."""

    change: Change
    before: str | None
    after: str | None

    @property
    def is_one(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every field that both packets hold, by its name, equal or not. ``options``: both hold all their TCP options."""

    fields: Mapping[str, Difference]
    options: bool = False

    def at(self, name: str) -> Difference | None:
        """A field; an option that is in neither packet is equal in both, if both could have shown it."""
        if self.options and name.startswith(_OPTION):
            return self.fields.get(name, Difference(Change.OPTION, None, None))
        return self.fields.get(name)

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(name for name, difference in self.fields.items() if difference.is_one)


_Head = Packet | Quote
_Differences = dict[str, Difference]

_OPTION = "option "

_ECN_NAMES = ("not ECT", "ECT(1)", "ECT(0)", "CE")
_CAPABLE, _CONGESTED = (1, 2), 3

_IPV4_HEADER, _TCP_HEADER = 20, 20
#: Where a TCP header has its length, in words of four octets: the upper half of this octet.
_TCP_LENGTH = 12


def compare(departed: Packet, quote: Quote, *, expired: bool) -> Comparison:
    """A probe as it left and as a router gives it back; ``expired``: because its TTL ran out there."""
    fields: _Differences = {}
    for part in (_addresses, _ip_fields, _traffic_class, _transport_fields, _payload, _hidden):
        fields |= part(departed, quote)
    fields |= _ttl(departed, quote, expired=expired)
    before, after = tcp_options(departed.transport), tcp_options(quote.transport)
    if quote.protocol != Protocol.TCP or before is None or after is None:
        return Comparison(fields=fields)
    return Comparison(fields=fields | _options(before, after), options=True)


def _field(change: Change, before: object, after: object) -> _Differences:
    return {change: Difference(change, str(before), str(after))}


def _addresses(departed: Packet, quote: Quote) -> _Differences:
    return _field(Change.SOURCE_ADDRESS, departed.source, quote.source) | _field(
        Change.DESTINATION_ADDRESS, departed.destination, quote.destination
    )


def _ip_fields(departed: Packet, quote: Quote) -> _Differences:
    fields: _Differences = {}
    if departed.identification is not None and quote.identification is not None:
        fields |= _field(Change.IDENTIFICATION, departed.identification, quote.identification)
    if departed.total_length and quote.total_length and quote.total_length not in _bsd_lengths(departed):
        fields |= _field(Change.LENGTH, departed.total_length, quote.total_length)
    return fields


def _bsd_lengths(departed: Packet) -> set[int]:
    """How BSD kernels give a total length back that nobody changed: in host order, less the header, or both."""
    if departed.version == 6:
        return set()
    less = departed.total_length - _IPV4_HEADER
    swapped = {length >> 8 | (length & 0xFF) << 8 for length in (departed.total_length, less)}
    return {less, *swapped} - {departed.total_length}


def _traffic_class(departed: Packet, quote: Quote) -> _Differences:
    if quote.traffic_class is None:
        return {}
    fields = _field(Change.DSCP, _dscp_text(departed.traffic_class >> 2), _dscp_text(quote.traffic_class >> 2))
    before, after = departed.traffic_class & 3, quote.traffic_class & 3
    if before in _CAPABLE and after == _CONGESTED:
        return fields
    return fields | _field(Change.ECN, _ECN_NAMES[before], _ECN_NAMES[after])


def _dscp_text(value: int) -> str:
    """``18 (AF21)``: the classes of RFC 2474 section 4.2.2, RFC 2597 section 6 and RFC 3246."""
    selector, drop = value >> 3, value & 7
    if value == 46:
        return f"{value} (EF)"
    if drop == 0:
        return f"{value} (CS{selector})" if selector else "0"
    if selector in range(1, 5) and drop in (2, 4, 6):
        return f"{value} (AF{selector}{drop // 2})"
    return str(value)


def _ttl(departed: Packet, quote: Quote, *, expired: bool) -> _Differences:
    if quote.ttl > departed.ttl:
        return _field(Change.TTL, departed.ttl, quote.ttl)
    return _field(Change.TTL, departed.ttl, departed.ttl) if expired and quote.ttl <= 1 else {}


def _flags_text(number: int) -> str:
    return "|".join(flag.name or "" for flag in TcpFlags if number & flag) or "none"


@dataclass(frozen=True, slots=True)
class _Word:
    """A field of a transport header: where it lies, in octets, and how it is told."""

    change: Change
    offset: int
    size: int
    text: Callable[[int], str] = str


_PORTS = (_Word(Change.SOURCE_PORT, 0, 2), _Word(Change.DESTINATION_PORT, 2, 2))
_ECHO = (_Word(Change.ECHO_IDENTIFIER, 4, 2), _Word(Change.ECHO_SEQUENCE, 6, 2))

_WORDS: dict[int, tuple[_Word, ...]] = {
    Protocol.TCP: (
        *_PORTS,
        _Word(Change.SEQUENCE, 4, 4),
        _Word(Change.TCP_FLAGS, 13, 1, _flags_text),
        _Word(Change.WINDOW, 14, 2),
    ),
    Protocol.UDP: _PORTS,
    Protocol.ICMP: _ECHO,
    Protocol.ICMPV6: _ECHO,
}

#: Where what a datagram carries begins, for those that carry something.
_PAYLOAD: dict[int, int] = {Protocol.UDP: 8, Protocol.ICMP: 8, Protocol.ICMPV6: 8}

#: Octets of a payload that are told, from the first that differs.
_TOLD = 8


def _transport_fields(departed: Packet, quote: Quote) -> _Differences:
    fields: _Differences = {}
    there = min(len(departed.transport), len(quote.transport))
    for word in _WORDS.get(quote.protocol, ()):
        end = word.offset + word.size
        if end <= there:
            before, after = (
                word.text(int.from_bytes(one.transport[word.offset : end], "big")) for one in (departed, quote)
            )
            fields |= _field(word.change, before, after)
    return fields


def _payload(departed: Packet, quote: Quote) -> _Differences:
    """As far as the quote goes: routers cut it off, and that is no change."""
    start = _PAYLOAD.get(quote.protocol)
    there = min(len(departed.transport), len(quote.transport))
    if start is None or there <= start:
        return {}
    before, after = departed.transport[start:there], quote.transport[start:there]
    first = next((at for at, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]), there)
    return _field(Change.PAYLOAD, before[first : first + _TOLD].hex(), after[first : first + _TOLD].hex())


def _hidden(departed: Packet, quote: Quote) -> _Differences:
    fit = checksum_fit(departed, quote)
    return {} if fit is None else _field(Change.HIDDEN, *(f"checksum {checksum:#06x}" for checksum in fit))


def tcp_options(transport: bytes) -> dict[int, bytes] | None:
    """The options of a TCP header, by kind; None when it is not there to its last octet."""
    if len(transport) < _TCP_HEADER:
        return None
    end = (transport[_TCP_LENGTH] >> 4) * 4
    return read_options(transport[_TCP_HEADER:end]) if _TCP_HEADER <= end <= len(transport) else None


def _options(before: dict[int, bytes], after: dict[int, bytes]) -> _Differences:
    kinds = dict.fromkeys((*before, *after))
    return {f"{_OPTION}{kind}": _option(kind, before.get(kind), after.get(kind)) for kind in kinds}


def _option(kind: int, before: bytes | None, after: bytes | None) -> Difference:
    if before is None or after is None:
        change = Change.OPTION_ADDED if before is None else Change.OPTION_REMOVED
        return Difference(change, *(None if value is None else option_text(kind, value) for value in (before, after)))
    if kind == MAXIMUM_SEGMENT_SIZE:
        return Difference(Change.MSS, str(int.from_bytes(before, "big")), str(int.from_bytes(after, "big")))
    texts = [option_text(kind, value) for value in (before, after)]
    if before != after and texts[0] == texts[1]:
        texts = [f"{text} {value.hex()}" for text, value in zip(texts, (before, after), strict=True)]
    return Difference(Change.OPTION, *texts)

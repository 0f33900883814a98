"""What was read from one packet?

Facts only, in the field's terms. A field is None when the bytes that hold it were not there:
a router that quotes eight octets of our SYN (RFC 792) quotes no TCP flags, and nothing here
pretends otherwise. Addresses are canonical text, times are seconds, sizes are octets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum


class Protocol(IntEnum):
    """IANA protocol numbers that probes and answers use."""

    ICMP = 1
    TCP = 6
    UDP = 17
    ICMPV6 = 58


class TcpFlags(IntFlag):
    """Control bits of the TCP header, RFC 9293 section 3.1."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20
    ECE = 0x40
    CWR = 0x80


class EchoKind(StrEnum):
    REQUEST = "request"
    REPLY = "reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """A TCP header that arrived whole (its first 20 octets)."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int
    flags: TcpFlags
    window: int
    options: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Udp:
    """A UDP header and what the datagram carries (RFC 768)."""

    source_port: int
    destination_port: int
    payload: bytes
    checksum: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """An ICMP or ICMPv6 echo message (RFC 792, RFC 4443 section 4)."""

    kind: EchoKind
    identifier: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The head of our own packet as an ICMP error gives it back.

    ``first`` and ``second`` are the 16-bit words at transport offsets 0 and 2 (ports), ``word``
    the 32-bit word at offset 4: a TCP sequence number, an echo's identifier and sequence, or a UDP
    datagram's length and checksum.
    For an echo, ``first`` is type and code and ``second`` the checksum.
    """

    version: int
    source: str
    destination: str
    ttl: int
    protocol: int
    identification: int | None = None
    total_length: int | None = None
    traffic_class: int | None = None
    first: int | None = None
    second: int | None = None
    word: int | None = None
    transport: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class MplsLabel:
    """One entry of the label stack with which the packet arrived at the router (RFC 4950, RFC 3032 section 2.1)."""

    label: int
    traffic_class: int
    bottom: bool
    ttl: int


class InterfaceRole(StrEnum):
    """What the interface is to the packet; the names of RFC 5837 section 4.1, by their number there."""

    INCOMING = "incoming"
    SUB_IP = "sub-ip"
    OUTGOING = "outgoing"
    NEXT_HOP = "next-hop"


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceInfo:
    """One of the router's interfaces, or the next hop behind it (RFC 5837); None for what it does not tell."""

    role: InterfaceRole
    index: int | None = None
    address: str | None = None
    name: str | None = None
    mtu: int | None = None


Extension = MplsLabel | InterfaceInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpError:
    """An ICMP error message; ``type`` and ``code`` are the numbers of its own IP version.

    ``extensions``: what the router says beside the quote (RFC 4884), in the message's order.
    """

    type: int
    code: int
    next_hop_mtu: int | None = None
    quote: Quote | None = None
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPayload:
    """Well-formed IP whose payload no probe of ours can be answered by; a ``later_fragment`` has no ports."""

    protocol: int
    later_fragment: bool = False


Body = Tcp | Udp | Echo | IcmpError | OtherPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One IP datagram. ``transport``: its octets behind the IP headers, to be held against what a router quotes."""

    version: int
    source: str
    destination: str
    ttl: int
    body: Body
    identification: int | None = None
    traffic_class: int = 0
    total_length: int = 0
    transport: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """Bytes that are no whole packet: what was wrong and at which octet."""

    reason: str
    offset: int

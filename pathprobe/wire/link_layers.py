"""Where in a captured frame does the IP datagram start, and does the link layer say which way it went?

Frames of the link types that hosts and routers have (www.tcpdump.org/linktypes.html). What is no IP is named, so that
it can be counted: a capture of which nothing can be used should say why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple


class Datagram(NamedTuple):
    """The octets from the IP header on, with what the link layer padded; ``outgoing`` None where it does not tell."""

    octets: bytes
    outgoing: bool | None = None


class NotIp(NamedTuple):
    """The frame holds no IP datagram: what it holds, in a word or two."""

    what: str


Unwrapped = Datagram | NotIp

_IPV4, _IPV6 = 0x0800, 0x86DD
_PPPOE_SESSION = 0x8864
#: 802.1Q, 802.1ad, and the number that switches used before it: a tag of 2 octets, then another EtherType.
_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
#: The largest number that is a length and no EtherType, IEEE 802.3 clause 3.2.6.
_LONGEST_802_3 = 1500

_ETHERTYPES = {
    0x0806: "ARP",
    0x8035: "RARP",
    0x8847: "MPLS",
    0x8848: "MPLS",
    0x8863: "PPPoE discovery",
    0x888E: "802.1X",
    0x88CC: "LLDP",
    0x88E5: "MACsec",
    0x8809: "LACP",
    0x88F7: "PTP",
    0x9000: "loop test",
}

#: PPP's protocol numbers, RFC 1332 and RFC 5072.
_PPP_IP = frozenset({0x0021, 0x0057})
_PPP_ADDRESS_AND_CONTROL = b"\xff\x03"

#: AF_INET everywhere; AF_INET6 of Linux, the BSDs, FreeBSD and macOS.
_FAMILIES = frozenset({2, 10, 24, 28, 30})

#: Linux's packet types, linux/if_packet.h: to this host, broadcast, multicast, to another host, from this host.
_OUTGOING = {0: False, 1: False, 2: False, 3: None, 4: True}


def unwrap(linktype: int, octets: bytes) -> Unwrapped:
    """The IP datagram in a frame of this link type, or what the frame is instead."""
    reader = _READERS.get(linktype)
    return reader(octets) if reader else NotIp(f"link type {linktype}")


def _typed(octets: bytes, ethertype: int, at: int, outgoing: bool | None = None) -> Unwrapped:
    """What an EtherType announces at ``at``, behind any number of VLAN tags."""
    while ethertype in _TAGS:
        ethertype, at = int.from_bytes(octets[at + 2 : at + 4], "big"), at + 4
    if ethertype in (_IPV4, _IPV6):
        return Datagram(octets[at:], outgoing)
    if ethertype == _PPPOE_SESSION:
        return _ppp(octets[at + 6 :], outgoing)
    if ethertype <= _LONGEST_802_3:
        return NotIp("802.3")
    return NotIp(_ETHERTYPES.get(ethertype, f"EtherType 0x{ethertype:04x}"))


def _ethernet(octets: bytes) -> Unwrapped:
    if len(octets) < 14:
        return NotIp("cut in the link header")
    return _typed(octets, octets[12] << 8 | octets[13], 14)


def _cooked(octets: bytes) -> Unwrapped:
    """Linux cooked v1: packet type, then 12 octets of address, then the EtherType."""
    if len(octets) < 16:
        return NotIp("cut in the link header")
    return _typed(octets, octets[14] << 8 | octets[15], 16, _OUTGOING.get(octets[0] << 8 | octets[1]))


def _cooked_v2(octets: bytes) -> Unwrapped:
    """Linux cooked v2: the EtherType first, the packet type in octet 10."""
    if len(octets) < 20:
        return NotIp("cut in the link header")
    return _typed(octets, octets[0] << 8 | octets[1], 20, _OUTGOING.get(octets[10]))


def _raw(octets: bytes) -> Unwrapped:
    return Datagram(octets)


def _loopback(octets: bytes) -> Unwrapped:
    """The address family in 4 octets, in the byte order of the host that captured, or the network's."""
    family = min(int.from_bytes(octets[:4], "big"), int.from_bytes(octets[:4], "little"))
    return Datagram(octets[4:]) if family in _FAMILIES else NotIp(f"address family {family}")


def _ppp(octets: bytes, outgoing: bool | None = None) -> Unwrapped:
    at = 2 if octets.startswith(_PPP_ADDRESS_AND_CONTROL) else 0
    protocol = int.from_bytes(octets[at : at + 2], "big")
    return Datagram(octets[at + 2 :], outgoing) if protocol in _PPP_IP else NotIp("PPP control")


def _other(what: str, _: bytes) -> Unwrapped:
    return NotIp(what)


_READERS: dict[int, Callable[[bytes], Unwrapped]] = {
    0: _loopback,
    1: _ethernet,
    9: _ppp,
    12: _raw,
    14: _raw,
    101: _raw,
    105: partial(_other, "802.11"),
    108: _loopback,
    113: _cooked,
    127: partial(_other, "802.11"),
    192: partial(_other, "PPI"),
    228: _raw,
    229: _raw,
    253: partial(_other, "netlink"),
    276: _cooked_v2,
}

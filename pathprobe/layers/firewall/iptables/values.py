"""Which numbers do the values mean that iptables and ipset print: addresses, ports, protocols, marks, flags?

Every function raises ValueError for what it does not understand.
"""

from __future__ import annotations

import socket
from functools import lru_cache

from pathprobe.layers.firewall.model import Compare, Family, Field, Range, Ranges

ALL_BITS = 0xFFFFFFFF

TCP, UDP, ICMP, ICMP6, DCCP, SCTP, UDPLITE = 6, 17, 1, 58, 33, 132, 136

#: IANA's protocol numbers under the names that iptables-save and ipset print (xtables_chain_protos, /etc/protocols).
PROTOCOLS = {
    "icmp": ICMP, "igmp": 2, "ggp": 3, "ipencap": 4, "st": 5, "tcp": TCP, "egp": 8, "igp": 9, "pup": 12,
    "udp": UDP, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": DCCP, "xtp": 36, "ddp": 37,
    "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47, "esp": 50,
    "ipv6-crypt": 50, "ah": 51, "ipv6-auth": 51, "skip": 57, "icmpv6": ICMP6, "icmp6": ICMP6, "ipv6-icmp": ICMP6,
    "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ospfigp": 89, "ax.25": 93,
    "ipip": 94, "etherip": 97, "encap": 98,
    "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": SCTP,
    "fc": 133, "mobility-header": 135, "ipv6-mh": 135, "mh": 135, "udplite": UDPLITE, "mpls-in-ip": 137, "manet": 138,
    "hip": 139, "shim6": 140, "wesp": 141, "rohc": 142,
}  # fmt: skip

#: The octet of a TCP header, as ``--tcp-flags`` names its bits.
TCP_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ALL": 63, "NONE": 0}

_BITS = {Family.IP: 32, Family.IP6: 128}
_FAMILIES = {Family.IP: socket.AF_INET, Family.IP6: socket.AF_INET6}


def protocol(text: str) -> int | None:
    """A protocol's number, None for all of them."""
    number = PROTOCOLS.get(text)
    if number is not None:
        return number
    return None if text == "all" else number_of(text, most=255) or None


def number_of(text: str, *, most: int = ALL_BITS) -> int:
    """A number as the kernel's tools print them, decimal or with 0x."""
    if not text.isascii() or not text[:1].isdigit() or "_" in text:
        raise ValueError(text)
    number = int(text, 16 if text[:2] in ("0x", "0X") else 10)
    if number > most:
        raise ValueError(text)
    return number


def numbers(text: str, *, most: int, separator: str = ":") -> Range:
    """``80``, ``80:90``, ``80:`` or ``:90``."""
    low, between, high = text.partition(separator)
    if not between:
        one = number_of(low, most=most)
        return one, one
    if not low and not high:
        raise ValueError(text)
    return number_of(low, most=most) if low else 0, number_of(high, most=most) if high else most


def ports(text: str) -> Range:
    """A port or two with a colon between."""
    return numbers(text, most=65535)


def list_of_ports(text: str) -> Ranges:
    return tuple(ports(part) for part in text.split(","))


def value_and_mask(text: str) -> tuple[int, int]:
    """``0x1/0xff``; without a mask all bits count."""
    value, slash, mask = text.partition("/")
    return number_of(value), number_of(mask) if slash else ALL_BITS


def bits(text: str, names: dict[str, int]) -> int:
    """The bits of a list of names."""
    said = 0
    for name in text.split(","):
        if name not in names:
            raise ValueError(name)
        said |= names[name]
    return said


@lru_cache(maxsize=4096)
def address(text: str, family: Family) -> int:
    try:
        return int.from_bytes(socket.inet_pton(_FAMILIES[family], text), "big")
    except OSError:
        raise ValueError(text) from None


@lru_cache(maxsize=4096)
def addresses(text: str, family: Family) -> Range:
    """``10.0.0.1``, ``10.0.0.0/8`` or ``10.0.0.1-10.0.0.9`` as first and last address."""
    low, dash, high = text.partition("-")
    if dash:
        return address(low, family), address(high, family)
    network, slash, length = text.partition("/")
    first = address(network, family)
    if not slash:
        return first, first
    rest = (1 << _BITS[family] - number_of(length, most=_BITS[family])) - 1
    return first & ~rest, first | rest


def compared_address(field: Field, text: str, family: Family, *, negated: bool) -> Compare:
    """The condition that ``-s`` or ``-d`` makes, whose mask may be any pattern of bits."""
    value, slash, mask = text.partition("/")
    if not slash or mask.isdigit():
        return Compare(field=field, ranges=(addresses(text, family),), negated=negated)
    pattern = address(mask, family)
    wanted = address(value, family) & pattern
    rest = (1 << _BITS[family]) - 1 - pattern
    if rest & rest + 1:
        return Compare(field=field, ranges=((wanted, wanted),), mask=pattern, negated=negated)
    # What iptables wrote up to 1.4: 10.0.0.0/255.0.0.0.
    return Compare(field=field, ranges=((wanted, wanted | rest),), negated=negated)

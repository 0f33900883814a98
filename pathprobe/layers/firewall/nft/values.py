"""Which numbers, or which interfaces' names, does a value in nft's JSON stand for?

A value is a number, a name, a prefix, a range, bits joined by ``|`` (or listed), or any of these with what a set keeps
beside it (timeout, counter, comment). What a number means depends on the field: its Kind. Source: libnftables-json(5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from pathprobe.layers.firewall.model import Range, Ranges
from pathprobe.layers.firewall.nft import names

#: What is inside the JSON: its shape is known only when it was looked at.
Json = Any


class Strange(ValueError):
    """A shape or a name that this reader does not know; whoever asked makes an Opaque of it."""


#: What may be raised where JSON is not of the shape it should have.
STRANGE: Final = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """How a field's values are written. ``bits``: its width.

    ``are_flags``: a comparison without an operator asks for some of the bits. ``version``: of an address.
    ``ours``: the kernel's numbers -> ours; a number that is not in it is none that an IP packet has.
    """

    bits: int
    names: names.Names = field(default_factory=dict)
    are_flags: bool = False
    version: int | None = None
    ours: Mapping[int, int] | None = None

    @property
    def most(self) -> int:
        return (1 << self.bits) - 1


MARK: Final = Kind(bits=32)
LENGTH: Final = Kind(bits=32)
OCTET: Final = Kind(bits=8)
PORT: Final = Kind(bits=16, names=names.SERVICES)
ADDRESS_4: Final = Kind(bits=32, version=4)
ADDRESS_6: Final = Kind(bits=128, version=6)
PROTOCOL: Final = Kind(bits=8, names=names.PROTOCOLS)
NF_PROTOCOL: Final = Kind(bits=8, names=names.NF_PROTOCOLS, ours={2: 4, 10: 6})
ETHER_TYPE: Final = Kind(bits=16, names=names.ETHER_TYPES, ours={0x0800: 4, 0x86DD: 6})
ICMP_TYPE: Final = Kind(bits=8, names=names.ICMP_TYPES)
ICMP_CODE: Final = Kind(bits=8, names=names.ICMP_CODES)
ICMP6_TYPE: Final = Kind(bits=8, names=names.ICMP6_TYPES)
ICMP6_CODE: Final = Kind(bits=8, names=names.ICMP6_CODES)
TCP_FLAGS: Final = Kind(bits=8, names=names.TCP_FLAGS, are_flags=True)
CT_STATE: Final = Kind(bits=32, names=names.CT_STATES, are_flags=True)
CT_STATUS: Final = Kind(bits=32, names=names.CT_STATUSES, are_flags=True)
CT_DIRECTION: Final = Kind(bits=8, names=names.CT_DIRECTIONS)
PACKET_TYPE: Final = Kind(bits=8, names=names.PACKET_TYPES)
ADDRESS_TYPE: Final = Kind(bits=32, names=names.ADDRESS_TYPES)
INTERFACE: Final = Kind(bits=0)


def bare(value: Json) -> Json:
    """An element without its timeout, counter and comment."""
    while isinstance(value, dict) and "elem" in value:
        value = value["elem"]["val"]
    return value


def number(value: Json, kind: Kind) -> int:
    """One number of the kernel's, not yet ours. Raises Strange."""
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str):
        found = _named(value, kind)
    elif kind.are_flags and isinstance(value, dict) and value.keys() == {"|"}:
        found = _joined(value["|"], kind)
    elif kind.are_flags and isinstance(value, list) and value:
        found = _joined(value, kind)
    else:
        raise Strange(f"no number: {value!r:.80}")
    if not 0 <= found <= kind.most:
        raise Strange(f"{found} does not fit in {kind.bits} bits")
    return found


def _joined(values: Iterable[Json], kind: Kind) -> int:
    joined = 0
    for value in values:
        joined |= number(value, kind)
    return joined


def _named(value: str, kind: Kind) -> int:
    known = kind.names.get(value)
    if known is not None:
        return known
    if kind.version == 4:
        return int(IPv4Address(value))
    if kind.version == 6:
        return int(IPv6Address(value))
    return int(value, 0)


def span(value: Json, kind: Kind) -> Range:
    """First and last of the kernel's numbers: of a number, a name, a prefix, a range or ``*``. Raises Strange."""
    if isinstance(value, dict):
        if "range" in value:
            low, high = value["range"]
            return number(low, kind), number(high, kind)
        if "prefix" in value:
            return _prefix(value["prefix"], kind)
        if "elem" in value:
            return span(bare(value), kind)
    elif value == "*":
        return 0, kind.most
    only = number(value, kind)
    return only, only


def _prefix(value: Json, kind: Kind) -> Range:
    length = value["len"]
    if type(length) is not int or not 0 <= length <= kind.bits:
        raise Strange(f"no prefix length: {length!r:.80}")
    host_bits = (1 << (kind.bits - length)) - 1
    first = number(value["addr"], kind) & ~host_bits
    return first, first | host_bits


def spans(values: Iterable[Json], kind: Kind) -> Ranges:
    """The spans of a set's elements in ascending order, those that touch joined. Raises Strange."""
    joined: list[Range] = []
    for low, high in sorted([span(value, kind) for value in values]):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(high, joined[-1][1])
        else:
            joined.append((low, high))
    return tuple(joined)


def ours(ranges: Ranges, kind: Kind) -> Ranges:
    """The kernel's numbers as the model has them."""
    if kind.ours is None:
        return ranges
    found = sorted(ours for theirs, ours in kind.ours.items() if any(low <= theirs <= high for low, high in ranges))
    return tuple((value, value) for value in found)


def pattern(value: Json) -> str:
    r"""An interface's name, or the beginning of one and ``*``. Raises Strange for a name that ends in a true ``\*``."""
    value = bare(value)
    if not isinstance(value, str) or value.endswith("\\*") or value.startswith("@"):
        raise Strange(f"no interface: {value!r:.80}")
    return value

"""Which field of a packet does an expression in nft's JSON look at, and which bits of it?

Every mask, ``|`` and ``^`` comes down to one form, (field & keep) ^ flip: the kernel's own (nft_bitwise.c). A field
that the model has only in general (``sctp dport``) stands behind the condition that makes it this one. Sources:
libnftables-json(5), nft(8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from pathprobe.layers.firewall.model import NAMES, REQUIRES, Compare, Condition, Field
from pathprobe.layers.firewall.nft import values as kinds
from pathprobe.layers.firewall.nft.values import Json, Kind, Strange


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """(field & ``keep``) ^ ``flip``; ``keep`` None: all of it. ``before``: what has to hold first."""

    field: Field
    kind: Kind
    keep: int | None = None
    flip: int = 0
    before: tuple[Condition, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.keep is None and self.flip == 0


def exactly(field: Field, value: int) -> Compare:
    return Compare(field=field, ranges=((value, value),))


_VERSION_NAMES: Final = {"ip": 4, "icmp": 4, "ip6": 6, "icmpv6": 6}


def of_version(name: Json, family: str) -> tuple[Condition, ...]:
    """That the packet is of the version which goes by this name, where the table has both."""
    version = _VERSION_NAMES.get(str(name))
    return () if version is None or family in _IP_FAMILIES else (exactly(Field.VERSION, version),)


#: What no packet is.
NEVER: Final = Compare(field=Field.VERSION, ranges=())


def _subject(field: Field, kind: Kind, *before: Condition) -> Subject:
    return Subject(field=field, kind=kind, before=before)


_IS_4, _IS_6 = exactly(Field.VERSION, 4), exactly(Field.VERSION, 6)

_META: Final[Mapping[str, Subject]] = {
    "nfproto": _subject(Field.VERSION, kinds.NF_PROTOCOL),
    "protocol": _subject(Field.VERSION, kinds.ETHER_TYPE),
    "l4proto": _subject(Field.PROTOCOL, kinds.PROTOCOL),
    "mark": _subject(Field.MARK, kinds.MARK),
    "length": _subject(Field.LENGTH, kinds.LENGTH),
    "pkttype": _subject(Field.PACKET_TYPE, kinds.PACKET_TYPE),
    **{key: _subject(Field.INPUT_INTERFACE, kinds.INTERFACE) for key in ("iif", "iifname")},
    **{key: _subject(Field.OUTPUT_INTERFACE, kinds.INTERFACE) for key in ("oif", "oifname")},
}

_PAYLOAD: Final[dict[tuple[str, str], Subject]] = {
    ("ip", "saddr"): _subject(Field.IP_SOURCE, kinds.ADDRESS_4),
    ("ip", "daddr"): _subject(Field.IP_DESTINATION, kinds.ADDRESS_4),
    ("ip", "protocol"): _subject(Field.PROTOCOL, kinds.PROTOCOL, _IS_4),
    ("ip", "ttl"): _subject(Field.TTL, kinds.OCTET),
    ("ip", "length"): _subject(Field.LENGTH, kinds.LENGTH, _IS_4),
    ("ip6", "saddr"): _subject(Field.IP6_SOURCE, kinds.ADDRESS_6),
    ("ip6", "daddr"): _subject(Field.IP6_DESTINATION, kinds.ADDRESS_6),
    # Of a packet without extension headers, and of no other does anybody ask whether its port is open.
    ("ip6", "nexthdr"): _subject(Field.PROTOCOL, kinds.PROTOCOL, _IS_6),
    ("ip6", "hoplimit"): _subject(Field.HOP_LIMIT, kinds.OCTET),
    ("tcp", "sport"): _subject(Field.TCP_SOURCE_PORT, kinds.PORT),
    ("tcp", "dport"): _subject(Field.TCP_DESTINATION_PORT, kinds.PORT),
    ("tcp", "flags"): _subject(Field.TCP_FLAGS, kinds.TCP_FLAGS),
    ("udp", "sport"): _subject(Field.UDP_SOURCE_PORT, kinds.PORT),
    ("udp", "dport"): _subject(Field.UDP_DESTINATION_PORT, kinds.PORT),
    ("th", "sport"): _subject(Field.SOURCE_PORT, kinds.PORT),
    ("th", "dport"): _subject(Field.DESTINATION_PORT, kinds.PORT),
    ("icmp", "type"): _subject(Field.ICMP_TYPE, kinds.ICMP_TYPE),
    ("icmp", "code"): _subject(Field.ICMP_CODE, kinds.ICMP_CODE),
    ("icmpv6", "type"): _subject(Field.ICMP6_TYPE, kinds.ICMP6_TYPE),
    ("icmpv6", "code"): _subject(Field.ICMP6_CODE, kinds.ICMP6_CODE),
}
for _name, _number in (("sctp", 132), ("dccp", 33), ("udplite", 136)):
    _is_it = exactly(Field.PROTOCOL, _number)
    _PAYLOAD[_name, "sport"] = _subject(Field.SOURCE_PORT, kinds.PORT, _is_it)
    _PAYLOAD[_name, "dport"] = _subject(Field.DESTINATION_PORT, kinds.PORT, _is_it)

#: Of which IP version a payload's protocol is; the others may be of both.
_VERSIONS: Final = {"ip": 4, "icmp": 4, "igmp": 4, "ip6": 6, "icmpv6": 6}

#: Payload expressions by base, offset and length in bits, where the header is what it must be.
_RAW_TRANSPORT: Final = {(0, 16): _PAYLOAD["th", "sport"], (16, 16): _PAYLOAD["th", "dport"]}
_RAW_NETWORK: Final = {
    4: {
        (64, 8): _PAYLOAD["ip", "ttl"],
        (72, 8): _PAYLOAD["ip", "protocol"],
        (96, 32): _PAYLOAD["ip", "saddr"],
        (128, 32): _PAYLOAD["ip", "daddr"],
    },
    6: {
        (48, 8): _PAYLOAD["ip6", "nexthdr"],
        (56, 8): _PAYLOAD["ip6", "hoplimit"],
        (64, 128): _PAYLOAD["ip6", "saddr"],
        (192, 128): _PAYLOAD["ip6", "daddr"],
    },
}

_CT: Final[Mapping[str, Subject]] = {
    "state": _subject(Field.CT_STATE, kinds.CT_STATE),
    "status": _subject(Field.CT_STATUS, kinds.CT_STATUS),
    "mark": _subject(Field.CT_MARK, kinds.MARK),
    "direction": _subject(Field.CT_DIRECTION, kinds.CT_DIRECTION),
}

_CT_ADDRESSES: Final = {"saddr": Field.CT_ORIGINAL_SOURCE, "daddr": Field.CT_ORIGINAL_DESTINATION}

_CT_PORTS: Final[Mapping[str, Subject]] = {
    "proto-src": _subject(Field.CT_ORIGINAL_SOURCE_PORT, kinds.PORT),
    "proto-dst": _subject(Field.CT_ORIGINAL_DESTINATION_PORT, kinds.PORT),
}

_FIB_TYPES: Final[Mapping[str, Subject]] = {
    "saddr": _subject(Field.SOURCE_TYPE, kinds.ADDRESS_TYPE),
    "daddr": _subject(Field.DESTINATION_TYPE, kinds.ADDRESS_TYPE),
}

#: Where ``meta nfproto`` is 4 or 6, and the network header an IP header for certain.
_IP_FAMILIES: Final = {"ip": 4, "ip6": 6}
_FAMILIES_WITH_IP: Final = frozenset({"ip", "ip6", "inet"})


def subject_of(expression: Json, family: str, version: int | None = None) -> Subject:
    """What is looked at, in a table of this family; ``version`` is what the rule asked for before. Raises Strange."""
    ((name, value),) = expression.items()
    if name == "payload":
        return _payload(value, _IP_FAMILIES.get(family, version))
    if name == "meta":
        key = value["key"]
        if key == "nfproto" and family not in _FAMILIES_WITH_IP:
            raise Strange("of netdev and bridge tables it is another number")
        return _known(_META, key)
    if name == "ct":
        return _ct(value, family)
    if name == "fib":
        return _fib_type(value)
    if name in ("&", "|", "^"):
        return _bitwise(name, value, family, version)
    raise Strange(f"no field: {name!r:.80}")


def _known(table: Mapping[str, Subject], key: str) -> Subject:
    found = table.get(key)
    if found is None:
        raise Strange(f"no field: {key!r:.80}")
    return found


def _payload(value: Json, version: int | None) -> Subject:
    if "base" not in value:
        return _PAYLOAD[value["protocol"], value["field"]]
    place = value["offset"], value["len"]
    if value["base"] == "th":
        return _RAW_TRANSPORT[place]
    if value["base"] == "nh" and version is not None:
        return _RAW_NETWORK[version][place]
    raise Strange("octets of no known header")


def _ct(value: Json, family: str) -> Subject:
    key = value["key"]
    if "dir" not in value:
        return _known(_CT, key)
    if value["dir"] != "original":
        raise Strange("the reply's addresses")
    if key in _CT_PORTS:
        return _CT_PORTS[key]
    words = key.split()  # "ip saddr", before nft 0.9.1 in ip and ip6 tables "saddr"
    version = _IP_FAMILIES[words[0] if len(words) == 2 else family]
    kind, first = (kinds.ADDRESS_4, _IS_4) if version == 4 else (kinds.ADDRESS_6, _IS_6)
    return _subject(_CT_ADDRESSES[words[-1]], kind, first)


def _fib_type(value: Json) -> Subject:
    flags = set(fib_flags(value)) - {"mark"}
    if value["result"] != "type" or len(flags) != 1:
        raise Strange("an address type of one interface alone")
    return _known(_FIB_TYPES, flags.pop())


def fib_flags(value: Json) -> list[str]:
    """By what the route is looked up."""
    flags = value["flags"]
    return [flags] if isinstance(flags, str) else list(flags)


def _bitwise(op: str, operands: Json, family: str, version: int | None) -> Subject:
    subject = subject_of(operands[0], family, version)
    if subject.field in NAMES or subject.kind.ours is not None:
        raise Strange("bits of a name")
    for operand in operands[1:]:
        subject = _applied(subject, op, kinds.number(operand, subject.kind))
    return subject


def _applied(subject: Subject, op: str, value: int) -> Subject:
    keep = subject.kind.most if subject.keep is None else subject.keep
    if op == "&":
        return replace(subject, keep=keep & value, flip=subject.flip & value)
    if op == "|":
        return replace(subject, keep=keep & ~value, flip=subject.flip | value)
    return replace(subject, keep=keep, flip=subject.flip ^ value)


def existence(expression: Json, family: str) -> tuple[Condition, ...]:
    """What a packet must be for an expression to have a value at all: else the kernel leaves the rule there."""
    if isinstance(expression, list):
        return tuple(condition for one in expression for condition in existence(one, family))
    if not isinstance(expression, dict):
        return ()
    try:
        subject = subject_of(expression, family)
    except kinds.STRANGE:
        return _existence_of_unknown(expression, family)
    return *subject.before, *has_field(subject)


def has_field(subject: Subject) -> tuple[Condition, ...]:
    if subject.field not in REQUIRES:
        return ()
    return (Compare(field=subject.field, ranges=((0, subject.kind.most),)),)


#: Of whose packets an expression can be, where it is no payload.
_OTHERS: Final[Mapping[str, Compare]] = {"tcp option": exactly(Field.PROTOCOL, 6), "exthdr": _IS_6}


def _existence_of_unknown(expression: Json, family: str) -> tuple[Condition, ...]:
    payload = expression.get("payload")
    if isinstance(payload, dict):
        protocol = str(payload.get("protocol"))
        number = kinds.PROTOCOL.names.get(protocol) if protocol not in ("ip", "ip6", "th") else None
        version = _VERSIONS.get(protocol)
        return (
            *((exactly(Field.VERSION, version),) if version is not None else ()),
            *((exactly(Field.PROTOCOL, number),) if number is not None else ()),
        )
    found: list[Condition] = []
    for name, inner in expression.items():
        if name in _OTHERS:
            found.append(_OTHERS[name])
        found.extend(existence(inner, family))
    return tuple(found)

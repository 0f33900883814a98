"""Which conditions does a match of iptables make?

After the kernel's net/netfilter/xt_*.c and the save functions of iptables' extensions. What is not known here, match or
option, is an Opaque with its text. A packet that somebody asks about is a whole one without extension headers: what
asks for a later fragment or such a header never holds.
"""

from __future__ import annotations

from collections.abc import Mapping

from pathprobe.layers.firewall.iptables import values
from pathprobe.layers.firewall.iptables.options import (
    DESTINATIONS,
    NEVER,
    SOURCES,
    Conditions,
    Context,
    OptionReader,
    read_option,
)
from pathprobe.layers.firewall.iptables.ports import SINGLE_PORTS, either_port, icmp, ports_of, syn, tcp_flags
from pathprobe.layers.firewall.iptables.words import Module, NotUnderstood, Option
from pathprobe.layers.firewall.model import (
    AddressType,
    AnyOf,
    Compare,
    Family,
    Field,
    Opaque,
    RouteBack,
)


def _mark(found: Field) -> OptionReader:
    def reader(option: Option, _: Context) -> Conditions:
        value, mask = values.value_and_mask(option.value)
        counting = None if mask == values.ALL_BITS else mask
        return (Compare(field=found, ranges=((value, value),), mask=counting, negated=option.negated),)

    return reader


def _address_range(fields: Mapping[Family, Field]) -> OptionReader:
    def reader(option: Option, context: Context) -> Conditions:
        ranges = (values.addresses(option.value, context.family),)
        return (Compare(field=fields[context.family], ranges=ranges, negated=option.negated),)

    return reader


#: linux/if_packet.h; xt_pkttype takes what loops back for what it would be on the wire.
_PACKET_TYPES = {"unicast": 0, "host": 0, "broadcast": 1, "multicast": 2}


def _packet_type(option: Option, _: Context) -> Conditions:
    if option.value not in _PACKET_TYPES:
        raise NotUnderstood(option.text)
    number = _PACKET_TYPES[option.value]
    return (Compare(field=Field.PACKET_TYPE, ranges=((number, number),), negated=option.negated),)


def _hops(found: Field, relation: str) -> OptionReader:
    def reader(option: Option, _: Context) -> Conditions:
        number = values.number_of(option.value, most=255)
        ranges = {"eq": (number, number), "lt": (0, number - 1), "gt": (number + 1, 255)}[relation]
        wanted = (ranges,) if ranges[0] <= ranges[1] else ()
        return (Compare(field=found, ranges=wanted, negated=option.negated),)

    return reader


def _length(option: Option, _: Context) -> Conditions:
    return (Compare(field=Field.LENGTH, ranges=(values.ports(option.value),), negated=option.negated),)


# Where an address is


_THROW, _NAT, _XRESOLVE = 9, 10, 11  # rtnetlink.h; no address is of these
_ADDRESS_TYPES = {one.name: one.value for one in AddressType} | {"THROW": _THROW, "NAT": _NAT, "XRESOLVE": _XRESOLVE}

#: What IPv6's own question of an address (xt_addrtype.c, match_type6) is in the words of the routing tables.
_IP6_TYPES: Mapping[frozenset[str], tuple[AddressType, ...]] = {
    frozenset({"LOCAL"}): (AddressType.LOCAL,),
    frozenset({"LOCAL", "UNICAST"}): (AddressType.LOCAL,),  # both, unlike IPv4's
    frozenset({"MULTICAST"}): (AddressType.MULTICAST,),
    frozenset({"ANYCAST"}): (AddressType.ANYCAST,),
    frozenset({"UNSPEC"}): (AddressType.UNSPEC,),
    frozenset({"UNICAST"}): tuple(one for one in AddressType if one not in (AddressType.UNSPEC, AddressType.MULTICAST)),
}


def _address_type(found: Field) -> OptionReader:
    def reader(option: Option, context: Context) -> Conditions:
        names = frozenset(option.value.split(","))
        if not names <= _ADDRESS_TYPES.keys():
            raise NotUnderstood(option.text)
        if context.family is Family.IP:
            wanted = sorted(_ADDRESS_TYPES[name] for name in names)
        elif names in _IP6_TYPES:
            wanted = [one.value for one in _IP6_TYPES[names]]
        else:
            raise NotUnderstood(option.text)
        return (Compare(field=found, ranges=tuple((one, one) for one in wanted), negated=option.negated),)

    return reader


def _nothing(_: Option, __: Context) -> Conditions:
    return ()


#: Matches whose options ask for something each, all of which has to hold.
BY_OPTION: Mapping[str, Mapping[str, OptionReader]] = {
    "tcp": {**SINGLE_PORTS, "--tcp-flags": tcp_flags, "--syn": syn},
    "udp": SINGLE_PORTS,
    "udplite": SINGLE_PORTS,
    "sctp": SINGLE_PORTS,
    "dccp": SINGLE_PORTS,
    "multiport": {
        "--sports": ports_of(0, values.list_of_ports),
        "--source-ports": ports_of(0, values.list_of_ports),
        "--dports": ports_of(1, values.list_of_ports),
        "--destination-ports": ports_of(1, values.list_of_ports),
        "--ports": either_port,
    },
    "icmp": {"--icmp-type": icmp(Field.ICMP_TYPE, Field.ICMP_CODE)},
    "icmp6": {"--icmpv6-type": icmp(Field.ICMP6_TYPE, Field.ICMP6_CODE)},
    "icmpv6": {"--icmpv6-type": icmp(Field.ICMP6_TYPE, Field.ICMP6_CODE)},
    "mark": {"--mark": _mark(Field.MARK)},
    "connmark": {"--mark": _mark(Field.CT_MARK)},
    "iprange": {"--src-range": _address_range(SOURCES), "--dst-range": _address_range(DESTINATIONS)},
    "pkttype": {"--pkt-type": _packet_type},
    "ttl": {f"--ttl{end}": _hops(Field.TTL, end[-2:] or "eq") for end in ("", "-eq", "-lt", "-gt")},
    "hl": {f"--hl{end}": _hops(Field.HOP_LIMIT, end[-2:] or "eq") for end in ("", "-eq", "-lt", "-gt")},
    "length": {"--length": _length},
    "comment": {"--comment": _nothing},
}


# Matches whose options belong together


def address_type(match: Module, context: Context) -> Conditions:
    """addrtype; an interface's own addresses are none that the model knows."""
    if match.names() - {"--src-type", "--dst-type"}:
        raise NotUnderstood(match.text)
    readers = {"--src-type": _address_type(Field.SOURCE_TYPE), "--dst-type": _address_type(Field.DESTINATION_TYPE)}
    return [
        condition
        for option in match.options
        for condition in read_option(readers[option.name], option, context, owner="addrtype")
    ]


def reverse_path(match: Module, _: Context) -> Conditions:
    """rpfilter; with ``--validmark`` the routes are asked with the packet's mark, which is known where it has none."""
    if match.names() - {"--loose", "--invert", "--validmark"}:
        raise NotUnderstood(match.text)
    route = RouteBack(loose="--loose" in match.names(), negated="--invert" in match.names())
    if "--validmark" not in match.names():
        return (route,)
    unmarked = Compare(field=Field.MARK, ranges=((0, 0),))
    marked = Compare(field=Field.MARK, ranges=((0, 0),), negated=True)
    return AnyOf(conditions=(marked, route)), AnyOf(conditions=(unmarked, Opaque(text=match.text)))


def extension_header(_: Module, __: Context) -> Conditions:
    """rt, frag, hbh, dst: negated or not, they hold only for a packet that has such a header."""
    return (NEVER,)


def recent(match: Module, _: Context) -> Conditions:
    """``--set`` takes note of the sender and always holds; the others ask what was noted, or how often: a limit."""
    hits = match.option("--hitcount")
    if hits is not None and not any(option.negated for option in match.options):
        return (Opaque(text=match.text, at_first=False),)
    noting = match.option("--set")
    if noting is None or noting.negated or match.names() - {"--set", "--name", "--mask", "--rsource", "--rdest"}:
        raise NotUnderstood(match.text)
    return ()


#: Option of a limit -> whether it holds as long as little came.
_AT_FIRST = {
    "--limit": True,
    "--hashlimit": True,
    "--hashlimit-upto": True,
    "--connlimit-upto": True,
    "--quota": True,
    "--hashlimit-above": False,
    "--connlimit-above": False,
}


def rate(match: Module, _: Context) -> Conditions:
    """A limit, up to which it holds, or above which."""
    told = [_AT_FIRST[option.name] != option.negated for option in match.options if option.name in _AT_FIRST]
    return (Opaque(text=match.text, at_first=told[0] if len(told) == 1 else None),)

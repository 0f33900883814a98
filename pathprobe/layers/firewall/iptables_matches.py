"""Which conditions does a match of iptables make?

After the kernel's net/netfilter/xt_*.c and the save functions of iptables' extensions. What is not known here, match or
option, is an Opaque with its text. A packet that somebody asks about is a whole one without extension headers: what
asks for a later fragment or such a header never holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pathprobe.layers.firewall import iptables_values as values
from pathprobe.layers.firewall import iptables_words
from pathprobe.layers.firewall.ipset_save import IpSet
from pathprobe.layers.firewall.iptables_words import Module, NotUnderstood, Option
from pathprobe.layers.firewall.model import (
    AddressType,
    AnyOf,
    Combined,
    Compare,
    Condition,
    Family,
    Field,
    Named,
    Opaque,
    Range,
    Ranges,
    RouteBack,
)

#: Never holds.
NEVER = Compare(field=Field.VERSION, ranges=())

_ANY_PORT = (0, 65535)

SOURCES = {Family.IP: Field.IP_SOURCE, Family.IP6: Field.IP6_SOURCE}
DESTINATIONS = {Family.IP: Field.IP_DESTINATION, Family.IP6: Field.IP6_DESTINATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a match has to know beside its own words.

    ``protocol``: the one that the rule is about, None: any. ``groups``: what was made of sets already.
    """

    family: Family
    protocol: int | None = None
    sets: Mapping[str, IpSet] = field(default_factory=dict)
    groups: dict[tuple[str, str], tuple[Compare | Combined, ...]] = field(default_factory=dict)


Conditions = Iterable[Condition]
OptionReader = Callable[[Option, Context], Conditions]


def read_option(reader: OptionReader | None, option: Option, context: Context, *, owner: str = "") -> Conditions:
    """What the option asks for; as Opaque where the reader is none or does not understand it."""
    if reader is not None:
        try:
            return reader(option, context)
        except ValueError:
            pass
    return (Opaque(text=f"-m {owner} {option.text}" if owner else option.text),)


# General options


def _source(option: Option, context: Context) -> Conditions:
    found = SOURCES[context.family]
    return (values.compared_address(found, option.value, context.family, negated=option.negated),)


def _destination(option: Option, context: Context) -> Conditions:
    found = DESTINATIONS[context.family]
    return (values.compared_address(found, option.value, context.family, negated=option.negated),)


def _interface(found: Field) -> OptionReader:
    def reader(option: Option, _: Context) -> Conditions:
        name = option.value
        pattern = name[:-1] + "*" if name.endswith("+") else name
        return (Named(field=found, patterns=(pattern,), negated=option.negated),)

    return reader


def _protocol(option: Option, _: Context) -> Conditions:
    number = values.protocol(option.value)
    if number is None:
        return (NEVER,) if option.negated else ()
    return (Compare(field=Field.PROTOCOL, ranges=((number, number),), negated=option.negated),)


def _fragment(option: Option, _: Context) -> Conditions:
    return () if option.negated else (NEVER,)


def name_of(option: Option) -> str:
    """The short name of a general option."""
    return iptables_words.GENERAL.get(option.name, option.name)


GENERAL: Mapping[str, OptionReader] = {
    "-s": _source,
    "-d": _destination,
    "-i": _interface(Field.INPUT_INTERFACE),
    "-o": _interface(Field.OUTPUT_INTERFACE),
    "-p": _protocol,
    "-f": _fragment,
}


# Ports, flags, ICMP

_PORT_FIELDS = {
    values.TCP: (Field.TCP_SOURCE_PORT, Field.TCP_DESTINATION_PORT),
    values.UDP: (Field.UDP_SOURCE_PORT, Field.UDP_DESTINATION_PORT),
}


def _port_fields(context: Context) -> tuple[Field, Field]:
    return _PORT_FIELDS.get(context.protocol or 0, (Field.SOURCE_PORT, Field.DESTINATION_PORT))


def _ports(end: int, reader: Callable[[str], Ranges]) -> OptionReader:
    def read(option: Option, context: Context) -> Conditions:
        found = _port_fields(context)[end]
        return (Compare(field=found, ranges=reader(option.value), negated=option.negated),)

    return read


def _one_range(text: str) -> Ranges:
    return (values.ports(text),)


def _either_port(option: Option, context: Context) -> Conditions:
    """``--ports``: the one or the other."""
    ranges = values.list_of_ports(option.value)
    elements = [(_ANY_PORT, wanted) for wanted in ranges] + [(wanted, _ANY_PORT) for wanted in ranges]
    return (Combined(fields=_port_fields(context), elements=tuple(elements), negated=option.negated),)


def _tcp_flags(option: Option, _: Context) -> Conditions:
    if len(option.values) != 2:
        raise NotUnderstood(option.text)
    mask, wanted = (values.bits(text, values.TCP_FLAGS) for text in option.values)
    return (Compare(field=Field.TCP_FLAGS, ranges=((wanted, wanted),), mask=mask, negated=option.negated),)


def _syn(option: Option, _: Context) -> Conditions:
    return (Compare(field=Field.TCP_FLAGS, ranges=((2, 2),), mask=0x17, negated=option.negated),)


#: What may stand for numbers in rules that nobody has saved yet (iptables -p icmp -h).
_ICMP_NAMES = {
    "echo-reply": "0", "pong": "0", "destination-unreachable": "3", "network-unreachable": "3/0",
    "host-unreachable": "3/1", "protocol-unreachable": "3/2", "port-unreachable": "3/3", "fragmentation-needed": "3/4",
    "network-prohibited": "3/9", "host-prohibited": "3/10", "communication-prohibited": "3/13", "source-quench": "4",
    "redirect": "5", "echo-request": "8", "ping": "8", "router-advertisement": "9", "router-solicitation": "10",
    "time-exceeded": "11", "ttl-exceeded": "11", "parameter-problem": "12", "timestamp-request": "13",
    "timestamp-reply": "14", "address-mask-request": "17", "address-mask-reply": "18",
}  # fmt: skip
_ICMP6_NAMES = {
    "destination-unreachable": "1", "no-route": "1/0", "communication-prohibited": "1/1", "address-unreachable": "1/3",
    "port-unreachable": "1/4", "packet-too-big": "2", "time-exceeded": "3", "ttl-exceeded": "3",
    "parameter-problem": "4", "echo-request": "128", "ping": "128", "echo-reply": "129", "pong": "129",
    "router-solicitation": "133", "router-advertisement": "134", "neighbour-solicitation": "135",
    "neighbor-solicitation": "135", "neighbour-advertisement": "136", "neighbor-advertisement": "136",
    "redirect": "137",
}  # fmt: skip


def icmp_type_and_code(text: str, family: Family) -> tuple[Range, Range | None]:
    """``8``, ``3/10``, or a name that stands for these."""
    names = _ICMP_NAMES if family is Family.IP else _ICMP6_NAMES
    type_, slash, code = names.get(text, text).partition("/")
    number = values.number_of(type_, most=255)
    return (number, number), values.numbers(code, most=255) if slash else None


def _icmp(type_field: Field, code_field: Field) -> OptionReader:
    def reader(option: Option, context: Context) -> Conditions:
        # Type 255 stands for any (icmp_type_code_match in xt_icmp, ipt_icmp).
        if option.value in ("any", "255"):
            return (NEVER,) if option.negated else ()
        type_, code = icmp_type_and_code(option.value, context.family)
        if code is None:
            return (Compare(field=type_field, ranges=(type_,), negated=option.negated),)
        return (Combined(fields=(type_field, code_field), elements=((type_, code),), negated=option.negated),)

    return reader


# Marks, addresses, sizes


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


_SINGLE_PORTS: Mapping[str, OptionReader] = {
    "--sport": _ports(0, _one_range),
    "--source-port": _ports(0, _one_range),
    "--dport": _ports(1, _one_range),
    "--destination-port": _ports(1, _one_range),
}

#: Matches whose options ask for something each, all of which has to hold.
BY_OPTION: Mapping[str, Mapping[str, OptionReader]] = {
    "tcp": {**_SINGLE_PORTS, "--tcp-flags": _tcp_flags, "--syn": _syn},
    "udp": _SINGLE_PORTS,
    "udplite": _SINGLE_PORTS,
    "sctp": _SINGLE_PORTS,
    "dccp": _SINGLE_PORTS,
    "multiport": {
        "--sports": _ports(0, values.list_of_ports),
        "--source-ports": _ports(0, values.list_of_ports),
        "--dports": _ports(1, values.list_of_ports),
        "--destination-ports": _ports(1, values.list_of_ports),
        "--ports": _either_port,
    },
    "icmp": {"--icmp-type": _icmp(Field.ICMP_TYPE, Field.ICMP_CODE)},
    "icmp6": {"--icmpv6-type": _icmp(Field.ICMP6_TYPE, Field.ICMP6_CODE)},
    "icmpv6": {"--icmpv6-type": _icmp(Field.ICMP6_TYPE, Field.ICMP6_CODE)},
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
    """``--set`` takes note of the sender and always holds; the others ask what was noted."""
    noting = match.option("--set")
    if noting is None or noting.negated or match.names() - {"--set", "--name", "--mask", "--rsource", "--rdest"}:
        raise NotUnderstood(match.text)
    return ()


_WHILE_LITTLE_COMES = frozenset({"--limit", "--hashlimit", "--hashlimit-upto", "--connlimit-upto", "--quota"})


def rate(match: Module, _: Context) -> Conditions:
    """A limit, which holds as long as little comes; turned round it is something else."""
    limits = [option for option in match.options if option.name in _WHILE_LITTLE_COMES]
    above = match.option("--connlimit-above")
    is_rate = any(not option.negated for option in limits) or (above is not None and above.negated)
    return (Opaque(text=match.text, is_rate=is_rate),)

"""When is a packet in an ipset?

``--match-set NAME src,dst`` says for each part of the set's elements which end of the packet to look at. After the
kernel's net/netfilter/ipset: a set of the other address family, or of more parts than were named, has no packet in it;
a port is looked at together with its protocol; the narrowest network decides where there are exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pathprobe.layers.firewall.iptables import values
from pathprobe.layers.firewall.iptables.ipset_save import Entry, IpSet
from pathprobe.layers.firewall.iptables.options import DESTINATIONS, NEVER, SOURCES, Conditions, Context
from pathprobe.layers.firewall.iptables.ports import icmp_type_and_code
from pathprobe.layers.firewall.iptables.words import Module, NotUnderstood
from pathprobe.layers.firewall.model import (
    AnyOf,
    Combined,
    Compare,
    Condition,
    Element,
    Family,
    Field,
    Range,
    Ranges,
)

#: These change counters or which packets count, not what is in the set.
_WITHOUT_EFFECT = frozenset({"--update-counters", "--update-subcounters"})

#: Protocols whose ports ipset reads (ip_set_getport.c); of the rest it takes 0.
_WITH_PORTS = frozenset({values.TCP, values.UDP, values.UDPLITE, values.SCTP})
_PORTS_OR_NOT = tuple((one, one) for one in sorted({*_WITH_PORTS, values.DCCP}))

#: list:set may hold lists; the kernel takes no list in a list, so that one step is enough.
_DEEPEST = 2


def in_set(match: Module, context: Context) -> Conditions:
    """Raises NotUnderstood for a set that was not seen or holds what cannot be told."""
    asked = match.option("--match-set")
    if asked is None or len(asked.values) != 2 or match.names() - {"--match-set", *_WITHOUT_EFFECT}:
        raise NotUnderstood(match.text)
    name, ends = asked.values
    found = context.sets.get(name)
    if found is None or not set(ends.split(",")) <= {"src", "dst"}:
        raise NotUnderstood(match.text)
    members = list(_members(found, context, _DEEPEST))
    groups = [group for one in members for group in _known_groups(one, ends, context)]
    if asked.negated:
        return [_outside(group) for group in groups]
    if not groups:
        return (NEVER,)
    return (groups[0],) if len(groups) == 1 else (AnyOf(conditions=tuple(groups)),)


def _members(one: IpSet, context: Context, depth: int) -> Iterator[IpSet]:
    """The set itself, or those that a list names."""
    if one.type != "list:set":
        yield one
        return
    for entry in one.entries:
        name = entry.parts[0]
        if name not in context.sets or depth == 0:
            raise NotUnderstood(name)
        yield from _members(context.sets[name], context, depth - 1)


_Group = Compare | Combined


def _known_groups(one: IpSet, ends: str, context: Context) -> tuple[_Group, ...]:
    """A set of very many elements is gone through once, however many rules ask for it."""
    key = (one.name, ends)
    if key not in context.groups:
        context.groups[key] = _groups(one, ends, context.family)
    return context.groups[key]


def _groups(one: IpSet, ends: str, family: Family) -> tuple[_Group, ...]:
    """Conditions of which one has to hold for a packet in the set; none: no packet is in it."""
    directions = ends.split(",")
    dimensions = one.dimensions
    if len(directions) < len(dimensions) or one.family not in (None, family) or not one.entries:
        return ()
    if any(dimension not in _FIELDS for dimension in dimensions) or one.type.partition(":")[0] not in _METHODS:
        raise NotUnderstood(one.type)
    if one.type == "bitmap:port":
        return (_bitmap_of_ports(one, directions[0]),)
    if len(dimensions) == 1:
        return (_addresses(one, directions[0], family),)
    return tuple(_combined(one, directions, family))


_METHODS = frozenset({"hash", "bitmap"})
_FIELDS = frozenset({"ip", "net", "port", "iface", "mark"})


def _bitmap_of_ports(one: IpSet, direction: str) -> Combined:
    """Of TCP and UDP alone (ip_set_get_ip_port)."""
    ranges = _joined([values.ports(entry.parts[0]) for entry in one.entries])
    protocols = ((values.TCP, values.TCP), (values.UDP, values.UDP))
    elements = tuple((ports, protocol) for ports in ranges for protocol in protocols)
    return Combined(fields=(_port_field(direction), Field.PROTOCOL), elements=elements)


def _joined(ranges: list[Range]) -> list[Range]:
    """The same numbers with neighbours put together."""
    joined: list[Range] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _addresses(one: IpSet, direction: str, family: Family) -> Compare:
    if one.dimensions[0] not in ("ip", "net"):
        raise NotUnderstood(one.type)
    field = _address_field(direction, family)
    if one.bitmask is not None:
        numbers = [values.address(entry.parts[0], family) for entry in one.entries]
        mask = values.address(one.bitmask, family)
        return Compare(field=field, ranges=tuple((number, number) for number in numbers), mask=mask)
    networks = [(_network(entry.parts[0], one, family), entry.nomatch) for entry in one.entries]
    return Compare(field=field, ranges=_without_exceptions(networks))


def _network(text: str, one: IpSet, family: Family) -> Range:
    """An address of a set with a netmask stands for the whole network."""
    if one.netmask is None or "/" in text:
        return values.addresses(text, family)
    return values.addresses(f"{text}/{one.netmask}", family)


def _without_exceptions(networks: Sequence[tuple[Range, bool]]) -> Ranges:
    """What is in the networks, where of those that lie in each other the narrowest decides."""
    if not any(exception for _, exception in networks):
        return tuple(_joined([network for network, _ in networks]))
    found: list[Range] = []
    around: list[tuple[int, bool]] = []  # last address and kind of the networks that the next piece lies in
    at = 0

    def take_until(end: int) -> None:
        """The piece before ``end`` belongs to the innermost network."""
        nonlocal at
        if around and at < end and not around[-1][1]:
            found.append((at, end - 1))
        at = max(at, end)

    for (low, high), exception in sorted(networks, key=lambda one: (one[0][0], -one[0][1])):
        while around and around[-1][0] < low:
            take_until(around[-1][0] + 1)
            around.pop()
        take_until(low)
        around.append((high, exception))
    while around:
        take_until(around[-1][0] + 1)
        around.pop()
    return tuple(_joined(found))


# Several parts


def _combined(one: IpSet, directions: list[str], family: Family) -> Iterator[Combined]:
    """Elements with ports, with ICMP types, and with a bare protocol look at different fields."""
    if one.bitmask is not None or one.markmask not in (None, "0xffffffff"):
        raise NotUnderstood(one.type)
    gathered: dict[tuple[Field, ...], list[Element]] = {}
    for entry in one.entries:
        if entry.nomatch:
            raise NotUnderstood(one.type)
        fields, element = _element(entry, one, directions, family)
        gathered.setdefault(fields, []).append(element)
    for fields, elements in gathered.items():
        yield Combined(fields=fields, elements=tuple(elements))


def _element(
    entry: Entry, one: IpSet, directions: list[str], family: Family
) -> tuple[tuple[Field, ...], tuple[Range | str, ...]]:
    fields: list[Field] = []
    element: list[Range | str] = []
    for dimension, text, direction in zip(one.dimensions, _parts(entry, one), directions, strict=False):
        match dimension:
            case "port":
                for field, wanted in _port(text, direction, family):
                    fields.insert(0, field)  # one number, by which many elements are told apart at once
                    element.insert(0, wanted)
            case "iface":
                fields.append(Field.INPUT_INTERFACE if direction == "src" else Field.OUTPUT_INTERFACE)
                element.append(_interface(text, wildcard=entry.wildcard))
            case "mark":
                mark = values.number_of(text)
                fields.append(Field.MARK)
                element.append((mark, mark))
            case _:
                fields.append(_address_field(direction, family))
                element.append(_network(text, one, family))
    return tuple(fields), tuple(element)


def _parts(entry: Entry, one: IpSet) -> tuple[str, ...]:
    if len(entry.parts) != len(one.dimensions):
        raise NotUnderstood(",".join(entry.parts))
    return entry.parts


def _port(text: str, direction: str, family: Family) -> Iterator[tuple[Field, Range]]:
    """``tcp:80``, ``icmp:echo-request``, ``gre:0``; the last in what is told stands first in the element."""
    name, colon, rest = text.partition(":")
    number = values.protocol(name) if colon else values.TCP
    if number is None:
        raise NotUnderstood(text)
    yield Field.PROTOCOL, (number, number)
    if number in _WITH_PORTS:
        yield _port_field(direction), values.ports(rest if colon else name)
    elif number == _ICMP[family][0]:
        type_, code = icmp_type_and_code(rest, family)
        # ipset knows no type without a code: echo-request is 8/0.
        yield _ICMP[family][2], code or (0, 0)
        yield _ICMP[family][1], type_


_ICMP = {
    Family.IP: (values.ICMP, Field.ICMP_TYPE, Field.ICMP_CODE),
    Family.IP6: (values.ICMP6, Field.ICMP6_TYPE, Field.ICMP6_CODE),
}


def _interface(text: str, *, wildcard: bool) -> str:
    if ":" in text:
        raise NotUnderstood(text)  # physdev:eth0, a port of a bridge
    return text + "*" if wildcard else text


def _port_field(direction: str) -> Field:
    return Field.SOURCE_PORT if direction == "src" else Field.DESTINATION_PORT


def _address_field(direction: str, family: Family) -> Field:
    return (SOURCES if direction == "src" else DESTINATIONS)[family]


def _outside(group: _Group) -> Condition:
    """Not in it; a packet without such fields is outside too, where a negated condition would not hold."""
    if isinstance(group, Compare):
        return Compare(field=group.field, ranges=group.ranges, mask=group.mask, negated=True)
    outside = Combined(fields=group.fields, elements=group.elements, negated=True)
    if {Field.SOURCE_PORT, Field.DESTINATION_PORT} & set(group.fields):
        portless = Compare(field=Field.PROTOCOL, ranges=_PORTS_OR_NOT, negated=True)
        return AnyOf(conditions=(portless, outside))
    for number, type_, _ in _ICMP.values():
        if type_ in group.fields:
            other = Compare(field=Field.PROTOCOL, ranges=((number, number),), negated=True)
            return AnyOf(conditions=(other, outside))
    return outside

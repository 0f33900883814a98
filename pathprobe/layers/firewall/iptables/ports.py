"""Which conditions do matches on ports, TCP flags and ICMP types make?

All of these are matches of one protocol, which the rule names; by it the fields are told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pathprobe.layers.firewall.iptables import values
from pathprobe.layers.firewall.iptables.options import NEVER, Conditions, Context, OptionReader
from pathprobe.layers.firewall.iptables.words import NotUnderstood, Option
from pathprobe.layers.firewall.model import Combined, Compare, Family, Field, Range, Ranges

_ANY_PORT = (0, 65535)

_PORT_FIELDS = {
    values.TCP: (Field.TCP_SOURCE_PORT, Field.TCP_DESTINATION_PORT),
    values.UDP: (Field.UDP_SOURCE_PORT, Field.UDP_DESTINATION_PORT),
}


def _port_fields(context: Context) -> tuple[Field, Field]:
    return _PORT_FIELDS.get(context.protocol or 0, (Field.SOURCE_PORT, Field.DESTINATION_PORT))


def ports_of(end: int, reader: Callable[[str], Ranges]) -> OptionReader:
    def read(option: Option, context: Context) -> Conditions:
        found = _port_fields(context)[end]
        return (Compare(field=found, ranges=reader(option.value), negated=option.negated),)

    return read


def _one_range(text: str) -> Ranges:
    return (values.ports(text),)


def either_port(option: Option, context: Context) -> Conditions:
    """``--ports``: the one or the other."""
    ranges = values.list_of_ports(option.value)
    elements = [(_ANY_PORT, wanted) for wanted in ranges] + [(wanted, _ANY_PORT) for wanted in ranges]
    return (Combined(fields=_port_fields(context), elements=tuple(elements), negated=option.negated),)


def tcp_flags(option: Option, _: Context) -> Conditions:
    if len(option.values) != 2:
        raise NotUnderstood(option.text)
    mask, wanted = (values.bits(text, values.TCP_FLAGS) for text in option.values)
    return (Compare(field=Field.TCP_FLAGS, ranges=((wanted, wanted),), mask=mask, negated=option.negated),)


def syn(option: Option, _: Context) -> Conditions:
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


def icmp(type_field: Field, code_field: Field) -> OptionReader:
    def reader(option: Option, context: Context) -> Conditions:
        # Type 255 stands for any (icmp_type_code_match in xt_icmp, ipt_icmp).
        if option.value in ("any", "255"):
            return (NEVER,) if option.negated else ()
        type_, code = icmp_type_and_code(option.value, context.family)
        if code is None:
            return (Compare(field=type_field, ranges=(type_,), negated=option.negated),)
        return (Combined(fields=(type_field, code_field), elements=((type_, code),), negated=option.negated),)

    return reader


SINGLE_PORTS: Mapping[str, OptionReader] = {
    "--sport": ports_of(0, _one_range),
    "--source-port": ports_of(0, _one_range),
    "--dport": ports_of(1, _one_range),
    "--destination-port": ports_of(1, _one_range),
}

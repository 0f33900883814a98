"""What may an option of a rule ask for, and what has to be known to say so?

An option that is not understood is an Opaque with its text. The options that stand in front of all matches are read
here: addresses, interfaces, protocol, fragments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pathprobe.layers.firewall.iptables import values
from pathprobe.layers.firewall.iptables import words as iptables_words
from pathprobe.layers.firewall.iptables.ipset_save import IpSet
from pathprobe.layers.firewall.iptables.words import Option
from pathprobe.layers.firewall.model import (
    Combined,
    Compare,
    Condition,
    Family,
    Field,
    Named,
    Opaque,
)

#: Never holds.
NEVER = Compare(field=Field.VERSION, ranges=())

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

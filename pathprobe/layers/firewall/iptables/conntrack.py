"""Which conditions do the state and conntrack matches make?

After state_mt and conntrack_mt of the kernel. A packet without a connection is INVALID or UNTRACKED; where a state is
asked for and met, conntrack_mt asks nothing further of such a packet, and where none is asked for it never matches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pathprobe.layers.firewall.iptables import values
from pathprobe.layers.firewall.iptables.options import Conditions, Context, read_option
from pathprobe.layers.firewall.iptables.words import Module, NotUnderstood, Option
from pathprobe.layers.firewall.model import AnyOf, Compare, Condition, CtState, CtStatus, Field, Opaque

_STATES: dict[str, int] = {one.name: one.value for one in CtState if one.name}
_TRANSLATIONS: dict[str, int] = {"SNAT": CtStatus.SNAT, "DNAT": CtStatus.DNAT}
_STATUSES: dict[str, int] = {
    "NONE": 0,
    "EXPECTED": CtStatus.EXPECTED,
    "SEEN_REPLY": CtStatus.SEEN_REPLY,
    "ASSURED": CtStatus.ASSURED,
    "CONFIRMED": CtStatus.CONFIRMED,
}
_DIRECTIONS = {"ORIGINAL": 0, "REPLY": 1}

_WITHOUT_CONNECTION = int(CtState.INVALID | CtState.UNTRACKED)


def _some_bit(field: Field, bits: int, *, negated: bool = False) -> Compare:
    """At least one of the bits is set; negated: none is."""
    return Compare(field=field, ranges=((0, 0),), mask=bits, negated=not negated)


_HAS_NONE = _some_bit(Field.CT_STATE, _WITHOUT_CONNECTION)
_HAS_ONE = _some_bit(Field.CT_STATE, _WITHOUT_CONNECTION, negated=True)


def state(match: Module, context: Context) -> Conditions:
    """``-m state --state``; newer iptables prints conntrack's states under that name too."""
    return [
        condition
        for option in match.options
        for condition in read_option(_states if option.name == "--state" else None, option, context, owner="state")
    ]


def conntrack(match: Module, context: Context) -> Iterator[Condition]:
    asked = match.option("--ctstate")
    if asked is None:
        yield _HAS_ONE
    else:
        yield from read_option(_states, asked, context, owner="conntrack")
    reaches_others = asked is not None and _lets_in_without_connection(asked)
    for option in match.options:
        if option is asked:
            continue
        for condition in read_option(_READERS.get(option.name), option, context, owner="conntrack"):
            yield AnyOf(conditions=(_HAS_NONE, condition)) if reaches_others else condition


def _split_states(option: Option) -> tuple[int, int]:
    """The bits of ``ct state`` and those of ``ct status`` in a list of states."""
    bits = values.bits(option.value, _STATES | {name: value << 16 for name, value in _TRANSLATIONS.items()})
    return bits & 0xFFFF, bits >> 16


def _lets_in_without_connection(option: Option) -> bool:
    try:
        states, _ = _split_states(option)
    except ValueError:
        return True
    wanted = states & _WITHOUT_CONNECTION
    return wanted != _WITHOUT_CONNECTION if option.negated else wanted != 0


def _states(option: Option, _: Context) -> Conditions:
    """One of these states, or a connection that is translated; a packet without a connection is not."""
    states, translations = _split_states(option)
    of_state = _some_bit(Field.CT_STATE, states, negated=option.negated)
    of_status = _some_bit(Field.CT_STATUS, translations, negated=option.negated)
    if not translations:
        return (of_state,)
    if option.negated:
        untranslated = AnyOf(conditions=(_HAS_NONE, of_status))
        return (of_state, untranslated) if states else (untranslated,)
    return (AnyOf(conditions=(of_state, of_status)),) if states else (of_status,)


def _status(option: Option, _: Context) -> Conditions:
    return (_some_bit(Field.CT_STATUS, values.bits(option.value, _STATUSES), negated=option.negated),)


def _direction(option: Option, _: Context) -> Conditions:
    if option.value not in _DIRECTIONS:
        raise NotUnderstood(option.text)
    number = _DIRECTIONS[option.value]
    return (Compare(field=Field.CT_DIRECTION, ranges=((number, number),), negated=option.negated),)


def _protocol(option: Option, _: Context) -> Conditions:
    """The connection's protocol is the packet's own, but for ICMP errors and the like, which are RELATED."""
    number = values.protocol(option.value)
    if number is None:
        raise NotUnderstood(option.text)
    related = _some_bit(Field.CT_STATE, CtState.RELATED)
    unrelated = _some_bit(Field.CT_STATE, CtState.RELATED, negated=True)
    own = Compare(field=Field.PROTOCOL, ranges=((number, number),), negated=option.negated)
    return (
        AnyOf(conditions=(related, own)),
        AnyOf(conditions=(unrelated, Opaque(text=f"-m conntrack {option.text}"))),
    )


def _address(field: Field) -> Callable[[Option, Context], Conditions]:
    def reader(option: Option, context: Context) -> Conditions:
        return (values.compared_address(field, option.value, context.family, negated=option.negated),)

    return reader


def _port(field: Field) -> Callable[[Option, Context], Conditions]:
    def reader(option: Option, _: Context) -> Conditions:
        return (Compare(field=field, ranges=(values.ports(option.value),), negated=option.negated),)

    return reader


_READERS: dict[str, Callable[[Option, Context], Conditions]] = {
    "--ctstatus": _status,
    "--ctdir": _direction,
    "--ctproto": _protocol,
    "--ctorigsrc": _address(Field.CT_ORIGINAL_SOURCE),
    "--ctorigdst": _address(Field.CT_ORIGINAL_DESTINATION),
    "--ctorigsrcport": _port(Field.CT_ORIGINAL_SOURCE_PORT),
    "--ctorigdstport": _port(Field.CT_ORIGINAL_DESTINATION_PORT),
}

"""Which mark does a packet or its connection get from a target?

After mark_tg and connmark_tg of the kernel. None of these ends the packet: a mark that is not understood is one that is
not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pathprobe.layers.firewall.iptables import values
from pathprobe.layers.firewall.iptables.words import Module, Option
from pathprobe.layers.firewall.model import Assign, Copy, Field, Statement


def _set_mark(field: Field) -> Callable[[Option], Statement]:
    def reader(option: Option) -> Statement:
        value, mask = values.value_and_mask(option.value)
        return _assigned(field, value, mask)

    return reader


def _assigned(field: Field, value: int, mask: int) -> Assign:
    """mark_tg of xt_mark: (mark & ~mask) ^ value."""
    return Assign(field=field, keep=values.ALL_BITS & ~mask, flip=value)


def _mark_options(field: Field) -> Mapping[str, Callable[[Option], Statement]]:
    def set_mark(option: Option) -> Statement:
        value, mask = values.value_and_mask(option.value)
        return _assigned(field, value, value | mask)

    return {
        "--set-xmark": _set_mark(field),
        "--set-mark": set_mark,
        "--and-mark": lambda option: _assigned(field, 0, values.ALL_BITS & ~values.number_of(option.value)),
        "--or-mark": lambda option: _assigned(field, values.number_of(option.value), values.number_of(option.value)),
        "--xor-mark": lambda option: _assigned(field, values.number_of(option.value), 0),
    }


_MARK = _mark_options(Field.MARK)
_CONNECTION_MARK = _mark_options(Field.CT_MARK)


def _mark(target: Module) -> tuple[Statement, ...]:
    return (_marked(target, Field.MARK, _MARK),)


def _marked(target: Module, field: Field, known: Mapping[str, Callable[[Option], Statement]]) -> Statement:
    """The packet goes on, with what mark ever."""
    if len(target.options) == 1 and target.options[0].name in known:
        try:
            return known[target.options[0].name](target.options[0])
        except ValueError:
            pass
    return Assign(field=field, flip=None)


def _connection_mark(target: Module) -> tuple[Statement, ...]:
    if "--save-mark" in target.names():
        return (_copied(target, Field.CT_MARK, Field.MARK),)
    if "--restore-mark" in target.names():
        return (_copied(target, Field.MARK, Field.CT_MARK),)
    return (_marked(target, Field.CT_MARK, _CONNECTION_MARK),)


def _copied(target: Module, field: Field, source: Field) -> Statement:
    """The whole mark is copied; of some bits of it nobody can tell what comes of them."""
    masks = [values.number_of(option.value) for option in target.options if option.name in _MASKS]
    if all(mask == values.ALL_BITS for mask in masks):
        return Copy(field=field, source=source)
    return Assign(field=field, flip=None)


_MASKS = frozenset({"--nfmask", "--ctmask", "--mask"})


def _hashed_mark(_: Module) -> tuple[Statement, ...]:
    return (Assign(field=Field.MARK, flip=None),)


def _from_set(target: Module) -> tuple[Statement, ...]:
    """What it puts into a set is seen in the set; ``--map-mark`` takes a mark out of one."""
    return (Assign(field=Field.MARK, flip=None),) if "--map-mark" in target.names() else ()


#: The targets that set a mark.
MARKS: Mapping[str, Callable[[Module], tuple[Statement, ...]]] = {
    "MARK": _mark,
    "CONNMARK": _connection_mark,
    "HMARK": _hashed_mark,
    "SET": _from_set,
}

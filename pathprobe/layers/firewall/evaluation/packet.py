"""What is known of the packet that is led through the rules?

For each of its properties the numbers that it may have: one where it is known, a range where it is the sender's choice,
every address where anybody may be the sender. A property that is not there has the packet not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from pathprobe.layers.firewall.model import REQUIRES, CtState, Field, Ranges


class Key(Enum):
    """A property, whatever field a rule names it by."""

    VERSION = auto()
    PROTOCOL = auto()
    SOURCE = auto()
    DESTINATION = auto()
    SOURCE_PORT = auto()
    DESTINATION_PORT = auto()
    TCP_FLAGS = auto()
    ICMP_TYPE = auto()
    ICMP_CODE = auto()
    TTL = auto()
    LENGTH = auto()
    INPUT_INTERFACE = auto()
    OUTPUT_INTERFACE = auto()
    CT_STATE = auto()
    CT_STATUS = auto()
    CT_MARK = auto()
    CT_DIRECTION = auto()
    CT_ORIGINAL_SOURCE = auto()
    CT_ORIGINAL_DESTINATION = auto()
    CT_ORIGINAL_SOURCE_PORT = auto()
    CT_ORIGINAL_DESTINATION_PORT = auto()
    MARK = auto()
    PACKET_TYPE = auto()
    SOURCE_TYPE = auto()
    DESTINATION_TYPE = auto()


#: Fields that name the same property, where their own names do not say so.
_ALIASES = {
    Field.IP_SOURCE: Key.SOURCE,
    Field.IP6_SOURCE: Key.SOURCE,
    Field.IP_DESTINATION: Key.DESTINATION,
    Field.IP6_DESTINATION: Key.DESTINATION,
    Field.TCP_SOURCE_PORT: Key.SOURCE_PORT,
    Field.UDP_SOURCE_PORT: Key.SOURCE_PORT,
    Field.TCP_DESTINATION_PORT: Key.DESTINATION_PORT,
    Field.UDP_DESTINATION_PORT: Key.DESTINATION_PORT,
    Field.ICMP6_TYPE: Key.ICMP_TYPE,
    Field.ICMP6_CODE: Key.ICMP_CODE,
    Field.HOP_LIMIT: Key.TTL,
}
KEYS: Mapping[Field, Key] = {field: _ALIASES.get(field) or Key[field.name] for field in Field}

#: What a packet has only as one of a connection that is kept.
TRACKED = frozenset(
    {
        Key.CT_STATUS,
        Key.CT_MARK,
        Key.CT_DIRECTION,
        Key.CT_ORIGINAL_SOURCE,
        Key.CT_ORIGINAL_DESTINATION,
        Key.CT_ORIGINAL_SOURCE_PORT,
        Key.CT_ORIGINAL_DESTINATION_PORT,
    }
)


def exactly(number: int) -> Ranges:
    return ((number, number),)


class Tracking(Enum):
    """Which connection the packet belongs to, as far as the kernel knows at this point."""

    PENDING = auto()  # nobody has looked yet
    KEPT = auto()
    UNTRACKED = auto()
    INVALID = auto()  # looked for, and it fits none


#: To a rule a packet looks invalid as long as no connection is known (nft_ct_get_eval, xt_conntrack's conntrack_mt).
_STATES = {
    Tracking.PENDING: CtState.INVALID,
    Tracking.INVALID: CtState.INVALID,
    Tracking.UNTRACKED: CtState.UNTRACKED,
}


class Numbers(Mapping[Key, Ranges | None]):
    """Property -> what it may be, None: anything. As a key of a dict it is counted once."""

    __slots__ = ("_hash", "_of")

    def __init__(self, of: Mapping[Key, Ranges | None]) -> None:
        self._of = dict(of)
        self._hash: int | None = None

    def __getitem__(self, key: Key) -> Ranges | None:
        return self._of[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, key: object) -> bool:
        return key in self._of

    def __or__(self, changes: Mapping[Key, Ranges | None]) -> dict[Key, Ranges | None]:
        return {**self._of, **changes}

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Numbers) and self._of == other._of)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._of.items()))
        return self._hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """``senders``: who may have sent it, or gets the answer; ``senders_own``: the properties that are their address.

    ``numbers``: the other properties; ``names``: of interfaces, empty where there is none.
    """

    senders: Ranges
    senders_own: frozenset[Key]
    numbers: Numbers
    names: tuple[str, str] = ("", "")
    tracking: Tracking = Tracking.KEPT

    def has(self, field: Field) -> bool:
        """Whether it is of the family and protocol that have this field, and of a stage at which it is there."""
        needed = REQUIRES.get(field)
        if needed is not None:
            if needed.version is not None and self.numbers[Key.VERSION] != exactly(needed.version):
                return False
            if needed.protocols is not None and not self._is_of(needed.protocols):
                return False
        key = KEYS[field]
        if key in TRACKED:
            return self.tracking is Tracking.KEPT
        return key in self.numbers or key in self.senders_own or key in _NAMES

    def _is_of(self, protocols: tuple[int, ...]) -> bool:
        ranges = self.numbers[Key.PROTOCOL]
        return ranges is not None and ranges[0][0] in protocols

    def is_senders(self, field: Field) -> bool:
        """Whether the field is the address that tells senders apart."""
        return KEYS[field] in self.senders_own

    def number(self, field: Field) -> Ranges | None:
        if field is Field.CT_STATE and self.tracking is not Tracking.KEPT:
            return exactly(_STATES[self.tracking])
        return self.value(KEYS[field])

    def value(self, key: Key) -> Ranges | None:
        return self.senders if key in self.senders_own else self.numbers[key]

    def name(self, field: Field) -> str:
        return self.names[_NAMES[KEYS[field]]]

    @property
    def incoming(self) -> str:
        return self.names[0]

    @property
    def outgoing(self) -> str:
        return self.names[1]

    def become(self, changes: Mapping[Key, Ranges | None]) -> Packet:
        """With other properties; one that was the senders' address is theirs no longer."""
        own = self.senders_own.difference(changes)
        return replace(self, numbers=Numbers(self.numbers | changes), senders_own=own)

    def of(self, senders: Ranges) -> Packet:
        return replace(self, senders=senders)

    def on(self, *, incoming: str, outgoing: str) -> Packet:
        """The packet between these interfaces; an empty name: none."""
        return replace(self, names=(incoming, outgoing))

    @property
    def likeness(self) -> tuple[object, ...]:
        """Equal for packets that differ in nothing but their senders."""
        return self.numbers, self.senders_own, self.names, self.tracking


_NAMES = {Key.INPUT_INTERFACE: 0, Key.OUTPUT_INTERFACE: 1}

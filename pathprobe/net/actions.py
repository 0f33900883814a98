"""What may a rule do to a packet?

An action is written in a scenario file as a verb and its arguments; here each becomes a fact of its own.
What nft makes of them is in lab.faults, what the simulation does in simulated_rules.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

#: What ``set`` may change, and the largest value of it.
FIELDS = {"ttl": 255, "dscp": 63, "ecn": 3, "mss": 65535}

#: nft's names of the TCP options that ``strip`` may overwrite with NOPs -> the option's kind (RFC 9293, 2018, 7323).
OPTIONS = {"maxseg": 2, "window": 3, "sack-perm": 4, "timestamp": 8}

#: Packets that a limit lets through at once after a silence: nft's default.
LIMIT_BURST = 5

KNOWN = (
    "drop, reset, or reject and nft's name of an ICMP code; lose N%, limit N/second, snat ADDRESS, masquerade, "
    f"dnat ADDRESS[:PORT], set {'|'.join(FIELDS)} N, strip {'|'.join(OPTIONS)}, synproxy"
)

_SECONDS = {"second": 1.0, "minute": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The packet is gone and nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A TCP RST in the name of the packet's destination."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """An ICMP error; ``name`` is nft's name of its code."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lose:
    """``percent`` of the packets are dropped, by chance."""

    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What comes faster than one in ``interval`` seconds is dropped, after a burst of LIMIT_BURST."""

    interval: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNat:
    """The flow leaves with another source; None: the address of the interface it leaves by (masquerade)."""

    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationNat:
    """The flow goes to another address, and to another port unless that is None."""

    address: str
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetField:
    """A header field (see FIELDS) gets this value; the MSS is only ever lowered (nft_exthdr_tcp_set_eval)."""

    field: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StripOption:
    """A TCP option (see OPTIONS) becomes NOPs."""

    option: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SynProxy:
    """Handshakes are answered in the destination's name; it hears of a connection only when the client's ACK came."""


Nat = SourceNat | DestinationNat
Mangling = SetField | StripOption
Action = Drop | Reset | Reject | Lose | Limit | Nat | Mangling | SynProxy

_ADDRESS = r"[0-9A-Fa-f.:]+"

_FORMS: tuple[tuple[str, Callable[[re.Match[str]], Action]], ...] = (
    (r"drop", lambda _: Drop()),
    (r"reset", lambda _: Reset()),
    (r"reject (\S+)", lambda found: Reject(name=found[1])),
    (r"lose (\d{1,2}|100)%", lambda found: Lose(percent=int(found[1]))),
    (r"limit ([1-9]\d*/(second|minute))", lambda found: _limit(found[1])),
    (rf"snat ({_ADDRESS})", lambda found: SourceNat(address=found[1])),
    (r"masquerade", lambda _: SourceNat(address=None)),
    (rf"dnat \[({_ADDRESS})\](?::(\d+))?", lambda found: _destination(found)),
    (r"dnat ([0-9.]+)(?::(\d+))?", lambda found: _destination(found)),
    (rf"set ({'|'.join(FIELDS)}) (\d+)", lambda found: _set(found[1], int(found[2]))),
    (rf"strip ({'|'.join(OPTIONS)})", lambda found: StripOption(option=found[1])),
    (r"synproxy", lambda _: SynProxy()),
)


@functools.cache
def parse(text: str) -> Action:
    """The action that a scenario file names. Raises ValueError with the known ones."""
    for form, make in _FORMS:
        if found := re.fullmatch(form, text):
            return make(found)
    raise ValueError(f"unknown action {text!r}: {KNOWN}")


def _limit(text: str) -> Limit:
    number, _, unit = text.partition("/")
    return Limit(interval=_SECONDS[unit] / int(number), text=text)


def _destination(found: re.Match[str]) -> DestinationNat:
    return DestinationNat(address=found[1], port=int(found[2]) if found[2] else None)


def _set(field: str, value: int) -> SetField:
    if value > FIELDS[field]:
        raise ValueError(f"unknown action 'set {field} {value}': the largest {field} is {FIELDS[field]}")
    return SetField(field=field, value=value)

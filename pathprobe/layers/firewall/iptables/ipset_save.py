"""Which sets does ``ipset save`` print, and what is in them?

``create NAME TYPE OPTIONS`` makes a set and ``add NAME ELEMENT OPTIONS`` puts something into it; an element is as many
parts with commas between as its type has (ipset(8)).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from pathprobe.layers.firewall.model import Family

_FAMILIES = {"inet": Family.IP, "inet6": Family.IP6}

#: Options of a set that carry a value, as far as they say what is in it.
_CREATE_VALUES = frozenset({"family", "netmask", "bitmask", "markmask"})


@dataclass(frozen=True, slots=True)
class Entry:
    """``nomatch``: an exception from wider networks; ``wildcard``: the interface's name begins so."""

    parts: tuple[str, ...]
    nomatch: bool = False
    wildcard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IpSet:
    """``type``: such as ``hash:ip,port``; ``family``: None where it has no addresses, or those of both."""

    name: str
    type: str
    family: Family | None = None
    netmask: str | None = None
    bitmask: str | None = None
    markmask: str | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What its elements are made of: ``("ip", "port")``."""
        return tuple(self.type.partition(":")[2].split(","))


@dataclass(slots=True)
class _Made:
    type: str
    options: dict[str, str]
    entries: list[Entry] = field(default_factory=list)


def parse(text: str) -> dict[str, IpSet]:
    """The sets by name; what their elements mean is asked by whoever looks into them. Other lines are no set's."""
    made: dict[str, _Made] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        if words[0] == "create":
            made[words[1]] = _Made(words[2], _options(words[3:]))
        elif words[0] == "add" and words[1] in made:
            made[words[1]].entries.append(_entry(words[2], words[3:]))
    return {name: _set(name, one) for name, one in made.items()}


def _options(words: list[str]) -> dict[str, str]:
    return {name: value for name, value in pairwise(words) if name in _CREATE_VALUES}


def _entry(element: str, options: list[str]) -> Entry:
    flags = options[: options.index("comment")] if "comment" in options else options
    parts = tuple(element.split(","))
    # A comment is the last but for skbinfo and flags, which older versions print in front of it.
    behind = _behind_comment(options)
    return Entry(parts, "nomatch" in flags or "nomatch" in behind, "wildcard" in flags or "wildcard" in behind)


def _behind_comment(options: list[str]) -> list[str]:
    ends = [index for index, word in enumerate(options) if word.endswith('"')]
    return options[ends[-1] + 1 :] if ends else []


def _set(name: str, made: _Made) -> IpSet:
    bitmap_of_addresses = made.type in ("bitmap:ip", "bitmap:ip,mac")
    return IpSet(
        name=name,
        type=made.type,
        family=Family.IP if bitmap_of_addresses else _FAMILIES.get(made.options.get("family", "")),
        netmask=made.options.get("netmask"),
        bitmask=made.options.get("bitmask"),
        markmask=made.options.get("markmask"),
        entries=tuple(made.entries),
    )

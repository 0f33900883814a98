"""Which sets are in what ``ipset save`` printed, and which lines for ``ipset restore`` make them the present ones?

Rules hold on to a set by its place, so one in use is not destroyed but made anew beside itself and swapped (ipset(8)).
Entries that expire come and go by themselves; they are put back, and tell nothing in a comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Words of a set's or an entry's own state, each followed by its value.
_STATE = ("packets", "bytes", "initval")
#: A set's sizes follow its entries, and a new one chooses its own.
_SIZES = ("hashsize", "bucketsize")
#: The name of the set that is made to be swapped: shorter than IPSET_MAXNAMELEN, and nobody else's.
_BESIDE = "pathprobe-restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSet:
    """``kind``: its type, such as hash:ip. ``create`` and ``entries``: the words after the set's name."""

    name: str
    kind: str
    create: str
    entries: tuple[str, ...]

    @property
    def is_like(self) -> tuple[str, str]:
        """What two sets must share to be swapped: type and address family."""
        words = self.create.split()
        family = words[words.index("family") + 1] if "family" in words[:-1] else ""
        return self.kind, family


def sets(text: str) -> Mapping[str, SavedSet]:
    """By name, in the order of creation."""
    creates: dict[str, str] = {}
    entries: dict[str, list[str]] = {}
    for line in text.split("\n"):
        word, _, rest = line.partition(" ")
        name, _, what = rest.partition(" ")
        if word == "create":
            creates[name], entries[name] = what, []
        elif word == "add" and name in entries:
            entries[name].append(what)
    return {
        name: SavedSet(name=name, kind=what.partition(" ")[0], create=what, entries=tuple(entries[name]))
        for name, what in creates.items()
    }


def comparable(text: str) -> list[str]:
    """The lines without counters, sizes and what expires, sorted: a hash has no order."""
    lines = []
    for name, one in sorted(sets(text).items()):
        lines.append(f"create {name} {_without(one.create, (*_STATE, *_SIZES))}")
        lines += sorted(f"add {name} {_without(entry, _STATE)}" for entry in one.entries if not _expires(entry))
    return lines


def _without(text: str, words: tuple[str, ...]) -> str:
    """The text without these words and their values; what is quoted stays."""
    before, quote, quoted = text.partition('"')
    kept = []
    rest = iter(before.split())
    for word in rest:
        if word in words:
            next(rest, "")
        else:
            kept.append(word)
    return " ".join(kept) + (f" {quote}{quoted}" if quote else "")


def _expires(entry: str) -> bool:
    """A timeout of 0 is none."""
    words = entry.partition('"')[0].split()
    return "timeout" in words[:-1] and words[words.index("timeout") + 1] != "0"


def making(now: str, wanted: str) -> str:
    """Lines for ``ipset restore``: afterwards every wanted set is there as it was; others still are too."""
    present = sets(now)
    lines = [f"destroy {_BESIDE}"] if _BESIDE in present else []  # left behind by one that failed
    for one in sets(wanted).values():
        old = present.get(one.name)
        if old is None:
            lines += _made(one, one.name)
        elif old.is_like == one.is_like:
            lines += [*_made(one, _BESIDE), f"swap {_BESIDE} {one.name}", f"destroy {_BESIDE}"]
        else:
            lines += [f"destroy {one.name}", *_made(one, one.name)]
    return "".join(f"{line}\n" for line in lines)


def extra(now: str, wanted: str) -> tuple[str, ...]:
    """The sets that are not wanted, those that hold others first; no rule may use them when they are destroyed."""
    kept = {*sets(wanted), _BESIDE}  # that one went when the others were made
    unwanted = [one for name, one in sets(now).items() if name not in kept]
    return tuple(one.name for one in sorted(unwanted, key=lambda one: one.kind != "list:set"))


def _made(one: SavedSet, name: str) -> Iterator[str]:
    yield f"create {name} {one.create}"
    for entry in one.entries:
        yield f"add {name} {entry}"

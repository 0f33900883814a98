"""Which tables are in what ``nft list ruleset`` printed, and what of it is the rules' own and not their state?

A listing is cut into lines only outside of quotes, for a comment may hold anything. Counters, what a quota has used,
and set elements that come and go by themselves (those that expire, those of a dynamic set) tell nothing about rules:
``comparable`` leaves them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTable:
    """``text`` from its name to its closing brace, as nft takes it back."""

    family: str
    name: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        return self.family, self.name

    @property
    def flags(self) -> frozenset[str]:
        """``owner``: it belongs to a process, which nobody else can change; ``dormant``; ``persist``."""
        for line in self.text.split("\n")[1:]:
            word, _, rest = line.strip().partition(" ")
            if word == "flags" and line.startswith("\t") and not line.startswith("\t\t"):
                return frozenset(flag.strip() for flag in rest.split("#")[0].split(","))
            if line.endswith("{"):
                break
        return frozenset()

    @property
    def chains(self) -> frozenset[str]:
        words = (line.split() for line in self.text.split("\n") if line.startswith("\tchain "))
        return frozenset(found[1] for found in words if len(found) > 1)


def tables(listing: str) -> tuple[ListedTable, ...]:
    """Those that the listing has, in its order; what stands between them (warnings) is passed over."""
    found: list[ListedTable] = []
    open_lines: list[str] = []
    for line in _logical_lines(listing):
        if not open_lines and not _opens_a_table(line):
            continue
        open_lines.append(line)
        if line.startswith("}"):
            family, name = open_lines[0].split()[1:3]
            found.append(ListedTable(family=family, name=name, text="".join(f"{one}\n" for one in open_lines)))
            open_lines = []
    return tuple(found)


def without(listing: str, is_left_out: Callable[[str], bool]) -> str:
    """The listing but for the tables of these names."""
    lines: list[str] = []
    is_inside = False
    for line in _logical_lines(listing):
        is_inside = is_inside or (_opens_a_table(line) and is_left_out(line.split()[2]))
        if not is_inside:
            lines.append(line)
        is_inside = is_inside and not line.startswith("}")
    return "\n".join(lines) + ("\n" if listing.endswith("\n") and lines and lines[-1] else "")


def _opens_a_table(line: str) -> bool:
    """``table inet mine {``; behind it may be a comment: # progname firewalld."""
    return line.startswith("table ") and line.split()[3:4] == ["{"]


def _logical_lines(listing: str) -> Iterator[str]:
    """Lines whose quotes are closed."""
    pending = ""
    for line in listing.split("\n"):
        pending = f"{pending}\n{line}" if pending else line
        if pending.count('"') % 2 == 0:
            yield pending
            pending = ""


def comparable(listing: str) -> list[str]:
    """The lines of a listing without what changes by itself, the tables in the order of their names."""
    lines: list[str] = []
    for table in sorted(tables(listing), key=lambda one: one.key):
        lines += _stateless(list(_logical_lines(table.text.removesuffix("\n"))))
    return lines


def _stateless(lines: Sequence[str]) -> Iterator[str]:
    is_dynamic = False
    rest = iter(lines)
    for line in rest:
        words = line.split()
        if line.startswith("\t") and not line.startswith("\t\t"):
            is_dynamic = False
        if words[:1] == ["flags"] and "dynamic" in ",".join(words[1:]).split(","):
            is_dynamic = True
        if words[:3] == ["elements", "=", "{"]:
            yield from _elements(_to_closing_brace(line, rest), is_dynamic=is_dynamic)
        elif not _is_only_state(words):
            yield _without_state(line)


def _is_only_state(words: Sequence[str]) -> bool:
    """The value of a named counter stands on a line of its own."""
    return len(words) == 4 and words[0] == "packets" and words[2] == "bytes"


def _to_closing_brace(line: str, rest: Iterator[str]) -> str:
    lines = [line]
    while not _unquoted(lines[-1]).rstrip().endswith("}"):
        lines.append(next(rest, "}").strip())
    return " ".join(lines)


def _elements(text: str, *, is_dynamic: bool) -> Iterator[str]:
    """One line an element: which one changed is then plain."""
    if is_dynamic:
        return
    inner = text[text.index("{") + 1 : text.rindex("}")]
    kept = [one for one in _split_outside_quotes(inner) if "expires" not in _unquoted(one).split()]
    for one in sorted(kept):
        yield "\t\telement " + _without_state(one)


def _split_outside_quotes(text: str) -> Iterator[str]:
    pending = ""
    for part in text.split(","):
        pending = f"{pending},{part}" if pending else part
        if pending.count('"') % 2 == 0:
            yield pending.strip()
            pending = ""


def _unquoted(text: str) -> str:
    return "".join(text.split('"')[::2])


def _without_state(line: str) -> str:
    """The line without counters' values and the like, its quoted parts untouched."""
    parts = line.split('"')
    parts[::2] = [_without_state_outside_quotes(part) for part in parts[::2]]
    return '"'.join(parts)


#: Octets, as nft writes a quota's.
_UNITS = ("bytes", "kbytes", "mbytes", "gbytes")


def _without_state_outside_quotes(text: str) -> str:
    words, kept = text.split(" "), []
    position = 0
    while position < len(words):
        state = _words_of_state(words, position)
        if not state:
            kept.append(words[position])
        position += state or 1
    return " ".join(kept)


def _words_of_state(words: Sequence[str], position: int) -> int:
    """How many words from here on are state."""
    here = [*words[position : position + 4], "", "", ""]
    if here[0] == "packets" and here[1].isdecimal() and here[2] == "bytes":
        return 4
    if here[0] == "used" and here[1].isdecimal() and here[2] in _UNITS:
        return 3
    if here[0] == "used" and position and words[position - 1].strip() == "last":
        return 2
    return 0


def replacing(delete: Sequence[tuple[str, str]], texts: Sequence[str]) -> str:
    """One transaction that takes these tables away, whether they are there or not, and makes those of ``texts``."""
    lines = [f"table {family} {name}\ndelete table {family} {name}\n" for family, name in delete]
    return "".join([*lines, *texts])

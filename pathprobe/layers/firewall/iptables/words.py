"""Which conditions and which target does a rule line of iptables-save name?

A line is ``-A CHAIN``, general options (``-s -d -i -o -p -f``), ``-m NAME`` with options of that match, and ``-j`` or
``-g`` with options of the target to the end. ``!`` stands before what it negates; up to iptables 1.4.2 behind it. Text
with other than letters and digits is in double quotes, in which a backslash takes the next character as it is
(xtables_save_string); a few matches forget to quote. Words are kept as written, so that their text can be told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

#: Options of one value that is free text: it may look like an option, and is none.
_FREE_TEXT = frozenset(
    {"--comment", "--string", "--hex-string", "--name", "--u32", "--bytecode", "--helper", "--label"}
)

GENERAL = {
    "-s": "-s", "--source": "-s", "--src": "-s",
    "-d": "-d", "--destination": "-d", "--dst": "-d",
    "-i": "-i", "--in-interface": "-i",
    "-o": "-o", "--out-interface": "-o",
    "-p": "-p", "--protocol": "-p",
    "-f": "-f", "--fragment": "-f",
}  # fmt: skip

_MATCH = frozenset({"-m", "--match"})
_TARGET = {"-j": False, "--jump": False, "-g": True, "--goto": True}


class NotUnderstood(ValueError):
    """These words are none that this reader knows; whoever asked keeps them as they are."""


@dataclass(slots=True)
class Option:
    """``values`` as they are, without quotes; ``text`` as written, with its negation."""

    name: str
    values: list[str]
    negated: bool
    text: str

    @property
    def value(self) -> str:
        """The only value. Raises NotUnderstood where there is none, or more than one."""
        if len(self.values) != 1:
            raise NotUnderstood(self.text)
        return self.values[0]


@dataclass(slots=True)
class Module:
    """A match or a target with its options."""

    name: str
    options: list[Option] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def option(self, name: str) -> Option | None:
        return next((one for one in self.options if one.name == name), None)

    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.options)


@dataclass(slots=True)
class Dissected:
    """A rule in its parts. ``stray``: options that belong to no match."""

    general: list[Option] = field(default_factory=list)
    matches: list[Module] = field(default_factory=list)
    target: Module | None = None
    goto: bool = False
    stray: list[Option] = field(default_factory=list)


def split(line: str) -> list[str]:
    """The words of a line with their quotes. Raises NotUnderstood for a quote that is not closed."""
    if '"' not in line:
        return line.split()
    words, word, quoted, escaped = [], "", False, False
    for character in line:
        if not quoted and character.isspace():
            if word:
                words.append(word)
            word = ""
            continue
        word += character
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
    if quoted:
        raise NotUnderstood(line)
    return [*words, word] if word else words


def plain(word: str) -> str:
    """What a word stands for, without quotes and backslashes."""
    if '"' not in word:
        return word
    said, quoted, escaped = "", False, False
    for character in word:
        if escaped:
            said, escaped = said + character, False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        else:
            said += character
    return said


def dissect(words: Sequence[str]) -> Dissected:
    """What stands behind ``-A CHAIN`` in its parts. Raises NotUnderstood where an option has lost its value."""
    found = Dissected()
    module: Module | None = None
    at = 0
    while at < len(words):
        word = words[at]
        if word in _MATCH:
            module = Module(_next(words, at), words=list(words[at : at + 2]))
            found.matches.append(module)
            at += 2
        elif word in _TARGET and found.target is None:
            module = found.target = Module(_next(words, at), words=list(words[at : at + 2]))
            found.goto = _TARGET[word]
            at += 2
        else:
            option, behind = _option(words, at)
            if option.name in GENERAL and found.target is None:
                found.general.append(option)
            elif module is None:
                found.stray.append(option)
            else:
                module.options.append(option)
                module.words += words[at:behind]
            at = behind
    return found


def _next(words: Sequence[str], at: int) -> str:
    if at + 1 >= len(words):
        raise NotUnderstood(words[at])
    return words[at + 1]


def _option(words: Sequence[str], at: int) -> tuple[Option, int]:
    """The option that begins here, and where the next one does."""
    begin, negated = at, words[at] == "!"
    if negated:
        _next(words, at)
        at += 1
    name = words[at]
    at += 1
    if at < len(words) and words[at] == "!" and at + 1 < len(words) and not words[at + 1].startswith("-"):
        negated = not negated
        at += 1
    end = at + 1 if name in _FREE_TEXT else at
    while end < len(words) and words[end] != "!" and not words[end].startswith("-"):
        end += 1
    values = [plain(word) for word in words[at:end]]
    return Option(name, values, negated, " ".join(words[begin:end])), end

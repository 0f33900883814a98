"""Of which shapes is a drawing of a path made, and how do its lines of text fit the paper?

Units are CSS pixels. The width is what a small telephone leaves, and holds an IPv6 address in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from textwrap import wrap

WIDTH = 380
MARGIN, LANE, GAP = 18, 30, 24
LINE, SPACE = 18, 32
RADIUS = 7

#: Pixels that the widest letter of a line takes: of addresses, in 14 px, and of words, in 13 px.
_FIXED, _WORDS = 8.5, 7.6


class Look(StrEnum):
    """What a node or a line shall look like; the names of the template's classes."""

    HOST = "host"
    HOP = "hop"
    MUTE = "mute"
    GUILTY = "guilty"
    TARGET = "target"
    MISSED = "missed"
    WHOLE = "whole"
    BROKEN = "broken"
    NOTE = "note"
    BREAK = "break"
    BOX = "box"


class Sign(StrEnum):
    """What a mark on a line shows: it breaks here, it may break here, a box changes packets here, which way it goes."""

    CROSS = "cross"
    QUESTION = "question"
    BOX = "box"
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    x: int
    y: int
    look: Look
    letter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    x1: int
    y1: int
    x2: int
    y2: int
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    x: int
    y: int
    look: Look
    sign: Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    x: int
    y: int
    text: str
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """``title`` and ``description`` say in words what is drawn, for those who cannot see it."""

    width: int
    height: int
    title: str
    description: str
    links: tuple[Link, ...]
    nodes: tuple[Node, ...]
    marks: tuple[Mark, ...]
    texts: tuple[Text, ...]


@dataclass(slots=True, kw_only=True)
class Sheet:
    """What is on the paper so far; ``y`` is where it goes on."""

    y: int = MARGIN
    links: list[Link] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def write(self, x: int, lines: Iterable[tuple[str, Look]]) -> None:
        """Lines from ``y`` on, folded where they are too long; afterwards ``y`` is at the last."""
        folded = [(part, look) for text, look in lines for part in _folded(text, WIDTH - x, look)]
        for number, (text, look) in enumerate(folded):
            self.texts.append(Text(x=x, y=self.y + number * LINE, text=text, look=look))
        self.y += (len(folded) - 1) * LINE


def _folded(text: str, room: int, look: Look) -> list[str]:
    return wrap(text, int(room / (_FIXED if look is Look.HOP else _WORDS)))

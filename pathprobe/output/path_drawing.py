"""How is the path drawn, with the break in it?

From top to bottom, so that the longest address and the longest path fit a narrow screen and a printed page: this host,
a row for each hop, the target. Ways that flows took stand side by side and share what they have in common. What lies
between two hops (the break, boxes that change packets) is written on the line between them.

Geometry only: text and shapes out, the template makes SVG of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from textwrap import wrap

from pathprobe.core.quotes import Change
from pathprobe.core.report import HopRow, Middlebox, Result, State, Where
from pathprobe.output import flows
from pathprobe.output.boxes import row_note
from pathprobe.output.table import POINTER, break_after, hop_note
from pathprobe.output.wording import is_mute, summary

#: Units are CSS pixels. The width is what a small telephone leaves, and holds an IPv6 address in full.
WIDTH = 380
_MARGIN, _LANE, _GAP = 18, 30, 24
_LINE, _SPACE = 18, 32
_RADIUS = 7

#: Ways side by side; more of them would leave no room for addresses.
_MOST_WAYS = 4

#: Pixels that the widest letter of a line takes: of addresses, in 14 px, and of words, in 13 px.
_FIXED, _WORDS = 8.5, 7.6

_DIE = frozenset({State.FILTERED, State.UNREACHABLE, State.INTERMITTENT})


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
    """What a mark on a line shows: it breaks here, it may break here, a box changes packets here."""

    CROSS = "cross"
    QUESTION = "question"
    BOX = "box"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stop:
    """One place on a way: who is there, what is said of it, how it looks."""

    name: str
    words: str
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class _Between:
    """What lies behind a row: words, and whether the path breaks there."""

    lines: tuple[tuple[str, Look], ...] = ()
    sign: Sign | None = None


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """What is on the paper so far."""

    y: int = _MARGIN
    links: list[Link] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def write(self, x: int, lines: Iterable[tuple[str, Look]]) -> None:
        """Lines from ``y`` on, folded where they are too long; afterwards ``y`` is at the last."""
        folded = [(part, look) for text, look in lines for part in _folded(text, WIDTH - x, look)]
        for number, (text, look) in enumerate(folded):
            self.texts.append(Text(x=x, y=self.y + number * _LINE, text=text, look=look))
        self.y += (len(folded) - 1) * _LINE


def _folded(text: str, room: int, look: Look) -> list[str]:
    return wrap(text, int(room / (_FIXED if look is Look.HOP else _WORDS)))


def draw(result: Result) -> Drawing:
    """The path of one result."""
    sheet = _several(result) if flows.are_traced(result.paths) else _single(result)
    return Drawing(
        width=WIDTH,
        height=sheet.y + _MARGIN,
        title=f"The path to {result.target.label}",
        description=_description(result),
        links=tuple(sheet.links),
        nodes=tuple(sheet.nodes),
        marks=tuple(sheet.marks),
        texts=tuple(sheet.texts),
    )


def _description(result: Result) -> str:
    hops = ", ".join(f"hop {row.ttl} {row.address or 'answered nobody'}" for row in result.hops)
    return f"{summary(result)} From this host ({result.source}): {hops or 'no hop was asked'}."


# --- One way


def _single(result: Result) -> _Sheet:
    sheet = _Sheet()
    broken = break_after(result)
    stops = _stops(result)
    x, label = _MARGIN, _MARGIN + _GAP
    for number, (ttl, stop) in enumerate(stops):
        node = Node(x=x, y=sheet.y, look=stop.look)
        sheet.nodes.append(node)
        sheet.write(label, [(stop.name, Look.HOP), (stop.words, Look.NOTE)])
        if number + 1 < len(stops):
            _step(sheet, node, _between(result, ttl, is_break=ttl == broken), label)
    return sheet


def _stops(result: Result) -> list[tuple[int, _Stop]]:
    """This host, the hops, and the target where no hop is it."""
    stops = [(0, _Stop(name=result.source, words="this host", look=Look.HOST))]
    stops += [(row.ttl, _hop(result, row)) for row in result.hops]
    if not any(row.address == result.target.address for row in result.hops) and result.source != result.target.address:
        reached = result.verdict.state in (State.OPEN, State.CLOSED)
        words = "the target" if reached else "the target, not reached"
        look = Look.TARGET if reached else Look.MISSED
        stops.append((len(stops), _Stop(name=result.target.address, words=words, look=look)))
    return stops


def _hop(result: Result, row: HopRow) -> _Stop:
    location, is_target = result.verdict.location, row.address == result.target.address
    guilty = location.device is not None and location.device.ttl == row.ttl and result.verdict.state is not State.OPEN
    words = [f"hop {row.ttl}{', the target' if is_target else ''}", row_note(row)]
    note = hop_note(location, result, row).removeprefix(POINTER)
    words += [note] if guilty or row.address is None else []
    look = Look.TARGET if is_target else Look.HOP if row.address else Look.MUTE
    told = ", ".join(filter(None, words))
    return _Stop(name=row.address or "?", words=told, look=Look.GUILTY if guilty else look)


def _between(result: Result, ttl: int, *, is_break: bool) -> _Between:
    boxes = [box for box in result.middleboxes if box.between[0].ttl == ttl and box.what is not Change.IN_PLACE]
    lines = tuple((_box_words(box), Look.BOX) for box in boxes)
    if not is_break:
        return _Between(lines=lines, sign=Sign.BOX if lines else None)
    words = (_break_words(result), Look.BREAK)
    return _Between(lines=(words, *lines), sign=Sign.QUESTION if is_mute(result) else Sign.CROSS)


def _break_words(result: Result) -> str:
    verdict = result.verdict
    if is_mute(result):
        return "from here on silence: no answer, or a rule"
    if verdict.location.device:
        return f"{result.target.service} is refused"
    good, bad = verdict.location.last_good, verdict.location.first_bad
    if good is None or bad is None or verdict.location.where is Where.LOCAL:
        return f"{result.target.service} stops here"
    here = "this host" if good.ttl == 0 else f"hop {good.ttl}"
    return f"{result.target.service} stops between {here} and hop {bad.ttl}"


def _box_words(box: Middlebox) -> str:
    values = f": {box.before or 'nothing'} -> {box.after or 'nothing'}" if box.before or box.after else ""
    where = "" if box.between[0] != box.between[1] else f" at hop {box.between[0].ttl}"
    return f"{box.what}{where}{values}"


def _step(sheet: _Sheet, node: Node, between: _Between, label: int) -> None:
    """The line to the next row, with what is written on it."""
    is_broken = between.sign in (Sign.CROSS, Sign.QUESTION)
    if between.sign:
        sheet.y += _SPACE - 4
        top = sheet.y
        sheet.write(label, between.lines)
        middle = (top + sheet.y) // 2
        sheet.marks.append(Mark(x=node.x, y=middle, look=Look.BREAK if is_broken else Look.BOX, sign=between.sign))
    sheet.y += _SPACE
    look = Look.BROKEN if is_broken else Look.WHOLE
    sheet.links.append(Link(x1=node.x, y1=node.y + _RADIUS, x2=node.x, y2=sheet.y - _RADIUS, look=look))


# --- Several ways


def _several(result: Result) -> _Sheet:
    """Ways side by side: a node for each router that a row has, and lines as the flows went."""
    sheet = _Sheet()
    ways = flows.ways(result.paths)
    shown = ways[:_MOST_WAYS]
    label = _MARGIN + (len(shown) - 1) * _LANE + _GAP
    start = Node(x=_MARGIN, y=sheet.y, look=Look.HOST)
    sheet.nodes.append(start)
    sheet.write(label, [(result.source, Look.HOP), ("this host", Look.NOTE)])
    before = [start] * len(shown)
    for row in range(max(len(way.hops) for way in shown)):
        before = _row(sheet, result, shown, row, before, label)
    if len(ways) > len(shown):
        sheet.y += _SPACE
        rest = sum(way.count for way in ways[_MOST_WAYS:])
        sheet.write(label, [(f"and {rest} flows on {len(ways) - len(shown)} more ways", Look.NOTE)])
    return sheet


def _row(
    sheet: _Sheet, result: Result, ways: tuple[flows.Way, ...], row: int, before: list[Node], label: int
) -> list[Node]:
    here = [way.hops[row] if row < len(way.hops) else None for way in ways]
    keys = [None if hop is None else _key(hop, number) for number, hop in enumerate(here)]
    distinct = list(dict.fromkeys(key for key in keys if key is not None))
    sheet.y += _SPACE + 6
    lines: list[tuple[str, Look]] = []
    nodes: dict[str, Node] = {}
    for number, router in enumerate(distinct):
        lane = keys.index(router)
        node = _branch(result, ways[lane], row, letter=chr(ord("a") + number) if len(distinct) > 1 else "")
        nodes[router] = replace(node, x=_MARGIN + lane * _LANE, y=sheet.y)
        count = sum(way.count for way, one in zip(ways, keys, strict=True) if one == router)
        letter = f"{node.letter}  " if node.letter else ""
        lines += _branch_lines(result, ways[lane], row, f"{letter}{here[lane]}", count)
    for way, key, parent in zip(ways, keys, before, strict=True):
        if key is not None:
            _join(sheet, parent, nodes[key], dies=_ends_here(way, row))
    sheet.nodes += nodes.values()
    sheet.write(label, lines)
    return [parent if key is None else nodes[key] for key, parent in zip(keys, before, strict=True)]


def _key(hop: str, number: int) -> str:
    """Ways meet at a router, not in silence."""
    return f"? {number}" if hop == "?" else hop


def _ends_here(way: flows.Way, row: int) -> bool:
    return way.state in _DIE and row == len(way.hops) - 1 and way.hops[row] == "?"


def _branch(result: Result, way: flows.Way, row: int, *, letter: str) -> Node:
    look = Look.MUTE if way.hops[row] == "?" else Look.HOP
    if way.hops[row] == result.target.address:
        look = Look.TARGET
    return Node(x=0, y=0, look=look, letter=letter)


def _branch_lines(result: Result, way: flows.Way, row: int, name: str, count: int) -> list[tuple[str, Look]]:
    of = len(result.paths)
    if _ends_here(way, row):
        return [(f"{name}  {count} of {of} flows die here", Look.BREAK)]
    target = ", the target" if way.hops[row] == result.target.address else ""
    return [(name, Look.HOP), (f"hop {row + 1}{target}, {count} of {of} flows", Look.NOTE)]


def _join(sheet: _Sheet, parent: Node, node: Node, *, dies: bool) -> None:
    look = Look.BROKEN if dies else Look.WHOLE
    link = Link(x1=parent.x, y1=parent.y + _RADIUS, x2=node.x, y2=node.y - _RADIUS, look=look)
    if link not in sheet.links:
        sheet.links.append(link)
    if dies:
        x, y = (parent.x + node.x) // 2, (parent.y + node.y) // 2
        sheet.marks.append(Mark(x=x, y=y, look=Look.BREAK, sign=Sign.CROSS))

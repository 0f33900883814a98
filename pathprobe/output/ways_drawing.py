"""How are several ways of flows drawn, side by side?

A node for each router that a row has, and lines as the flows went: they part where the path branches, share what they
have in common, and end in a cross where flows die.
"""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.report import Result, State
from pathprobe.output import flows
from pathprobe.output.shapes import GAP, LANE, MARGIN, RADIUS, SPACE, Link, Look, Mark, Node, Sheet, Sign

#: Ways side by side; more of them would leave no room for addresses.
_MOST_WAYS = 4

_DIE = frozenset({State.FILTERED, State.UNREACHABLE, State.INTERMITTENT})


def draw_ways(result: Result) -> Sheet:
    """The sheet with all of them, as far as they have room."""
    sheet = Sheet()
    ways = flows.ways(result.paths)
    shown = ways[:_MOST_WAYS]
    label = MARGIN + (len(shown) - 1) * LANE + GAP
    start = Node(x=MARGIN, y=sheet.y, look=Look.HOST)
    sheet.nodes.append(start)
    sheet.write(label, [(result.source, Look.HOP), ("this host", Look.NOTE)])
    before = [start] * len(shown)
    for row in range(max(len(way.hops) for way in shown)):
        before = _row(sheet, result, shown, row, before, label)
    if len(ways) > len(shown):
        sheet.y += SPACE
        rest = sum(way.count for way in ways[_MOST_WAYS:])
        sheet.write(label, [(f"and {rest} flows on {len(ways) - len(shown)} more ways", Look.NOTE)])
    return sheet


def _row(
    sheet: Sheet, result: Result, ways: tuple[flows.Way, ...], row: int, before: list[Node], label: int
) -> list[Node]:
    here = [way.hops[row] if row < len(way.hops) else None for way in ways]
    keys = [None if hop is None else _key(hop, number) for number, hop in enumerate(here)]
    distinct = list(dict.fromkeys(key for key in keys if key is not None))
    sheet.y += SPACE + 6
    lines: list[tuple[str, Look]] = []
    nodes: dict[str, Node] = {}
    for number, router in enumerate(distinct):
        lane = keys.index(router)
        node = _branch(result, ways[lane], row, letter=chr(ord("a") + number) if len(distinct) > 1 else "")
        nodes[router] = replace(node, x=MARGIN + lane * LANE, y=sheet.y)
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


def _join(sheet: Sheet, parent: Node, node: Node, *, dies: bool) -> None:
    look = Look.BROKEN if dies else Look.WHOLE
    link = Link(x1=parent.x, y1=parent.y + RADIUS, x2=node.x, y2=node.y - RADIUS, look=look)
    if link not in sheet.links:
        sheet.links.append(link)
    if dies:
        x, y = (parent.x + node.x) // 2, (parent.y + node.y) // 2
        sheet.marks.append(Mark(x=x, y=y, look=Look.BREAK, sign=Sign.CROSS))

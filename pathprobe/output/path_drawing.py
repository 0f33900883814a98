"""How is the path drawn, with the break in it?

From top to bottom, so that the longest address and the longest path fit a narrow screen and a printed page: this host,
a row for each hop, the target. What lies between two hops (the break, boxes that change packets) is written on the line
between them. Geometry only: text and shapes out, the template makes SVG of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.core.quotes import Change
from pathprobe.core.report import HopRow, Middlebox, Result, State, Where
from pathprobe.output import flows, watched
from pathprobe.output.boxes import row_note
from pathprobe.output.ends_drawing import draw_ends
from pathprobe.output.shapes import GAP, MARGIN, RADIUS, SPACE, WIDTH, Drawing, Link, Look, Mark, Node, Sheet, Sign
from pathprobe.output.table import POINTER, break_after, hop_note
from pathprobe.output.ways_drawing import draw_ways
from pathprobe.output.wording import fails, is_mute, summary


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


def draw(result: Result) -> Drawing:
    """The path of one result."""
    sheet = _sheet(result)
    return Drawing(
        width=WIDTH,
        height=sheet.y + MARGIN,
        title=f"The path to {result.target.label}",
        description=_description(result),
        links=tuple(sheet.links),
        nodes=tuple(sheet.nodes),
        marks=tuple(sheet.marks),
        texts=tuple(sheet.texts),
    )


def _sheet(result: Result) -> Sheet:
    """Between two ends nothing shows the hops, unless somebody stepped through them."""
    if flows.are_traced(result.paths):
        return draw_ways(result)
    if result.both_ends and not result.hops:
        return draw_ends(result, result.both_ends)
    return _one_way(result)


def _description(result: Result) -> str:
    if result.both_ends and not result.hops:
        return f"{summary(result)} Two ends: the client {result.source}, the server {result.target.address}."
    hops = ", ".join(f"hop {row.ttl} {row.address or 'answered nobody'}" for row in result.hops)
    return f"{summary(result)} From {_asker(result)} ({result.source}): {hops or 'no hop was asked'}."


def _one_way(result: Result) -> Sheet:
    sheet = Sheet()
    broken = break_after(result)
    stops = _stops(result)
    x, label = MARGIN, MARGIN + GAP
    for number, (ttl, stop) in enumerate(stops):
        node = Node(x=x, y=sheet.y, look=stop.look)
        sheet.nodes.append(node)
        sheet.write(label, [(stop.name, Look.HOP), (stop.words, Look.NOTE)])
        if number + 1 < len(stops):
            _step(sheet, node, _between(result, ttl, is_break=ttl == broken, is_last=number + 2 == len(stops)), label)
    return sheet


def _stops(result: Result) -> list[tuple[int, _Stop]]:
    """This host, the hops, and the target where no hop is it."""
    stops = [(0, _Stop(name=result.source, words=_asker(result), look=Look.HOST))]
    stops += [(row.ttl, _hop(result, row)) for row in result.hops]
    if not any(row.address == result.target.address for row in result.hops) and result.source != result.target.address:
        reached = result.verdict.state in (State.OPEN, State.CLOSED)
        words = "the target" if reached else "the target, not reached"
        look = Look.TARGET if reached else Look.MISSED
        stops.append((len(stops), _Stop(name=result.target.address, words=words, look=look)))
    return stops


def _asker(result: Result) -> str:
    """A capture of others' traffic comes from another host than the one that reads it."""
    return "this host" if result.counted is None else "the host that asked"


def _hop(result: Result, row: HopRow) -> _Stop:
    location, is_target = result.verdict.location, row.address == result.target.address
    guilty = location.device is not None and location.device.ttl == row.ttl and result.verdict.state is not State.OPEN
    words = [f"hop {row.ttl}{', the target' if is_target else ''}", row_note(row)]
    note = hop_note(location, result, row).removeprefix(POINTER)
    words += [note] if guilty or row.address is None else []
    look = Look.TARGET if is_target else Look.HOP if row.address else Look.MUTE
    told = ", ".join(filter(None, words))
    return _Stop(name=row.address or "?", words=told, look=Look.GUILTY if guilty else look)


def _between(result: Result, ttl: int, *, is_break: bool, is_last: bool) -> _Between:
    boxes = [box for box in result.middleboxes if box.between[0].ttl == ttl and box.what is not Change.IN_PLACE]
    lines = tuple((_box_words(box), Look.BOX) for box in boxes)
    if (wrong := _wrong(result)) and is_last:
        return _Between(lines=((wrong, Look.BREAK), *lines), sign=Sign.CROSS)
    if not is_break:
        return _Between(lines=lines, sign=Sign.BOX if lines else None)
    words = (_break_words(result), Look.BREAK)
    return _Between(lines=(words, *lines), sign=Sign.QUESTION if is_mute(result) else Sign.CROSS)


def _wrong(result: Result) -> str | None:
    """What becomes of connections that the target accepted; somewhere before it, if no hop is known for it."""
    return watched.trouble(result) if fails(result) else None


def _break_words(result: Result) -> str:
    verdict = result.verdict
    if is_mute(result):
        return "from here on silence: no answer, or a rule"
    if verdict.location.device:
        return f"{result.target.service} is refused"
    good, bad = verdict.location.last_good, verdict.location.first_bad
    if verdict.location.where is Where.LOCAL:
        return f"{result.target.service} stops here"
    if good is None or bad is None:
        return f"{result.target.service} stops somewhere from here on"
    here = _asker(result) if good.ttl == 0 else f"hop {good.ttl}"
    return f"{result.target.service} stops between {here} and hop {bad.ttl}"


def _box_words(box: Middlebox) -> str:
    values = f": {box.before or 'nothing'} -> {box.after or 'nothing'}" if box.before or box.after else ""
    where = "" if box.between[0] != box.between[1] else f" at hop {box.between[0].ttl}"
    return f"{box.what}{where}{values}"


def _step(sheet: Sheet, node: Node, between: _Between, label: int) -> None:
    """The line to the next row, with what is written on it."""
    is_broken = between.sign in (Sign.CROSS, Sign.QUESTION)
    if between.sign:
        sheet.y += SPACE - 4
        top = sheet.y
        sheet.write(label, between.lines)
        middle = (top + sheet.y) // 2
        sheet.marks.append(Mark(x=node.x, y=middle, look=Look.BREAK if is_broken else Look.BOX, sign=between.sign))
    sheet.y += SPACE
    look = Look.BROKEN if is_broken else Look.WHOLE
    sheet.links.append(Link(x1=node.x, y1=node.y + RADIUS, x2=node.x, y2=sheet.y - RADIUS, look=look))

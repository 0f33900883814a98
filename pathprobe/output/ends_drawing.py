"""How is it drawn what became of the packets between two ends, one line for each way?

The client above, the server below; packets go down on the left line and up on the right one. Where they were lost, or
made by somebody else, a mark stands on the line, and from there on it is broken.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.core.ends.both_ends import BothEnds
from pathprobe.core.ends.fate import Fate
from pathprobe.core.report import Result, State
from pathprobe.output.both_ends import asked, breaker, count
from pathprobe.output.shapes import GAP, LANE, MARGIN, RADIUS, SPACE, Link, Look, Mark, Node, Sheet, Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """What is written beside a line. ``sign``: the mark on it, None where packets got through.

    ``before`` and ``after`` the mark, as packets go: None where nothing went.
    """

    lines: tuple[tuple[str, Look], ...]
    sign: Sign | None = None
    before: Look | None = Look.WHOLE
    after: Look | None = Look.WHOLE


def draw_ends(result: Result, ends: BothEnds) -> Sheet:
    """The sheet with both ends and both ways."""
    sheet, label = Sheet(), MARGIN + LANE + GAP
    client = Node(x=MARGIN, y=sheet.y, look=Look.HOST)
    sheet.write(label, [(result.source, Look.HOP), ("the client", Look.NOTE)])
    there, back = _there(result, ends), _back(result, ends)
    marks = [_written(sheet, way, label) for way in (there, back)]
    sheet.y += SPACE + RADIUS
    reached = ends.arrived > 0
    server = Node(x=MARGIN, y=sheet.y, look=Look.TARGET if reached else Look.MISSED)
    words = "the server" if reached else "the server: none arrived" if ends.running.is_known else "the server"
    sheet.nodes += [client, server]
    sheet.write(label, [(result.target.address, Look.HOP), (words, Look.NOTE)])
    top, bottom = client.y + RADIUS, server.y - RADIUS
    _line(sheet, there, MARGIN, (top, marks[0], bottom), Sign.DOWN)
    _line(sheet, back, MARGIN + LANE, (bottom, marks[1], top), Sign.UP)
    return sheet


def _written(sheet: Sheet, way: _Way, label: int) -> int:
    """Its words; where the middle of them is."""
    sheet.y += SPACE + RADIUS
    top = sheet.y
    sheet.write(label, way.lines)
    return (top + sheet.y) // 2


def _line(sheet: Sheet, way: _Way, x: int, stops: tuple[int, int, int], arrow: Sign) -> None:
    """From the sender by the mark to the receiver, with an arrow where packets arrive."""
    start, middle, end = stops
    for look, y1, y2 in ((way.before, start, middle), (way.after, middle, end)):
        if look is not None:
            sheet.links.append(Link(x1=x, y1=y1, x2=x, y2=y2, look=look))
    if way.after is Look.WHOLE:
        sheet.marks.append(Mark(x=x, y=end, look=Look.WHOLE, sign=arrow))
    if way.sign is not None:
        sheet.marks.append(Mark(x=x, y=middle, look=Look.BREAK, sign=way.sign))


def _there(result: Result, ends: BothEnds) -> _Way:
    sent = f"{asked(result, ends.sent)} sent"
    if ends.arrived == ends.sent:
        return _with_loss(result, ends, _Way(lines=((f"{sent}{_all(ends.sent, 'arrived')}", Look.NOTE),)), forward=True)
    if ends.arrived == 0 and result.verdict.location.device:
        lines = ((sent, Look.NOTE), (f"stopped by {breaker(result)}", Look.BREAK))
        return _Way(lines=lines, sign=Sign.CROSS, after=Look.BROKEN)
    if not ends.running.is_known:
        lines = ((sent, Look.NOTE), ("not known to have arrived", Look.BREAK))
        return _Way(lines=lines, sign=Sign.QUESTION, after=Look.BROKEN)
    if ends.arrived == 0:
        return _Way(lines=((sent, Look.NOTE), ("none arrived", Look.BREAK)), sign=Sign.CROSS, after=Look.BROKEN)
    lines = ((sent, Look.NOTE), (f"{ends.arrived} arrived, {ends.sent - ends.arrived} lost", Look.BREAK))
    return _Way(lines=lines, sign=Sign.CROSS)


def _back(result: Result, ends: BothEnds) -> _Way:
    if ends.fate in (Fate.FORGED, Fate.REFUSED_ON_THE_WAY):
        return _made_on_the_way(result, ends)
    if ends.answers == 0:
        words = "the server sent nothing" if ends.arrived else "so nothing to answer"
        if not ends.running.is_known:
            words = "nothing came"
        is_break = ends.arrived > 0
        look = Look.BREAK if is_break else Look.NOTE
        sign = Sign.CROSS if is_break else None
        return _Way(lines=((words, look),), sign=sign, before=None, after=Look.BROKEN if is_break else None)
    kind = "refusal" if result.verdict.state is State.CLOSED else "answer"
    answers = f"{count(ends.answers, kind)} sent"
    if ends.heard == 0:
        lines = ((answers, Look.NOTE), ("none came to the client", Look.BREAK))
        return _Way(lines=lines, sign=Sign.CROSS, after=Look.BROKEN)
    if ends.fate is Fate.UNHEARD:
        lines = ((f"{answers} and seen at the client", Look.NOTE), ("the client drops them itself", Look.BREAK))
        return _Way(lines=lines, sign=Sign.CROSS)
    if ends.heard < ends.answers:
        lines = ((answers, Look.NOTE), (f"{ends.heard} came, {ends.answers - ends.heard} lost", Look.BREAK))
        return _Way(lines=lines, sign=Sign.CROSS)
    way = _Way(lines=((f"{answers}{_all(ends.answers, 'came')}", Look.NOTE),))
    return _with_loss(result, ends, way, forward=False)


def _all(number: int, did: str) -> str:
    return f" and {did}" if number == 1 else f", all {did}"


def _made_on_the_way(result: Result, ends: BothEnds) -> _Way:
    """What came to the client began at the mark, and not at the server."""
    what = "answer forged by" if ends.fate is Fate.FORGED else "refusal made by"
    lines = ((f"{what} {breaker(result)}", Look.BREAK), ("not by the server", Look.NOTE))
    return _Way(lines=lines, sign=Sign.CROSS, before=None)


def _with_loss(result: Result, ends: BothEnds, way: _Way, *, forward: bool) -> _Way:
    """What fails within the connection: data that is lost for good, a reset that nobody sent."""
    if any(one.forward is forward for one in ends.lost):
        return _Way(lines=(*way.lines, ("then its data is lost", Look.BREAK)), sign=Sign.CROSS, after=Look.BROKEN)
    if any(one.to_client is not forward for one in ends.resets):
        return _Way(lines=(*way.lines, (f"then {breaker(result)} sends a forged reset", Look.BREAK)), sign=Sign.CROSS)
    return way

"""How does a result look on a terminal and in a ticket?

The verdict first, then the path with the break in it, the hop table, why, and what next. Plain text;
colour only where the caller says that there is a terminal.
"""

from __future__ import annotations

from tabulate import tabulate

from pathprobe.core.report import HopRow, Leg, Location, Report, Result, State
from pathprobe.output import both_ends, files, flows, overview, path_mtu, wording
from pathprobe.output.advice import next_steps
from pathprobe.output.boxes import box_lines, row_note
from pathprobe.output.claims import claim

_COLOURS = {
    State.OPEN: "32",
    State.CLOSED: "33",
    State.FILTERED: "31",
    State.UNREACHABLE: "31",
    State.INTERMITTENT: "35",
}

#: Stands before the note of the hop at which the packets met their end.
POINTER = "<- "


def render(report: Report, *, colour: bool = False) -> str:
    """The whole report as text, without a newline at its end."""
    if overview.is_for(report):
        return f"{overview.render(report)}\n\n{_foot(report)}"
    parts = [_result(result, colour=colour) for result in report.results]
    parts.append(_foot(report))
    return "\n\n".join(parts)


def _result(result: Result, *, colour: bool) -> str:
    blocks = [_headline(result, colour=colour)]
    if result.hops:
        blocks += [path_line(result), _hops(result)]
    if flows.are_traced(result.paths):
        blocks.append(flows.block(result.paths))
    blocks.append(_listed(result))
    return "\n\n".join(blocks)


def _headline(result: Result, *, colour: bool) -> str:
    state = result.verdict.state.upper()
    if colour and result.verdict.state in _COLOURS:
        state = f"\x1b[1;{_COLOURS[result.verdict.state]}m{state}\x1b[0m"
    sure = wording.sureness(result.verdict.confidence)
    return f"{result.target.label}  {state}   {wording.finding(result)}   sure: {sure}"


def path_line(result: Result) -> str:
    """``you -- 10.9.1.1 --X-- 10.9.2.2 -- 10.0.0.5``: the break is behind the last good hop, if there is one."""
    location = result.verdict.location
    broken_after, mark = break_after(result), "?" if wording.is_mute(result) else "X"
    text = "  you"
    for row in result.hops:
        text += f" --{mark}-- " if row.ttl - 1 == broken_after else " -- "
        text += row.address or "?"
    if broken_after == len(result.hops) and location.last_good:
        text += f" --{mark}"
    return text


def break_after(result: Result) -> int | None:
    """The hop behind which the path is drawn as broken; None for a path that is whole, or broken for some only."""
    location = result.verdict.location
    if result.verdict.state in (State.OPEN, State.CLOSED, State.INTERMITTENT) or location.last_good is None:
        return None
    if result.verdict.distance == location.last_good.ttl:
        return None
    return location.last_good.ttl


def hop_table(result: Result) -> tuple[list[str], list[list[str]]]:
    """The headers, of which those of counts and notes are empty, and a row of cells for each hop."""
    control = [result.control, ""] if result.control else []
    return ["hop", "address", result.target.service, "", *control, ""], [_row(result, row) for row in result.hops]


def _hops(result: Result) -> str:
    headers, rows = hop_table(result)
    align = ("right", *["left"] * (len(headers) - 1))
    text = tabulate(rows, headers, tablefmt="plain", colalign=align, disable_numparse=True)
    return "\n".join(f"  {line.rstrip()}" for line in text.splitlines())


def _row(result: Result, row: HopRow) -> list[str]:
    control = _cells(row.control) if result.control else ()
    notes = [hop_note(result.verdict.location, result, row), row_note(row)]
    return [str(row.ttl), row.address or "-", *_cells(row.test), *control, ", ".join(filter(None, notes))]


def _cells(leg: Leg | None) -> tuple[str, str]:
    if leg is None:
        return "", ""
    count = f"{leg.answered}/{leg.sent}"
    ends = [name for name in leg.outcomes if name in ("reset", "reject", "unreachable", "not-sent")]
    if leg.rtt_ms:
        return _milliseconds(min(leg.rtt_ms)) + (f" {ends[0]}" if ends else ""), count
    return (ends[0] if ends else "silent"), count


def _milliseconds(value: float) -> str:
    """Two digits that mean something: ``0.04 ms``, ``3.1 ms``, ``120 ms``."""
    digits = 2 if value < 1 else 1 if value < 100 else 0
    return f"{value:.{digits}f} ms"


def hop_note(location: Location, result: Result, row: HopRow) -> str:
    """What is to be said of a hop: where the packets met their end, or that it answered nobody."""
    if location.device and location.device.ttl == row.ttl and result.verdict.state is not State.OPEN:
        return f"{POINTER}answered from here"
    if location.first_bad and location.first_bad.ttl == row.ttl and location.device is None:
        if wording.is_mute(result):
            return f"{POINTER}silent"
        return f"{POINTER}some stop here" if result.verdict.state is State.INTERMITTENT else f"{POINTER}stops here"
    legs = [leg for leg in (row.test, row.control) if leg]
    farther = any(later.ttl > row.ttl and later.address for later in result.hops)
    if farther and legs and not any(leg.answered for leg in legs):
        return "answered nobody"
    return ""


def _listed(result: Result) -> str:
    lines = _paragraph("why", [claim(reason) for reason in result.verdict.reasons])
    lines += _paragraph("box", box_lines(result))
    lines += _paragraph("ends", both_ends.lines(result))
    lines += _paragraph("mtu", path_mtu.lines(result))
    lines += _paragraph("next", list(next_steps(result)))
    return "\n".join(lines)


def _paragraph(label: str, sentences: list[str]) -> list[str]:
    return [f"{label if number == 0 else '':<5} {sentence}" for number, sentence in enumerate(sentences)]


def _foot(report: Report) -> str:
    if report.watched:
        return "\n".join([overview.foot(report, report.watched), *(files.lines(report.file) if report.file else [])])
    sent = sum(seen.departed for result in report.results for seen in result.observations)
    text = f"{sent} {'packet' if sent == 1 else 'packets'} sent, {report.duration:.1f} s"
    lost = sum(result.frames_lost for result in report.results)
    if lost:
        text += f"; {lost} received packets were dropped by a full queue, so silence proves less"
    if not report.complete and not (report.file and report.file.cut):
        text += "; interrupted, this is what was learnt so far"
    if report.server_capture_path:
        text += f"\nby {report.capture_path} (client) and {report.server_capture_path} (server)"
    elif report.capture_path:
        text += f"\n{report.capture_packets} packets, each with its comment, in {report.capture_path}"
    return "\n".join([text, *(files.lines(report.file) if report.file else [])])

"""How do many answers look at once?

A capture of others' traffic may hold thousands: one line each, worst first, and the count of each state above them. The
full account is for few; ``--target`` and ``--host`` ask for it.
"""

from __future__ import annotations

from collections import Counter

from tabulate import tabulate

from pathprobe.core.report import Report, Result, Watched
from pathprobe.core.witness.urgency import is_told_in_full
from pathprobe.output import wording

#: Lines of the table: more is for programs (--json), or for a narrower question.
MOST_LINES = 200

#: Of many answers a ticket tells so many in full, the worst.
MOST_TOLD = 50


def is_for(report: Report) -> bool:
    """Whether a report is told as a table of one line each."""
    watched = report.watched
    return watched is not None and not is_told_in_full(len(report.results), narrowed=watched.narrowed)


def in_full(report: Report) -> tuple[Result, ...]:
    """The answers of which a ticket gives the full account."""
    return report.results[:MOST_TOLD] if is_for(report) else report.results


def render(report: Report) -> str:
    """The table, without a newline at its end."""
    shown = report.results[:MOST_LINES]
    rows = [_row(result) for result in shown]
    headers = ["target", "asked by", "state", "asked", "what was seen"]
    table = tabulate(rows, headers, tablefmt="plain", disable_numparse=True)
    lines = [_heading(report), "", *(line.rstrip() for line in table.splitlines())]
    if left := len(report.results) - len(shown):
        lines.append(f"... and {left} more, none of them worse: --target or --host narrows this, --json holds all.")
    return "\n".join(lines)


def _row(result: Result) -> list[str]:
    counted = result.counted
    times = f"x {counted.attempts}" if counted else ""
    return [result.target.label, result.source, result.verdict.state.upper(), times, wording.finding(result)]


def _heading(report: Report) -> str:
    states = Counter(str(result.verdict.state) for result in report.results)
    return f"{len(report.results)} questions: {', '.join(f'{count} {state}' for state, count in states.items())}"


def foot(report: Report, watched: Watched) -> str:
    """What else the file holds."""
    text = f"{watched.packets} packets over {report.duration:.1f} s"
    if watched.passed_over:
        text += f"; {watched.passed_over} belong to no question"
    if watched.midway:
        several = "connections" if watched.midway > 1 else "connection"
        text += f"; {watched.midway} {several} without the beginning, told of only where they fail"
    return f"{text}\nin {report.capture_path}" if report.capture_path else text

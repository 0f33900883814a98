"""How do very many targets look at a glance? The worst first, what is alike in one row, and the counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pathprobe.core.report import State
from pathprobe.output.batch_rows import Row

#: What needs somebody's attention most comes first.
_WORST_FIRST = (
    State.UNREACHABLE,
    State.FILTERED,
    State.INTERMITTENT,
    State.UNKNOWN,
    State.OPEN_FILTERED,
    State.CLOSED,
    State.OPEN,
)

_HEADINGS = ["state", "targets", "why", "which"]

#: Blanks at least that a heading has beside it in its column.
_MARGIN = 2

#: Targets that a row names, and rows that the table has, before it only counts.
_NAMED, _ROWS = 3, 40


@dataclass(slots=True)
class _Alike:
    """Targets with the same state and the same words for it."""

    count: int = 0
    labels: list[str] = field(default_factory=list)

    @property
    def named(self) -> str:
        more = self.count - len(self.labels)
        return ", ".join(self.labels) + (f" and {more:,} more" if more else "")


class Summary:
    """Takes one row after another and keeps no more of it than the table shows."""

    def __init__(self) -> None:
        self._alike: dict[tuple[State, str], _Alike] = {}
        self.states: Counter[State] = Counter()

    def add(self, row: Row, *, shown: bool = True) -> None:
        """``shown``: whether the table has it; it is counted in any case."""
        self.states[row.state] += 1
        if not shown or row.state is State.OPEN:
            return
        # Whom it was learnt of differs from target to target, and is in its own line; so is its own address.
        words = row.finding.partition(" (as ")[0].replace(f"({row.address})", "(the target)")
        alike = self._alike.setdefault((row.state, words), _Alike())
        alike.count += 1
        if len(alike.labels) < _NAMED:
            alike.labels.append(row.label)

    def render(self) -> str:
        """The table, and the line of counts; without a newline at its end."""
        return "\n\n".join(filter(None, (self._table(), self.counts)))

    @property
    def counts(self) -> str:
        """``1,000 targets: 200 filtered, 800 open``."""
        total = sum(self.states.values())
        each = ", ".join(f"{self.states[state]:,} {state}" for state in _WORST_FIRST if self.states[state])
        return f"{total:,} {'target' if total == 1 else 'targets'}" + (f": {each}" if each else "")

    def _table(self) -> str:
        order = sorted(self._alike.items(), key=lambda item: (_WORST_FIRST.index(item[0][0]), -item[1].count))
        rows = [[str(state), f"{alike.count:,}", words, alike.named] for (state, words), alike in order[:_ROWS]]
        if not rows:
            return ""
        lines = _aligned(rows)
        if len(order) > _ROWS:
            lines.append(f"... and {len(order) - _ROWS:,} more kinds of answer")
        return "\n".join(lines)


def _aligned(rows: list[list[str]]) -> list[str]:
    """Headings and columns, the counts to the right. By hand: what draws tables of any kind takes long to load."""
    columns = zip(_HEADINGS, *rows, strict=True)
    widths = [max(len(heading) + _MARGIN, *map(len, cells)) for heading, *cells in columns]
    lines = []
    for state, count, *words in (_HEADINGS, *rows):
        cells = (state.ljust(widths[0]), count.rjust(widths[1]), *map(str.ljust, words, widths[2:]))
        lines.append("  ".join(cells).rstrip())
    return lines

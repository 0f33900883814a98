"""In which form do the answers of a batch run leave, one after another as they come?

Nothing of an answer is kept once it is printed, but what the table at the end needs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from pathprobe.core.report import Report
from pathprobe.output import json as documents
from pathprobe.output.batch_rows import Row, csv_head, csv_row
from pathprobe.output.progress import bar
from pathprobe.output.summary_table import Summary

Entry = Callable[[], Mapping[str, Any]]

#: Seconds between two pictures of the bar.
_REDRAW = 0.1


class Lines:
    """The one-line form, flushed as known, and the table at the end."""

    def __init__(self) -> None:
        self._any = False

    def begin(self) -> None:
        """Nothing stands before the first line."""

    def take(self, row: Row, _: Entry) -> None:
        self._any = True
        sys.stdout.write(f"{row.line}\n")
        sys.stdout.flush()

    def end(self, _report: Report, summary: Summary, _facts: Mapping[str, Any]) -> None:
        sys.stdout.write(("\n" if self._any else "") + f"{summary.render()}\n")


class JsonLines:
    """One result of the document a line."""

    def begin(self) -> None:
        """Nothing stands before the first line."""

    def take(self, _: Row, entry: Entry) -> None:
        sys.stdout.write(json.dumps(entry(), ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def end(self, _report: Report, _summary: Summary, _facts: Mapping[str, Any]) -> None:
        """The last line was the last answer."""


class Table:
    """Rows for a spreadsheet."""

    def begin(self) -> None:
        sys.stdout.write(f"{csv_head()}\n")

    def take(self, _: Row, entry: Entry) -> None:
        sys.stdout.write(f"{csv_row(entry())}\n")
        sys.stdout.flush()

    def end(self, _report: Report, _summary: Summary, _facts: Mapping[str, Any]) -> None:
        """The last row was the last answer."""


class Document:
    """One JSON document, written piece by piece: what is known only at the end stands at its end."""

    def __init__(self) -> None:
        self._count = 0

    def begin(self) -> None:
        sys.stdout.write(f'{{\n"schema": {json.dumps(documents.SCHEMA)},\n"results": [')

    def take(self, _: Row, entry: Entry) -> None:
        sys.stdout.write((",\n" if self._count else "\n") + json.dumps(entry(), ensure_ascii=False))
        sys.stdout.flush()
        self._count += 1

    def end(self, report: Report, _: Summary, facts: Mapping[str, Any]) -> None:
        rest = documents.document(report)
        del rest["schema"], rest["results"]
        members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in {**rest, "batch": dict(facts)}.items()]
        sys.stdout.write("\n],\n" + ",\n".join(members) + "\n}\n")


Output = Lines | JsonLines | Table | Document


class Progress:
    """A bar on stderr, on a terminal only."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = self._not_open = 0
        self._started = self._drawn = time.monotonic()
        self._visible = False
        self._on_terminal = sys.stderr.isatty()

    def step(self, *, is_open: bool) -> None:
        """One more is known."""
        self._done += 1
        self._not_open += not is_open
        now = time.monotonic()
        if self._on_terminal and now - self._drawn >= _REDRAW:
            self._drawn = now
            sys.stderr.write(f"\r{bar(self._done, self._total, now - self._started, self._not_open)}\x1b[K")
            sys.stderr.flush()
            self._visible = True

    def clear(self) -> None:
        """Make room for a line of text."""
        if self._visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._visible = False

    def say(self, text: str) -> None:
        self.clear()
        sys.stderr.write(f"pathprobe: {text}\n")

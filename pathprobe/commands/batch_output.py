"""In which form do the answers of a batch run leave, one after another as they come?

Each form gives the text to print; nothing of an answer is kept, but what the table at the end needs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from pathprobe.commands.batch_form import Entry, Form
from pathprobe.commands.terminal import is_terminal
from pathprobe.core.report import Report
from pathprobe.output.batch_rows import Row
from pathprobe.output.progress import bar
from pathprobe.output.summary_table import Summary

#: Seconds between two pictures of the bar.
_REDRAW = 0.1


class Lines:
    """The one-line form, and the table at the end."""

    def __init__(self) -> None:
        self._any = False

    def head(self) -> str:
        """Nothing stands before the first line."""
        return ""

    def piece(self, row: Row, _: Entry) -> str:
        self._any = True
        return f"{row.line}\n"

    def tail(self, _report: Report, summary: Summary, _facts: Mapping[str, Any]) -> str:
        return ("\n" if self._any else "") + f"{summary.render()}\n"


def form_of(name: str | None) -> Form:
    """The form with this name, the one-line form without."""
    if name is None:
        return Lines()
    from pathprobe.commands import batch_documents

    forms: dict[str, type[Form]] = {
        "json": batch_documents.Document,
        "jsonl": batch_documents.JsonLines,
        "csv": batch_documents.Table,
    }
    return forms[name]()


class Progress:
    """A bar on stderr, on a terminal only."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = self._not_open = 0
        self._started = self._drawn = time.monotonic()
        self._visible = False
        self._on_terminal = is_terminal(sys.stderr)

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

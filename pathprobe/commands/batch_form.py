"""What is a form in which the answers of a batch run leave?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pathprobe.core.report import Report
from pathprobe.output.batch_rows import Row
from pathprobe.output.summary_table import Summary

#: One result of the JSON document, made only where it is wanted.
Entry = Callable[[], Mapping[str, Any]]


class Form(Protocol):
    """What is printed first, of each answer, and last."""

    def head(self) -> str: ...

    def piece(self, row: Row, entry: Entry) -> str: ...

    def tail(self, report: Report, summary: Summary, facts: Mapping[str, Any]) -> str: ...

"""In which form do the answers of a batch run leave for programs and spreadsheets?

As batch_output.py has it; loaded only where such a form is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pathprobe.commands.batch_form import Entry
from pathprobe.core.report import Report
from pathprobe.output import json as documents
from pathprobe.output.batch_entries import csv_head, csv_row
from pathprobe.output.batch_rows import Row
from pathprobe.output.summary_table import Summary


class JsonLines:
    """One result of the document a line."""

    def head(self) -> str:
        """Nothing stands before the first line."""
        return ""

    def piece(self, _: Row, entry: Entry) -> str:
        return json.dumps(entry(), ensure_ascii=False) + "\n"

    def tail(self, _report: Report, _summary: Summary, _facts: Mapping[str, Any]) -> str:
        """The last line was the last answer."""
        return ""


class Table:
    """Rows for a spreadsheet."""

    def head(self) -> str:
        return f"{csv_head()}\n"

    def piece(self, _: Row, entry: Entry) -> str:
        return f"{csv_row(entry())}\n"

    def tail(self, _report: Report, _summary: Summary, _facts: Mapping[str, Any]) -> str:
        """The last row was the last answer."""
        return ""


class Document:
    """One JSON document, written piece by piece: what is known only at the end stands at its end."""

    def __init__(self) -> None:
        self._count = 0

    def head(self) -> str:
        return f'{{\n"schema": {json.dumps(documents.SCHEMA)},\n"results": ['

    def piece(self, _: Row, entry: Entry) -> str:
        self._count += 1
        return (",\n" if self._count > 1 else "\n") + json.dumps(entry(), ensure_ascii=False)

    def tail(self, report: Report, _: Summary, facts: Mapping[str, Any]) -> str:
        rest = documents.document(report)
        del rest["schema"], rest["results"]
        members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in {**rest, "batch": dict(facts)}.items()]
        return "\n],\n" + ",\n".join(members) + "\n}\n"

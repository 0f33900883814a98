"""How is one of many targets said in JSON, and in a table's row?

An entry also keeps it for a later run, which reads the row back from it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pathprobe.core.asked import Answer, key_of
from pathprobe.core.report import State
from pathprobe.output import json
from pathprobe.output.batch_rows import Row, finding

CSV_COLUMNS = (
    "address",
    "port",
    "protocol",
    "service",
    "state",
    "mechanism",
    "finding",
    "where",
    "last_good",
    "first_bad",
    "device",
    "confidence",
    "rtt_ms",
    "located_as",
    "given",
)


def entry_of(answer: Answer) -> dict[str, Any]:
    """One result of the JSON document, with what only a list knows of it."""
    told = finding(answer)
    result, asked = answer.result, answer.asked
    entry = json.entry(replace(result, target=replace(result.target, given=asked.given)))
    entry["target"] |= {"host": asked.host, "service": asked.service}
    entry["summary"] = f"{result.target.label} is {result.verdict.state}: {told}."
    entry |= {"finding": told, "located_as": answer.like and answer.like.label}
    entry["rtt_ms"] = None if answer.rtt is None else round(answer.rtt * 1000, 3)
    if asked.address is None:
        entry["target"]["address"] = None
    return entry


def row_of_entry(entry: Mapping[str, Any]) -> Row:
    """The same row again. Raises KeyError, TypeError or ValueError for what is no such entry."""
    target = entry["target"]
    host, address = str(target["host"]), str(target["address"])
    return Row(
        address=address,
        port=int(target["port"]),
        protocol=str(target["protocol"]),
        name=host if host != address else None,
        service=target["service"],
        state=State(entry["state"]),
        finding=str(entry["finding"]),
    )


def key_of_entry(entry: Mapping[str, Any]) -> str:
    """By which a target is known again. Raises KeyError or TypeError for what is no such entry."""
    target = entry["target"]
    return key_of(target["protocol"], target["address"], target["port"])


def csv_head() -> str:
    return csv_line(CSV_COLUMNS)


def csv_row(entry: Mapping[str, Any]) -> str:
    """One row of a table, without a newline at its end."""
    target, location = entry["target"], entry["location"]
    cells = {**entry, **target, "address": target["address"] or target["host"], "where": location["where"]}
    for name in ("last_good", "first_bad", "device"):
        cells[name] = _hop(location[name])
    return csv_line([cells[column] for column in CSV_COLUMNS])


def _hop(hop: Mapping[str, Any] | None) -> str:
    return "" if hop is None else f"{hop['ttl']} {hop['address'] or ''}".strip()


def csv_line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow("" if cell is None else cell for cell in cells)
    return text.getvalue()

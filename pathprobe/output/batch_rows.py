"""How is one of many targets said in one line, in a table's row, in JSON?

A row holds what is printed of a target, whether it was asked now or by an earlier run: then it is read back from the
entry that this one kept.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pathprobe.core.asked import Answer, Asked, key_of
from pathprobe.core.report import Claim, Result, State
from pathprobe.output import json, wording
from pathprobe.output.claims import claim

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``name``: the host as it was written, where that is no address; ``service``: what its owner calls it."""

    address: str
    port: int
    protocol: str
    name: str | None
    service: str | None
    state: State
    finding: str

    @property
    def label(self) -> str:
        """``10.0.0.5:8080``, ``[fd00::5]:8080``, ``10.0.0.5:53/udp``: TCP is what most lists are about."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}" + ("" if self.protocol == "tcp" else f"/{self.protocol}")

    @property
    def line(self) -> str:
        """``10.0.0.5:8080 (web) - reachable``: what people grep for."""
        called = ", ".join(filter(None, (self.name, self.service)))
        told = "reachable" if self.state is State.OPEN else f"NOT reachable: {self.state}, {self.finding}"
        return f"{self.label}{f' ({called})' if called else ''} - {told}"


class Rows:
    """Rows of answers. Those of a first pass differ in few words, which are worked out once."""

    def __init__(self) -> None:
        self._words: dict[object, str] = {}

    def of(self, answer: Answer) -> Row:
        asked = answer.asked
        return Row(
            address=asked.address or asked.host,
            port=asked.port,
            protocol=asked.kind,
            name=_name(asked),
            service=asked.service,
            state=answer.state,
            finding=self._finding(answer),
        )

    def _finding(self, answer: Answer) -> str:
        if answer.alike is not None:
            if answer.alike not in self._words:
                self._words[answer.alike] = finding(answer)
            return self._words[answer.alike]
        result = answer.result
        if result.observations or result.verdict.location.device or answer.like:
            return finding(answer)
        words = (result.verdict.state, result.verdict.mechanism, result.verdict.location.where, answer.asked.trouble)
        if words not in self._words:
            self._words[words] = finding(answer)
        return self._words[words]


def _name(asked: Asked) -> str | None:
    return asked.host if asked.address and asked.host != asked.address else None


def finding(answer: Answer) -> str:
    """What stops the packet and where, in one clause; of whom it was learnt, if not of the target itself."""
    told = _clause(answer.result)
    return f"{told} (as {answer.like.label}, not traced itself)" if answer.like else told


def _clause(result: Result) -> str:
    trouble = next((one for one in result.verdict.reasons if one.claim is Claim.UNRESOLVED), None)
    return claim(trouble).removesuffix(".") if trouble else wording.finding(result)


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

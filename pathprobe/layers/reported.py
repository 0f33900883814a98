"""What did ``pathprobe host --json`` find on another machine? Its document, read back.

Schema ``pathprobe-layers/1``. What is not known is passed over, for keys are added; what is known has to be as it was
written, so that nothing of a damaged or foreign file is taken for a finding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from pathprobe.core.layers import Asked, Evidence, Layer, LayerName, Status

SCHEMA = "pathprobe-layers/1"

_PROTOCOLS = ("tcp", "udp", "icmp")

#: What ``host`` says; other commands write the same schema.
_OF_HOST = (LayerName.LISTENING, LayerName.FIREWALL, LayerName.KERNEL, LayerName.SELINUX)

#: Signs that a terminal obeys, beside the ends of lines and tabs.
_OBEYED = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A}, " ")


class NotAReport(ValueError):
    """The text is no such document; one line that says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """``started`` in seconds since 1970, by the clock of the machine that was looked at."""

    asked: Asked
    started: float
    layers: tuple[Layer, ...]


def read_report(text: str) -> Reported:
    """What was asked, when, and the rows. Raises NotAReport."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAReport("it is no JSON: give what pathprobe host PORT --json printed") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        found = f"its schema is {schema!r}" if isinstance(schema, str) else "it has no schema"
        raise NotAReport(f"it is no report of pathprobe host PORT --json ({found}, not {SCHEMA!r})")
    layers = tuple(_layers(_field(document, "layers", list)))
    if not any(layer.name in _OF_HOST for layer in layers):
        raise NotAReport("it has no row of layers 1 to 3: give what pathprobe host PORT --json printed")
    return Reported(
        asked=_asked(_field(document, "target", dict)),
        started=_started(_field(document, "started", str)),
        layers=layers,
    )


def _asked(target: Mapping[str, Any]) -> Asked:
    where = "target."
    port = _field(target, "port", int | None, where)
    protocol = _field(target, "protocol", str, where)
    if protocol not in _PROTOCOLS or (port is not None and not 1 <= port <= 65535):
        raise NotAReport(f"its target is no port: {port}/{_cut(protocol)}")
    return Asked(
        given=_field(target, "given", str, where),
        protocol=protocol,
        port=port,
        address=_field(target, "address", str | None, where, otherwise=None),
        source=_field(target, "from", str | None, where, otherwise=None),
    )


def _started(text: str) -> float:
    try:
        started = datetime.fromisoformat(text)
    except ValueError:
        raise NotAReport(f"its started is no time: {_cut(text)}") from None
    if started.tzinfo is None:
        raise NotAReport(f"its started has no time zone: {text!r}")
    return started.timestamp()


def _layers(rows: list[Any]) -> Iterator[Layer]:
    for number, row in enumerate(rows):
        yield _layer(_object(row, f"layers[{number}]"), f"layers[{number}].")


def _layer(row: Mapping[str, Any], where: str) -> Layer:
    name = _one_of(LayerName, _field(row, "name", str, where), where)
    return Layer(
        name=name,
        status=_one_of(Status, _field(row, "status", str, where), where),
        summary=_field(row, "summary", str, where),
        evidence=tuple(_evidence(_field(row, "evidence", list, where, otherwise=[]), where)),
        why=_field(row, "why", str, where, otherwise=""),
        fix=tuple(_texts(_field(row, "fix", list, where, otherwise=[]), f"{where}fix")),
        is_absent=_field(row, "absent", bool, where, otherwise=False),
        is_silent=_field(row, "silent", bool, where, otherwise=False),
        is_mistaken=_field(row, "mistaken", bool, where, otherwise=False),
    )


def _evidence(entries: list[Any], where: str) -> Iterator[Evidence]:
    for number, entry in enumerate(entries):
        inside = f"{where}evidence[{number}]"
        seen = _object(entry, inside)
        yield Evidence(
            source=_field(seen, "source", str, f"{inside}."),
            ref=_field(seen, "ref", str, f"{inside}.", otherwise=""),
            text=_field(seen, "text", str, f"{inside}.", otherwise=""),
        )


def _texts(entries: list[Any], where: str) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise NotAReport(f"its {where}[{number}] is no text")
        yield _shown(entry)


# ---- what a key has


_Word = TypeVar("_Word", bound=StrEnum)
_NEEDED: Any = object()


def _field(entry: Mapping[str, Any], key: str, kind: Any, where: str = "", *, otherwise: Any = _NEEDED) -> Any:
    """Raises NotAReport where it is of another kind, or missing without an ``otherwise``."""
    if key not in entry and otherwise is not _NEEDED:
        return otherwise
    value = entry.get(key)
    # To Python true is a number.
    if key not in entry or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wrong = f"not what it should be: {_cut(value)}" if key in entry else "missing"
        raise NotAReport(f"its {where}{key} is {wrong}")
    return _shown(value) if isinstance(value, str) else value


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NotAReport(f"its {where} is not what it should be: {_cut(value)}")
    return value


def _one_of(words: type[_Word], text: str, where: str) -> _Word:
    """A layer that is not known may be the broken one: it is not passed over."""
    try:
        return words(text)
    except ValueError:
        raise NotAReport(f"its {where[:-1]} has {_cut(text)}, which this pathprobe does not know") from None


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _shown(text: str) -> str:
    """Without what a terminal would obey or could not show: a file says what it likes."""
    return text.translate(_OBEYED).encode("utf-8", "replace").decode()

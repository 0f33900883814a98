"""Which targets does a file name, and where are they?

Three forms of file: lines (core.target_lines), rows of a table (``--csv``), and lines that are JSON objects. Names are
resolved side by side, each once; a name without an address is a target of its own, of which nothing more is known.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pathprobe.core.asked import Asked
from pathprobe.core.probes import Kind
from pathprobe.core.target_lines import (
    USUAL_COLUMNS,
    BadLine,
    Line,
    columns_of,
    is_v4,
    is_v6,
    object_line,
    plain_target,
    read_line,
    row_line,
    shown,
)
from pathprobe.engine.targets import Unresolvable, Wanted, resolve

_V6 = 6

#: Names that are looked up at the same time: a resolver's time is waiting.
_LOOKUPS = 32

#: More pairs than these are an accident more often than a wish; ``--limit`` allows them.
MOST_PAIRS = 1 << 20


class TooMany(Exception):
    """The list means more pairs than allowed; the message says how many, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with a line; ``number`` counts from 1."""

    number: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetList:
    """What was read: ``duplicates`` are pairs that an earlier line had named already."""

    asked: tuple[Asked, ...]
    troubles: tuple[Trouble, ...]
    duplicates: int


def read_text(path: str) -> str:
    """A file's text, or stdin's for ``-``. Raises OSError. What is no UTF-8 is in it as U+FFFD."""
    octets = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    return octets.decode("utf-8-sig", errors="replace")


def is_table(text: str) -> bool:
    """Whether the first line that says anything is a row: of columns' names, or of an address and a port."""
    lines = (line.strip() for line in io.StringIO(text))
    first = next((line for line in lines if line and not line.startswith("#")), "")
    cells = [cell.strip().strip('"') for cell in first.split(",")]
    if first.startswith("{") or len(cells) < len(("host", "port")):
        return False
    if columns_of(cells):
        return True
    return cells[1].isdigit() and (":" not in cells[0] or is_v6(cells[0]))


def read_targets(
    text: str,
    *,
    table: bool = False,
    kind: Kind = Kind.TCP,
    family: int | None = None,
    limit: int = MOST_PAIRS,
) -> TargetList:
    """All that the text asks for, each pair once, names resolved. Raises TooMany."""
    lines: list[Asked | Line] = []
    troubles: list[Trouble] = []
    for number, read in _table(text, kind) if table else _lines(text, kind, family):
        if isinstance(read, BadLine):
            troubles.append(Trouble(number=number, what=str(read)))
        else:
            lines.append(read)
    wanted = sum(line.size if isinstance(line, Line) else 1 for line in lines)
    if wanted > limit:
        raise TooMany(f"the list means {wanted:,} targets, more than {limit:,}: narrow it, or allow them with --limit")
    found = _resolved({line.host for line in lines if isinstance(line, Line) and line.host is not None}, family)
    asked: dict[tuple[Kind, str, int], Asked] = {}
    for line in lines:
        for one in _asked(line, found) if isinstance(line, Line) else (line,):
            asked.setdefault((one.kind, one.address or one.host, one.port), one)
    return TargetList(asked=tuple(asked.values()), troubles=tuple(troubles), duplicates=wanted - len(asked))


_Read = Iterator[tuple[int, Asked | Line | BadLine]]


def _lines(text: str, kind: Kind, family: int | None) -> _Read:
    for number, raw in enumerate(text.split("\n"), 1):
        if family != _V6 and (plain := plain_target(raw, kind)):
            yield number, plain
            continue
        try:
            line = _object(raw, kind) if raw.lstrip().startswith("{") else read_line(raw, kind)
        except BadLine as trouble:
            yield number, trouble
            continue
        if line is not None:
            yield number, line


def _object(raw: str, kind: Kind) -> Line:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadLine(f"{shown(raw.strip())} is no JSON object in one line") from None
    return object_line(fields, raw.strip(), kind)


def _table(text: str, kind: Kind) -> _Read:
    rows = csv.reader(io.StringIO(text.replace("\0", "\ufffd"), newline=""))
    columns: dict[str, int] | None = None
    while True:
        try:
            cells = next(rows)
            if columns is None and cells and (named := columns_of(cells)):
                columns = named
                continue
            line = row_line(cells, columns or USUAL_COLUMNS, kind)
        except StopIteration:
            return
        except (BadLine, csv.Error) as trouble:
            yield rows.line_num, trouble if isinstance(trouble, BadLine) else BadLine(f"no row of a table: {trouble}")
            continue
        if line is not None:
            columns = columns or USUAL_COLUMNS
            yield rows.line_num, line


#: A name's address, or why it has none.
_Found = dict[str, tuple[str | None, str | None]]


def _resolved(hosts: Iterable[str], family: int | None) -> _Found:
    found: _Found = {}
    names = []
    for host in hosts:
        if family != _V6 and is_v4(host):
            found[host] = host, None
        elif host[:1].isdigit() or ":" in host:
            found[host] = _look_up(host, family)  # most likely an address: no thread is worth its while
        else:
            names.append(host)
    if names:
        from concurrent.futures import ThreadPoolExecutor  # most lists have none

        with ThreadPoolExecutor(min(_LOOKUPS, len(names))) as lookups:
            found.update(zip(names, lookups.map(lambda name: _look_up(name, family), names), strict=True))
    return found


def _look_up(host: str, family: int | None) -> tuple[str | None, str | None]:
    try:
        target = next(resolve(Wanted(given=host, host=host, ports=()), protocol=Kind.TCP, family=family))
    except Unresolvable as trouble:
        return None, str(trouble)
    if target.zone is not None:
        return None, f"{host} is a link-local address: ask it with pathprobe tcp or udp, and its interface"
    return target.address, None


def _asked(line: Line, found: _Found) -> Iterator[Asked]:
    if line.host is not None and line.is_one:
        address, trouble = found[line.host]
        port = line.ports[0].start
        yield Asked(
            given=line.text,
            host=line.host,
            address=address,
            port=port,
            kind=line.kind,
            service=line.service,
            trouble=trouble,
        )
        return
    addresses = line.addresses() if line.host is None else (line.host,)
    for host in addresses:
        address, trouble = (host, None) if line.host is None else found[host]
        for port in line.numbers():
            given = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            yield Asked(
                given=given,
                host=host,
                address=address,
                port=port,
                kind=line.kind,
                service=line.service,
                trouble=trouble,
            )

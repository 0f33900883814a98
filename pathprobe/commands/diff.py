"""``pathprobe diff A B``: what differs between two reports or captures."""

from __future__ import annotations

import json
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pathprobe.commands import status

if TYPE_CHECKING:
    from pathprobe.core.comparison.reported import Account

#: The report's name in a ticket, which is a folder or a zip archive.
_IN_A_TICKET = "report.json"
#: Octets. A report of thousands of targets has some megabytes.
_LARGEST_REPORT = 200_000_000


class CannotRead(ValueError):
    """The text says what is wrong with the file, and what would do."""


@click.command()
@click.argument("a", type=click.Path(path_type=Path), metavar="A")
@click.argument("b", type=click.Path(path_type=Path), metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (pathprobe-diff/1) instead of text.")
def diff(a: Path, b: Path, as_json: bool) -> None:
    """What changed from A to B in verdict, path and middleboxes?

    A and B are reports (--json), tickets (--ticket) or captures (-w), made before and after a change, or on two
    hosts: then it is said where the ways join and on which side of that packets die. Round trips, counts and
    confidence do not count.

    \b
    Exit status: 0 no difference, 8 they differ, or asked about other targets;
    1 could not do the job, 2 wrong command line.
    """
    from pathprobe.commands.ending import fail
    from pathprobe.core.comparison.changes import compare
    from pathprobe.output import comparison, comparison_json

    try:
        found = compare(account_of(a), account_of(b))
    except CannotRead as error:
        fail(str(error), status.CANNOT)
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror}", status.CANNOT)
    names = comparison.Names(a=str(a), b=str(b))
    click.echo(comparison_json.render(found, names) if as_json else comparison.render(found, names))
    sys.exit(status.OK if found.is_same else status.MIXED)


def account_of(path: Path) -> Account:
    """What a report, a ticket or a capture says. Raises CannotRead, OSError."""
    from pathprobe.core.comparison.reported import NotAReport, read_report

    text = _report_text(path)
    try:
        return read_report(_analyzed(path) if text is None else json.loads(text))
    except NotAReport as error:
        raise CannotRead(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise CannotRead(f"{path}: it begins like JSON and is none: {error}") from None


def _report_text(path: Path) -> bytes | None:
    """The JSON in a file or in a ticket; None if it looks like a capture."""
    if path.is_dir():
        return (path / _IN_A_TICKET).read_bytes()
    with path.open("rb") as stream:
        start = stream.read(4096)
    if zipfile.is_zipfile(path):
        return _from_zip(path)
    if start.lstrip().startswith((b"{", b"[", b"\xef\xbb\xbf{")):
        return path.read_bytes()
    return None


def _from_zip(path: Path) -> bytes:
    """The report of a zipped ticket, wherever in it it lies."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if Path(entry.filename).name == _IN_A_TICKET and entry.file_size <= _LARGEST_REPORT:
                    return archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        # RuntimeError: it is encrypted, or compressed in a way that zipfile does not know.
        raise CannotRead(f"{path}: a damaged or locked archive: {error}") from None
    raise CannotRead(f"{path}: no {_IN_A_TICKET} in it, so it is no ticket of pathprobe")


def _analyzed(path: Path) -> dict[str, Any]:
    """The report that follows from a capture."""
    from pathprobe.commands.captured import report_of
    from pathprobe.engine.offline import NotOurs
    from pathprobe.output.json import document

    try:
        return document(report_of(path))
    except NotOurs as error:
        raise CannotRead(str(error)) from None

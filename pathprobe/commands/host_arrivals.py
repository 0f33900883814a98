"""``pathprobe host PORT --watch-arrivals SECONDS``: what became of each packet that came for the port."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from pathprobe import __version__
from pathprobe.commands import status
from pathprobe.commands.ending import fail
from pathprobe.core.arrivals.facts import Fate, Watched
from pathprobe.core.arrivals.fate import is_blocked, nothing_listens
from pathprobe.core.redaction.command import told_command
from pathprobe.engine.arrival_capture import ArrivalCapture
from pathprobe.engine.arrivals import Watching, watch
from pathprobe.net.raw import require_privileges
from pathprobe.output import arrival_words, arrivals, arrivals_json

_NO_PRIVILEGE = "watching what arrives needs CAP_NET_RAW: run it with sudo"


def run(
    port: int,
    protocol: str,
    seconds: float,
    *,
    trace_rules: bool = False,
    write: Path | None = None,
    as_json: bool = False,
) -> NoReturn:
    """Watch, say what became of what arrived, and exit.

    ``protocol`` is tcp or udp. Status 0: every arrival was answered; 4: something here blocked one; 3: nothing
    listens; 6: nothing arrived, or it could not be told; 1: no privilege, or the capture cannot be written, or not
    all of it; 130: interrupted, with what was known until then.
    """
    what = Watching(protocol=protocol, port=port, seconds=seconds, trace_rules=trace_rules)
    try:
        watched, capture = _watch(what, write)
    except OSError as error:
        if write and error.filename == str(write):
            fail(f"cannot write {write}: {error.strerror}", status.CANNOT)
        if isinstance(error, PermissionError):
            fail(_NO_PRIVILEGE, status.CANNOT)
        where = f"{error.filename}: " if error.filename else ""
        fail(f"cannot watch: {where}{error.strerror}", status.CANNOT)
    if as_json:
        click.echo(json.dumps(document(watched, capture), indent=2, ensure_ascii=False))
    else:
        click.echo(arrivals.render(watched))
        if capture and (capture.packets or not capture.error):
            click.echo(f"{capture.packets} packets in {capture.path}, for pathprobe analyze CLIENT {capture.path}")
    if capture and capture.error:
        fail(f"cannot write {capture.path}: {capture.error.strerror}", status.CANNOT)
    sys.exit(status_of(watched))


def status_of(watched: Watched) -> int:
    """The exit status; the worst of the attempts decides, a blocked one before all."""
    if not watched.complete:
        return status.INTERRUPTED
    if any(map(is_blocked, watched.attempts)):
        return status.BLOCKED
    if any(map(nothing_listens, watched.attempts)):
        return status.CLOSED
    answered = [one.fate is Fate.ANSWERED for one in watched.attempts]
    return status.OK if answered and all(answered) else status.UNCLEAR


def document(watched: Watched, capture: ArrivalCapture | None) -> dict[str, Any]:
    """For programs: what was watched, and the file that it is in."""
    if capture is None:
        return arrivals_json.document(watched, None)
    error = capture.error.strerror if capture.error else None
    return arrivals_json.document(watched, {"path": str(capture.path), "packets": capture.packets, "error": error})


def _watch(what: Watching, write: Path | None) -> tuple[Watched, ArrivalCapture | None]:
    """The file is opened before watching begins: one that cannot be written costs no time."""
    require_privileges()
    capture = _capture(write) if write else None
    try:
        with _stop_signals() as stop:
            watched = watch(what, ready=lambda: _say_ready(what), stop=stop, capture=capture)
        if capture:
            lines = [*map(arrival_words.in_short, watched.attempts), arrivals.conclusion(watched)]
            capture.finish(watched.started_ns, watched.ended_ns, lines)
    finally:
        if capture:
            capture.close()
    return watched, capture


def _capture(path: Path) -> ArrivalCapture:
    return ArrivalCapture(
        path, arrival_words.packet_comment, application=f"pathprobe {__version__}", command=told_command(sys.argv[1:])
    )


def _say_ready(what: Watching) -> None:
    click.echo(f"pathprobe: {arrivals.ready(what.protocol, what.port, what.seconds)}", err=True)


@contextmanager
def _stop_signals() -> Iterator[int]:
    """A descriptor that becomes readable at Ctrl-C, SIGTERM or SIGHUP, so that what was made for watching is undone."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {
        number: signal.signal(number, lambda *_: os.write(writer, b"x"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)

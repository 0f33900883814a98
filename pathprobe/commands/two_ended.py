"""``pathprobe analyze CLIENT SERVER``: what two captures of one conversation say together."""

from __future__ import annotations

from pathlib import Path

import click

from pathprobe.commands import status
from pathprobe.commands.ending import fail
from pathprobe.core.report import Report, Vantage
from pathprobe.engine.two_ended import NothingInCommon, analyze
from pathprobe.wire.captures import NotACapture


def report_of(client: Path, server: Path) -> Report:
    """The report on both files, or one line on stderr and out."""
    try:
        found = analyze(client, server)
    except (NothingInCommon, NotACapture) as error:
        fail(str(error), status.CANNOT)
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror}", status.CANNOT)
    if found.swapped:
        click.echo(f"pathprobe: {client} is the server's capture and {server} the client's: read as such", err=True)
        client, server = server, client
    results = found.results
    return Report(
        engine="capture",
        started=min(result.started for result in results),
        duration=max(result.started + result.duration for result in results) - min(one.started for one in results),
        vantage=Vantage(hostname=None, interface=None, source=results[0].source),
        results=results,
        complete=all(result.complete for result in results),
        capture_path=str(client),
        capture_packets=len({number for one in results for frames in one.frames.values() for number in frames}),
        file=found.client,
        server_capture_path=str(server),
        server_file=found.server,
    )

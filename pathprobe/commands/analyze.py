"""``pathprobe analyze``: the same verdict again, from the capture alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pathprobe.commands import status, ticket

if TYPE_CHECKING:
    from pathprobe.core.report import Report


@click.command()
@click.argument("capture", type=click.Path(path_type=Path))
@click.argument("server", required=False, type=click.Path(path_type=Path), metavar="[SERVER]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@ticket.options
def analyze(capture: Path, server: Path | None, as_json: bool, place: Path | None, redact: bool) -> None:
    """The verdict that follows from CAPTURE, a file that pathprobe wrote with -w.

    With a second one, of the server's end, it says what neither alone can: whether the packets arrived, whether the
    server answered, which way it was lost, and what was changed on the way. Clocks need not agree.

    Needs no privileges and no network. Exit status as for the live run.
    """
    from pathprobe.commands.probe import fail, finish
    from pathprobe.engine.offline import NotOurs

    kept = ticket.Ticket.begin(place, redact=redact, capture=capture)
    if server is not None:
        from pathprobe.commands import two_ended

        finish(two_ended.report_of(capture, server), kept, as_json=as_json)
    try:
        report = report_of(capture)
    except NotOurs as error:
        fail(str(error), status.CANNOT)
    except OSError as error:
        fail(f"cannot read {capture}: {error.strerror}", status.CANNOT)
    finish(report, kept, as_json=as_json)


def report_of(capture: Path) -> Report:
    """The report that follows from a capture. Raises NotOurs, OSError."""
    from pathprobe.core.report import Report, Vantage
    from pathprobe.engine.offline import analysis_of

    analysis = analysis_of(capture)
    results = analysis.results
    return Report(
        engine="capture",
        started=min(result.started for result in results),
        duration=sum(result.duration for result in results),
        vantage=Vantage(hostname=None, interface=None, source=results[0].source),
        results=results,
        complete=all(result.complete for result in results),
        capture_path=str(capture),
        capture_packets=len({number for result in results for numbers in result.frames.values() for number in numbers}),
        file=analysis.file,
    )

"""``pathprobe analyze``: the verdicts that follow from a capture alone, or from two of both ends."""

from __future__ import annotations

from pathlib import Path

import click

from pathprobe.commands import status, ticket


@click.command()
@click.argument("capture", type=click.Path(path_type=Path))
@click.argument("server", required=False, type=click.Path(path_type=Path), metavar="[SERVER]")
@click.option(
    "--target", "targets", multiple=True, metavar="ADDRESS[:PORT]", help="Only what was asked of this target."
)
@click.option(
    "--host", "hosts", multiple=True, metavar="ADDRESS[/PREFIX]", help="Only what these hosts asked or were asked."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@ticket.options
def analyze(
    capture: Path,
    server: Path | None,
    targets: tuple[str, ...],
    hosts: tuple[str, ...],
    as_json: bool,
    place: Path | None,
    redact: bool,
) -> None:
    """The verdicts that follow from CAPTURE: a file that pathprobe wrote with -w, or anybody's pcap or pcapng.

    Of others' traffic every TCP attempt, UDP request and echo request is judged as the host saw it that asked,
    traceroutes of all kinds among them; worst first.

    With a second one, of the server's end, it says what neither alone can: whether the packets arrived, whether the
    server answered, which way it was lost, and what was changed on the way. Clocks need not agree.

    Needs no privileges and no network.

    \b
    Exit status: 0 all open, 3 closed, 4 filtered, 5 unreachable, 6 unknown, 7 intermittent,
    8 several that differ; 1 no capture or no question in it, 2 wrong command line.
    """
    from pathprobe.commands.captured import BadNarrowing, report_of, wanted_of
    from pathprobe.commands.ending import fail
    from pathprobe.commands.probe import finish
    from pathprobe.engine.offline import NotOurs

    try:
        wanted = wanted_of(targets, hosts)
    except BadNarrowing as error:
        fail(str(error), status.USAGE)
    if server is not None and wanted.narrows:
        fail("--target and --host narrow one capture; of two all that both hold is told", status.USAGE)
    kept = ticket.Ticket.begin(place, redact=redact, capture=capture, both_ends=server is not None)
    if server is not None:
        from pathprobe.commands import two_ended

        finish(two_ended.report_of(capture, server), kept, as_json=as_json)
    try:
        report = report_of(capture, wanted)
    except NotOurs as error:
        fail(str(error), status.CANNOT)
    except OSError as error:
        fail(f"cannot read {capture}: {error.strerror}", status.CANNOT)
    finish(report, kept, as_json=as_json)

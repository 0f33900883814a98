"""``pathprobe diagnose HOST:PORT``: all layers in order, and what they say together."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pathprobe.commands import layered, status, ticket
from pathprobe.commands.address import Address
from pathprobe.commands.ending import fail
from pathprobe.commands.seconds import Seconds
from pathprobe.engine.ticket_place import CannotPlace

if TYPE_CHECKING:
    from pathprobe.commands.diagnose_rows import Opened, Sources
    from pathprobe.core.layers import LayersReport
    from pathprobe.core.report import Report, Target

_PROTOCOLS = ("tcp", "udp")

#: What a ticket has beside the report of the probes.
_IN_TICKET = ("diagnosis.txt", "diagnosis.json")


@click.command()
@click.argument("target", metavar="HOST:PORT[/tcp|/udp]")
@click.option("--ssh", metavar="[USER@]HOST", help="Look at the server too, over ssh: it needs python3, no more.")
@click.option("--host-report", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="What `pathprobe host PORT --json` printed on the server.")  # fmt: skip
@click.option("--cloud", metavar="FILE|aws", multiple=True,
              help="The cloud's rules, as its command line prints them; or AWS itself.")  # fmt: skip
@click.option("--app", metavar="URL", help="What to ask of the service (default: what its port is known for).")
@click.option("--no-app", is_flag=True, help="Say nothing to the service.")
@click.option("--from", "client", type=Address(), metavar="ADDRESS",
              help="The client's address as the server's side sees it (default: the probes' own).")  # fmt: skip
@click.option("--expect", metavar="NAME", help="The program, unit or container that should serve it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (pathprobe-layers/1) instead of text.")
@click.option("-w", "--write", metavar="FILE.pcapng", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep every packet, with a comment on each.")  # fmt: skip
@click.option("--max-hops", default=30, show_default=True, type=click.IntRange(1, 60), help="Longest path to step.")
@click.option("--wait", type=Seconds(0.01, 60), metavar="SECONDS",
              help="Longest silence window of one probe (default: adaptive).")  # fmt: skip
@click.option("-i", "--interface", metavar="NAME", help="Send through this interface.")
@click.option("-s", "--source", metavar="ADDRESS", help="Send from this address of this host.")
@click.option("-4", "family", flag_value=4, type=int, help="Resolve names to IPv4 only.")
@click.option("-6", "family", flag_value=6, type=int, help="Resolve names to IPv6 only.")
@click.option("--mtu", is_flag=True, help="Find the largest packet that passes, and where larger ones die.")
@click.option("--ticket", "place", metavar="DIR|FILE.zip", type=click.Path(path_type=Path),
              help="Write all of it for others: diagnosis, report and packets.")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Show what was seen of healthy layers too.")
def diagnose(
    target: str,
    ssh: str | None,
    host_report: Path | None,
    cloud: tuple[str, ...],
    app: str | None,
    no_app: bool,
    client: Any,
    expect: str | None,
    **options: Any,
) -> None:
    """Why can I not connect? All layers in order, the broken one named, with whom to ask or what to run.

    \b
    Exit status: 0 every layer that was looked at is well, 3 nothing listens, 4 one is broken, 6 could not tell,
    7 intermittent; 1 could not do the job, 2 wrong command line, 130 interrupted.
    """
    from pathprobe.commands.diagnose_rows import Sources

    if ssh and host_report:
        raise click.UsageError("--ssh and --host-report both say what the server is like: give one")
    if app and no_app:
        raise click.UsageError("--app asks the service and --no-app does not: give one")
    sources = Sources(
        ssh=ssh,
        report=host_report,
        cloud=cloud,
        client=None if client is None else str(client),
        url=app,
        application=not no_app,
        expected=expect,
    )
    asked = _target(target, options["family"])
    _run(asked, _opened(sources, asked), **options)


def _target(text: str, family: int | None) -> Target:
    from pathprobe.engine.targets import BadTarget, Unresolvable, parse, resolve

    address, _, protocol = text.partition("/")
    protocol = protocol or "tcp"
    if protocol not in _PROTOCOLS:
        fail(f"{text!r}: {protocol!r} is neither tcp nor udp", status.USAGE)
    try:
        wanted = parse(address, with_port=True)
        if len(wanted.ports) != 1:
            fail(f"{text!r}: one port at a time is diagnosed; batch asks many", status.USAGE)
        (found,) = resolve(wanted, protocol=protocol, family=family)
    except BadTarget as error:
        fail(str(error), status.USAGE)
    except Unresolvable as error:
        fail(str(error), status.CANNOT)
    return found


def _opened(sources: Sources, target: Target) -> Opened:
    """All that can be wrong with what was given is said before the first probe."""
    from pathprobe.commands.diagnose_rows import Misused, NotOpened, opened

    try:
        return opened(sources, target)
    except Misused as error:
        fail(str(error), status.USAGE)
    except NotOpened as error:
        fail(str(error), status.CANNOT)


def _run(
    target: Target, sources: Opened, *, place: Path | None, as_json: bool, verbose: bool, **options: Any
) -> NoReturn:
    from pathprobe.commands.diagnose_rows import looked
    from pathprobe.core.layers import Asked, LayersReport
    from pathprobe.output.diagnosis.checklist import checklist
    from pathprobe.output.diagnosis.joining import conclude

    started, begun = time.time(), time.monotonic()
    kept = ticket.Ticket.begin(place, redact=False, write=options["write"], more=_IN_TICKET)
    kept.look_at_routes([target], source=options["source"], interface=options["interface"])
    probed = _probe(target, kept, options)
    if not probed.results:
        sys.exit(status.INTERRUPTED)
    (result,) = probed.results
    found = looked(target, result, sources, goes_on=probed.complete)
    report = LayersReport(
        asked=Asked(
            given=target.given,
            address=target.address,
            port=target.port,
            protocol=target.protocol,
            source=None,
        ),
        started=started,
        duration=time.monotonic() - begun,
        layers=found.layers,
        conclusion=conclude(found.layers, result, found.vantage),
        results=(result,),
        checklist=checklist(found.layers, result),
        complete=found.complete,
    )
    _finish(report, probed, kept, as_json=as_json, verbose=verbose)


def _probe(target: Target, kept: ticket.Ticket, options: dict[str, Any]) -> Report:
    from pathprobe.commands import live
    from pathprobe.commands.vantage import CannotProbe

    asked = {name: options[name] for name in ("max_hops", "wait", "interface", "source", "mtu")}
    try:
        return live.run([target], write=kept.evidence, no_trace=False, flows=1, verbose=False, **asked)
    except CannotProbe as error:
        fail(str(error), status.CANNOT)


def _finish(report: LayersReport, probed: Report, kept: ticket.Ticket, *, as_json: bool, verbose: bool) -> NoReturn:
    from pathprobe.output import layers_json, layers_table

    document, text = layers_json.render(report), layers_table.render(report, verbose=True)
    with _told(report, document, as_json=as_json, verbose=verbose):
        files = dict(zip(_IN_TICKET, (f"{text}\n", f"{document}\n"), strict=True))
        kept.put(probed, files, f"All layers: {report.conclusion.word}: {report.conclusion.summary}")
    sys.exit(status.of_diagnosis(report))


@contextmanager
def _told(report: LayersReport, document: str, *, as_json: bool, verbose: bool) -> Iterator[None]:
    """The answer is printed even where the ticket cannot be written."""
    try:
        yield
    except CannotPlace as error:
        reason: str | None = str(error)
    else:
        reason = None
    click.echo(document if as_json else layered.rendered(report, as_json=False, verbose=verbose))
    if reason is not None:
        fail(reason, status.CANNOT)

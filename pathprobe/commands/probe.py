"""``pathprobe tcp``, ``pathprobe udp`` and ``pathprobe icmp``."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pathprobe.commands import status, ticket, timing
from pathprobe.commands.ending import fail
from pathprobe.commands.seconds import Seconds
from pathprobe.commands.terminal import is_terminal
from pathprobe.commands.ticket import Ticket
from pathprobe.engine.ticket_place import CannotPlace

if TYPE_CHECKING:
    from pathprobe.core.report import Report

#: The smallest MTU of IPv6 (RFC 8200 section 5) less both headers: longer datagrams might die of their size.
_LONGEST_PAYLOAD = 1280 - 40 - 8


class _Payload(click.ParamType[bytes]):
    """What a datagram carries: hexadecimal digits, or @ and the name of a file."""

    name = "payload"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if value == "@":
            self.fail("@ wants the name of a file behind it", param, ctx)
        try:
            octets = _head(Path(value[1:])) if value.startswith("@") else bytes.fromhex(value)
        except OSError as error:
            self.fail(f"cannot read {value[1:]}: {error.strerror}", param, ctx)
        except ValueError:
            self.fail(f"{value!r} is not hexadecimal: write pairs of digits (0aff), or @FILE", param, ctx)
        if len(octets) > _LONGEST_PAYLOAD:
            self.fail(f"more than {_LONGEST_PAYLOAD} octets: a longer datagram does not cross every path", param, ctx)
        return octets


def _head(path: Path) -> bytes:
    """As much of a file as shows whether it is too long: a device has no end."""
    with path.open("rb") as stream:
        return stream.read(_LONGEST_PAYLOAD + 1)


def _flows(ctx: click.Context, param: click.Parameter, text: str) -> int | None:
    """A number of flows, or None for "auto": until no hop can hide one more router."""
    if text == "auto":
        return None
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 64:
        return int(text)
    raise click.BadParameter(f"{text!r} is neither a number from 1 to 64 nor auto", ctx, param)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every probing command has."""
    options: list[Callable[..., Any]] = [
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text."),
        click.option("-w", "--write", metavar="FILE.pcapng", type=click.Path(path_type=Path, dir_okay=False),
                     help="Keep every packet, with a comment on each."),
        click.option("--max-hops", default=30, show_default=True, type=click.IntRange(1, 60),
                     help="Longest path to step."),
        click.option("--wait", type=Seconds(0.01, 60), metavar="SECONDS",
                     help="Longest silence window of one probe (default: adaptive)."),
        click.option("-i", "--interface", metavar="NAME", help="Send through this interface."),
        click.option("-s", "--source", metavar="ADDRESS", help="Send from this address of this host."),
        click.option("-4", "family", flag_value=4, type=int, help="Resolve names to IPv4 only."),
        click.option("-6", "family", flag_value=6, type=int, help="Resolve names to IPv6 only."),
        click.option("--flows", default="1", show_default=True, callback=_flows, metavar="N|auto",
                     help="Distinct source ports, to see all branches of the path."),
        click.option("--no-trace", is_flag=True, help="Only ask the target; do not step the TTL."),
        click.option("--mtu", is_flag=True, help="Find the largest packet that passes, and where larger ones die."),
        ticket.options,
        click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is done."),
    ]  # fmt: skip
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), function)


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="HOST:PORT...")
@_options
def tcp(targets: tuple[str, ...], **options: Any) -> None:
    """Is this TCP port reachable from here, and if not, what stops it and where?

    A target is HOST:PORT, [V6]:PORT, HOST:PORT,PORT or HOST:LOW-HIGH.

    \b
    Exit status: 0 open, 3 closed, 4 filtered, 5 unreachable, 6 unknown, 7 intermittent,
    8 several targets that differ; 1 could not do the job, 2 wrong command line, 130 interrupted.
    """
    _run("tcp", targets, **options)


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="HOST:PORT...")
@click.option(
    "--payload",
    type=_Payload(),
    metavar="HEX|@FILE",
    help="Send this instead of a question in the service's own protocol.",
)
@_options
def udp(targets: tuple[str, ...], **options: Any) -> None:
    """Is this UDP port open, closed or filtered, and if it is silent, what can be ruled out?

    A target is HOST:PORT, [V6]:PORT, HOST:PORT,PORT or HOST:LOW-HIGH. To a port of a well-known service goes a
    question in its own protocol, so that an open one answers.

    \b
    Exit status: 0 open, 3 closed, 4 filtered, 5 unreachable, 6 open|filtered or unknown, 7 intermittent,
    8 several targets that differ; 1 could not do the job, 2 wrong command line, 130 interrupted.
    """
    _run("udp", targets, **options)


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="HOST...")
@_options
def icmp(targets: tuple[str, ...], **options: Any) -> None:
    """Does this host answer echo requests, and if not, what stops them and where?

    \b
    Exit status: 0 it answers, 4 filtered, 5 unreachable, 6 unknown, 7 intermittent,
    8 several targets that differ; 1 could not do the job, 2 wrong command line, 130 interrupted.
    """
    _run("icmp", targets, **options)


def _run(
    protocol: str,
    targets: tuple[str, ...],
    *,
    as_json: bool,
    family: int | None,
    place: Path | None,
    redact: bool,
    **options: Any,
) -> NoReturn:
    from pathprobe.engine.targets import BadTarget, Unresolvable, parse, resolve

    begun = time.monotonic()
    try:
        wanted = [parse(text, with_port=protocol != "icmp") for text in targets]
        resolved = [one for each in wanted for one in resolve(each, protocol=protocol, family=family)]
    except BadTarget as error:
        fail(str(error), status.USAGE)
    except Unresolvable as error:
        fail(str(error), status.CANNOT)
    resolving = time.monotonic() - begun
    from pathprobe.commands import live
    from pathprobe.commands.vantage import CannotProbe

    kept = Ticket.begin(place, redact=redact, write=options["write"])
    kept.look_at_routes(resolved, source=options["source"], interface=options["interface"])
    try:
        report = live.run(resolved, **{**options, "write": kept.evidence})
    except CannotProbe as error:
        fail(str(error), status.CANNOT)
    spent = timing.timing_of(report, resolve=resolving)
    if options["verbose"]:
        click.echo(timing.words(spent), err=True)
    finish(replace(report, timing=spent), kept, as_json=as_json)


def finish(report: Report, kept: Ticket, *, as_json: bool) -> NoReturn:
    """The answer, the ticket, the status: the answer is printed even where the ticket cannot be written."""
    try:
        kept.put(report)
    except CannotPlace as error:
        click.echo(rendered(report, as_json=as_json))
        fail(str(error), status.CANNOT)
    click.echo(rendered(kept.told(report), as_json=as_json))
    sys.exit(status.of(report))


def rendered(report: Report, *, as_json: bool) -> str:
    """A report as the user asked for it."""
    if as_json:
        from pathprobe.output import json

        return json.render(report)
    from pathprobe.output import table

    return table.render(report, colour=is_terminal(sys.stdout))

"""``pathprobe app URL``: layer 7, the service in its own protocol."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pathprobe.commands import layered, status
from pathprobe.commands.ending import fail
from pathprobe.commands.seconds import Seconds

if TYPE_CHECKING:
    pass

_METHODS = ("GET", "HEAD")
#: RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS = re.compile(r"[1-5]([0-9][0-9x]|xx)")


def _headers(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Name and value of each."""
    headers = []
    for one in given:
        name, colon, value = one.partition(":")
        if not colon or not _TOKEN.fullmatch(name.strip()):
            raise click.BadParameter(f"{name!r} is no header: write 'Name: value'", ctx, param)
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


def _statuses(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Three digits each, of which the last ones may be x."""
    statuses = tuple(one.strip().lower() for one in text.split(",")) if text else ()
    for one in statuses:
        if not _STATUS.fullmatch(one):
            raise click.BadParameter(f"{one!r} is no status: write 200, 3xx or several with commas", ctx, param)
    return statuses


def _without_port(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    """An address or host; the port is that of the URL."""
    from pathprobe.layers.app.target import is_address

    if given is not None and ":" in given and not is_address(given):
        raise click.BadParameter(f"{given!r}: write an address without a port, which the URL has", ctx, param)
    return given


@click.command()
@click.argument("target", metavar="URL|HOST:PORT")
@click.option("--sni", "name", metavar="NAME", help="The name that TLS asks for and the certificate should have.")
@click.option(
    "--header",
    "headers",
    metavar="'NAME: VALUE'",
    multiple=True,
    callback=_headers,
    help="Send this header too, or gRPC metadata; may be repeated.",
)
@click.option(
    "--expect-status",
    "expected",
    metavar="STATUS,...",
    callback=_statuses,
    help="The HTTP statuses that are well, such as 200,204,3xx.",
)
@click.option("--insecure", "is_insecure", is_flag=True, help="Ask on where the certificate does not hold, and warn.")
@click.option(
    "--ca",
    "authorities",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Trust the certificates in this file (PEM) too.",
)
@click.option(
    "--connect-to",
    metavar="ADDRESS",
    callback=_without_port,
    help="Connect to this address or host, and ask for the name in the URL.",
)
@click.option(
    "--method",
    type=click.Choice(_METHODS, case_sensitive=False),
    default="GET",
    show_default=True,
    help="How HTTP is asked.",
)
@click.option(
    "--timeout",
    type=Seconds(0.05, 600),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each step may take.",
)
@click.option("-4", "family", flag_value=4, type=int, help="Over IPv4 only.")
@click.option("-6", "family", flag_value=6, type=int, help="Over IPv6 only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (pathprobe-layers/1) instead of text.")
@click.option("-v", "--verbose", is_flag=True, help="Show times and what was seen of a healthy service too.")
def app(target: str, as_json: bool, verbose: bool, **options: Any) -> None:
    """The port is open, but does the service behind it speak?

    Connects, shakes hands and asks once in the service's own protocol: http, https, tls, grpc, grpcs (health and list
    of services), tcp (listens for a greeting, sends nothing), dns. HOST:PORT alone is asked in what the port is known
    for. Follows no redirection and uses no proxy.

    \b
    pathprobe app https://web1/health             status, certificate, times with -v
    pathprobe app tls://10.0.0.5:8443 --sni web1  the handshake alone, for this name
    pathprobe app grpc://10.0.0.5:50051           health and services (pip install 'pathprobe[grpc]')
    pathprobe app dns://10.0.0.53/example.org     over UDP and TCP

    \b
    Exit status: 0 healthy, 3 refused (nothing listens), 4 broken, 6 could not tell; 1 could not do the job,
    2 wrong command line.
    """
    from pathprobe.core.layers import Asked, LayersReport
    from pathprobe.layers.app import BadTarget, CannotAsk, Scheme, ask, conclude, judge, parse

    try:
        question = replace(parse(target), **_told(options))
    except BadTarget as error:
        fail(str(error), status.USAGE)
    started, begun = time.time(), time.monotonic()
    try:
        told = ask(question)
    except CannotAsk as error:
        fail(str(error), status.CANNOT)
    row = judge(told, now=started)
    asked = Asked(
        given=question.given,
        protocol="udp" if question.scheme is Scheme.DNS else "tcp",
        port=question.port,
        address=told.address or (told.addresses[0] if told.addresses else None),
    )
    report = LayersReport(
        asked=asked,
        started=started,
        duration=time.monotonic() - begun,
        layers=(row,),
        conclusion=conclude(row, question),
    )
    layered.finish(report, as_json=as_json, verbose=verbose)


def _told(options: dict[str, Any]) -> dict[str, Any]:
    """The options as a question has them. Raises BadTarget for a name that is none."""
    from pathprobe.layers.app.target import encoded, is_address

    name, authorities = options["name"], options["authorities"]
    if name is not None and not is_address(name):
        name = encoded(name, name)
    return {**options, "name": name, "authorities": None if authorities is None else str(authorities)}

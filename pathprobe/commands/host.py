"""``pathprobe host PORT``: layers 1 to 3 on this machine; ``host backup`` and ``host restore``: its packet filters."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any

import click

from pathprobe.commands import layered
from pathprobe.commands.address import Address
from pathprobe.commands.host_backup import backup, restore
from pathprobe.commands.seconds import Seconds

_PROTOCOLS = ("tcp", "udp")

#: The command that a port stands for.
_CHECK = "check"


class _PortOrCommand(click.Group):
    """``host 8080`` is ``host check 8080``: what is no command is a port."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_CHECK, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Those of a port are the ones that are asked for."""
        click.Command.format_options(self.commands[_CHECK], ctx, formatter)
        self.format_commands(ctx, formatter)


class _Port(click.ParamType[tuple[int, str]]):
    """A port with its protocol: 8080, 8080/tcp, 53/udp."""

    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        number, _, protocol = str(value).partition("/")
        protocol = protocol or "tcp"
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 65535):
            self.fail(f"{value!r} is no port: write 8080, 8080/tcp or 53/udp", param, ctx)
        if protocol not in _PROTOCOLS:
            self.fail(f"{protocol!r} is neither tcp nor udp", param, ctx)
        return int(number), protocol


class _PortContext(click.Context):
    """The hidden command's name is nobody's business."""

    @property
    def command_path(self) -> str:
        return self.parent.command_path if self.parent else super().command_path


class _PortCommand(click.Command):
    context_class = _PortContext


@click.group(cls=_PortOrCommand, options_metavar="", subcommand_metavar="PORT[/tcp|/udp] [OPTIONS]")
def host() -> None:
    """Is this machine's own PORT served, let in by its firewall, and allowed?

    Says who listens and where, walks a packet through all rules of nft and iptables and names the one that decides,
    looks at the kernel's own reasons to drop it, and at SELinux and AppArmor. Changes nothing; what is printed as a
    fix is for you to copy. Without root it says what it could not see.

    \b
    sudo pathprobe host 8080                      all of it
    sudo pathprobe host 53/udp --from 10.0.0.9    for this client
    sudo pathprobe host backup DIR                keep the packet filters as they are
    sudo pathprobe host restore DIR               show what differs; --yes puts it back

    \b
    Exit status: 0 healthy, 3 nothing listens, 4 blocked, 6 could not tell; 1 could not do the job, 2 wrong
    command line. With --watch-arrivals: 0 all were answered, 3 reset, 4 some were stopped, 6 nothing came or could
    not tell; 130 interrupted.
    """


host.add_command(backup)
host.add_command(restore)


@host.command(_CHECK, hidden=True, cls=_PortCommand)
@click.argument("port", type=_Port(), metavar="PORT[/tcp|/udp]")
@click.option("--from", "source", type=Address(), metavar="ADDRESS", help="Check for this client (default: any).")
@click.option("--expect", metavar="NAME", help="The program, unit or container that should serve it.")
@click.option("-4", "family", flag_value=4, type=int, help="Over IPv4 only.")
@click.option("-6", "family", flag_value=6, type=int, help="Over IPv6 only.")
@click.option(
    "--watch-arrivals",
    "seconds",
    type=Seconds(0.1, 3600),
    metavar="SECONDS",
    help="Instead: watch what arrives for so long, and say what became of each packet.",
)
@click.option("--trace-rules", is_flag=True, help="Also name the nft rule (adds a temporary nftables table).")
@click.option(
    "-w",
    "--write",
    metavar="FILE.pcapng",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep what was watched, for analyze CLIENT SERVER.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (pathprobe-layers/1) instead of text.")
@click.option("-v", "--verbose", is_flag=True, help="Show what was seen of healthy layers too.")
def check(
    port: tuple[int, str],
    source: Any,
    expect: str | None,
    family: int | None,
    seconds: float | None,
    trace_rules: bool,
    write: Path | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Is this machine's own PORT served, let in by its firewall, and allowed?"""
    number, protocol = port
    if seconds is not None:
        from pathprobe.commands import host_arrivals

        if source or expect or family:
            raise click.UsageError("--from, --expect, -4 and -6 are not for --watch-arrivals: it shows whoever comes")
        host_arrivals.run(number, protocol, seconds, trace_rules=trace_rules, write=write, as_json=as_json)
    if trace_rules or write:
        raise click.UsageError("--trace-rules and -w go with --watch-arrivals SECONDS")
    from pathprobe.core.layers import Asked, LayersReport
    from pathprobe.layers.conclusion import conclude
    from pathprobe.layers.host import PortQuestion, look
    from pathprobe.layers.system import ThisMachine

    if source is not None and family not in (None, source.version):
        raise click.UsageError(f"--from {source} is not an IPv{family} address")
    started, begun = time.time(), time.monotonic()
    question = PortQuestion(port=number, protocol=protocol, source=source, version=family, expected=expect)
    layers = look(ThisMachine(), question, now=started)
    asked = Asked(
        given=f"{number}/{protocol}",
        protocol=protocol,
        port=number,
        source=None if source is None else str(source),
        version=family,
        command=_again(number, protocol, source, expect, family),
    )
    report = LayersReport(
        asked=asked,
        started=started,
        duration=time.monotonic() - begun,
        layers=layers,
        conclusion=conclude(layers, asked),
    )
    layered.finish(report, as_json=as_json, verbose=verbose)


def _again(port: int, protocol: str, source: Any, expect: str | None, family: int | None) -> str:
    """What to run to ask the same once more."""
    words = ["sudo", "pathprobe", "host", f"{port}/{protocol}"]
    words += ["--from", str(source)] if source is not None else []
    words += ["--expect", expect] if expect else []
    words += [f"-{family}"] if family else []
    return shlex.join(words)

"""``pathprobe demo``: the first thing a newcomer sees."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pathprobe.commands import status
from pathprobe.commands.terminal import is_terminal

if TYPE_CHECKING:
    from pathprobe.net.scenario import Scenario

_SCENARIO = "drop-r2-forward"


@click.command()
@click.option(
    "-w",
    "--write",
    metavar="FILE.pcapng",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to keep the packets (default: a new temporary directory).",
)
@click.option("--simulated", is_flag=True, help="Do not build a network; needs no privileges.")  # fmt: skip
def demo(write: Path | None, simulated: bool) -> None:
    """Build a network whose second router drops tcp/8080 silently, and find that out from its client.

    The network is made of namespaces that only this process sees; nothing else is touched or probed.
    """
    from pathprobe.lab.catalogue import load

    scenario = load(_SCENARIO)
    path = write or Path(tempfile.mkdtemp(prefix="pathprobe-")) / "demo.pcapng"
    reason = "as asked for" if simulated else _on_real_network(scenario, path)
    if reason:
        click.echo(f"pathprobe: simulated network, {reason}", err=True)
        _on_simulated_network(scenario, path)


def _on_real_network(scenario: Scenario, path: Path) -> str | None:
    """Show the run on real namespaces; None, or why there can be none."""
    from pathprobe.commands.lab import call, undisturbed
    from pathprobe.lab.netns import LabUnavailable
    from pathprobe.lab.network import Lab

    command = ("pathprobe", *scenario.arguments, "-w", str(path))
    try:
        with undisturbed(), Lab(scenario) as network:
            _introduce(scenario, command)
            code = call(network, (sys.executable, "-m", *command), apart=True)
    except LabUnavailable as error:
        return str(error)
    if code in (status.CANNOT, status.USAGE) or code > 128:
        sys.exit(code)
    _point_at(path)
    return None


def _on_simulated_network(scenario: Scenario, path: Path) -> None:
    from pathprobe.commands.live import recorder
    from pathprobe.core.report import Report, Vantage
    from pathprobe.lab.ask import ask_simulated
    from pathprobe.output import table

    _introduce(scenario, ("pathprobe", *scenario.arguments, "-w", str(path)))
    try:
        keeper = recorder(path)
    except OSError as error:
        click.echo(f"pathprobe: cannot write {path}: {error.strerror}", err=True)
        sys.exit(status.CANNOT)
    result = ask_simulated(scenario, recorder=keeper)
    keeper.finish((result,))
    report = Report(
        engine="simulated",
        started=result.started,
        duration=result.duration,
        vantage=Vantage(hostname="client", interface="eth0", source=result.source),
        results=(result,),
        capture_path=str(path),
        capture_packets=keeper.packets,
    )
    click.echo(table.render(report, colour=is_terminal(sys.stdout)))
    _point_at(path)


def _introduce(scenario: Scenario, command: tuple[str, ...]) -> None:
    click.echo(f"The network: {' - '.join(scenario.chain)}. The fault: {scenario.summary}.")
    click.echo(f"\nclient# {' '.join(command)}\n")


def _point_at(path: Path) -> None:
    click.echo(f"\nOpen it in Wireshark, or: pathprobe analyze {path}")

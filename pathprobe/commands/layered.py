"""How does a command end that looked at layers: what is printed, with which status?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click

from pathprobe.commands import status
from pathprobe.commands.terminal import is_terminal, width

if TYPE_CHECKING:
    from pathprobe.core.layers import LayersReport


def finish(report: LayersReport, *, as_json: bool, verbose: bool) -> NoReturn:
    """Print it as it was asked for, and exit by what the rows say."""
    click.echo(rendered(report, as_json=as_json, verbose=verbose))
    sys.exit(status.of_layers(report.layers))


def rendered(report: LayersReport, *, as_json: bool, verbose: bool) -> str:
    """One JSON document, or a table that fits the terminal if there is one."""
    if as_json:
        from pathprobe.output import layers_json

        return layers_json.render(report)
    from pathprobe.output import layers_table

    return layers_table.render(report, colour=is_terminal(sys.stdout), verbose=verbose, width=width())

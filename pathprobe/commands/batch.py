"""``pathprobe batch``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pathprobe.commands import status
from pathprobe.commands.ending import fail
from pathprobe.core.report import State

if TYPE_CHECKING:
    from pathprobe.engine.target_list import TargetList

#: As engine.target_list has it, which is not imported for the sake of --help.
_LIMIT = 1 << 20


def _rate(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """Packets a second; None for the default, infinity for "max"."""
    if text is None or text == "max":
        return None if text is None else float("inf")
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.1 <= rate <= 1e7:
        raise click.BadParameter(f"{text!r} is neither a number of packets a second nor max", ctx, param)
    return rate


def _states(ctx: click.Context, param: click.Parameter, text: str | None) -> frozenset[State]:
    """The states that are wanted; all without the option."""
    if text is None:
        return frozenset(State)
    try:
        return frozenset(State(name.strip()) for name in text.split(","))
    except ValueError:
        names = ", ".join(State)
        raise click.BadParameter(f"{text!r}: name states with commas between them, of {names}", ctx, param) from None


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--json", "form", flag_value="json", help="Print one JSON document instead of text.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Print one JSON object a line, as known.")
@click.option("--csv", "form", flag_value="csv", help="Print a table for a spreadsheet.")
@click.option("--from-csv", is_flag=True, help="FILE is a table (known by its first row, too).")
@click.option("--udp", is_flag=True, help="UDP where a line does not say.")
@click.option("--only", "wanted", callback=_states, metavar="STATE,...", help="Print only these: closed,filtered.")
@click.option("--resume", type=click.Path(path_type=Path, dir_okay=False), metavar="STATE",
              help="Keep answers in this file, and do not ask again for those in it.")  # fmt: skip
@click.option("--rate", callback=_rate, metavar="PPS|max", help="Packets a second (default: kind, and growing).")
@click.option("--limit", default=_LIMIT, show_default=True, type=click.IntRange(1), help="Most targets of a list.")
@click.option("--strict", is_flag=True, help="Ask nothing if a line of FILE is bad.")
@click.option("--no-trace", is_flag=True, help="Only ask the targets; do not look for where they die.")
@click.option("--max-hops", default=30, show_default=True, type=click.IntRange(1, 60), help="Longest path to step.")
@click.option("--wait", type=click.FloatRange(0.01, 60), metavar="SECONDS",
              help="Longest silence window of one probe (default: adaptive).")  # fmt: skip
@click.option("-i", "--interface", metavar="NAME", help="Send through this interface.")
@click.option("-s", "--source", metavar="ADDRESS", help="Send from this address of this host.")
@click.option("-4", "family", flag_value=4, type=int, help="Resolve names to IPv4 only.")
@click.option("-6", "family", flag_value=6, type=int, help="Resolve names to IPv6 only.")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is done.")
def batch(file: str, **options: Any) -> None:
    """Which of these many targets are reachable, and where do the others die?

    FILE (- for stdin) has a target a line: ADDRESS:PORT, ADDRESS:PORT:SERVICE, HOST:PORT, [V6]:PORT, with /udp behind
    the port or the service; ADDRESS/LENGTH:PORT,PORT,LOW-HIGH for many at once; # begins a comment. Rows with commas
    (host, port, protocol, service, or columns named in the first row) and JSON objects are read as well.

    \b
    Exit status: 0 all open, 3 closed, 4 filtered, 5 unreachable, 6 unknown, 7 intermittent,
    8 not all alike; 1 could not do the job, 2 wrong command line or (--strict) a bad line, 130 interrupted.
    """
    targets = _read(file, options)
    if not targets.asked:
        fail(f"no targets in {_called(file)}: write ADDRESS:PORT, one a line", status.CANNOT)
    from pathprobe.commands.batch_run import BatchRun

    sys.exit(BatchRun(targets, options).run())


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _called(file: str) -> str:
    return "stdin" if file == "-" else file


def _read(file: str, options: Mapping[str, Any]) -> TargetList:
    """The list; what is wrong with it is said at once."""
    from pathprobe.core.probes import Kind
    from pathprobe.engine.target_list import TooMany, is_table, read_targets, read_text

    gc.disable()  # nothing of a list is garbage, and to look for some takes a fifth of the time that reading takes
    try:
        text = read_text(file)
        targets = read_targets(
            text,
            table=options["from_csv"] or is_table(text),
            kind=Kind.UDP if options["udp"] else Kind.TCP,
            family=options["family"],
            limit=options["limit"],
        )
    except OSError as error:
        fail(f"cannot read {_called(file)}: {error.strerror or error}", status.CANNOT)
    except TooMany as error:
        fail(str(error), status.USAGE)
    finally:
        gc.freeze()  # it stays to the end
        gc.enable()
    for trouble in targets.troubles:
        click.echo(f"pathprobe: {_called(file)}, line {trouble.number}: {trouble.what}", err=True)
    if targets.troubles and options["strict"]:
        fail(
            f"nothing was asked, for {_count(len(targets.troubles), 'line')} could not be read (--strict)", status.USAGE
        )
    if targets.duplicates:
        click.echo(f"pathprobe: {_count(targets.duplicates, 'duplicate')} left out", err=True)
    return targets

"""The command line: parse, call, render, exit.

Each command's module is imported only when it is called, so that ``--help`` loads neither scapy nor asyncio.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys

import click

from pathprobe import __version__

#: Command -> the module that has it, and its line in the overview.
_COMMANDS = {
    "tcp": ("probe", "Is this TCP port reachable from here, and if not, what stops it and where?"),
    "udp": ("probe", "The same for UDP: open, closed, filtered, and what a silence rules out."),
    "icmp": ("probe", "The same for echo (ping)."),
    "diagnose": ("diagnose", "Why can I not connect? All layers in order, the broken one named, and how to mend it."),
    "batch": ("batch", "Very many targets from a file: which are reachable, and where do the others die?"),
    "analyze": ("analyze", "The verdicts that follow from a capture, ours or anybody's; no privileges, no network."),
    "diff": ("diff", "What changed between two reports or captures: before and after, or from here and from there."),
    "host": ("host", "Is this machine's own port served, let in and allowed? Its packet filters, kept and put back."),
    "cloud": (
        "cloud",
        "Would the cloud's own rules (AWS, Alibaba, Tencent, Azure, Google) let it in, and its answer out?",
    ),
    "app": ("app", "The port is open, but does the service speak: http, https, tls, grpc, tcp, dns?"),
    "lab": ("lab", "Throw-away networks with a known fault, to learn on and to test on."),
    "demo": ("demo", "See it find a silent drop in a network of its own."),
}


#: As in ``status``, which is not imported for the sake of --help.
_CANNOT, _INTERRUPTED = 1, 130


class _LazyGroup(click.Group):
    """Commands by name, imported when asked for (click's documentation, "Lazily Loading Subcommands")."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"pathprobe.commands.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """The last resort: what no command foresaw still ends in one line and its status."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # click knows what to do when the reader went away
            # What stdout could not take must not be tried once more at exit.
            if sys.stdout is not None:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"pathprobe: {f'{error.filename}: ' if error.filename else ''}{error.strerror}", err=True)
            sys.exit(_CANNOT)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pathprobe")
def main() -> None:
    """Why is this port unreachable, what stops the packet, between which hops, and how sure is that?

    \b
    sudo pathprobe tcp 10.0.0.5:8080
    """

"""How is a live run set up, shown while it runs, and interrupted?"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from pathprobe import __version__
from pathprobe.commands.terminal import is_terminal
from pathprobe.commands.vantage import NO_PRIVILEGE, CannotProbe, check_vantage
from pathprobe.core.redaction.command import told_command
from pathprobe.core.report import Report, Result, Target, Vantage
from pathprobe.core.session import Session
from pathprobe.engine.diagnose import diagnose, other_way, require_one_host
from pathprobe.engine.options import Options
from pathprobe.engine.recorder import Recorder, Words
from pathprobe.net.raw import require_privileges
from pathprobe.net.routes import NoRoute, NotOneHost, Route
from pathprobe.output import comments, end_comments

#: How packets and verdicts are put into words in a capture.
WORDS = Words(
    sent=comments.sent_comment,
    answer=comments.answer_comment,
    farewell=comments.farewell_comment,
    section=comments.section_comment,
    connection=comments.connection_comment,
    disowned=comments.disowned_comment,
    in_short=comments.short_comment,
    at_client=end_comments.at_client,
    at_server=end_comments.at_server,
)


def run(
    targets: Sequence[Target],
    *,
    write: Path | None,
    max_hops: int,
    wait: float | None,
    interface: str | None,
    source: str | None,
    no_trace: bool,
    mtu: bool,
    flows: int | None,
    verbose: bool,
    payload: bytes | None = None,
) -> Report:
    """Ask about the targets one after the other. Raises CannotProbe."""
    source = check_vantage(interface, source, targets)
    options = Options(
        max_hops=max_hops,
        wait=wait,
        interface=interface,
        source=source,
        trace=not no_trace,
        flows=flows,
        payload=payload,
        mtu=mtu,
    )
    try:
        # All that can be known beforehand is, so that no answer is lost to a later target.
        require_privileges()
        for target in {target.address: target for target in targets}.values():
            require_one_host(target, options)
        keeper = recorder(write) if write else None
        return asyncio.run(_ask(targets, options, keeper, verbose=verbose))
    except NotOneHost as error:
        raise CannotProbe(f"{error} is a broadcast address here, and not one host: name the host") from None
    except OSError as error:
        if write and error.filename == str(write):
            raise CannotProbe(f"cannot write {write}: {error.strerror}") from None
        if isinstance(error, PermissionError):
            raise CannotProbe(NO_PRIVILEGE) from None
        where = f"{error.filename}: " if error.filename else ""
        raise CannotProbe(f"{where}{error.strerror or error}") from None


def recorder(path: Path) -> Recorder:
    """A recorder that says what it records. Raises OSError when the file cannot be written."""
    # Opened before the first packet: a file that cannot be written costs no probe.
    return Recorder(path, WORDS, application=f"pathprobe {__version__}", command=told_command(sys.argv[1:]))


async def _ask(targets: Sequence[Target], options: Options, recorder: Recorder | None, *, verbose: bool) -> Report:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    epoch, started = time.time(), time.monotonic()
    results: list[Result] = []
    routes: list[Route | None] = []
    progress = _Progress(is_terminal(sys.stderr))
    try:
        for target in targets:
            if interrupted.is_set():
                break
            progress.target = target
            result, route = await diagnose(target, options, interrupted, recorder=recorder, progress=progress)
            results.append(result)
            if other := other_way(target, options):
                progress.say(f"pathprobe: warning: {_other_way_words(target, route, other)}")
            routes.append(route)
            if verbose:
                progress.say(route_words(target, route))
    finally:
        progress.clear()
    if recorder:
        _finish(recorder, results)
    return Report(
        engine="raw",
        started=epoch,
        duration=time.monotonic() - started,
        vantage=_vantage(routes),
        results=tuple(results),
        capture_path=str(recorder.path) if recorder else None,
        capture_packets=recorder.packets if recorder else 0,
        complete=not interrupted.is_set(),
    )


def _finish(recorder: Recorder, results: Sequence[Result]) -> None:
    """The answer is worth more than its capture: a failure here is a warning."""
    try:
        recorder.finish(tuple(results))
    except OSError as error:
        click.echo(f"pathprobe: warning: {recorder.path} stays without conclusions: {error.strerror}", err=True)


def _vantage(routes: Sequence[Route | None]) -> Vantage:
    route = next((route for route in routes if route), None)
    return Vantage(
        hostname=socket.gethostname(),
        interface=route.interface if route else None,
        source=route.source if route else None,
    )


def route_words(target: Target, route: Route | None) -> str:
    """The kernel's choice for a target, in one line."""
    if route is None:
        return f"{target.address}: this host has no route"
    return f"{target.address}: {_way(route)} from {route.source}, MTU {route.mtu}"


def _other_way_words(target: Target, route: Route | None, other: Route | NoRoute) -> str:
    real = (
        f"gives real clients no route ({other.error})"
        if isinstance(other, NoRoute)
        else f"sends real clients {_way(other)}"
    )
    probes = _way(route) if route else "nowhere"
    return f"for {target.label} a policy rule of this host (ip rule) {real}; the probes went {probes}"


def _way(route: Route) -> str:
    return f"{f'via {route.gateway}' if route.gateway else 'directly'} through {route.interface}"


class _Progress:
    """One line on stderr that says how far it is, on a terminal only."""

    def __init__(self, on_terminal: bool) -> None:
        self.target: Target | None = None
        self._on_terminal = on_terminal
        self._shown = ""

    def __call__(self, session: Session, now: float) -> None:
        if not self._on_terminal or self.target is None:
            return
        text = f"{self.target.label}: {len(session.ledger)} packets, {now:.1f} s"
        if text != self._shown:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()
            self._shown = text

    def say(self, text: str) -> None:
        self.clear()
        sys.stderr.write(f"{text}\n")

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = ""

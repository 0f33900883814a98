"""How does a batch run go, from the list of targets to the exit status?"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from pathprobe.commands import status
from pathprobe.commands.batch_form import Form
from pathprobe.commands.batch_output import Progress, form_of
from pathprobe.commands.ending import fail
from pathprobe.commands.vantage import NO_PRIVILEGE, CannotProbe, check_vantage
from pathprobe.core.asked import Answer
from pathprobe.core.pacing import Pace
from pathprobe.core.report import Report, State, Vantage
from pathprobe.engine.audience import Plan
from pathprobe.engine.batch import ask_all
from pathprobe.engine.options import Options
from pathprobe.engine.state_file import CannotResume, StateFile
from pathprobe.engine.sweep import SweepSummary
from pathprobe.engine.target_list import TargetList
from pathprobe.net.raw import require_privileges
from pathprobe.net.routes import NoRoute, NotOneHost, lookup
from pathprobe.output.batch_rows import Row, Rows
from pathprobe.output.summary_table import Summary


@contextmanager
def _signals(interrupted: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM end the asking; what is known is printed."""
    before = {number: signal.signal(number, lambda *_: interrupted.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Facts:
    """What the document and the last lines on stderr say of the whole run."""

    targets: int
    duplicates: int
    bad_lines: list[dict[str, Any]]
    resumed: int = 0
    states: dict[str, int] = field(default_factory=dict)
    first_pass: dict[str, Any] | None = None


class BatchRun:
    """One run: from the list to the exit status."""

    def __init__(self, targets: TargetList, options: Mapping[str, Any]) -> None:
        self._targets = targets
        self._options = options
        self._rows = Rows()
        self._summary = Summary()
        self._form: Form = form_of(options["form"])
        self._pieces: list[str] = []
        self._progress = Progress(len(targets.asked))
        self._interrupted = threading.Event()
        self._state: StateFile | None = None
        self._complete = True
        bad = [{"line": trouble.number, "what": trouble.what} for trouble in targets.troubles]
        self._facts = _Facts(targets=len(targets.asked), duplicates=targets.duplicates, bad_lines=bad)

    def run(self) -> int:
        """Ask, print, and give the exit status."""
        plan = self._plan()
        started, since = time.time(), time.monotonic()
        with ExitStack() as opened:
            try:
                require_privileges()
            except PermissionError:
                fail(NO_PRIVILEGE, status.CANNOT)
            self._open_state(opened)
            opened.enter_context(_signals(self._interrupted))
            self._pieces.append(self._form.head())
            try:
                self._ask(plan)
            finally:
                self._progress.clear()
            self.show()
            self._end(started, time.monotonic() - since)
        sys.stdout.flush()
        return self._status()

    def _plan(self) -> Plan:
        options = self._options
        first = next((one for one in self._targets.asked if one.address is not None), None)
        try:
            source = check_vantage(options["interface"], options["source"], [first.target] if first else [])
        except CannotProbe as error:
            fail(str(error), status.CANNOT)
        return Plan(
            options=Options(
                max_hops=options["max_hops"],
                wait=options["wait"],
                interface=options["interface"],
                source=source,
                trace=not options["no_trace"],
            ),
            pace=Pace(rate=options["rate"]),
        )

    def _open_state(self, opened: ExitStack) -> None:
        if (path := self._options["resume"]) is None:
            return
        try:
            self._state = opened.enter_context(StateFile(path, trace=not self._options["no_trace"]))
        except CannotResume as error:
            fail(str(error), status.CANNOT)
        except OSError as error:
            fail(f"cannot write {path}: {error.strerror or error}", status.CANNOT)

    def _ask(self, plan: Plan) -> None:
        known = self._known()
        rest = [one for one in self._targets.asked if one.key not in known] if known else self._targets.asked
        if self._state is not None and known:
            self._facts.resumed = len(known)
            self._progress.say(f"{len(known):,} of {len(self._targets.asked):,} targets are answered already")
        try:
            self._complete = self._note(ask_all(rest, plan, self, self._interrupted)) if rest else True
        except PermissionError as error:
            self._progress.clear()
            fail(f"the kernel does not let us send: {error.strerror}", status.CANNOT)

    def _known(self) -> set[str]:
        """What earlier runs found out of the targets of this list: it is printed again, and not asked."""
        known: set[str] = set()
        if self._state is None:
            return known
        from pathprobe.output.batch_entries import key_of_entry, row_of_entry

        wanted = {one.key for one in self._targets.asked}
        for entry in self._state.entries():
            try:
                key, row = key_of_entry(entry), row_of_entry(entry)
            except (KeyError, TypeError, ValueError):
                continue
            if key in wanted and key not in known:
                known.add(key)
                self._take(row, entry)
        return known

    def _note(self, summary: SweepSummary) -> bool:
        self._facts.first_pass = {
            "sent": summary.sent,
            "retried": summary.retried,
            "lost_frames": summary.lost_frames,
            "duration_s": round(summary.duration, 3),
        }
        if summary.lost_frames:
            self._progress.say(
                f"warning: {summary.lost_frames:,} answers found our own queue full and were asked again"
            )
        if self._options["verbose"]:
            again = f", {summary.retried:,} of them again" if summary.retried else ""
            self._progress.say(f"first pass: {summary.sent:,} packets{again}, {summary.duration:.1f} s")
        return summary.complete and not self._interrupted.is_set()

    def tell(self, answer: Answer) -> None:
        """Count it, keep it, and put it into words; see ``show``."""
        row = self._rows.of(answer)
        entry: dict[str, Any] = {}

        def made() -> dict[str, Any]:
            from pathprobe.output.batch_entries import entry_of  # a line for people takes no JSON

            return entry or entry.update(entry_of(answer)) or entry

        if self._state is not None and answer.settled:
            self._keep(made())
        self._take(row, made)

    def _take(self, row: Row, entry: Any) -> None:
        shown = row.state in self._options["wanted"]
        self._summary.add(row, shown=shown)
        if shown:
            self._pieces.append(self._form.piece(row, entry if callable(entry) else lambda: entry))
        self._progress.step(is_open=row.state is State.OPEN)

    def show(self) -> None:
        """Print what was told since the last time: to write every line by itself takes longer than to ask it."""
        if self._pieces:
            self._progress.clear()
            sys.stdout.write("".join(self._pieces))
            sys.stdout.flush()
            self._pieces.clear()

    def _keep(self, entry: Mapping[str, Any]) -> None:
        """An answer is worth more than its place in the state: a failure here is a warning, once."""
        if self._state is None:
            return
        try:
            self._state.append(entry)
        except OSError as error:
            self._progress.say(f"warning: {self._options['resume']} is not kept any more: {error.strerror}")
            self._state = None

    def _end(self, started: float, seconds: float) -> None:
        self._facts.states = {str(state): count for state, count in self._summary.states.items()}
        report = Report(
            engine="raw",
            started=started,
            duration=seconds,
            vantage=self._vantage(),
            results=(),
            complete=self._complete,
        )
        sys.stdout.write(self._form.tail(report, self._summary, asdict(self._facts)))
        sys.stdout.flush()
        told = "" if self._complete else "; interrupted, this is what was learnt so far"
        if told or self._options["form"] or self._options["verbose"]:
            self._progress.say(f"{self._summary.counts}; {seconds:.1f} s{told}")

    def _vantage(self) -> Any:
        address = next((one.address for one in self._targets.asked if one.address), None)
        interface, source = self._options["interface"], self._options["source"]
        if address is not None:
            try:
                route = lookup(address, source=source, interface=interface)
                interface, source = route.interface, route.source
            except (NoRoute, NotOneHost, OSError):
                pass
        return Vantage(hostname=socket.gethostname(), interface=interface, source=source)

    def _status(self) -> int:
        return status.of_states(self._summary.states, complete=self._complete)

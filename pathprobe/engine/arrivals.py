"""How long is a port watched, by what, and how is all that is seen brought together?

Three sources: the doorstep (packets), the kernel's drops, the rules' traces. What happens to a packet is read first and
taken note of last, for it is told of only after the packet itself was at the doorstep.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from pathprobe.core.arrivals.book import Book
from pathprobe.core.arrivals.facts import Attempt, Dropped, Seen, Step, Traced, Watched
from pathprobe.core.arrivals.traces import Traces, rule_texts, with_texts
from pathprobe.core.packets import Malformed, Packet
from pathprobe.engine import aftermath
from pathprobe.engine.arrival_capture import ArrivalCapture
from pathprobe.net.doorstep import Doorstep
from pathprobe.net.drops import DroppedPacket, DropReader, DropsUnreadable
from pathprobe.net.nftrace import TraceListener, TraceMessage
from pathprobe.net.trace_table import NoTrace, TraceTable, rules_of
from pathprobe.wire.dissect import dissect

#: thread-self, not self: the latter is the main thread's namespace, whoever asks.
_NAMESPACE = "/proc/thread-self/ns/net"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What to watch: ``protocol`` tcp or udp; ``seconds`` at most; ``trace_rules``: also by which rules packets go."""

    protocol: str
    port: int
    seconds: float
    trace_rules: bool = False


def watch(
    what: Watching,
    *,
    ready: Callable[[], None] = lambda: None,
    stop: int | None = None,
    enough: Callable[[tuple[Attempt, ...]], bool] | None = None,
    capture: ArrivalCapture | None = None,
) -> Watched:
    """What arrived and what became of it.

    ``ready`` is called when nothing can be missed any more. It ends with its seconds, or when the descriptor ``stop``
    becomes readable (it is then not complete), or when what is known is ``enough``. Raises PermissionError without
    CAP_NET_RAW. A capture that cannot be written on says so itself; watching goes on.
    """
    with ExitStack() as stack:
        sitting = _Sitting(what, stack, capture, stop)
        watched = sitting.sit(ready, stop, enough)
    return replace(watched, table_left=sitting.table_left)


class _Sitting:
    def __init__(self, what: Watching, stack: ExitStack, capture: ArrivalCapture | None, stop: int | None) -> None:
        #: Why the table that traces could not be removed at the end.
        self.table_left = ""
        self._what, self._capture = what, capture
        self._book = Book(what.protocol, what.port)
        self._namespace = os.stat(_NAMESPACE).st_ino
        self._doorstep = Doorstep(what.port)
        stack.callback(self._doorstep.close)
        self._drops, self._drops_unread = _drop_reader(what.port)
        if self._drops:
            stack.callback(self._drops.close)
        self._listener: TraceListener | None = None
        self._traces = Traces("")
        self._rules_unread = self._trace(stack, stop) if what.trace_rules else None

    def _trace(self, stack: ExitStack, stop: int | None) -> str:
        """Have the rules told of; why that is not possible, "" where it is."""
        try:
            listener = TraceListener()
            stack.callback(listener.close)
            table = TraceTable(self._what.port, self._what.protocol, stop=stop)
            stack.callback(self._remove, table)
        except NoTrace as error:
            return str(error)
        except OSError as error:
            return f"nftables cannot be listened to: {error.strerror}"
        self._listener, self._traces = listener, Traces(table.name)
        return ""

    def _remove(self, table: TraceTable) -> None:
        try:
            table.close()
        except NoTrace as error:
            self.table_left = str(error)

    def sit(
        self,
        ready: Callable[[], None],
        stop: int | None,
        enough: Callable[[tuple[Attempt, ...]], bool] | None,
    ) -> Watched:
        poll = select.poll()
        for source in (self._doorstep, self._drops, self._listener):
            if source is not None:
                poll.register(source.fileno(), select.POLLIN)
        if stop is not None:
            poll.register(stop, select.POLLIN)
        started, end, complete = time.time_ns(), time.monotonic() + self._what.seconds, True
        ready()
        while (left := end - time.monotonic()) > 0:
            events = {descriptor for descriptor, _ in poll.poll(left * 1000)}
            self._take()
            if stop in events:
                complete = False
                break
            if enough is not None and events and enough(self._book.attempts()):
                break
        self._take()
        return self._watched(started, complete)

    def _take(self) -> None:
        """Everything that is there now."""
        drops = self._drops.receive() if self._drops else []
        messages = list(self._listener.receive()) if self._listener else []
        for passing in self._doorstep.receive():
            packet = dissect(passing.octets)
            if isinstance(packet, Malformed):
                continue
            seen = Seen(
                time_ns=passing.time_ns,
                packet=packet,
                interface=passing.interface,
                outgoing=passing.outgoing,
                looped=passing.looped,
            )
            number = self._book.see(seen)
            if self._capture:
                self._capture.keep(passing, seen, number)
        for one in drops:
            if dropped := self._dropped(one):
                self._book.drop(dropped)
        for message in messages:
            if traced := self._traces.add(message.id, _packet(message.octets), _step(message)):
                self._book.trace(traced)

    def _dropped(self, one: DroppedPacket) -> Dropped | None:
        packet = _packet(one.octets)
        if packet is None:
            return None
        return Dropped(
            time_ns=one.time_ns,
            packet=packet,
            reason=one.reason,
            function=one.function,
            elsewhere=one.namespace not in (0, self._namespace),
        )

    def _watched(self, started: int, complete: bool) -> Watched:
        ended = time.time_ns()
        attempts = _told_by_text(self._book.attempts())
        return Watched(
            protocol=self._what.protocol,
            port=self._what.port,
            started_ns=started,
            ended_ns=ended,
            attempts=attempts,
            untold=self._book.untold,
            lost=self._doorstep.lost,
            drops_unread=self._drops_unread,
            drops_missing=self._drops is not None and self._drops.lost,
            rules_unread=self._rules_unread,
            steps_missing=self._listener is not None and self._listener.lost,
            queues=aftermath.queues(self._what.protocol, self._what.port, attempts),
            ways_back=aftermath.ways_back(attempts),
            complete=complete,
        )


def _drop_reader(port: int) -> tuple[DropReader | None, str]:
    try:
        return DropReader(port), ""
    except DropsUnreadable as error:
        return None, str(error)


def _packet(octets: bytes | None) -> Packet | None:
    packet = dissect(octets) if octets else None
    return packet if isinstance(packet, Packet) else None


def _step(message: TraceMessage) -> Step:
    return Step(
        family=message.family,
        table=message.table,
        chain=message.chain,
        verdict=message.verdict,
        target=message.target,
        handle=message.handle,
    )


def _told_by_text(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """The rules that traces name by handle, by their text; a rule that is gone meanwhile has none."""
    traces = [trace for one in attempts for trace in (one.trace, one.answer_trace) if trace]
    tables = {(step.family, step.table) for trace in traces for step in trace.steps if step.handle is not None}
    texts: dict[tuple[str, str, str, int], str] = {}
    for family, table in sorted(tables):
        try:
            texts |= rule_texts(family, table, rules_of(family, table))
        except NoTrace:
            break  # it would not answer for the next one either

    def told(trace: Traced | None) -> Traced | None:
        return with_texts(trace, texts) if trace else None

    return tuple(replace(one, trace=told(one.trace), answer_trace=told(one.answer_trace)) for one in attempts)

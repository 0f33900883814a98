"""Is each of very many ports open, closed, refused or silent?

One thread and no object per probe: pairs are numbers in flat tables, probes are patched copies of templates and leave
in batches, answers are read from a queue in shared memory. Each turn reads what came, sends what may go, and rests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Protocol

from pathprobe.core.pacing import Pace, Pacer
from pathprobe.core.pair_table import UDP, PairTable
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.sweep_schedule import FEWEST_TRIES, SweepSchedule, interleaved
from pathprobe.core.sweep_tokens import Tokens
from pathprobe.core.timing import silence_window
from pathprobe.core.turns import Turns
from pathprobe.engine.outlets import Outlet, Outlets, is_marked, prepare
from pathprobe.net import bpf
from pathprobe.net.bulk import BATCH, BUSY, FULL_QUEUE, OVERRUN
from pathprobe.net.port_block import PortBlock
from pathprobe.net.ring import FRAMES, Ring
from pathprobe.net.shared_routes import Router
from pathprobe.wire.glance import LONGEST_LOOK, Glance, glance

#: Source ports of a sweep. A UDP answer proves itself by this port alone, so they are more than there are tries.
SOURCE_PORTS = 64

#: Frames that are read in one turn, so that sending goes on while answers pour in.
_MOST_FRAMES = 1024

#: The longest rest, in seconds: how soon an interruption is seen.
_LONGEST_REST = 0.1

#: Up to this many seconds one sleeps; longer rests end when an answer comes.
_SHORT_REST = 0.005


class Interrupted(Protocol):
    """A threading.Event or an asyncio.Event; looked at every few milliseconds."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """What a sweep did. ``lost_frames``: answers, or what looked like some, that our own queue had no room for.

    ``answered``: pairs that are open, closed or refused. ``retried``: probes sent to a pair that had been asked before.
    ``duration`` in seconds. ``complete``: not interrupted.
    """

    pairs: int
    sent: int
    answered: int
    silent: int
    not_sent: int
    retried: int
    lost_frames: int
    duration: float
    complete: bool


def sweep(
    pairs: Iterable[Pair],
    pace: Pace,
    *,
    on_finding: Callable[[Finding], None],
    interrupted: Interrupted,
    interface: str | None = None,
    source: str | None = None,
    wait: float | None = None,
    tries: int = FEWEST_TRIES,
    queue: int = FRAMES,
    after_look: Callable[[], None] | None = None,
) -> SweepSummary:
    """Ask about every pair and tell ``on_finding`` about each once, as soon as it is known; blocks until all are.

    ``after_look`` is called when all is told that one look at the queue brought, and nothing may come for a while.
    A pair that occurs twice is asked once. ``wait``: the longest silence window of one try, in seconds; None for
    adaptive. ``tries``: how often a silent pair is asked in all, and more often where packets are seen to be lost.
    ``queue``: room for so many answers, 16 or a multiple of 256. A pair that has no route is NOT_SENT, and the rest
    goes on. Raises PermissionError without CAP_NET_RAW, OSError for a bad source or interface.
    """
    started = time.monotonic()
    table = PairTable(_until(interrupted, pairs))
    all_read = not interrupted.is_set()
    rng = Random(SystemRandom().getrandbits(64))
    prepare(table)
    with ExitStack() as opened:
        ports = opened.enter_context(PortBlock(SOURCE_PORTS, rng)).numbers
        ring = opened.enter_context(closing(Ring(bpf.answers_program(ports, LONGEST_LOOK), queue)))
        tokens = Tokens(os.urandom(4 * len(table)), ports)
        router = Router(source=source, interface=interface)
        outlets = opened.enter_context(closing(Outlets(table, tokens, router, interface)))
        schedule = SweepSchedule(interleaved(table, rng), Turns(pace, table), tries)
        running = _Sweep(table, tokens, schedule, Pacer(pace, time.monotonic()), ring, outlets, on_finding, wait)
        running.run(interrupted, after_look or _nothing)
        return running.summary(time.monotonic() - started, all_read=all_read)


def _until(interrupted: Interrupted, pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Reading very many may take a second of its own."""
    for pair in pairs:
        if interrupted.is_set():
            return
        yield pair


def _nothing() -> None:
    """Nobody waits for the end of a look."""


class _Sweep:
    """The state of one sweep, turn by turn."""

    def __init__(
        self,
        table: PairTable,
        tokens: Tokens,
        schedule: SweepSchedule,
        pacer: Pacer,
        ring: Ring,
        outlets: Outlets,
        on_finding: Callable[[Finding], None],
        wait: float | None,
    ) -> None:
        self._table, self._tokens, self._schedule, self._pacer = table, tokens, schedule, pacer
        self._ring, self._outlets, self._on_finding, self._wait = ring, outlets, on_finding, wait
        self._slowest: float | None = None
        self._window = silence_window((), wait)
        self._lost_at = float("-inf")
        self._first = self._again = 0
        self._sent = self._answered = self._silent = self._not_sent = 0

    def run(self, interrupted: Interrupted, after_look: Callable[[], None]) -> None:
        while self._schedule.unfinished and not interrupted.is_set():
            now = time.monotonic()  # before reading: whatever came until now is read when windows are judged
            frames = self._read()
            if frames < _MOST_FRAMES:
                self._expire(now)
            after_look()
            if self._pacer.wait_until_batch(now, BATCH) == 0 and self._fill(now):
                self._flush(interrupted)
            elif frames < _MOST_FRAMES and self._schedule.unfinished:
                self._rest(now)

    def summary(self, duration: float, *, all_read: bool) -> SweepSummary:
        return SweepSummary(
            pairs=len(self._table),
            sent=self._sent,
            answered=self._answered,
            silent=self._silent,
            not_sent=self._not_sent,
            retried=self._schedule.retried,
            lost_frames=self._ring.lost,
            duration=duration,
            complete=all_read and self._schedule.unfinished == 0,
        )

    def _read(self) -> int:
        """Take what came; the number of frames."""
        frames = self._ring.receive(_MOST_FRAMES)
        behind = time.time() - time.monotonic()  # the kernel stamps with the wall clock, which may be set meanwhile
        self._first = self._again = 0
        for stamp, octets in frames:
            if (seen := glance(octets)) is not None:
                self._take(seen, stamp - behind)
        if self._first or self._again:
            self._pacer.answered(self._first, self._again, time.monotonic())
        return len(frames)

    def _take(self, seen: Glance, now: float) -> None:
        """Believe an answer or not."""
        index = self._table.by_key.get(seen.key)
        if index is None or not self._schedule.is_open_question(index):
            return
        attempt = self._attempt(index, seen)
        if attempt is None:
            return
        self._answered += 1
        self._count_for_pace(index, attempt)
        sent_at = self._schedule.sent_at(index, attempt)
        rtt = None if sent_at is None else max(0.0, now - sent_at)
        if rtt is not None and (self._slowest is None or rtt > self._slowest):
            self._slowest = rtt
            self._window = silence_window((rtt,), self._wait)
        self._schedule.answered(index, attempt)
        pair = self._table.pair(index)
        self._on_finding(
            Finding(
                pair=pair,
                state=seen.state,
                rtt=rtt,
                source=seen.source or pair.address,
                ttl=seen.ttl,
                message=seen.message,
            )
        )

    def _count_for_pace(self, index: int, attempt: int) -> None:
        """An answer to a second try says that the first was lost; of later tries nobody remembers when that was."""
        if attempt == 0:
            self._first += 1
        elif attempt == 1 and self._pacer.is_news(self._schedule.first_sent_at(index)):
            self._again += 1

    def _attempt(self, index: int, seen: Glance) -> int | None:
        """The try that an answer is for; None when its token is not ours."""
        asked, tokens = self._schedule.asked(index), self._tokens
        if self._table.kind[index] == UDP:
            attempt = tokens.attempt_of_port(index, seen.port or 0, asked)
            if attempt is None or seen.word is None or not is_marked(UDP, self._table.port[index]):
                return attempt
            return attempt if seen.word == tokens.written(index, attempt)[2] else None
        attempt = tokens.attempt_of_sequence(index, seen.word or 0)
        if attempt >= asked or (seen.port is not None and seen.port != tokens.written(index, attempt)[0]):
            return None
        return attempt

    def _expire(self, now: float) -> None:
        if self._ring.count_lost():
            self._lost_at = now
            self._pacer.back_off(now)
        for index in self._schedule.expire(now, self._window, self._lost_at):
            self._silent += 1
            self._on_finding(Finding(pair=self._table.pair(index), state=PairState.SILENT))

    def _fill(self, now: float) -> bool:
        """Put what may go now into the outlets; whether that was anything."""
        due = self._schedule.due(now, min(BATCH, self._pacer.allowance(now)))
        for index in due:
            error = self._outlets.put(index, self._schedule.asked(index))
            if error is not None:
                self._give_up(index, error)
        return bool(due)

    def _flush(self, interrupted: Interrupted) -> None:
        for outlet in self._outlets.filled():
            self._send(outlet, interrupted)
            outlet.indices.clear()

    def _send(self, outlet: Outlet, interrupted: Interrupted) -> None:
        first = 0
        while first < len(outlet.indices) and not interrupted.is_set():
            before = time.monotonic()
            count, error = outlet.outbox.send(first, len(outlet.indices) - first)
            self._count_sent(outlet.indices[first : first + count], before)
            first += count
            if error in OVERRUN:
                self._pacer.back_off(time.monotonic())
                time.sleep(FULL_QUEUE)
                self._read()
            elif error in BUSY:
                outlet.outbox.wait()
                self._read()
            elif error is not None:
                self._give_up(outlet.indices[first], error)
                first += 1

    def _count_sent(self, indices: list[int], before: float) -> None:
        """Each went at its share of the time that the call took, which on a virtual link is many round trips."""
        if indices:
            step = (time.monotonic() - before) / len(indices)
            self._schedule.sent(indices, before, step)
            self._sent += len(indices)
            self._pacer.sent(len(indices))

    def _give_up(self, index: int, error: str) -> None:
        self._schedule.finish(index)
        self._not_sent += 1
        self._on_finding(Finding(pair=self._table.pair(index), state=PairState.NOT_SENT, message=error))

    def _rest(self, now: float) -> None:
        pause = max(self._schedule.next_event(self._window) - now, self._pacer.wait_until_batch(now, BATCH))
        if pause > _SHORT_REST:
            self._ring.wait(min(pause, _LONGEST_REST))
        elif pause > 0:
            time.sleep(pause)

"""Which pair is asked next, whose time is over, and who is asked again?

Time comes in as ``now``, in seconds. Everything is in one schedule: a silent pair is asked again between fresh ones,
and no pass waits for the slowest of the one before. Fresh pairs go round the hosts, one port of each before the second
of any, in an order that a seed decides. Windows end in the order of sending, for there is one window for all.

A pair during whose window our own socket lost frames is not believed to be silent: that try does not count.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from pathprobe.core.pair_table import PairTable
from pathprobe.core.turns import Turns

if TYPE_CHECKING:
    from random import Random

#: How often a silent pair is asked in all where nothing shows that packets are lost, and where very many are.
FEWEST_TRIES, _MANY_TRIES = 3, 8

#: Answers to later tries that could be an accident.
_ACCIDENT = 3

#: Tries that may be excused before a machine that loses what it receives is believed never to stop.
_MOST_TRIES = 100

#: Pairs that wait for their target's turn; more would only be memory.
_MOST_WAITING = 4096

_FRESH, _ASKED, _FINISHED = range(3)


def interleaved(table: PairTable, rng: Random) -> array[int]:
    """All indices in an order by chance, but the n-th port of every host before the next port of any."""
    shuffled = list(range(len(table)))
    rng.shuffle(shuffled)
    seen = array("I", bytes(4 * len(table.hosts)))
    rounds: list[array[int]] = []
    for index in shuffled:
        host = table.host[index]
        turn = seen[host]
        seen[host] = turn + 1
        if turn == len(rounds):
            rounds.append(array("I"))
        rounds[turn].append(index)
    return array("I", (index for members in rounds for index in members))


def tries_for(late: int, answers: int, pairs: int, fewest: int = FEWEST_TRIES) -> int:
    """How many tries make it unlikely that loss alone silences any of so many pairs.

    ``late`` of ``answers`` were to later tries, which is about the share that is lost.
    """
    if late <= _ACCIDENT:
        return fewest
    share = min(late / answers, 0.9)
    return max(fewest, min(_MANY_TRIES, math.ceil(math.log(0.1 / pairs, share))))


class SweepSchedule:
    """The state of a sweep, without a clock or a network."""

    def __init__(self, order: array[int], turns: Turns, tries: int = FEWEST_TRIES) -> None:
        count = len(order)
        self._order, self._next = order, 0
        self._fewest_tries = tries
        self._waiting = _Waiting(turns)
        self._state, self._asked, self._excused = bytearray(count), bytearray(count), bytearray(count)
        self._first_sent, self._last_sent = array("d", bytes(8 * count)), array("d", bytes(8 * count))
        self._again: deque[int] = deque()
        self._log, self._oldest = array("I"), 0
        self._answers = self._late_answers = 0
        self.unfinished = count
        self.retried = 0

    def asked(self, index: int) -> int:
        """Tries sent so far, and so the number of the next."""
        return self._asked[index]

    def is_open_question(self, index: int) -> bool:
        """Asked, and not finished: an answer would be news."""
        return self._state[index] == _ASKED

    def due(self, now: float, most: int) -> list[int]:
        """Pairs to ask now, up to ``most``; each is to be reported to sent() or to finish()."""
        due = self._waiting.ready(now, most)
        while len(due) < most and len(self._waiting) < _MOST_WAITING:
            if self._again:
                index = self._again.popleft()
            elif self._next < len(self._order):
                index = self._order[self._next]
                self._next += 1
            else:
                break
            if self._waiting.may_go(index, now):
                due.append(index)
        return [index for index in due if self._state[index] != _FINISHED]

    def sent(self, indices: list[int], now: float, step: float = 0.0) -> None:
        """These tries went out, from ``now`` on ``step`` seconds apart."""
        for index in indices:
            if self._asked[index]:
                self.retried += 1
            else:
                self._first_sent[index] = now
            self._asked[index] += 1
            if self._state[index] == _FRESH:  # an earlier try may have been answered while this one was on its way out
                self._state[index] = _ASKED
            self._last_sent[index] = now
            now += step
        self._log.extend(indices)

    def first_sent_at(self, index: int) -> float:
        """When the first try went out."""
        return self._first_sent[index]

    def sent_at(self, index: int, attempt: int) -> float | None:
        """When a try went out; of more than two only the first and the last are remembered."""
        if attempt + 1 == self._asked[index]:
            return self._last_sent[index]
        return self._first_sent[index] if attempt == 0 else None

    def answered(self, index: int, attempt: int) -> None:
        """A try was answered. To a later one: the first was lost, if it was not only slow."""
        self._answers += 1
        self._late_answers += attempt > self._excused[index]
        self.finish(index)

    def finish(self, index: int) -> None:
        """Its fate is known."""
        if self._state[index] != _FINISHED:
            self._state[index] = _FINISHED
            self.unfinished -= 1

    def expire(self, now: float, window: float, lost_at: float) -> Iterator[int]:
        """Pairs that are silent after their last try; the others whose window is over will be asked again.

        ``lost_at``: when frames were last seen to be lost on this host. Only right when all that arrived was read.
        """
        tries = tries_for(self._late_answers, self._answers, len(self._order), self._fewest_tries)
        while self._oldest < len(self._log) and self._last_sent[self._log[self._oldest]] + window <= now:
            index = self._log[self._oldest]
            self._oldest += 1
            if self._state[index] != _FINISHED and self._is_silent(index, lost_at, tries):
                self.finish(index)
                yield index

    def _is_silent(self, index: int, lost_at: float, tries: int) -> bool:
        if lost_at >= self._last_sent[index]:
            self._excused[index] += 1
        if self._asked[index] < min(tries + self._excused[index], _MOST_TRIES):
            self._again.append(index)
            return False
        return True

    def next_event(self, window: float) -> float:
        """When due() or expire() will have news by themselves; infinity when never."""
        if self._again or (self._next < len(self._order) and len(self._waiting) < _MOST_WAITING):
            return -math.inf
        turn = self._waiting.next_turn()
        if self._oldest == len(self._log):
            return turn
        return min(turn, self._last_sent[self._log[self._oldest]] + window)


class _Waiting:
    """Pairs whose target or network has had enough for the moment, in one queue for each of these."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._queues: dict[int, deque[int]] = {}
        self._times: list[tuple[float, int]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def may_go(self, index: int, now: float) -> bool:
        """It may, and is counted as gone; or else it waits."""
        claimed = self._turns.claim(index, now)
        if claimed is None:
            return True
        earliest, queue = claimed
        if queue not in self._queues:
            self._queues[queue] = deque()
            heappush(self._times, (earliest, queue))
        self._queues[queue].append(index)
        self._count += 1
        return False

    def ready(self, now: float, most: int) -> list[int]:
        """Those whose turn has come, up to ``most``."""
        ready: list[int] = []
        while len(ready) < most and self._times and self._times[0][0] <= now:
            _, queue = heappop(self._times)
            index = self._queues[queue].popleft()
            self._count -= 1
            if self.may_go(index, now):
                ready.append(index)
            self._come_back(queue, now)
        return ready

    def _come_back(self, queue: int, now: float) -> None:
        members = self._queues[queue]
        if members:
            heappush(self._times, (max(now, self._turns.next_of(queue)), queue))
        else:
            del self._queues[queue]

    def next_turn(self) -> float:
        return self._times[0][0] if self._times else math.inf

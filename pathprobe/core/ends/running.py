"""Did the server's capture run when the client asked?

A packet that is missing from a capture proves something only if the capture ran, and would have shown it. Best proof:
packets of the same client in it, from before and from after. Next best: the file covers that time, by clocks that were
compared. Where no packet is in both files the clocks can only be taken to agree. A file that ends before, or holds
nothing at all, leaves it open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pathprobe.core.ends.clocks import Clocks


class Running(StrEnum):
    """How it is known."""

    SHOWN = "shown"
    BY_CLOCK = "by-clock"
    ASSUMED = "assumed"
    EMPTY = "empty"
    UNKNOWN = "unknown"

    @property
    def is_known(self) -> bool:
        return self in (Running.SHOWN, Running.BY_CLOCK, Running.ASSUMED)


#: Nanoseconds in which a packet that left should have arrived: a capture that begins so much later begins with it.
_UNDER_WAY = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """When a capture ran, in nanoseconds by its own clock, and with how many packets; None: nothing says so."""

    first_ns: int | None
    last_ns: int | None
    packets: int

    def covers(self, first_ns: int, last_ns: int) -> bool:
        """It had begun at the one time, and had not ended at the other."""
        if self.first_ns is None or self.last_ns is None:
            return False
        return self.first_ns <= first_ns and last_ns <= self.last_ns

    def overlaps(self, other: Watch) -> bool:
        """Both ran at some time, if their clocks agree."""
        bounds = (self.first_ns, self.last_ns, other.first_ns, other.last_ns)
        first, last, others_first, others_last = bounds
        if first is None or last is None or others_first is None or others_last is None:
            return False
        return first <= others_last and others_first <= last


def running(watch: Watch, clocks: Clocks | None, sent_ns: Sequence[int]) -> tuple[Running, int]:
    """How it is known that the server's capture ran when packets left, and for how many of them, best proof first.

    ``sent_ns``: when they left, by the client's clock.
    """
    if watch.packets == 0:
        return Running.EMPTY, 0
    if clocks is None:
        known = [Running.ASSUMED if watch.covers(time, time) else Running.UNKNOWN for time in sent_ns]
    else:
        known = [_known(watch, clocks, time) for time in sent_ns]
    best = next(one for one in Running if one in known)
    return best, sum(one.is_known for one in known)


def _known(watch: Watch, clocks: Clocks, time: int) -> Running:
    if clocks.first_ns <= time <= clocks.last_ns:
        return Running.SHOWN
    span = clocks.at(time)
    there = time + span.offset_ns
    covered = watch.covers(there + _UNDER_WAY, there - (span.error_ns or 0))
    return Running.BY_CLOCK if covered else Running.UNKNOWN

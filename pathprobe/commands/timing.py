"""Where did the time go, from the command line to the verdict?"""

from __future__ import annotations

import os
import time
from pathlib import Path

from pathprobe.core.report import Report, Timing

#: Where the start of a process stands in /proc/PID/stat, counted behind the name in parentheses (proc(5), field 22).
_START_FIELD = 19


def timing_of(report: Report, *, resolve: float) -> Timing:
    """To be asked as soon as a live run has ended; ``resolve``: seconds that finding the addresses took."""
    asked = sum(result.duration for result in report.results)
    waited = sum(result.waited for result in report.results)
    # What the first target's packets are made with is loaded when it is known what they are.
    loading = max(0.0, report.results[0].started - report.started) if report.results else 0.0
    return Timing(
        # The kernel counts a process's start in hundredths of a second.
        start=max(0.0, _running() - resolve - report.duration + loading),
        resolve=resolve,
        probe=asked - waited,
        wait=waited,
        conclude=max(0.0, report.duration - asked - loading),
    )


def words(timing: Timing) -> str:
    """The same in one line."""
    return (
        f"{timing.start:.2f} s to start, {timing.resolve:.2f} to resolve, {timing.probe:.2f} to probe, "
        f"{timing.wait:.2f} waited for answers, {timing.conclude:.2f} to conclude"
    )


def _running() -> float:
    """Seconds since this process was started."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started

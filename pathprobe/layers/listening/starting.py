"""When was a process started?

/proc/PID/stat has it in ticks since the boot (proc(5), field 22), /proc/stat when that was (``btime``).
"""

from __future__ import annotations

#: Fields behind the program's name, which may have spaces and brackets in it: state is the third of all.
_STARTED = 22 - 3

#: Ticks in a second, as the kernel tells them to programs on every architecture that Linux has left (USER_HZ).
_TICKS = 100


def boot(stat: str) -> float | None:
    """``stat``: the text of /proc/stat. In seconds since 1970."""
    rows = (line.split() for line in stat.splitlines() if line.startswith("btime "))
    return next((float(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()), None)


def started(stat: str, booted: float) -> float | None:
    """``stat``: the text of /proc/PID/stat; ``booted`` and what is returned in seconds since 1970."""
    fields = stat.rpartition(")")[2].split()
    if len(fields) <= _STARTED or not fields[_STARTED].isdecimal():
        return None
    return booted + int(fields[_STARTED]) / _TICKS

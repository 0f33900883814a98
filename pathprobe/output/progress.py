"""How far is it, how fast does it go, and how long will it take?"""

from __future__ import annotations

_WIDTH = 24

#: Of this many seconds an estimate is made at the earliest: before, it would only jump.
_SOON = 0.5


def bar(done: int, total: int, seconds: float, not_open: int) -> str:
    """One line: ``[######------] 512 of 1,024  50 %  812/s  0:12 left  3 not reachable``."""
    filled = _WIDTH * done // total if total else _WIDTH
    parts = [f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {done:,} of {total:,}", f"{100 * done // max(1, total)} %"]
    if seconds >= _SOON and done:
        rate = done / seconds
        parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        parts.append(f"{_clock((total - done) / rate)} left")
    if not_open:
        parts.append(f"{not_open:,} not reachable")
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""What else is known of the port when its denials are judged: does somebody listen, since when, and who would?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pathprobe.core.layers import Layer, LayerName, Status

#: Seconds in a unit, and from how many of it on the next smaller one says too much.
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """``now`` and ``listening_since`` in seconds since 1970, the latter None where it is not known.

    ``user``: whom the service runs as; empty where that is not known.
    """

    now: float
    listening: bool = False
    listening_since: float | None = None
    user: str = ""

    def is_history(self, time: float | None) -> bool:
        """It was before the service began to listen, and did not keep it from that."""
        if not self.listening or self.listening_since is None or time is None:
            return False
        return time < self.listening_since

    def ago(self, time: float | None) -> str:
        """How long ago that was: ``5 min ago``."""
        if time is None:
            return "at a time not recorded"
        seconds = int(max(0.0, self.now - time))
        for name, length in _UNITS:
            if seconds >= 2 * length:
                return f"{seconds // length} {name} ago"
        return f"{seconds} s ago"

    def how_often(self, times: Sequence[float | None]) -> str:
        """``3 times, last 5 min ago``; ``times`` the latest first."""
        last = self.ago(times[0])
        return last if len(times) == 1 else f"{len(times)} times, last {last}"


def layer(status: Status, summary: str) -> Layer:
    """A row that says no more than a sentence."""
    return Layer(name=LayerName.SELINUX, status=status, summary=summary)

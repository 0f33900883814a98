"""How is a target asked?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to ask. ``wait`` in seconds, None for adaptive windows; ``payload`` of UDP, None for the service's own;
    ``mtu``: also find the path's MTU. ``flows``: on so many source ports, None for as many as show all branches.
    ``silent_tries``: how often the port was asked just before, from other source ports, and nothing came.
    """

    max_hops: int = 30
    wait: float | None = None
    interface: str | None = None
    source: str | None = None
    trace: bool = True
    payload: bytes | None = None
    mtu: bool = False
    flows: int | None = 1
    silent_tries: int = 0

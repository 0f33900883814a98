"""Which packet is asked about, as far as the kernel's own settings have to do with it?"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.layers.listening.facts import Sockets


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """See ``judge``."""

    port: int
    protocol: str
    version: int | None = None
    sockets: Sockets | None = None
    forwarded: bool = False
    lands_on: str | None = None
    arrival: str | None = None
    route_back: str | None = None
    source: str | None = None
    no_route_back: str | None = None
    arrivals: tuple[str, ...] = ()

    @property
    def client(self) -> str:
        """Who asks, in words."""
        return self.source or "the client"

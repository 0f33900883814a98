"""What does the engine ask of a network?

Two narrow protocols, so that a simulated network and the kernel's are the same to everything above.
Times are seconds on one monotonic clock that starts at ``Network.epoch`` (Unix time, seconds).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An IP datagram as it was seen on an interface, going out or coming in."""

    time: float
    octets: bytes
    interface: str
    outgoing: bool


class Sink(Protocol):
    """Where probes go."""

    def send(self, octets: bytes) -> str | None:
        """Send one whole IP datagram; None when the kernel took it, else the errno's name (``EPERM``)."""
        ...


class Source(Protocol):
    """Where frames come from."""

    epoch: float

    def receive(self) -> Iterable[Frame]:
        """The frames that are there now, oldest first; never waits."""
        ...

    @property
    def lost(self) -> int:
        """Frames that the receive queue dropped so far."""
        ...

"""What does a capture say of one packet beside its octets, and of itself beside its packets?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathprobe.core.packets import Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One packet as the capturing host saw it.

    ``number``: its place in the file, from 1, as Wireshark counts. ``time_ns``: nanoseconds since 1970 by that host's
    clock. ``interface`` is empty and ``outgoing`` None where the file does not say.
    """

    number: int
    time_ns: int
    packet: Packet
    interface: str = ""
    outgoing: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where reading a file had to stop: ``offset`` in octets (of the unpacked file, if it is gzipped), and why."""

    offset: int
    reason: str

    def __str__(self) -> str:
        return f"at octet {self.offset} {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """What became of the frames of a capture file.

    ``frames``: all, as Wireshark counts. ``without_time``: frames that no clock dates (simple packet blocks, custom
    blocks). ``not_ip``: what the link layer carried instead, and how often. ``tunnels``: packets that carry another
    network's packets, by the tunnel's name. ``snapped``: frames of which the capture kept only the head.
    ``fragments``: IP fragments but the first, which have no ports. ``cut``: None when the file was read to its end.
    """

    frames: int = 0
    without_time: int = 0
    not_ip: Mapping[str, int] = field(default_factory=dict)
    tunnels: Mapping[str, int] = field(default_factory=dict)
    malformed: int = 0
    snapped: int = 0
    fragments: int = 0
    cut: Cut | None = None

"""What does a capture say of one packet beside its octets?"""

from __future__ import annotations

from dataclasses import dataclass

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

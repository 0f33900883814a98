"""What does a capture file hold, whatever its format?"""

from __future__ import annotations

from dataclasses import dataclass, field

from pathprobe.core.sightings import Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPacket:
    """One packet of a file.

    ``number``: its place among all frames of the file, from 1, as Wireshark counts. ``outgoing`` is None and
    ``interface`` empty when the file does not say. ``original_length``: octets on the wire, of which ``octets`` are
    those that the snap length let through. ``linktype``: www.tcpdump.org/linktypes.html.
    """

    number: int
    time_ns: int
    octets: bytes
    linktype: int
    original_length: int
    interface: str = ""
    outgoing: bool | None = None
    comments: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class FileFacts:
    """What a file said of itself up to where it was read.

    ``comment`` and ``application`` are the first section's, ``notes`` the comments of the interface statistics.
    ``ended_ns``: when watching ended, None when nothing says so: the run was killed, or the format has no word for it.
    ``started_ns``: when it began, as far as the file says. ``delivered``: packets that whoever watched got, of which
    the file may hold some; None when it does not say.
    ``frames`` counts those ``without_time`` too, which are not handed on.
    """

    comment: str = ""
    application: str = ""
    notes: list[str] = field(default_factory=list)
    started_ns: int | None = None
    ended_ns: int | None = None
    delivered: int | None = None
    linktypes: set[int] = field(default_factory=set)
    frames: int = 0
    without_time: int = 0
    cut: Cut | None = None


class Damaged(Exception):
    """From here on the file cannot be read; what came before is good."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.cut = Cut(offset=offset, reason=reason)

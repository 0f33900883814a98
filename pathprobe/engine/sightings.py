"""Which IP packets does a capture file hold, and what became of its other frames?

Any file that wire.captures reads, one packet at a time: nothing is kept but counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pathprobe.core.packets import Malformed, OtherPayload, Packet
from pathprobe.core.sightings import FileSummary, Sighting
from pathprobe.core.tunnels import tunnel_of
from pathprobe.wire.captured import CapturedPacket, FileFacts
from pathprobe.wire.captures import Capture, open_capture
from pathprobe.wire.dissect import dissect
from pathprobe.wire.link_layers import NotIp, unwrap


class Sightings:
    """The packets of a capture, to be iterated once; ``summary`` counts up to there."""

    def __init__(self, capture: Capture, *, with_tunnels: bool = False) -> None:
        """``with_tunnels``: hand their packets on too, beside counting them. Leaving the context closes the capture."""
        self._capture = capture
        self._with_tunnels = with_tunnels
        self._not_ip: Counter[str] = Counter()
        self._tunnels: Counter[str] = Counter()
        self._malformed = self._snapped = self._fragments = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.__exit__(kind, error, trace)

    @property
    def facts(self) -> FileFacts:
        """What the file said of itself up to there: comments, the end of watching, where it is cut."""
        return self._capture.facts

    @property
    def summary(self) -> FileSummary:
        """What became of the frames up to there."""
        return FileSummary(
            frames=self.facts.frames,
            without_time=self.facts.without_time,
            not_ip=dict(self._not_ip),
            tunnels=dict(self._tunnels),
            malformed=self._malformed,
            snapped=self._snapped,
            fragments=self._fragments,
            cut=self.facts.cut,
        )

    def __iter__(self) -> Iterator[Sighting]:
        for captured in self._capture:
            if captured.original_length > len(captured.octets):
                self._snapped += 1
            unwrapped = unwrap(captured.linktype, captured.octets)
            if isinstance(unwrapped, NotIp):
                self._not_ip[unwrapped.what] += 1
                continue
            packet = dissect(unwrapped.octets)
            if isinstance(packet, Malformed):
                self._malformed += 1
            elif self._is_wanted(packet):
                yield _sighting(captured, packet, unwrapped.outgoing)

    def _is_wanted(self, packet: Packet) -> bool:
        """Counts fragments and tunnels on the way; what a tunnel carries is no conversation of its ends."""
        if isinstance(packet.body, OtherPayload) and packet.body.later_fragment:
            self._fragments += 1
        tunnel = tunnel_of(packet)
        if tunnel:
            self._tunnels[tunnel] += 1
        return tunnel is None or self._with_tunnels


def _sighting(captured: CapturedPacket, packet: Packet, outgoing: bool | None) -> Sighting:
    """What the file says of the direction goes before what the link layer says."""
    return Sighting(
        number=captured.number,
        time_ns=captured.time_ns,
        packet=packet,
        interface=captured.interface,
        outgoing=captured.outgoing if captured.outgoing is not None else outgoing,
    )


def open_sightings(path: Path, *, with_tunnels: bool = False) -> Sightings:
    """The packets of the file at ``path``. Raises OSError, and NotACapture when it is no capture."""
    return Sightings(open_capture(path), with_tunnels=with_tunnels)

"""Which packets does a capture of ours put in evidence, and what does it conclude from each?"""

from __future__ import annotations

import io
from collections.abc import Iterator

from pathprobe.core.exhibits import Exhibit
from pathprobe.core.packets import Malformed
from pathprobe.core.sightings import Sighting
from pathprobe.wire.captures import Capture
from pathprobe.wire.dissect import dissect
from pathprobe.wire.link_layers import NotIp, unwrap


def exhibits(octets: bytes) -> Iterator[Exhibit]:
    """The packets of a capture, in its order. Raises NotACapture when it is none."""
    with Capture(io.BytesIO(octets)) as capture:
        for captured in capture:
            frame = unwrap(captured.linktype, captured.octets)
            packet = None if isinstance(frame, NotIp) else dissect(frame.octets)
            if packet is None or isinstance(packet, Malformed):
                continue
            seen = Sighting(
                number=captured.number,
                time_ns=captured.time_ns,
                packet=packet,
                interface=captured.interface,
                outgoing=captured.outgoing,
            )
            yield Exhibit(seen=seen, conclusions=captured.comments)

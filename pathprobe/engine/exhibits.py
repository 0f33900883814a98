"""Which packets does a capture of ours put in evidence, and what does it conclude from each?"""

from __future__ import annotations

import io
from collections.abc import Iterator

from pathprobe.core.exhibits import Exhibit
from pathprobe.core.packets import Malformed
from pathprobe.core.sightings import Sighting
from pathprobe.wire.dissect import dissect
from pathprobe.wire.pcapng import LINKTYPE_RAW, read


def exhibits(octets: bytes) -> Iterator[Exhibit]:
    """The packets of a pcapng file of ours, in its order. Raises ValueError when it is none."""
    for number, captured in enumerate(read(io.BytesIO(octets)).packets, start=1):
        packet = dissect(captured.octets)
        if captured.linktype == LINKTYPE_RAW and not isinstance(packet, Malformed):
            seen = Sighting(
                number=number,
                time_ns=captured.time_ns,
                packet=packet,
                interface=captured.interface,
                outgoing=captured.outgoing,
            )
            yield Exhibit(seen=seen, conclusions=captured.comments)

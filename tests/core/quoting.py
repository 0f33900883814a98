"""Probes as they left, and as a router behind a box gives them back: real octets, changed as the box would.

``left(probe)`` is what the packet socket saw; ``given_back(probe, ...)`` the quote. A box adjusts the transport
checksum to what it rewrites (RFC 1624), and so does ``rewritten``; ``patched`` leaves it alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from pathprobe.core.evidence import Observation
from pathprobe.core.outcomes import Refusal
from pathprobe.core.packets import Packet, Protocol, Quote
from pathprobe.core.probes import Probe
from pathprobe.wire.craft import Crafter
from pathprobe.wire.dissect import dissect

#: Where a probe's transport header has its checksum.
_CHECKSUM = {Protocol.TCP: 16, Protocol.UDP: 6, Protocol.ICMP: 2, Protocol.ICMPV6: 2}


@cache
def left(probe: Probe) -> Packet:
    """The probe as it was seen to leave."""
    packet = dissect(Crafter(timestamp=0xBEEF).craft(probe))
    assert isinstance(packet, Packet)
    return packet


def given_back(probe: Probe, *, octets: int | None = None, transport: bytes | None = None, **changes: Any) -> Quote:
    """A quote with ``octets`` of the transport header, all of it unless told otherwise."""
    packet = left(probe)
    quoted = (packet.transport if transport is None else transport)[:octets]
    facts: dict[str, Any] = {
        "version": packet.version,
        "source": packet.source,
        "destination": packet.destination,
        "ttl": 1,
        "protocol": probe.flow.protocol,
        "identification": packet.identification,
        "total_length": packet.total_length,
        "traffic_class": packet.traffic_class,
        "first": int.from_bytes(quoted[:2], "big") if len(quoted) >= 2 else None,
        "second": int.from_bytes(quoted[2:4], "big") if len(quoted) >= 4 else None,
        "word": int.from_bytes(quoted[4:8], "big") if len(quoted) >= 8 else None,
        "transport": quoted,
    }
    return Quote(**{**facts, **changes})


def patched(transport: bytes, offset: int, octets: bytes) -> bytes:
    return transport[:offset] + octets + transport[offset + len(octets) :]


def rewritten(probe: Probe, offset: int, octets: bytes) -> bytes:
    """The probe's transport header with a field rewritten, the checksum as it has to be then."""
    before = left(probe).transport
    after = patched(before, offset, octets)
    return _readjusted(after, _CHECKSUM[probe.flow.protocol], _words(before) - _words(after))


def _readjusted(transport: bytes, offset: int, difference: int) -> bytes:
    checksum = (int.from_bytes(transport[offset : offset + 2], "big") + difference) % 0xFFFF
    return patched(transport, offset, checksum.to_bytes(2, "big"))


def _words(octets: bytes) -> int:
    octets += bytes(len(octets) % 2)
    return sum(int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2))


def seen_with(seen: Observation, **changes: Any) -> Observation:
    """The same observation of a real probe, whose refusal quotes it with these changes."""
    assert isinstance(seen.outcome, Refusal)
    quote = given_back(seen.probe, **changes)
    return replace(seen, departure=left(seen.probe), outcome=replace(seen.outcome, quote=quote))

"""Which packet of one direction is which at the other end?

By the whole of what they carry, and those that are left by less and less of it (``_KEYS``). Where the sequence numbers
of a few differ by one number, a box shifts them all. Clocks take no part in it, so they may differ by days, or be set
meanwhile. Only what cannot be told apart at all, the repeated SYNs of an IPv6 host without timestamps, is told apart by
the time that lies between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from pathprobe.core.packets import Echo, IcmpError, Packet, Tcp, TcpFlags, Udp
from pathprobe.core.sightings import Sighting
from pathprobe.core.tcp_options import TIMESTAMPS, read_options

_Known = Callable[[Packet, int], Hashable]

#: Nanoseconds by which the time between two packets may differ at the two ends: what queues do to them.
ALIKE = 50_000_000

_ALL = (1 << 32) - 1


def _whole(packet: Packet, shift: int) -> Hashable:
    return packet.identification or None, _numbered(packet, shift), _clocked(packet)


def _but_identification(packet: Packet, shift: int) -> Hashable:
    clock = _clocked(packet)
    return clock and (_carried(packet, shift), clock)


def _but_clock(packet: Packet, shift: int) -> Hashable:
    return packet.identification and (packet.identification, _carried(packet, shift))


def _numbered(packet: Packet, shift: int) -> Hashable:
    """A proxy makes a SYN of its own with the client's number in it: by its window it is known (nf_synproxy_core.c)."""
    body = packet.body
    window = body.window if isinstance(body, Tcp) and body.flags & TcpFlags.SYN else None
    return _carried(packet, shift), window


def _carried(packet: Packet, shift: int) -> Hashable:
    """What a packet is known by at the other end; ``shift`` is what a box adds to its sequence number."""
    match packet.body:
        case Tcp(sequence=sequence, flags=flags):
            return sequence + shift & _ALL, int(flags) & _TELLING_FLAGS, _length(packet)
        case Udp(payload=payload):
            return payload
        case Echo(kind=kind, sequence=number, payload=payload):
            return kind, number, payload
        case IcmpError(type=type_, code=code, quote=quote) if quote:
            return type_, code, quote.identification, quote.total_length
    return None


def _identification(packet: Packet, _: int) -> Hashable:
    return packet.identification and (packet.identification, _kind(packet), _length(packet))


def _looks(packet: Packet, _: int) -> Hashable:
    """What a box that rewrites numbers leaves: flags, length, window and timestamps. A proxy has others of its own."""
    match packet.body:
        case Tcp(window=window):
            return _kind(packet), _length(packet), window, _clocked(packet)
        case Udp():
            return _kind(packet), _length(packet)
    return None


#: From the best proof that two packets are one to the weakest.
_KEYS: tuple[_Known, ...] = (_whole, _but_identification, _but_clock, _numbered, _identification, _looks)

#: Boxes clear the bits of ECN (RFC 3168) and the urgent one; these they leave.
_TELLING_FLAGS = int(TcpFlags.FIN | TcpFlags.SYN | TcpFlags.RST | TcpFlags.ACK)


def _clocked(packet: Packet) -> bytes | None:
    return clock_of(packet.body) if isinstance(packet.body, Tcp) else None


def _kind(packet: Packet) -> Hashable:
    match packet.body:
        case Tcp(flags=flags):
            return int(flags) & _TELLING_FLAGS
        case Echo(kind=kind):
            return kind
    return type(packet.body).__name__


def _length(packet: Packet) -> int:
    """Octets of payload, by the header's own word: a capture may have cut them off."""
    match packet.body:
        case Tcp(options=options):
            header = 40 if packet.version == 6 else 20
            return max(0, packet.total_length - header - 20 - len(options))
        case Udp() | Echo():
            return packet.total_length
    return 0


def matched(client: Sequence[Sighting], server: Sequence[Sighting]) -> list[tuple[Sighting, Sighting]]:
    """Which is which in one direction; a box that shifts sequence numbers shifts all by as much."""
    plain = match(client, server, 0)
    shift = _shift(plain)
    return match(client, server, shift) if shift else plain


def _shift(pairs: Iterable[tuple[Sighting, Sighting]]) -> int:
    for one, other in pairs:
        if isinstance(one.packet.body, Tcp) and isinstance(other.packet.body, Tcp):
            shift = other.packet.body.sequence - one.packet.body.sequence & _ALL
            if shift:
                return shift
    return 0


def match(client: Sequence[Sighting], server: Sequence[Sighting], shift: int) -> list[tuple[Sighting, Sighting]]:
    pairs: list[tuple[Sighting, Sighting]] = []
    for key in _KEYS:
        if not client or not server:
            break
        mine, theirs = _by(key, client, shift), _by(key, server, 0)
        found = [pair for known, those in mine.items() for pair in _aligned(those, theirs.get(known, ()))]
        pairs += found
        done = {one.number for one, _ in found}, {other.number for _, other in found}
        client = [one for one in client if one.number not in done[0]]
        server = [one for one in server if one.number not in done[1]]
    return sorted(pairs, key=lambda pair: pair[0].number)


def _by(key: _Known, seen: Sequence[Sighting], shift: int) -> dict[Hashable, list[Sighting]]:
    groups: dict[Hashable, list[Sighting]] = defaultdict(list)
    for one in seen:
        if known := key(one.packet, shift):
            groups[known].append(one)
    return groups


def _aligned(client: Sequence[Sighting], server: Sequence[Sighting]) -> list[tuple[Sighting, Sighting]]:
    """Packets that are alike, in their order; where some are lost, those whose distances in time agree."""
    if len(client) == len(server) or not server:
        return list(zip(client, server, strict=False))
    if len(client) * len(server) > _MOST_ALIGNED:
        return list(zip(client, server, strict=False))
    offsets = {other.time_ns - one.time_ns for one in client for other in server}
    return max((_fitting(client, server, offset) for offset in sorted(offsets, key=abs)), key=len)


#: Pairs of packets that are alike in everything: more than these are a flood, and their order will do.
_MOST_ALIGNED = 400


def _fitting(client: Sequence[Sighting], server: Sequence[Sighting], offset: int) -> list[tuple[Sighting, Sighting]]:
    """The pairs that one offset of the clocks explains."""
    pairs, later = [], list(server)
    for one in client:
        fits = next((other for other in later if abs(other.time_ns - one.time_ns - offset) < ALIKE), None)
        if fits is not None:
            pairs.append((one, fits))
            later = later[later.index(fits) + 1 :]
    return pairs


def clock_of(segment: Tcp) -> bytes | None:
    return read_options(segment.options).get(TIMESTAMPS) if segment.options else None

"""Which data of a connection left one end and never arrived at the other?

By the octets of the sequence space and not by packets: network cards split and join segments behind the back of a
capture (TSO, GRO), and what was repeated and then arrived is not lost. Sequence numbers wrap at 2^32 (RFC 9293 section
3.4), so octets are counted from the first one seen.

Where all that is lost was large and all that arrived was small, it is the size that decides: the path MTU.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pathprobe.core.ends.joining import Joined
from pathprobe.core.packets import Tcp, TcpFlags
from pathprobe.core.sightings import Sighting
from pathprobe.core.tcp_options import MAXIMUM_SEGMENT_SIZE, read_options

_ALL, _HALF = (1 << 32) - 1, 1 << 31
#: What a TCP assumes whose peer names no MSS, in octets (RFC 9293 section 3.7.1).
_DEFAULT_MSS = {4: 536, 6: 1220}

#: A sender that repeats data has waited for it to arrive.
_PROOF = 2

_Range = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostData:
    """``ranges`` are counted from the first octet of data, the end not included. Sizes are of whole datagrams.

    ``smallest_lost``: of the segments that held lost octets; ``largest_passed``: of those that arrived, 0 for none.
    ``tries``: how often lost octets were sent. ``frames``: the segments that held them, numbered in the capture of the
    end that sent them.
    """

    forward: bool
    octets: int
    sent: int
    ranges: tuple[_Range, ...]
    tries: int
    smallest_lost: int
    largest_passed: int
    frames: tuple[int, ...]

    @property
    def is_about_size(self) -> bool:
        return 0 < self.largest_passed < self.smallest_lost


def lost_data(joined: Joined) -> tuple[LostData, ...]:
    """What was lost for good, each direction by itself; nothing for a conversation that one end alone has."""
    client, server = joined.client, joined.server
    if client is None or server is None or not joined.forward or not joined.back:
        return ()
    mss = _segment_size((*client.there, *client.back, *server.there, *server.back))
    shifts = {True: _shift(joined, forward=True), False: _shift(joined, forward=False)}
    found = (
        _lost(client.there, server.there, shifts[True], mss, forward=True),
        _lost(server.back, client.back, -shifts[False], mss, forward=False),
    )
    return tuple(one for one in found if one)


def _shift(joined: Joined, *, forward: bool) -> int:
    """What a box adds to the sequence numbers of one direction, the server's less the client's."""
    for pair in joined.forward if forward else joined.back:
        if isinstance(pair.client.packet.body, Tcp) and isinstance(pair.server.packet.body, Tcp):
            return pair.server.packet.body.sequence - pair.client.packet.body.sequence
    return 0


def _segment_size(seen: Iterable[Sighting]) -> int:
    """The most data that one segment holds: the smallest MSS that any SYN named."""
    named, version = [], 4
    for one in seen:
        if isinstance(one.packet.body, Tcp) and one.packet.body.flags & TcpFlags.SYN:
            version = one.packet.version
            value = read_options(one.packet.body.options).get(MAXIMUM_SEGMENT_SIZE)
            named += [int.from_bytes(value, "big")] if value else []
    return min(named, default=_DEFAULT_MSS[version])


@dataclass(frozen=True, slots=True)
class _Segment:
    start: int
    end: int
    size: int
    number: int


def _segments(seen: Sequence[Sighting], first: int, shift: int, mss: int) -> list[_Segment]:
    found = []
    for one in seen:
        body = one.packet.body
        if not isinstance(body, Tcp) or body.flags & TcpFlags.SYN:
            continue
        headers = (40 if one.packet.version == 6 else 20) + 20 + len(body.options)
        length = one.packet.total_length - headers
        if length > 0:
            start = (body.sequence + shift - first + _HALF & _ALL) - _HALF
            found.append(_Segment(start, start + length, headers + min(length, mss - len(body.options)), one.number))
    return found


def _lost(
    sent: Sequence[Sighting], arrived: Sequence[Sighting], shift: int, mss: int, *, forward: bool
) -> LostData | None:
    first = next((one.packet.body.sequence for one in sent if isinstance(one.packet.body, Tcp)), 0) + shift
    left, came = _segments(sent, first, shift, mss), _segments(arrived, first, 0, mss)
    missing = _without(_union(left), _union(came))
    if not missing:
        return None
    # What was sent once, at the end, may still be under way when the captures end.
    last = max((one.end for one in came), default=0)
    lost = [one for one in left if any(one.start < end and start < one.end for start, end in missing)]
    tries = max(sum(one.start <= start < one.end for one in lost) for start, _ in missing)
    if tries < _PROOF and missing[0][0] >= last:
        return None
    base = min(one.start for one in left)
    return LostData(
        forward=forward,
        octets=sum(end - start for start, end in missing),
        sent=sum(end - start for start, end in _union(left)),
        ranges=tuple((start - base, end - base) for start, end in missing),
        tries=tries,
        smallest_lost=min(one.size for one in lost),
        largest_passed=max((one.size for one in came), default=0),
        frames=tuple(one.number for one in lost),
    )


def _union(segments: Iterable[_Segment]) -> list[_Range]:
    ranges: list[_Range] = []
    for one in sorted(segments, key=lambda one: one.start):
        if ranges and one.start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], one.end))
        else:
            ranges.append((one.start, one.end))
    return ranges


def _without(sent: Sequence[_Range], arrived: Sequence[_Range]) -> list[_Range]:
    """What of the first is in none of the second; both in order and without overlap."""
    missing: list[_Range] = []
    waiting = list(reversed(arrived))
    for start, end in sent:
        while waiting and waiting[-1][1] <= start:
            waiting.pop()
        at = start
        for low, high in reversed(waiting):
            if low >= end:
                break
            if low > at:
                missing.append((at, low))
            at = max(at, high)
        if at < end:
            missing.append((at, end))
    return missing

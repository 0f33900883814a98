"""What did one end of a TCP connection send, and how much of it did the other acknowledge?

Counters, and the few segments that are not acknowledged yet. Sequence numbers count modulo 2**32 (RFC 9293 section
3.4); what is "sent again" follows tcp_retransmit_timer (Linux), which waits 200 ms at least.
"""

from __future__ import annotations

from collections import deque

from pathprobe.core.packets import Packet, Tcp

SPACE = 1 << 32
HALF = 1 << 31

#: Nanoseconds between two sendings of the same, below which they are one packet seen twice.
SENT_AGAIN_AFTER = 100_000_000

#: So often is data sent again before the lack of an acknowledgement counts as a stall, and a SYN-ACK as not believed.
TRIES = 2

#: Unacknowledged segments that are remembered: more are in flight only where nothing stalls.
_MOST_OUTSTANDING = 64

_IP_HEADER = {4: 20, 6: 40}
_TCP_HEADER = 20


def octets_carried(packet: Packet, segment: Tcp) -> int:
    """Octets of data in a segment, also where the capture kept its head only.

    The total length is 0 where the card cuts it up later (BIG TCP).
    """
    carried = packet.total_length - _IP_HEADER[packet.version] if packet.total_length else len(packet.transport)
    return max(0, carried - _TCP_HEADER - len(segment.options))


def is_after(one: int, other: int) -> bool:
    """Whether a sequence number lies beyond another."""
    return 0 < (one - other) % SPACE < HALF


class End:
    """What one end sent, and how much of it the other acknowledged."""

    __slots__ = (
        "acknowledged",
        "finished",
        "first_data_ns",
        "hole",
        "hole_size",
        "largest_passed",
        "last_data_ns",
        "octets",
        "outstanding",
        "passed",
        "sent_ns",
        "sent_to",
        "shut_ns",
        "stuck_ns",
        "tries",
        "ttl",
    )  # fmt: skip

    def __init__(self) -> None:
        self.sent_to: int | None = None
        self.acknowledged: int | None = None
        self.outstanding: deque[tuple[int, int]] = deque(maxlen=_MOST_OUTSTANDING)
        self.largest_passed = self.passed = self.octets = self.tries = self.ttl = 0
        self.sent_ns = self.stuck_ns = self.first_data_ns = self.last_data_ns = 0
        self.hole: int | None = None
        self.hole_size = 0
        self.shut_ns = 0
        self.finished = False

    def starts(self, sequence: int, ttl: int) -> None:
        self.sent_to, self.ttl = (sequence + 1) % SPACE, ttl

    def sends(self, sequence: int, size: int, now: int) -> None:
        """``size`` octets of data leave this end."""
        if self.sent_to is None:
            self.sent_to = sequence
        end = (sequence + size) % SPACE
        if is_after(end, self.sent_to):
            if is_after(sequence, self.sent_to) and self.hole is None:
                self.hole, self.hole_size = self.sent_to, (sequence - self.sent_to) % SPACE
            if not self.outstanding:
                self.stuck_ns = now
            self.outstanding.append((end, size))
            self.octets += size
            self.sent_to, self.sent_ns = end, now
        elif not self._is_known(end) and now - self.sent_ns >= SENT_AGAIN_AFTER:
            self.tries += 1
            self.sent_ns = now
        self.first_data_ns = self.first_data_ns or now
        self.last_data_ns = now

    def _is_known(self, end: int) -> bool:
        return self.acknowledged is not None and not is_after(end, self.acknowledged)

    def is_acknowledged_to(self, number: int, now: int) -> None:
        if self.acknowledged is not None and not is_after(number, self.acknowledged):
            return
        self.acknowledged = number
        if self.hole is not None and is_after(number, self.hole):
            self.hole = None
        while self.outstanding and not is_after(self.outstanding[0][0], number):
            _, size = self.outstanding.popleft()
            self.largest_passed = max(self.largest_passed, size)
            self.passed += size
        self.tries, self.stuck_ns = 0, now

    @property
    def is_stuck(self) -> bool:
        return bool(self.outstanding) and self.tries >= TRIES

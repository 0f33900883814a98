"""How did a TCP connection fare after its SYN?

One small state machine per connection, fed with every segment in the order of the file, that keeps counters
(core.tcp_ends) and no packets. What it says in the end is one course (core.courses).
"""

from __future__ import annotations

from collections import deque

from pathprobe.core.evidence import hops_back
from pathprobe.core.packets import Packet, Tcp, TcpFlags
from pathprobe.core.witness.courses import Course, Fate, Told
from pathprobe.core.witness.tcp_ends import HALF, SENT_AGAIN_AFTER, SPACE, TRIES, End, octets_carried

_SECOND = 1_000_000_000

#: Nanoseconds that an application may take to answer before its silence is told; and where its client gave up.
PATIENCE, GIVEN_UP = 3 * _SECOND, _SECOND

#: Frame numbers that are remembered of one connection: its beginning, and its end.
_FIRST_FRAMES, _LAST_FRAMES = 100, 200

#: Bits as plain numbers: IntFlag arithmetic costs a microsecond, and this runs once a packet.
_FIN, _SYN, _RST, _ACK = (int(flag) for flag in (TcpFlags.FIN, TcpFlags.SYN, TcpFlags.RST, TcpFlags.ACK))


class Conversation:
    """One TCP connection, from its first SYN or SYN-ACK on. Times in nanoseconds."""

    __slots__ = (
        "answer_ttl", "asked_ns", "asker", "fate", "frames", "initial", "last_ns", "later", "reacted", "reset", "syn",
        "syn_acks", "syn_ns", "syns", "target", "target_initial", "unheard_syns",
    )  # fmt: skip

    def __init__(self, initial: int, now: int) -> None:
        self.initial, self.asked_ns, self.last_ns, self.syn_ns = initial, now, now, now
        self.syns, self.syn_acks, self.unheard_syns = 0, 0, 0
        self.syn = (0, 0)
        self.frames: list[int] = []
        self.later: deque[int] | None = None
        self.fate = Fate.SILENT
        self.answer_ttl = 0
        self.target_initial = 0
        self.reacted = False
        self.asker: End | None = None
        self.target: End | None = None
        self.reset: tuple[bool, int] | None = None

    @classmethod
    def midway(cls, now: int) -> Conversation:
        """A connection whose beginning is missing: it stands, and who asked did react."""
        one = cls(0, now)
        one.fate, one.reacted = Fate.ANSWERED, True
        one.asker, one.target = End(), End()
        return one

    def is_asked_again(self, packet: Packet, now: int) -> bool:
        """Its SYN was sent once more, or with another TTL, and this is not the last one at its second sight.

        A router shows a packet twice (``-i any``), the second time with a smaller TTL.
        """
        ttl, mark = self.syn
        if mark and packet.identification:
            return packet.identification != mark
        return packet.ttl > ttl or now - self.syn_ns >= SENT_AGAIN_AFTER

    def keeps(self, number: int) -> None:
        """A frame of the file is one of its segments; of a long connection the first and the last are remembered."""
        (self.frames if len(self.frames) < _FIRST_FRAMES else self._last_frames()).append(number)

    def _last_frames(self) -> deque[int]:
        if self.later is None:
            self.later = deque(maxlen=_LAST_FRAMES)
        return self.later

    @property
    def numbers(self) -> tuple[int, ...]:
        """The frames that show its course."""
        return (*self.frames, *(self.later or ()))

    def asks(self, packet: Packet, now: int) -> None:
        """The SYN, for the first time or again."""
        self.syns, self.syn_ns, self.last_ns = self.syns + 1, now, now
        self.syn = packet.ttl, packet.identification or 0
        if self.fate is Fate.ANSWERED:
            self.unheard_syns += 1

    def takes(self, packet: Packet, segment: Tcp, *, from_asker: bool, now: int) -> bool:
        """Any segment but the SYN; True for the first that answers it."""
        self.last_ns = now
        flags = int(segment.flags)
        if self.fate is not Fate.ANSWERED:
            return not from_asker and self._answers(packet, segment, flags)
        assert self.asker is not None
        assert self.target is not None
        if flags & _RST:
            self._is_reset(packet, from_asker)
            return False
        if flags & _SYN:
            self.syn_acks += 1
            return False
        sender, receiver = (self.asker, self.target) if from_asker else (self.target, self.asker)
        if flags & _ACK:
            receiver.is_acknowledged_to(segment.acknowledgement, now)
            self.reacted = self.reacted or from_asker
        if size := octets_carried(packet, segment):
            sender.sends(segment.sequence, size, now)
        if flags & _FIN:
            sender.finished = True
        sender.shut_ns = (sender.shut_ns or now) if segment.window == 0 else 0
        sender.ttl = sender.ttl or packet.ttl
        return False

    def _answers(self, packet: Packet, segment: Tcp, flags: int) -> bool:
        if not flags & _ACK or (segment.acknowledgement - 1) % SPACE != self.initial:
            return False
        if flags & _RST:
            self.fate = Fate.RESET
        elif flags & _SYN:
            self.fate = Fate.ANSWERED
            self.syn_acks, self.target_initial = 1, segment.sequence
            self.asker, self.target = End(), End()
            self.asker.starts(self.initial, 0)
            self.target.starts(segment.sequence, packet.ttl)
        else:
            return False
        self.answer_ttl = packet.ttl
        return True

    def _is_reset(self, packet: Packet, from_asker: bool) -> None:
        self.reacted = self.reacted or from_asker
        if self.reset is None:
            self.reset = from_asker, packet.ttl

    def told(self, end: int) -> Told:
        """Its course, if nothing more was seen of it until ``end``."""
        if self.fate is not Fate.ANSWERED or self.asker is None or self.target is None:
            return Told(course=Course.FINE)
        return (
            self._stalled(self.target, by_asker=False)
            or self._stalled(self.asker, by_asker=True)
            or self._cut(end)
            or self._reset_midway()
            or self._unanswered(end)
            or self._half_open()
            or self._shut(end)
            or Told(course=Course.FINE, octets=self._octets)
        )

    @property
    def _octets(self) -> int:
        return sum(one.passed for one in (self.asker, self.target) if one)

    def _stalled(self, sender: End, *, by_asker: bool) -> Told | None:
        if not sender.is_stuck:
            return None
        return Told(
            course=Course.STALLED,
            by_asker=by_asker,
            size=sender.outstanding[0][1],
            passed=sender.largest_passed,
            octets=self._octets,
            tries=sender.tries + 1,
            seconds=(sender.sent_ns - sender.stuck_ns) / _SECOND,
        )

    def _cut(self, end: int) -> Told | None:
        for sender, by_asker in ((self.target, False), (self.asker, True)):
            if sender and sender.hole is not None and sender.hole_size < HALF and end - sender.last_data_ns >= _SECOND:
                return Told(
                    course=Course.CUT,
                    by_asker=by_asker,
                    size=sender.hole_size,
                    passed=sender.largest_passed,
                    octets=self._octets,
                    seconds=(end - sender.last_data_ns) / _SECOND,
                )
        return None

    def _reset_midway(self) -> Told | None:
        if self.reset is None or self.target is None or self.asker is None:
            return None
        by_asker, ttl = self.reset
        if by_asker or not self.target.ttl or self.asker.finished or self.target.finished:
            return None  # who goes away with data unread resets as well: that is no fault of the network
        usual = self.target.ttl
        elsewhere = hops_back(ttl) != hops_back(usual)
        course = Course.RESET_BY_BOX if elsewhere else Course.RESET
        return Told(
            course=course,
            octets=self.asker.octets + self.target.octets,
            ttl=ttl,
            usual=usual,
            seconds=(self.last_ns - self.asked_ns) / _SECOND,
        )

    def _unanswered(self, end: int) -> Told | None:
        """The request lies there, acknowledged. Who only ever sends (syslog) does so for longer than it then waits."""
        assert self.asker is not None
        assert self.target is not None
        asker, target = self.asker, self.target
        gave_up = asker.finished or self.reset is not None
        waited = (self.last_ns if gave_up else end) - asker.last_data_ns
        if not asker.octets or asker.outstanding or target.octets or target.finished:
            return None
        if waited < max(GIVEN_UP if gave_up else PATIENCE, asker.last_data_ns - asker.first_data_ns):
            return None
        return Told(
            course=Course.UNANSWERED,
            size=asker.octets,
            octets=self._octets,
            seconds=waited / _SECOND,
        )

    def _half_open(self) -> Told | None:
        seconds = (self.last_ns - self.asked_ns) / _SECOND
        if self.unheard_syns and not self.reacted:
            return Told(course=Course.UNHEARD, tries=self.unheard_syns + 1, seconds=seconds)
        if self.syn_acks > TRIES:
            course = Course.REPEATED if self.reacted else Course.UNHEARD
            return Told(course=course, tries=self.syn_acks, seconds=seconds)
        if self.reset and self.reset[0] and not self._octets and self.asker and not self.asker.octets:
            return Told(course=Course.DISOWNED)
        return None

    def _shut(self, end: int) -> Told | None:
        if self.reset is not None:
            return None
        for one, by_asker in ((self.target, False), (self.asker, True)):
            if one and one.shut_ns and not one.finished and end - one.shut_ns >= PATIENCE:
                seconds = (end - one.shut_ns) / _SECOND
                return Told(course=Course.SHUT, by_asker=by_asker, octets=self._octets, seconds=seconds)
        return None

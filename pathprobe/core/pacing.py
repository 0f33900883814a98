"""How fast may one ask?

Arithmetic only: time comes in as ``now`` in seconds, rates are packets a second.

The rate as a whole is a token bucket's. Left to itself it starts kindly, grows with every answer that comes back,
which makes it double in each round trip as TCP's slow start does (RFC 5681 section 3.1), and halves when loss of our
own making shows; from then on it grows slowly. It never runs far ahead of the answers: behind a narrow link they come
no faster than it lets them, and all that is sent beyond is lost. Targets have rates of their own (turns.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: What ``--rate max`` stands for.
UNLIMITED = math.inf

#: Where growth starts: what a small router's slow path and a stateful firewall's set-up rate bear easily.
_KIND_RATE = 2_000.0

#: Where growth ends: more than one process can send and read on the machines this was measured on.
_FASTEST = 60_000.0

#: By how much one answer raises the rate, before and after the first loss. Answers at a rate r raise it by 40 r in a
#: second: where round trips are short it doubles every 17 ms, and where they are long about once in each.
_GROWTH, _CAREFUL_GROWTH = 40.0, 0.5

#: How many times the pace of answers, as it is over so many seconds, may be sent.
_AHEAD, _MEASURED = 4.0, 0.03

#: Below this rate no loss pushes it: a path that loses at half the kind rate loses whatever we do.
_SLOWEST = 1_000.0

#: Seconds in which the loss that shows is still that of the pace before.
_SETTLING = 0.1

#: Of so many answers, this share may be to later tries before we believe that our own pace makes the loss.
_LOSS_SAMPLE, _MOST_LOSS = 200, 0.1

#: Seconds of sending that may be made up for after a pause of this process, and the most probes that may be, before
#: any loss and after very much of it.
_CATCHING_UP, _LARGEST_BURST, _SMALLEST_BURST = 0.004, 64, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the user lets us ask, in probes a second.

    ``rate`` None: start kindly and grow while answers come back. A number is never exceeded; UNLIMITED is no limit of
    any kind until much is lost on the way. ``per_target`` and ``per_network`` (a /24, in IPv6 a /64) hold for TCP and
    echo; UDP to one target is slower still, for hosts say "port unreachable" about once a second (icmp(7)).
    """

    rate: float | None = None
    per_target: float = 500.0
    per_network: float = 4000.0

    def __post_init__(self) -> None:
        if any(rate is not None and rate <= 0 for rate in (self.rate, self.per_target, self.per_network)):
            raise ValueError("a rate is more than 0 packets a second")

    @property
    def unlimited(self) -> bool:
        return self.rate == UNLIMITED


class Pacer:
    """How many probes may go at ``now``?"""

    def __init__(self, pace: Pace, now: float) -> None:
        self._limit = _FASTEST if pace.rate is None else pace.rate
        self._heeds_answers = pace.rate is None
        self._ceiling = math.inf
        self._answers, self._measured_at, self._pace_of_answers = 0, now, 0.0
        self._growth = _GROWTH
        self.rate = min(_KIND_RATE, self._limit) if pace.rate is None else self._limit
        self._credit = 1.0
        self._largest_burst = _LARGEST_BURST
        self._at = now
        self._first = self._again = 0
        self._changed_at = -math.inf

    def allowance(self, now: float) -> int:
        """Probes that may be sent at once."""
        if self.rate == UNLIMITED:
            return self._largest_burst
        self._credit = min(self._credit + (now - self._at) * self.rate, self.burst)
        self._at = now
        return int(self._credit)

    def wait_until_batch(self, now: float, batch: int) -> float:
        """Seconds until ``batch`` probes may go, or as many as ever may at once; 0 when they may."""
        if self.rate == UNLIMITED:
            return 0.0
        wanted = min(batch, int(self.burst))
        return 0.0 if self.allowance(now) >= wanted else (wanted - self._credit) / self.rate

    @property
    def burst(self) -> float:
        """The most that may go at once: in any t seconds no more than rate * t and one burst are sent."""
        return min(max(1.0, self.rate * _CATCHING_UP), self._largest_burst)

    def sent(self, count: int) -> None:
        self._credit -= count

    def answered(self, first: int, again: int, now: float) -> None:
        """Answers came back, to first tries and ``again`` to later ones.

        Who answers a later one is there: what was lost before it may have been lost by our haste.
        """
        self._measure(first + again, now)
        self.rate = min(self._limit, self._ceiling, self.rate + self._growth * first)
        self._first += first
        self._again += again
        if self._first + self._again >= _LOSS_SAMPLE:
            if self._again > _MOST_LOSS * _LOSS_SAMPLE:
                self._heed_the_path()
                self.back_off(now)
            self._first = self._again = 0

    def _measure(self, answers: int, now: float) -> None:
        self._answers += answers
        if now >= self._measured_at + _MEASURED:
            self._pace_of_answers = self._answers / (now - self._measured_at)
            self._answers, self._measured_at = 0, now
            if self._heeds_answers:
                self._ceiling = max(_KIND_RATE, _AHEAD * self._pace_of_answers)

    def _heed_the_path(self) -> None:
        """No limit was wanted, and the path has one: what is sent beyond it would only make answers look silent."""
        if self.rate == UNLIMITED:
            self.rate = max(_KIND_RATE, _AHEAD * self._pace_of_answers)
            self._heeds_answers = True

    def is_news(self, sent_at: float) -> bool:
        """Whether the loss of what was sent then says something about the pace as it is now."""
        return sent_at >= self._changed_at

    def back_off(self, now: float) -> None:
        """Loss of our own making showed. Where there is no rate to lower, less goes between two looks at the queue."""
        if now < self._changed_at + _SETTLING:
            return
        self._changed_at = now
        self._growth = _CAREFUL_GROWTH
        self._largest_burst = max(self._largest_burst // 2, _SMALLEST_BURST)
        if self.rate != UNLIMITED:
            self.rate = max(self.rate / 2, min(_SLOWEST, self.rate))

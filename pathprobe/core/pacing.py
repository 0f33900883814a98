"""How fast may one ask?

Arithmetic only: time comes in as ``now`` in seconds, rates are packets a second.

The rate as a whole is a token bucket's. Left to itself it starts kindly, grows with every answer that comes back,
which makes it double in each round trip as TCP's slow start does (RFC 5681 section 3.1), and halves when loss of our
own making shows; from then on it grows slowly. One target, and one network, is held to a rate of its own whatever the
whole does (the generic cell rate algorithm, ITU-T I.371: one number for each).
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from pathprobe.core.pair_table import UDP, PairTable

#: What ``--rate max`` stands for.
UNLIMITED = math.inf

#: Where growth starts: what a small router's slow path and a stateful firewall's set-up rate bear easily.
_KIND_RATE = 2_000.0

#: Where growth ends: more than one process can send and read on the machines this was measured on.
_FASTEST = 60_000.0

#: By how much one answer raises the rate, before and after the first loss. Answers at a rate r raise it by 40 r in a
#: second: where round trips are short it doubles every 17 ms, and where they are long about once in each.
_GROWTH, _CAREFUL_GROWTH = 40.0, 0.5

#: Below this rate no loss pushes it: a path that loses at a quarter of the kind rate loses whatever we do.
_SLOWEST = 500.0

#: Seconds in which the loss that shows is still that of the pace before.
_SETTLING = 0.1

#: Of so many answers, this share may be to later tries before we believe that our own pace makes the loss.
_LOSS_SAMPLE, _MOST_LOSS = 200, 0.1

#: Seconds of sending that may be made up for after a pause of this process, and the most probes that may be, before
#: any loss and after very much of it.
_CATCHING_UP, _LARGEST_BURST, _SMALLEST_BURST = 0.004, 64, 8

#: Probes that one target, and one network, may get at once.
_TARGET_BURST, _NETWORK_BURST = 16, 128

#: Linux says "port unreachable" to one asker once a second, after six at once (icmp_ratelimit in icmp(7), and
#: XRLIM_BURST_FACTOR in net/ipv4/icmp.c). Faster, closed ports would look silent.
_UDP_PER_TARGET, _UDP_BURST = 1.0, 4


#: The place of networks among the limits, behind those of targets for TCP and echo and for UDP.
_NETWORK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the user lets us ask, in probes a second.

    ``rate`` None: start kindly and grow while answers come back. A number is never exceeded; UNLIMITED is no limit at
    all, of any kind. ``per_target`` and ``per_network`` (a /24, in IPv6 a /64) hold for TCP and echo; UDP to one target
    is slower still, for hosts say "port unreachable" about once a second (icmp_ratelimit, icmp(7)).
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
        self._growth = _GROWTH
        self.rate = min(_KIND_RATE, self._limit) if pace.rate is None else self._limit
        self._credit = 1.0
        self._largest_burst = _LARGEST_BURST
        self._at = now
        self._first = self._again = 0
        self._settled_at = now

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
        self.rate = min(self._limit, self.rate + self._growth * first)
        self._first += first
        self._again += again
        if self._first + self._again >= _LOSS_SAMPLE:
            if self._again > _MOST_LOSS * _LOSS_SAMPLE:
                self.back_off(now)
            self._first = self._again = 0

    def back_off(self, now: float) -> None:
        """Loss of our own making showed. Where there is no rate to lower, less goes between two looks at the queue."""
        if now < self._settled_at:
            return
        self._settled_at = now + _SETTLING
        self._growth = _CAREFUL_GROWTH
        self._largest_burst = max(self._largest_burst // 2, _SMALLEST_BURST)
        if self.rate != UNLIMITED:
            self.rate = max(self.rate / 2, min(_SLOWEST, self.rate))


class Turns:
    """When may this pair be asked, given what its target and its network were sent before?

    A target is limited for UDP apart from the rest: its ICMP limit does not slow its TCP ports down.
    """

    def __init__(self, pace: Pace, table: PairTable) -> None:
        self._table = table
        self._free = pace.unlimited
        hosts = len(table.hosts)
        self._limits = (
            _Limits(pace.per_target, _TARGET_BURST, hosts),
            _Limits(_UDP_PER_TARGET, _UDP_BURST, hosts if UDP in table.kind else 0),
            _Limits(pace.per_network, _NETWORK_BURST, table.networks),
        )

    def claim(self, index: int, now: float) -> tuple[float, int] | None:
        """None when it may go now, and is counted as gone; else from when on, and a number for who makes it wait."""
        if self._free:
            return None
        host = self._table.host[index]
        which = int(self._table.kind[index] == UDP)
        target, network = self._limits[which], self._limits[_NETWORK]
        address_block = self._table.network_of_host[host]
        if (earliest := target.earliest(host)) > now:
            return earliest, host * 3 + which
        if (earliest := network.earliest(address_block)) > now:
            return earliest, address_block * 3 + _NETWORK
        target.take(host, now)
        network.take(address_block, now)
        return None

    def next_of(self, member: int) -> float:
        """From when on one who made others wait may be sent the next; ``member`` as claim() numbers it."""
        return self._limits[member % 3].earliest(member // 3)


class _Limits:
    """One rate that holds for each of ``count`` members on its own."""

    def __init__(self, rate: float, burst: int, count: int) -> None:
        self._interval = 1 / rate
        self._tolerance = (burst - 1) * self._interval
        self._arrivals = array("d", bytes(8 * count))

    def earliest(self, member: int) -> float:
        return self._arrivals[member] - self._tolerance

    def take(self, member: int, now: float) -> None:
        arrival = self._arrivals[member]
        self._arrivals[member] = (arrival if arrival > now else now) + self._interval

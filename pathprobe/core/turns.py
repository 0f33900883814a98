"""Whose turn is it, when a target and a network may be sent only so much?

Each is held to a rate of its own, whatever the whole does, by the generic cell rate algorithm (ITU-T I.371): one number
for each. Time comes in as ``now``, in seconds.
"""

from __future__ import annotations

from array import array

from pathprobe.core.pacing import Pace
from pathprobe.core.pair_table import UDP, PairTable

#: Probes that one target, and one network, may get at once.
_TARGET_BURST, _NETWORK_BURST = 16, 128

#: Linux says "port unreachable" to one asker once a second, after six at once (icmp_ratelimit in icmp(7), and
#: XRLIM_BURST_FACTOR in net/ipv4/icmp.c). Faster, closed ports would look silent.
_UDP_PER_TARGET, _UDP_BURST = 1.0, 4

#: The place of networks among the limits, behind those of targets for TCP and echo and for UDP.
_NETWORK = 2


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

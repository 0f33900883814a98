"""What would the client of a scenario see, had it sent these packets?

A network of Linux machines in one process: packets walk from node to node as events on a clock that
jumps, so three seconds of waiting cost nothing and every run is the same. What a node does to a packet
is in simulated_node; here are the things that have time or memory: links, neighbours that do not
answer, the kernel's ICMP limits, and the client's packet socket.

Not simulated: connection tracking other than for NAT, SYN-ACK retransmission, IPv6 neighbour discovery, and
fragments: an IPv4 packet without DF crosses every link whole.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from pathprobe.net.base import Frame
from pathprobe.net.scenario import Scenario
from pathprobe.net.simulated_memory import Bucket, Memory
from pathprobe.net.simulated_node import CLIENT, Ended, Onward, Step, Unresolved, nodes
from pathprobe.net.simulated_packets import Datagram, read, with_header_checksum

#: Unix time, seconds: any fixed moment will do.
EPOCH = 1_780_000_000.0

#: Seconds until a neighbour that does not answer is given up: 3 requests (mcast_solicit), 1 s apart (retrans_time).
NEIGHBOUR_TIMEOUT = 3.0

#: Seconds in which one more ICMP error to one destination is allowed: icmp_ratelimit, ipv6 icmp/ratelimit.
_TOKEN_INTERVAL = {4: 1.0, 6: 0.1}
#: ICMP errors at once after a silence: XRLIM_BURST_FACTOR (inetpeer.c).
_BURST = 6
#: In IPv4 an error about a route pays twice from the same bucket, first in ip_error, whose own limit is
#: this (ip_rt_error_burst). So a burst of probes at a bad route draws two answers, not six.
_ROUTE_ERROR_BURST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    position: int
    sender: int
    packet: Datagram
    over_loopback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _NeighbourTimeout:
    position: int
    address: str


_Event = _Arrival | _NeighbourTimeout


class SimulatedNetwork:
    """The Sink and Source of a client in a simulated scenario; its time moves only in `advance`.

    ``link_delay`` and ``jitter`` are seconds per link and direction; each crossing takes the former plus
    a random part of the latter, and what the scenario says of the link comes on top. Raises ValueError for
    a rule that nft would not take.
    """

    def __init__(self, scenario: Scenario, *, link_delay: float = 50e-6, jitter: float = 0.0, seed: int = 0) -> None:
        self.epoch = EPOCH
        self._nodes = nodes(scenario, seed)
        self._interface = "tun0" if scenario.link == "tun" else "eth0"
        self._link_delay = link_delay
        self._jitter = jitter
        self._delays = _delays(scenario)
        self._random = random.Random(seed)
        self._now = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, _Event]] = []
        self._frames: deque[Frame] = deque()
        self._used_up = {scenario.nodes.index(name) for name in scenario.used_up}
        self._buckets: dict[tuple[int, str], Bucket] = {}
        self._memories = [Memory(dice=self._random) for _ in self._nodes]
        self._waiting: dict[tuple[int, str], tuple[Unresolved, ...]] = {}

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    @property
    def lost(self) -> int:
        """Always 0: this receive queue has no end."""
        return 0

    def send(self, octets: bytes) -> str | None:
        """Send one whole IP datagram as root does on a raw socket; the name of the errno it would give.

        None also when an egress rule drops the packet: the kernel does not tell, but no frame goes out.
        """
        try:
            packet = read(octets)
        except ValueError:
            return "EINVAL"
        # The kernel writes the header checksum itself, also of a packet that brings its header (IP_HDRINCL).
        packet = read(with_header_checksum(packet.octets))
        step = self._nodes[CLIENT].send(packet, self._memory(CLIENT))
        self._follow(CLIENT, step, probe=True)
        return step.error if isinstance(step, Ended) else None

    def receive(self) -> Iterator[Frame]:
        """The frames that a packet socket on the client has seen by now, oldest first.

        It stands outside the client's rules: what they drop on the way in is here, what they drop on the
        way out is not. On loopback each packet is seen once, outgoing when it came from `send`.
        """
        while self._frames:
            yield self._frames.popleft()

    def advance(self, until: float) -> None:
        """Move the clock to ``until`` (seconds since the epoch); a time that has passed changes nothing."""
        while self._events and self._events[0][0] <= until:
            self._happen()
        self._now = max(self._now, until)

    def next_event(self) -> float | None:
        """When `receive` has its next frame, if nothing more is sent; None when it never will."""
        rehearsal = self._copy()
        while rehearsal._events and not rehearsal._frames:
            rehearsal._happen()
        return rehearsal._frames[0].time if rehearsal._frames else None

    def _copy(self) -> SimulatedNetwork:
        """The same network, so that looking ahead leaves this one alone."""
        other = copy.copy(self)
        other._random = copy.copy(self._random)
        other._order = copy.copy(self._order)
        other._events = self._events.copy()
        other._frames = self._frames.copy()
        other._buckets = self._buckets.copy()
        other._memories = [memory.copy(other._random) for memory in self._memories]
        other._waiting = self._waiting.copy()
        return other

    def _happen(self) -> None:
        self._now, _, event = heapq.heappop(self._events)
        match event:
            case _Arrival(position=position, packet=packet):
                if position == CLIENT and not event.over_loopback:
                    self._see(packet, self._interface, outgoing=False)
                step = self._nodes[position].receive(packet, self._memory(position), event.sender)
                self._follow(position, step)
            case _NeighbourTimeout(position=position, address=address):
                for waited in self._waiting.pop((position, address)):
                    self._follow(position, self._nodes[position].give_up(waited))
            case _:
                assert_never(event)

    def _follow(self, position: int, step: Step, *, probe: bool = False) -> None:
        match step:
            case Onward(packet=packet, to=to):
                self._transmit(position, packet, to, probe=probe)
            case Unresolved():
                self._wait(position, step)
            case Ended(answer=answer, by_route=by_route):
                # The limit comes before the node's own rules: an error that its output drops has been paid for.
                if answer and self._allows(position, answer, by_route=by_route):
                    self._follow(position, self._emit(position, answer))
            case _:
                assert_never(step)

    def _emit(self, position: int, packet: Datagram) -> Step:
        return self._nodes[position].emit(packet, self._memory(position))

    def _memory(self, position: int) -> Memory:
        memory = self._memories[position]
        memory.now = self._now
        return memory

    def _transmit(self, position: int, packet: Datagram, to: int, *, probe: bool) -> None:
        over_loopback = position == to
        if position == CLIENT:
            self._see(packet, "lo" if over_loopback else self._interface, outgoing=probe or not over_loopback)
        arrival = _Arrival(position=to, sender=position, packet=packet, over_loopback=over_loopback)
        self._schedule(self._crossing(position, to), arrival)

    def _crossing(self, position: int, to: int) -> float:
        """Seconds that this packet takes to the neighbour."""
        delay, jitter = self._delays.get(frozenset({position, to}), (0.0, 0.0))
        jitter += self._jitter
        return self._link_delay + delay + (self._random.uniform(0, jitter) if jitter else 0)

    def _wait(self, position: int, waited: Unresolved) -> None:
        key = (position, waited.packet.destination)
        if key not in self._waiting:
            self._schedule(NEIGHBOUR_TIMEOUT, _NeighbourTimeout(position=position, address=waited.packet.destination))
        self._waiting[key] = (*self._waiting.get(key, ()), waited)

    def _allows(self, position: int, answer: Datagram, *, by_route: bool) -> bool:
        """Whether the kernel's limit lets the node say this; it is about ICMP errors that leave the machine only."""
        if not answer.is_icmp_error or answer.destination in self._nodes[position].addresses:
            return True
        # Who is not told of an MTU sends in vain for ever (icmpv4_mask_allow, icmpv6_mask_allow).
        if answer.is_too_big:
            return True
        limits = [_ROUTE_ERROR_BURST, _BURST] if by_route and answer.version == 4 else [_BURST]
        return all(self._take(position, answer, burst) for burst in limits)

    def _take(self, position: int, answer: Datagram, burst: int) -> bool:
        key = (position, answer.destination)
        bucket = self._buckets.get(key, Bucket(tokens=0 if position in self._used_up else _BURST))
        allowed, self._buckets[key] = bucket.take(self._now, _TOKEN_INTERVAL[answer.version], burst)
        return allowed

    def _see(self, packet: Datagram, interface: str, *, outgoing: bool) -> None:
        self._frames.append(Frame(time=self._now, octets=packet.octets, interface=interface, outgoing=outgoing))

    def _schedule(self, delay: float, event: _Event) -> None:
        heapq.heappush(self._events, (self._now + delay, next(self._order), event))


def _delays(scenario: Scenario) -> dict[frozenset[int], tuple[float, float]]:
    """The positions at a link's ends -> delay and jitter, seconds."""
    ends = {ends.name: frozenset(map(scenario.nodes.index, (ends.left, ends.right))) for ends in scenario.layout.links}
    return {ends[delay.on]: (delay.delay_ms / 1000, delay.jitter_ms / 1000) for delay in scenario.delays}

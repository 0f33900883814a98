"""What do the probes of one diagnosis say, hop by hop?

A read-only view over the observations, which session, locate and verdict all ask, live and offline.
A hop is a TTL: hop k is the k-th box on the way, the target is hop ``distance``, this host hop 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

from pathprobe.core.outcomes import (
    Answered,
    Ended,
    NotSent,
    Outcome,
    Refusal,
    Rejected,
    Reply,
    Reset,
    Silent,
    TimeExceeded,
    Unreachable,
)
from pathprobe.core.packets import Packet
from pathprobe.core.probes import FULL_TTL, Kind, Probe, Role
from pathprobe.core.statistics import CERTAIN, ENOUGH, RULED_OUT
from pathprobe.core.timing import silence_window

#: A capture stores nanoseconds and a timer fires a little early: waited and window are compared with this slack.
_CLOCK_SLACK = 1e-3

#: The TTLs with which stacks start: Linux and BSD 64, Windows 128, routers and Solaris 255, old and small ones 32.
#: No path is so long that a reply which started with 64 comes with 32.
INITIAL_TTLS = (32, 64, 128, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One probe, when it left (seconds), and what became of it.

    ``departed``: it was seen to leave this host, and ``departure`` is what was seen. ``ended``: who was seen to end
    the half-open connection after a SYN-ACK; None: nobody yet. ``also``: other answers to the same probe.
    ``left_by`` and ``came_by``: the interfaces on which it and its answer were seen, several where one stands on
    another (VLAN, bond). ``returned``: it came back to us itself.
    """

    probe: Probe
    sent: float
    outcome: Outcome
    departed: bool = True
    ended: Ended | None = Ended.BY_KERNEL
    departure: Packet | None = None
    also: tuple[Outcome, ...] = ()
    left_by: tuple[str, ...] = ()
    came_by: tuple[str, ...] = ()
    returned: bool = False

    @property
    def strayed(self) -> bool:
        """The answer came in on another interface than the probe had left by."""
        return bool(self.left_by and self.came_by) and not set(self.left_by) & set(self.came_by)

    @property
    def asks_size(self) -> bool:
        """The probe was padded to see whether one of its size passes."""
        return self.probe.size is not None

    @property
    def is_unheard(self) -> bool:
        """A SYN-ACK came, and this host's own TCP was not seen to react."""
        return isinstance(self.outcome, Answered) and self.probe.flow.kind is Kind.TCP and self.ended is None


def hops_back(ttl: int) -> int:
    """How many hops a reply that arrived with ``ttl`` seems to have travelled.

    An estimate: it holds for the usual initial TTLs, and for the way back only.
    """
    initial = next(start for start in INITIAL_TTLS if start >= ttl)
    return initial - ttl + 1


class Evidence:
    """All observations about one target, with the window after which silence is believed.

    ``ports``: the source ports (for echo the identifiers) of the tested port's constant flows. What was sent on
    the first is part of the one path that is compared with the control; what was sent on the others shows other
    paths (core.walks), and is not among the ``tests``.
    """

    def __init__(
        self,
        *,
        target: str,
        source: str,
        observations: tuple[Observation, ...],
        longest_wait: float | None = None,
        ports: tuple[int, ...] = (),
    ) -> None:
        self.target = target
        self.source = source
        self.observations = observations
        self.longest_wait = longest_wait
        self.ports = ports
        self.window = silence_window(self.round_trips, longest_wait)

    @property
    def local(self) -> bool:
        """Whether the target is this host: nothing lies in between."""
        return self.source == self.target or ip_address(self.target).is_loopback

    def is_own(self, address: str | None) -> bool:
        """An address of this host; without any other its kernel speaks as 127.0.0.1 to itself."""
        return address is not None and (address == self.source or ip_address(address).is_loopback)

    @cached_property
    def round_trips(self) -> tuple[float, ...]:
        """Round trips in seconds; refusals are left out, a router may think for seconds before it sends one."""
        return tuple(
            seen.outcome.rtt for seen in self.observations if isinstance(seen.outcome, Answered | Reset | TimeExceeded)
        )

    @cached_property
    def tests(self) -> tuple[Observation, ...]:
        elsewhere = set(self.ports[1:])
        return tuple(
            seen
            for seen in self.observations
            if seen.probe.role is Role.TEST and not seen.asks_size and seen.probe.flow.source_port not in elsewhere
        )

    @cached_property
    def controls(self) -> tuple[Observation, ...]:
        return tuple(seen for seen in self.observations if seen.probe.role is Role.CONTROL and not seen.asks_size)

    @cached_property
    def sized(self) -> tuple[Observation, ...]:
        """The probes that ask which sizes pass; the verdict on the port does without them."""
        return tuple(seen for seen in self.observations if seen.asks_size)

    def of(self, role: Role) -> tuple[Observation, ...]:
        return self.tests if role is Role.TEST else self.controls

    def at(self, role: Role, ttl: int) -> tuple[Observation, ...]:
        return tuple(seen for seen in self.of(role) if seen.probe.ttl == ttl)

    def is_silent(self, seen: Observation) -> bool:
        """Unanswered for so long that it will stay so."""
        return isinstance(seen.outcome, Silent) and seen.outcome.waited + _CLOCK_SLACK >= self.window

    def from_target(self, seen: Observation) -> bool:
        """An answer with the target's address on it, whoever made it; a time exceeded is none."""
        outcome = seen.outcome
        return isinstance(outcome, Reply) and not isinstance(outcome, TimeExceeded) and outcome.source == self.target

    def ends(self, seen: Observation) -> bool:
        """The probe met its end in a packet that says so: an answer, a reset, a refusal, or a full TTL run out."""
        if isinstance(seen.outcome, TimeExceeded):
            return seen.probe.is_direct
        return isinstance(seen.outcome, Answered | Reset | Rejected | Unreachable)

    @cached_property
    def distance(self) -> int | None:
        """The smallest TTL with which a control drew the target's own answer."""
        if self.local:
            return 0
        return min(
            (seen.probe.ttl for seen in self.controls if self.from_target(seen) and seen.probe.ttl < FULL_TTL),
            default=None,
        )

    @cached_property
    def responders(self) -> dict[int, str]:
        """Hop -> the address that let a probe expire there; the tested port's own sweep wins.

        But not with the target's own address, which a NAT puts in the place of the router's: see core.middleboxes.
        """
        known: dict[int, str] = {}
        for seen in (*self.tests, *self.controls):
            if not isinstance(seen.outcome, TimeExceeded) or seen.probe.is_direct:
                continue
            if known.get(seen.probe.ttl, self.target) == self.target:
                known[seen.probe.ttl] = seen.outcome.source
        return known

    def hop_of(self, address: str) -> int | None:
        """The nearest hop that answered from ``address``."""
        return min((ttl for ttl, known in self.responders.items() if known == address), default=None)

    def expired_at(self, role: Role) -> Iterator[int]:
        """The hops that a role's TTL steps were seen to reach; a full TTL that runs out is a loop and no hop."""
        return (
            seen.probe.ttl
            for seen in self.of(role)
            if isinstance(seen.outcome, TimeExceeded) and not seen.probe.is_direct
        )

    def reached(self, role: Role) -> int:
        """The farthest hop that a role's probes were seen to reach by an expired TTL; 0 is this host."""
        return max(self.expired_at(role), default=0)

    def control_passes_at(self, ttl: int) -> tuple[Observation, ...]:
        """The controls with this TTL that got where the TTL took them: an expired TTL or the target's answer."""
        return tuple(seen for seen in self.at(Role.CONTROL, ttl) if self.got_through(seen))

    def got_through(self, seen: Observation) -> bool:
        """The probe got where its TTL takes it: its TTL ran out at that hop, or the target answered."""
        if isinstance(seen.outcome, TimeExceeded):
            return not seen.probe.is_direct
        return self.passes(seen)

    def passes(self, seen: Observation) -> bool:
        """The probe reached the target, which said so, if only to refuse it."""
        return self.from_target(seen) and isinstance(seen.outcome, Answered | Reset | Rejected)

    @cached_property
    def control_reaches_target(self) -> bool:
        return any(self.passes(seen) for seen in self.controls)

    @cached_property
    def lossy(self) -> bool:
        """Probes that should have fared alike did not: packets get lost, or routers spare their ICMP."""
        fates: dict[object, set[bool]] = defaultdict(set)
        for seen in (*self.tests, *self.controls):
            if seen.probe.ttl > self._reach_of(seen):
                continue  # what stops the port, or a control, is no loss
            silent = self.is_silent(seen)
            if silent or self.got_through(seen):
                arrives = self.distance is not None and seen.probe.ttl >= self.distance
                fates[seen.probe.flow.label if arrives or seen.probe.is_direct else seen.probe.ttl].add(silent)
        return any(len(both) > 1 for both in fates.values())

    def _reach_of(self, seen: Observation) -> int:
        """The farthest TTL with which the probe's like were seen to get through."""
        if seen.probe.role is Role.TEST:
            pinged = seen.probe.flow.kind is Kind.ECHO and any(self.passes(one) for one in self.tests)
            return FULL_TTL if pinged else self.reached(Role.TEST)
        return self._farthest_controls.get(seen.probe.flow.label, 0)

    @cached_property
    def _farthest_controls(self) -> dict[str, int]:
        farthest: dict[str, int] = {}
        for seen in filter(self.got_through, self.controls):
            label = seen.probe.flow.label
            farthest[label] = FULL_TTL if self.passes(seen) else max(seen.probe.ttl, farthest.get(label, 0))
        return farthest

    @property
    def believed(self) -> float:
        """How unlikely a difference must be by chance, to be believed here."""
        return CERTAIN if self.lossy else ENOUGH

    @property
    def certain(self) -> float:
        """How unlikely chance must be before no more is asked to rule it out."""
        return RULED_OUT if self.lossy else CERTAIN

    def next_control_hop(self, beyond: int) -> int | None:
        """The nearest hop after ``beyond`` that a control was seen to reach."""
        hops = set(self.expired_at(Role.CONTROL))
        if self.distance is not None:
            hops.add(self.distance)
        return min((hop for hop in hops if hop > beyond), default=None)

    def crossing(self, beyond: int) -> int | None:
        """The TTL at which a control is compared with a test that died after hop ``beyond``.

        FULL_TTL where controls reached the target over a path whose length is not known.
        """
        hop = self.next_control_hop(beyond)
        return FULL_TTL if hop is None and self.control_reaches_target else hop

    def address_at(self, ttl: int) -> str | None:
        """Who is at this hop: this host has no address here, the target its own, others as they answered."""
        if ttl == self.distance and not self.local:
            return self.target
        return self.responders.get(ttl)


def refusal_of(outcome: Outcome) -> Refusal | None:
    """The ICMP refusal in an outcome; an expired TTL is none."""
    return outcome if isinstance(outcome, Rejected | Unreachable) else None


def kept_back(seen: Observation) -> bool:
    """This host did not let the probe out."""
    return isinstance(seen.outcome, NotSent)

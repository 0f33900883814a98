"""What is known at this moment, as the rules of the strategy ask about it?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from pathprobe.core.evidence import Evidence, Observation, hops_back, kept_back, refusal_of
from pathprobe.core.forwarding import forwards_at
from pathprobe.core.loops import is_loop
from pathprobe.core.outcomes import NOT_SEEN, Answered, NotSent, Reply, Reset, Silent, TimeExceeded
from pathprobe.core.probes import Kind, Role
from pathprobe.core.timing import KERNEL_REACTION, grace

#: TTL steps that the leader may be ahead of what is known: a short burst, yet one round trip for most paths.
AHEAD = 3

#: The same where the target's answer shows how far away it seems to be: a guess, which may be far too large.
MOST_AHEAD = 10

#: Silent hops in a row after which nobody is expected to answer any more (scamper's default is 5 with retries).
GAP = 4

#: At so many hops the same address makes a loop; a router may well answer for two (zero-TTL forwarding).
LOOP_SEEN = 3

#: Seconds between two steps that wait for one another, while no round trip is known.
STEP_WAIT = 0.1

#: Times are sums of floats: a moment counts as reached this many seconds early.
_TICK = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and with which means. ``kind`` is the tested protocol, ``port`` None for echo.

    ``closed_port`` is a high port of the target that most likely nothing listens on. ``marked``: a UDP
    payload has room for a token; otherwise IPv6 datagrams are told apart by their source ports alone.
    ``mtu`` is that of the interface, in octets, where the path's own is wanted too. ``flows``: on how many constant
    flows, each with a source port of its own; None for as many as show all branches. ``silent_tries``: how often the
    port was asked just before, in vain: so many fewer tries tell a silence from a loss.
    """

    target: str
    source: str
    kind: Kind
    port: int | None
    closed_port: int
    max_hops: int = 30
    trace: bool = True
    longest_wait: float | None = None
    marked: bool = True
    mtu: int | None = None
    flows: int | None = 1
    silent_tries: int = 0

    @property
    def shares_ports(self) -> bool:
        """Whether several probes of the tested port may leave from one source port, and so walk one way.

        IPv6 has no IP-ID: a datagram without a token in it must have its ports for itself.
        """
        return self.marked or self.kind is not Kind.UDP or ":" not in self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A probe worth sending. ``fresh``: on a flow of its own, else on its role's constant flow.

    ``flow``: which of the tested port's constant flows. ``size``: padded to so many octets.
    """

    role: Role
    kind: Kind
    port: int | None
    ttl: int
    fresh: bool = False
    size: int | None = None
    flow: int = 0


@dataclass(frozen=True)
class Situation:
    """The evidence at ``now``, as the rules ask about it: often and of all probes, so what follows is kept."""

    question: Question
    evidence: Evidence
    now: float

    @property
    def traced(self) -> bool:
        return self.question.trace and not self.evidence.local

    @property
    def leader(self) -> tuple[Role, Kind, int | None]:
        """Who steps ahead: echo. It is a control, unless echo itself is the question."""
        return (Role.TEST if self.question.kind is Kind.ECHO else Role.CONTROL), Kind.ECHO, None

    @cached_property
    def fate_known(self) -> bool:
        """Some probe of the port met its end in a packet: silence elsewhere only completes the picture."""
        return any(self.evidence.ends(seen) for seen in self.evidence.tests)

    @cached_property
    def quick(self) -> float:
        return min(grace(self.evidence.round_trips), self.evidence.window)

    @cached_property
    def step_wait(self) -> float:
        """Seconds for one step, where each waits for the one before."""
        return self.quick if self.evidence.round_trips else min(self.quick, STEP_WAIT)

    @cached_property
    def patience(self) -> float:
        """Seconds that an unanswered probe may still change the verdict."""
        return self.quick if self.fate_known else self.evidence.window

    def is_pending(self, seen: Observation) -> bool:
        outcome = seen.outcome
        return isinstance(outcome, Silent) or (isinstance(outcome, NotSent) and outcome.error == NOT_SEEN)

    def is_settled(self, seen: Observation, after: float | None = None) -> bool:
        wait = after
        if wait is None:
            wait = self.evidence.window if seen.asks_size or self._may_arrive(seen) else self.patience
        return not self.is_pending(seen) or self.has_passed(seen.sent + wait)

    def _may_arrive(self, seen: Observation) -> bool:
        """The verdict rests on whether a control gets to the target, and this one still may: who refused the port is
        perhaps much nearer than the target."""
        evidence = self.evidence
        if seen.probe.role is not Role.CONTROL or not seen.probe.is_direct or evidence.control_reaches_target:
            return False
        return not any(isinstance(one.outcome, Answered) for one in evidence.tests)

    def has_passed(self, time: float) -> bool:
        return self.now >= time - _TICK

    def asked(self, role: Role, kind: Kind, port: int | None, ttl: int | None = None) -> list[Observation]:
        return [
            seen
            for seen in self.evidence.of(role)
            if seen.probe.flow.kind is kind
            and (port is None or seen.probe.flow.destination_port == port)
            and (ttl is None or seen.probe.ttl == ttl)
        ]

    @cached_property
    def directs(self) -> list[Observation]:
        """The port's own probes with a full TTL."""
        return [seen for seen in self.evidence.tests if seen.probe.is_direct]

    @cached_property
    def test_is_silent(self) -> bool:
        """The port's own probes had their time and nothing came of them."""
        directs = self.directs
        return (
            bool(directs)
            and not self.fate_known
            and not self.refused_by_kernel
            and all(self.is_settled(seen, self.evidence.window) for seen in directs)
        )

    @cached_property
    def died_on_the_way(self) -> bool:
        """The port's own probes left this host, and only then fell silent."""
        return any(self.evidence.is_silent(seen) for seen in self.directs)

    @cached_property
    def held_back(self) -> bool:
        """Nothing leaves this host, of whatever kind."""
        directs = [seen for seen in self.evidence.observations if seen.probe.is_direct]
        kinds = {seen.probe.flow.kind for seen in directs}
        return len(kinds) > 1 and all(kept_back(seen) and self.is_settled(seen, self.quick) for seen in directs)

    @property
    def refused_by_kernel(self) -> bool:
        """The kernel said no to the port's own probes: it will not think better of it."""
        return any(kept_back(seen) and not self.is_pending(seen) for seen in self.directs)

    def test(self, ttl: int, *, fresh: bool = False, flow: int = 0) -> Want:
        """A probe of the port in question."""
        return Want(role=Role.TEST, kind=self.question.kind, port=self.question.port, ttl=ttl, fresh=fresh, flow=flow)

    @staticmethod
    def control(kind: Kind, port: int | None, ttl: int) -> Want:
        """A control that shares its ports with no other probe; echo has none to share."""
        return Want(role=Role.CONTROL, kind=kind, port=port, ttl=ttl, fresh=kind is not Kind.ECHO)

    @cached_property
    def broken_at(self) -> tuple[int, Kind, int | None] | None:
        """The TTL where the test died and a control did not, and that control; None where there is none.

        A loop is none: its packets do not die at one place, and asking more shows nothing more.
        """
        evidence = self.evidence
        if is_loop(evidence):
            return None
        crossing = evidence.crossing(evidence.reached(Role.TEST))
        if crossing is None:
            return None
        crossed = evidence.control_passes_at(crossing) or tuple(
            seen for seen in evidence.controls if evidence.passes(seen)
        )
        if not crossed:
            return None
        # A closed UDP port is the last resort: hosts limit how often they tell of one.
        flow = min(crossed, key=lambda seen: seen.probe.flow.kind is Kind.UDP).probe.flow
        return crossing, flow.kind, flow.port

    @cached_property
    def all_settled(self) -> bool:
        return all(self.is_settled(seen) and self.is_ended(seen) for seen in self.evidence.observations)

    def is_ended(self, seen: Observation) -> bool:
        """Nothing is left half open, or this host's kernel and then we had the time to end it."""
        outcome = seen.outcome
        if not seen.is_unheard or not isinstance(outcome, Answered):
            return True
        return self.has_passed(outcome.received + 2 * KERNEL_REACTION)


class Steps:
    """One role's TTL steps: what is known, and how far it is worth going."""

    def __init__(self, now: Situation, role: Role, kind: Kind, port: int | None) -> None:
        self._now = now
        self._all = now.asked(role, kind, port)
        self._steps = [seen for seen in self._all if not seen.probe.is_direct]
        self._directs = [seen for seen in self._all if seen.probe.is_direct]

    def asked_at(self, ttl: int) -> list[Observation]:
        return [seen for seen in self._steps if seen.probe.ttl == ttl]

    def is_silent_at(self, ttl: int) -> bool:
        """Nothing has come for the steps with this TTL."""
        return not any(isinstance(seen.outcome, Reply) for seen in self.asked_at(ttl))

    @property
    def ended(self) -> int | None:
        """The smallest TTL whose step met its end in a packet."""
        return min((seen.probe.ttl for seen in self._steps if self._now.evidence.ends(seen)), default=None)

    @property
    def last_answer(self) -> int:
        return max((seen.probe.ttl for seen in self._steps if isinstance(seen.outcome, TimeExceeded)), default=0)

    @property
    def guess(self) -> int | None:
        """How far away the target seems to be, from the TTL of its answer to a full-TTL probe."""
        evidence = self._now.evidence
        backs = (
            hops_back(seen.outcome.ttl)
            for seen in self._directs
            if isinstance(seen.outcome, Answered | Reset) and evidence.from_target(seen)
        )
        return next(backs, None)

    @property
    def refused_at(self) -> int | None:
        """How far away the box seems to be that refused a full-TTL probe: no step goes far beyond it."""
        refusals = (refusal_of(seen.outcome) for seen in self._directs)
        return next((hops_back(refusal.ttl) for refusal in refusals if refusal), None)

    @property
    def refusal_ends(self) -> int:
        """The last step that may still show at which hop the box is that refused a full-TTL probe.

        A rule behind routing lets the TTL run out at its own hop, and refuses from the next on. Where others
        answered as far away as the box seems to be, its answer took a shorter way home.
        """
        seems = self.refused_at or 0
        refusals = (refusal_of(seen.outcome) for seen in self._directs)
        known = any(refusal and self._now.evidence.hop_of(refusal.source) for refusal in refusals)
        return seems + 1 if known or self.last_answer < seems else self.last_answer + GAP

    @property
    def settled(self) -> int:
        """Steps 1 to this one have had their time."""
        return self.settled_after(self._now.quick)

    def settled_after(self, wait: float) -> int:
        """The same, with ``wait`` seconds as their time."""
        ttl = 0
        while (seen := self.asked_at(ttl + 1)) and all(self._now.is_settled(one, wait) for one in seen):
            ttl += 1
        return ttl

    @property
    def kept_back(self) -> bool:
        """This host lets none of the role's full-TTL probes out: stepping TTLs would show nothing."""
        return bool(self._directs) and all(
            kept_back(seen) and self._now.is_settled(seen, self._now.quick) for seen in self._directs
        )

    @property
    def circling(self) -> bool:
        """The same address at three hops: a loop, and no need to walk it to its end."""
        return any(len(hops) >= LOOP_SEEN for hops in self._sightings.values())

    @property
    def turned_back(self) -> bool:
        """The same address at two hops that are not neighbours: perhaps a loop."""
        return any(max(hops) - min(hops) > 1 for hops in self._sightings.values())

    @property
    def leaves_the_path(self) -> bool:
        """The port's packets do not end where the control's do: the target hands them on, or they go astray."""
        if forwards_at(self._now.evidence) is not None:
            return True
        if any(isinstance(seen.outcome, TimeExceeded) for seen in self._directs):
            return not self.turned_back
        return self._now.test_is_silent and (self.turned_back or self._elsewhere)

    @property
    def _elsewhere(self) -> bool:
        """A step ran out at another router than the control's step with the same TTL."""
        controls: defaultdict[int, set[str]] = defaultdict(set)
        for seen in self._now.evidence.controls:
            if isinstance(seen.outcome, TimeExceeded):
                controls[seen.probe.ttl].add(seen.outcome.source)
        return any(
            seen.outcome.source not in controls[seen.probe.ttl]
            for seen in self._steps
            if isinstance(seen.outcome, TimeExceeded) and seen.probe.ttl in controls
        )

    @property
    def _sightings(self) -> dict[str, set[int]]:
        """Address -> its hops. A target that forwards lets what lies behind speak in its own name: it is left out."""
        hops: defaultdict[str, set[int]] = defaultdict(set)
        for seen in self._steps:
            if isinstance(seen.outcome, TimeExceeded) and seen.outcome.source != self._now.evidence.target:
                hops[seen.outcome.source].add(seen.probe.ttl)
        return hops

    @property
    def ceiling(self) -> int:
        """The last TTL to ask now, a few ahead of what is known."""
        longest = self._now.question.max_hops
        if self.circling or self.kept_back:
            return 0
        if self._now.evidence.distance is not None:
            longest = min(longest, self._now.evidence.distance)
        if self.ended is not None:
            return min(self.ended, longest)
        if self.guess is not None:
            # The way out may be longer than the way back: go on while somebody answers.
            ahead = min(max(self.guess, self.settled + 1), self.settled + MOST_AHEAD)
            return min(ahead, max(self.guess, self.last_answer) + GAP, longest)
        ahead = self.settled + AHEAD
        if self.refused_at is not None:
            ahead = min(ahead, self.refusal_ends)
        elif any(self._now.is_settled(seen, self._now.quick) for seen in self._directs):
            ahead = min(ahead, self.last_answer + GAP)
        return min(ahead, longest)

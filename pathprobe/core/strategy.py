"""What is worth asking next?

Each rule looks at the evidence and names probes that could still change the verdict; none remembers
anything. Together they are the whole strategy:

============  =====================================================================================
opening       the port itself and a control with full TTLs, and the first TTL steps of the leader
lead          TTL steps of the leading role (echo, which burdens nobody) up to the target
follow        the port's own TTL steps, one constant flow, each as soon as the leader knows that hop:
              so at most one step reaches the target
other_ports   another port as control, where echo does not get through
sweep_port    TTL steps of that port where the tested one died
compare       a closed port, when a reset may be a forgery: like is compared only with like
confirm       the forged answer once more on a fresh port
retry         fresh ports, only at the hop where the test died and the control did not
patience      nothing passes at all: ask once a second until a router would have given up on its neighbour
============  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pathprobe.core.evidence import Evidence, Observation, hops_back, kept_back, refusal_of
from pathprobe.core.locate import origin_of
from pathprobe.core.outcomes import NOT_SEEN, Answered, NotSent, Reset, Silent, TimeExceeded
from pathprobe.core.probes import FULL_TTL, Kind, Role
from pathprobe.core.timing import NEIGHBOUR_LOOKUP, grace

#: TTL steps that the leader may be ahead of what is known: a short burst, yet one round trip for most paths.
AHEAD = 3

#: Silent hops in a row after which nobody is expected to answer any more (scamper's default is 5 with retries).
GAP = 4

#: How often a silent port is asked before the silence is believed; every time on fresh source ports.
TRIES = 3

#: Probes of each role at the first bad hop in a retry: with the first try 5 against 5, and 5 is
#: what one router's ICMP limit lets pass in a burst (Linux: 6, net/ipv4/icmp.c XRLIM_BURST_FACTOR).
PER_RETRY = 2

#: Other ports to ask where echo is blocked: those that are most often let through.
USUAL_PORTS = (443, 80, 22)

#: Seconds between two questions while nothing answers at all.
_PATIENCE_STEP = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and with which means. ``kind`` is the tested protocol, ``port`` None for echo.

    ``closed_port`` is a high port of the target that most likely nothing listens on.
    """

    target: str
    source: str
    kind: Kind
    port: int | None
    closed_port: int
    max_hops: int = 30
    trace: bool = True
    longest_wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A probe worth sending. ``fresh``: on a flow of its own, else on its role's constant flow."""

    role: Role
    kind: Kind
    port: int | None
    ttl: int
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """The evidence at ``now``, as the rules ask about it."""

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

    @property
    def fate_known(self) -> bool:
        """Some probe of the port met its end in a packet: silence elsewhere only completes the picture."""
        return any(self.evidence.ends(seen) for seen in self.evidence.tests)

    @property
    def quick(self) -> float:
        return grace(self.evidence.round_trips)

    @property
    def patience(self) -> float:
        """Seconds that an unanswered probe may still change the verdict."""
        return self.quick if self.fate_known else self.evidence.window

    def is_pending(self, seen: Observation) -> bool:
        outcome = seen.outcome
        return isinstance(outcome, Silent) or (isinstance(outcome, NotSent) and outcome.error == NOT_SEEN)

    def is_settled(self, seen: Observation, after: float | None = None) -> bool:
        wait = self.patience if after is None else after
        return not self.is_pending(seen) or self.now - seen.sent >= wait

    def asked(self, role: Role, kind: Kind, port: int | None, ttl: int | None = None) -> list[Observation]:
        return [
            seen
            for seen in self.evidence.of(role)
            if seen.probe.flow.kind is kind
            and (port is None or seen.probe.flow.destination_port == port)
            and (ttl is None or seen.probe.ttl == ttl)
        ]

    @property
    def directs(self) -> list[Observation]:
        """The port's own probes with a full TTL."""
        return [seen for seen in self.evidence.tests if seen.probe.is_direct]

    @property
    def test_is_silent(self) -> bool:
        """The port's own probes had their time and nothing came of them."""
        directs = self.directs
        return (
            bool(directs)
            and not self.fate_known
            and not self.refused_by_kernel
            and all(self.is_settled(seen, self.evidence.window) for seen in directs)
        )

    @property
    def held_back(self) -> bool:
        """Nothing leaves this host, of the port or of the control: stepping TTLs would show nothing."""
        directs = [seen for seen in self.evidence.observations if seen.probe.is_direct]
        return all(kept_back(seen) and self.is_settled(seen, self.quick) for seen in directs)

    @property
    def refused_by_kernel(self) -> bool:
        """The kernel said no to the port's own probes: it will not think better of it."""
        return any(kept_back(seen) and not self.is_pending(seen) for seen in self.directs)

    @property
    def all_settled(self) -> bool:
        return all(self.is_settled(seen) for seen in self.evidence.observations)


Rule = Callable[[Situation], Iterator[Want]]


def wanted(situation: Situation) -> list[Want]:
    """The probes worth sending now."""
    return [want for rule in _RULES for want in rule(situation)]


def _opening(now: Situation) -> Iterator[Want]:
    if now.evidence.observations:
        return
    yield _test(now, FULL_TTL, fresh=True)
    if now.question.kind is not Kind.ECHO:
        yield Want(role=Role.CONTROL, kind=Kind.ECHO, port=None, ttl=FULL_TTL)
    if now.traced:
        role, kind, port = now.leader
        for ttl in range(1, min(AHEAD, now.question.max_hops) + 1):
            yield Want(role=role, kind=kind, port=port, ttl=ttl)


def _lead(now: Situation) -> Iterator[Want]:
    if not now.traced or not now.evidence.observations:
        return
    if now.held_back:
        return
    role, kind, port = now.leader
    steps = _Steps(now, role, kind, port)
    for ttl in range(1, steps.ceiling + 1):
        if not steps.asked_at(ttl):
            yield Want(role=role, kind=kind, port=port, ttl=ttl)


def _follow(now: Situation) -> Iterator[Want]:
    if not now.traced or now.question.kind is Kind.ECHO or not now.evidence.observations:
        return
    if all(kept_back(seen) and now.is_settled(seen) for seen in now.directs):
        return
    lead = _Steps(now, *now.leader)
    own = _Steps(now, Role.TEST, now.question.kind, now.question.port)
    for ttl in range(1, _follow_ceiling(now, lead, own) + 1):
        if own.asked_at(ttl):
            continue
        known = lead.asked_at(ttl)
        if known and not all(now.is_settled(seen, now.quick) for seen in known):
            return
        yield _test(now, ttl)


def _follow_ceiling(now: Situation, lead: _Steps, own: _Steps) -> int:
    """The last TTL step of the port itself: where it ended, else the target, else where nobody answers any more."""
    ends = [own.ended] if own.ended else []
    if now.evidence.distance is not None:
        ends.append(now.evidence.distance)
    elif own.refused_at is not None:
        ends.append(own.refused_at + 1)
    elif own.guess is not None or lead.guess is not None:
        ends.append(own.guess or lead.guess or 0)
    else:
        ends.append(max(own.last_answer, lead.last_answer) + GAP)
    return min(*ends, now.question.max_hops)


class _Steps:
    """One role's TTL steps: what is known, and how far it is worth going."""

    def __init__(self, now: Situation, role: Role, kind: Kind, port: int | None) -> None:
        self._now = now
        self._all = now.asked(role, kind, port)
        self._steps = [seen for seen in self._all if not seen.probe.is_direct]
        self._directs = [seen for seen in self._all if seen.probe.is_direct]

    def asked_at(self, ttl: int) -> list[Observation]:
        return [seen for seen in self._steps if seen.probe.ttl == ttl]

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
    def settled(self) -> int:
        """Steps 1 to this one have had their time."""
        ttl = 0
        while (seen := self.asked_at(ttl + 1)) and all(self._now.is_settled(one, self._now.quick) for one in seen):
            ttl += 1
        return ttl

    @property
    def ceiling(self) -> int:
        """The last TTL to ask now, a few ahead of what is known."""
        longest = self._now.question.max_hops
        if self.ended is not None:
            return min(self.ended, longest)
        if self.guess is not None:
            return min(max(self.guess, self.settled + 1), self.guess + GAP, longest)
        ahead = self.settled + AHEAD
        if self.refused_at is not None:
            # A rule behind routing lets the TTL run out at its own hop, and refuses from the next on.
            ahead = min(ahead, self.refused_at + 1)
        elif self._directs and all(self._now.is_settled(seen, self._now.quick) for seen in self._directs):
            ahead = min(ahead, self.last_answer + GAP)
        return min(ahead, longest)


def _needs_other_port(now: Situation) -> bool:
    """Echo shows nothing about the target, and the verdict rests on a comparison."""
    evidence = now.evidence
    if evidence.local or not now.question.trace or evidence.control_reaches_target:
        return False
    if any(isinstance(seen.outcome, Answered) for seen in evidence.tests):
        return False
    if now.refused_by_kernel or now.held_back:
        return False
    told = [refusal.source for seen in evidence.observations if (refusal := refusal_of(seen.outcome))]
    echoes = [seen for seen in now.asked(Role.CONTROL, Kind.ECHO, None) if seen.probe.is_direct]
    if told and any(refusal_of(seen.outcome) for seen in echoes) and now.fate_known:
        return False
    settled = all(now.is_settled(seen) for seen in (*now.directs, *echoes))
    return settled and (now.fate_known or now.test_is_silent)


def _other_ports(now: Situation) -> Iterator[Want]:
    if not now.evidence.observations or not _needs_other_port(now):
        return
    for port in (*USUAL_PORTS, now.question.closed_port):
        if port != now.question.port and not now.asked(Role.CONTROL, Kind.TCP, port):
            yield Want(role=Role.CONTROL, kind=Kind.TCP, port=port, ttl=FULL_TTL, fresh=True)


def _working_port(now: Situation) -> int | None:
    """The first other port that drew an answer from the target."""
    ports = (
        seen.probe.flow.destination_port
        for seen in now.evidence.controls
        if seen.probe.flow.kind is Kind.TCP and now.evidence.passes(seen)
    )
    return next(ports, None)


def _sweep_port(now: Situation) -> Iterator[Want]:
    port = _working_port(now)
    if port is None or not now.traced or now.evidence.distance is not None:
        return
    steps = _Steps(now, Role.CONTROL, Kind.TCP, port)
    for ttl in range(now.evidence.reached(Role.TEST) + 1, _port_ceiling(now, steps) + 1):
        if not steps.asked_at(ttl):
            yield Want(role=Role.CONTROL, kind=Kind.TCP, port=port, ttl=ttl)


def _port_ceiling(now: Situation, steps: _Steps) -> int:
    """Up to where its answer seems to come from; beyond that a step at a time."""
    guess = steps.guess or 0
    asked = [ttl for ttl in range(1, guess + GAP + 1) if steps.asked_at(ttl)]
    waiting = any(not now.is_settled(seen, now.quick) for ttl in asked for seen in steps.asked_at(ttl))
    beyond = max(asked, default=guess - 1) + (0 if waiting else 1)
    return min(max(guess, beyond), guess + GAP, now.question.max_hops)


def _compare(now: Situation) -> Iterator[Want]:
    """A reset is compared with a reset: ask a port that is surely closed."""
    seen = tuple(one for one in now.evidence.tests if isinstance(one.outcome, Reset))
    if not seen or not now.traced or not now.all_settled:
        return
    if now.asked(Role.CONTROL, Kind.TCP, now.question.closed_port):
        return
    origin = origin_of(now.evidence, seen)
    same_distance = any(
        now.evidence.passes(one) and hops_back(one.outcome.ttl) == origin.hops_back
        for one in now.evidence.controls
        if isinstance(one.outcome, Answered | Reset)
    )
    if not same_distance or not origin.by_target:
        yield Want(role=Role.CONTROL, kind=Kind.TCP, port=now.question.closed_port, ttl=FULL_TTL, fresh=True)


def _confirm(now: Situation) -> Iterator[Want]:
    seen = tuple(one for one in now.evidence.tests if isinstance(one.outcome, Reset))
    if not seen or not now.traced or not now.all_settled or len(now.directs) > 1:
        return
    origin = origin_of(now.evidence, seen)
    if origin.by_target is False:
        yield _test(now, FULL_TTL, fresh=True)
        if origin.first_ttl < FULL_TTL:
            yield _test(now, origin.first_ttl, fresh=True)


def _retry(now: Situation) -> Iterator[Want]:
    if not now.test_is_silent or not now.all_settled or len(now.directs) >= TRIES:
        return
    crossing = now.evidence.next_control_hop(now.evidence.reached(Role.TEST)) if now.traced else None
    control = _passing_control(now, crossing)
    if now.traced and (crossing is None or control is None):
        return
    yield _test(now, FULL_TTL, fresh=True)
    if control is None:
        return
    kind, port = control
    if now.evidence.control_reaches_target:
        yield Want(role=Role.CONTROL, kind=kind, port=port, ttl=FULL_TTL, fresh=kind is Kind.TCP)
    if crossing is None:
        return
    ttl = FULL_TTL if crossing == now.evidence.distance else crossing
    for _ in range(PER_RETRY):
        yield _test(now, ttl, fresh=True)
        yield Want(role=Role.CONTROL, kind=kind, port=port, ttl=ttl, fresh=kind is Kind.TCP)


def _passing_control(now: Situation, crossing: int | None) -> tuple[Kind, int | None] | None:
    """The kind of control that was seen to cross the break (or, for this host, to be answered)."""
    evidence = now.evidence
    crossed = evidence.control_passes_at(crossing) if crossing else ()
    for seen in crossed or tuple(one for one in evidence.controls if evidence.passes(one)):
        flow = seen.probe.flow
        return flow.kind, (flow.destination_port if flow.kind is Kind.TCP else None)
    return None


def _patience(now: Situation) -> Iterator[Want]:
    if not waits_for_neighbour(now):
        return
    times = [seen.sent for seen in now.directs]
    if now.now - max(times) >= _PATIENCE_STEP and now.now - min(times) < NEIGHBOUR_LOOKUP - now.evidence.window:
        yield _test(now, FULL_TTL, fresh=True)
        if now.question.kind is not Kind.ECHO:
            yield Want(role=Role.CONTROL, kind=Kind.ECHO, port=None, ttl=FULL_TTL)


def waits_for_neighbour(now: Situation) -> bool:
    """Nothing gets through and nobody said why yet: the last router may still be looking for its neighbour."""
    evidence = now.evidence
    longest = now.question.longest_wait
    if not now.test_is_silent or not now.question.trace or (longest is not None and longest < NEIGHBOUR_LOOKUP):
        return False
    if any(refusal_of(seen.outcome) for seen in evidence.observations):
        return False
    if evidence.next_control_hop(evidence.reached(Role.TEST)) is not None or evidence.control_reaches_target:
        return False
    return now.now - min(seen.sent for seen in now.directs) < NEIGHBOUR_LOOKUP


def _test(now: Situation, ttl: int, *, fresh: bool = False) -> Want:
    return Want(role=Role.TEST, kind=now.question.kind, port=now.question.port, ttl=ttl, fresh=fresh)


_RULES: tuple[Rule, ...] = (
    _opening,
    _lead,
    _follow,
    _other_ports,
    _sweep_port,
    _compare,
    _confirm,
    _retry,
    _patience,
)


def next_look(now: Situation) -> float | None:
    """When the passing of time alone may change what is wanted; None when nothing is pending."""
    times = []
    for seen in now.evidence.observations:
        if now.is_pending(seen):
            times += [seen.sent + now.quick, seen.sent + now.evidence.window]
    if waits_for_neighbour(now):
        times += [max(seen.sent for seen in now.directs) + _PATIENCE_STEP]
        times += [min(seen.sent for seen in now.directs) + NEIGHBOUR_LOOKUP]
    return min((time for time in times if time > now.now), default=None)

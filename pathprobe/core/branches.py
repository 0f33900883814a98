"""What is worth asking on other constant flows, to see every branch of the path?

First the target, on each flow: which live and which die (core.walks). Then TTL steps, so that each flow shows which
routers it meets. Three things keep that kind:

* A hop where all flows meet one router is asked on no more flows than rule out a second (the stopping rule of the
  Multipath Detection Algorithm: 6 flows for 95 %); only where paths part every flow is asked.
* No router is asked more often than its ICMP limit allows: 5 in a burst, then one whenever it has one to spare,
  counting everything that it ever answered here. The target's own answers have no such limit.
* A flow is not stepped beyond the hop where it fell silent.

Flows that die go first, in turn with flows that live: the break is known early, whatever time is left.
With one flow nothing of this happens, unless source ports differ: then five more are asked, without steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import NamedTuple

from pathprobe.core.again import MOST_IN_BURST
from pathprobe.core.evidence import Observation
from pathprobe.core.outcomes import Refusal, Reply
from pathprobe.core.pauses import LIMITER_REFILL, Pause
from pathprobe.core.probes import FULL_TTL, Kind
from pathprobe.core.situation import Question, Situation
from pathprobe.core.statistics import flows_to_rule_out
from pathprobe.core.walks import MOST_TRIES, TRIES, Walk, Walks

#: ``--flows auto`` stops there: the stopping rule asks for as many at a hop of eleven routers, which is rare.
MOST_FLOWS = 64

#: Flows of a run that was to have one, when its source ports differ: as many as show a second branch at 95 %.
SUSPECTED = flows_to_rule_out(2)

#: Probes of further flows that are out at the same time: a home router's and a small host's queue.
MOST_AT_ONCE = 10

#: Seconds of TTL steps on further flows. One router with Linux's limit has answered 5 + 15 flows by then.
LONGEST_SEARCH = 15.0

#: Seconds after which a router has one more ICMP error to spare; IPv6's limit in Linux is ten times as generous
#: (net.ipv6.icmp.ratelimit, 100 ms).
_REFILL = {4: LIMITER_REFILL, 6: LIMITER_REFILL / 10}

#: A sum of intervals may miss a whole token by a rounding error.
_ROUNDING = 1e-6


def most_flows(question: Question) -> int:
    """For how many constant flows a question needs source ports."""
    if question.flows is None:
        return MOST_FLOWS
    return SUSPECTED if question.flows == 1 and question.kind is Kind.TCP else question.flows


def pauses(now: Situation) -> Iterator[Pause]:
    """The probes worth sending on constant flows, each when it is due."""
    walks = Walks(now.evidence)
    flows = _in_play(now, walks)
    tries = list(_tries(now, walks, flows))
    yield from tries
    if not tries and flows > 1 and now.question.flows != 1 and now.traced and walks.best:
        yield from _Steps(now, walks, flows).pauses()


def _in_play(now: Situation, walks: Walks) -> int:
    """On how many flows the target is asked; 0: on none."""
    flows = now.question.flows
    if not now.evidence.observations or now.evidence.local or now.refused_by_kernel:
        return 0
    if not now.question.shares_ports:
        return 0  # no flow is constant then
    if flows == 1:
        return SUSPECTED if now.question.kind is Kind.TCP and _ports_differ(now, walks) else 0
    return _stopping_rule(now, walks) if flows is None else flows


def _ports_differ(now: Situation, walks: Walks) -> bool:
    """One of the port's probes met another fate than one with the same TTL, or than those that reach the target."""
    evidence, distance = now.evidence, now.evidence.distance or FULL_TTL
    if walks.best and any(evidence.ends(seen) and not isinstance(seen.outcome, walks.best) for seen in evidence.tests):
        return True
    if evidence.distance is None and walks.best is None:
        return False
    met = {min(seen.probe.ttl, distance) for seen in evidence.tests if evidence.got_through(seen)}
    quiet = (seen for seen in evidence.tests if now.is_pending(seen) and now.is_settled(seen, now.quick))
    return any(min(seen.probe.ttl, distance) in met for seen in quiet)


def _stopping_rule(now: Situation, walks: Walks) -> int:
    """Flows that rule out one more router than any hop has shown. One that flows die before counts, unseen."""
    hops = {seen.probe.ttl for walk in walks.all for seen in walk.seen if not seen.probe.is_direct}
    routers = max((len(walks.addresses_at(ttl)) + _hides_one(now, walks, ttl) for ttl in hops), default=1)
    return min(MOST_FLOWS, flows_to_rule_out(max(routers, 1) + 1))


def _hides_one(now: Situation, walks: Walks, ttl: int) -> bool:
    return bool(walks.addresses_at(ttl)) and any(
        any(map(now.evidence.is_silent, walk.at(ttl))) and not walk.address_at(ttl) for walk in walks.dying
    )


def _tries(now: Situation, walks: Walks, flows: int) -> Iterator[Pause]:
    """A full TTL on each flow; on one that stays silent while others pass, again."""
    known = {walk.number: walk for walk in walks.all}
    out = [seen for walk in walks.all if walk not in walks.living for seen in walk.directs if _is_out(now, seen)]
    yield from (Pause(seen.sent + now.evidence.window) for seen in out)
    busy = {seen.probe.flow.source_port for seen in out}
    room = MOST_AT_ONCE - len(out)
    fellows = _fellows(now, walks)
    for number in range(flows):
        walk = known.get(number)
        if room > 0 and (walk is None or (walk.source_port not in busy and _is_worth_a_try(walks, walk))):
            room -= 1
            yield Pause(now.now, (now.test(FULL_TTL, flow=number),))
            if walk and room > 0 and (fellow := next(fellows, None)):
                room -= 1
                yield Pause(now.now, (now.test(FULL_TTL, flow=fellow.number),))


def _fellows(now: Situation, walks: Walks) -> Iterator[Walk]:
    """Flows that live, to be asked beside those that are silent: only a second answer on one tells of loss."""
    free = [walk for walk in walks.living if not any(_is_out(now, seen) for seen in walk.directs)]
    return iter(sorted(free, key=lambda walk: len(walk.directs)))


def _is_out(now: Situation, seen: Observation) -> bool:
    """Unanswered, and it may still be answered."""
    return now.is_pending(seen) and not now.has_passed(seen.sent + now.evidence.window)


def _is_worth_a_try(walks: Walks, walk: Walk) -> bool:
    if walk in walks.living or walks.is_refused(walk):
        return False
    asked = len(walk.directs)
    # Where so many are lost that no number of tries would do, there is no use in them.
    return not asked or (walks.best is not None and (asked < TRIES or asked < walks.tries_needed <= MOST_TRIES))


def _without_repeats(walks: Walks) -> list[Walk]:
    """The flows that die; of those that one router refuses, which names it, no more than it takes to place it."""
    told = Counter[str]()
    worth = []
    for walk in walks.dying:
        refuser = walks.refuser(walk)
        if refuser is None or told[refuser] < TRIES:
            worth.append(walk)
        if refuser:
            told[refuser] += 1
    return worth


class _Room(NamedTuple):
    """How many probes a hop's routers can answer now, and when they can answer one more than that."""

    probes: int
    more_at: float


class _Steps:
    """The TTL steps that are worth taking now."""

    def __init__(self, now: Situation, walks: Walks, flows: int) -> None:
        self._now, self._walks, self._flows = now, walks, flows
        self._evidence = now.evidence
        in_turn = chain.from_iterable(zip_longest(_without_repeats(walks), walks.living))
        self._order = [walk for walk in in_turn if walk]
        self._fellows = set(walks.dying)
        self._out = [seen for seen in walks.steps if _is_out(now, seen)]
        self._at_once = MOST_AT_ONCE - sum(not now.is_settled(seen, now.quick) for seen in self._out)
        self._refill = _REFILL[6 if ":" in self._evidence.target else 4]

    def pauses(self) -> Iterator[Pause]:
        yield from (Pause(seen.sent + self._evidence.window) for seen in self._out)
        started = min((seen.sent for seen in self._walks.steps), default=self._now.now)
        if self._now.has_passed(started + LONGEST_SEARCH):
            return
        for ttl in range(1, self._last_hop() + 1):
            yield from self._at(ttl)

    def _last_hop(self) -> int:
        """The last hop before the target; where that is not known, one beyond the last that showed itself."""
        if self._evidence.distance is not None:
            return self._evidence.distance - 1
        reached = [*self._evidence.responders, *(walk.reach for walk in self._walks.all)]
        return min(max(reached, default=0) + 1, self._now.question.max_hops)

    def _at(self, ttl: int) -> Iterator[Pause]:
        worth = self._worth_asking(ttl)
        due = [walk for walk in worth if self._now.has_passed(self._due(walk, ttl))]
        room = self._room_at(ttl)
        for walk in due[: max(0, min(room.probes, self._at_once))]:
            self._at_once -= 1
            yield Pause(self._now.now, (self._now.test(ttl, flow=walk.number),))
        later = [self._due(walk, ttl) for walk in worth if walk not in due]
        if len(due) > room.probes:
            later.append(room.more_at)
        yield from (Pause(moment) for moment in later)

    def _due(self, walk: Walk, ttl: int) -> float:
        """A step is repeated when a router that limits its ICMP has had the time to have one to spare."""
        return max((seen.sent + self._refill for seen in walk.at(ttl)), default=self._now.now)

    def _worth_asking(self, ttl: int) -> list[Walk]:
        """The flows to ask at a hop, the most telling first."""
        several = len(self._walks.addresses_at(ttl)) > 1
        enough = self._flows if several else SUSPECTED
        heard = sum(bool(walk.address_at(ttl)) for walk in self._walks.all)
        worth = []
        for walk in self._order:
            if self._is_known(walk, ttl) or self._stops_before(walk, ttl):
                continue
            if any(seen in self._out for seen in walk.at(ttl)):
                heard += 1  # perhaps
            elif self._is_telling(walk, ttl) or (heard < enough and self._may_answer(walk, ttl)):
                heard += 1
                worth.append(walk)
        return worth

    def _is_known(self, walk: Walk, ttl: int) -> bool:
        return any(isinstance(seen.outcome, Reply) for seen in walk.at(ttl))

    def _stops_before(self, walk: Walk, ttl: int) -> bool:
        """The flow met its end at a nearer hop, or fell silent where others are answered."""
        return any(
            self._evidence.ends(seen) or (self._evidence.is_silent(seen) and self._is_silent_at(walk, seen.probe.ttl))
            for seen in walk.seen
            if seen.probe.ttl < ttl
        )

    def _is_silent_at(self, walk: Walk, ttl: int) -> bool:
        """A flow that dies has nothing to show at a hop that answers others."""
        return walk in self._fellows and not self._is_known(walk, ttl) and self._answers(ttl)

    def _answers(self, ttl: int) -> bool:
        return bool(self._walks.addresses_at(ttl)) or ttl in self._evidence.responders

    def _is_telling(self, walk: Walk, ttl: int) -> bool:
        """Where one of the flows that die is silent, all of them are asked; and again, until the silence is sure."""
        if walk not in self._fellows or not self._answers(ttl):
            return False
        silent = sum(self._evidence.is_silent(seen) for fellow in self._fellows for seen in fellow.at(ttl))
        if not walk.at(ttl):
            return silent > 0
        met = any(fellow.address_at(ttl) for fellow in self._fellows)
        return len(walk.at(ttl)) < self._walks.tries_needed if met else silent < TRIES

    def _may_answer(self, walk: Walk, ttl: int) -> bool:
        """A hop that answered nobody is asked by three flows; a step that was lost at another is repeated."""
        asked = sum(bool(fellow.at(ttl)) for fellow in self._walks.all)
        if not self._answers(ttl):
            return not walk.at(ttl) and asked < TRIES
        return len(walk.at(ttl)) < (1 if walk in self._fellows else TRIES)

    def _room_at(self, ttl: int) -> _Room:
        """The limit of the router with the least to spare: nobody knows which one a flow will meet."""
        out = [seen.sent for seen in self._out if seen.probe.ttl == ttl]
        known = {*self._walks.addresses_at(ttl), self._evidence.responders.get(ttl, "")} - {""}
        return min((self._room_of([*self._answered_by(one), *out]) for one in known), default=self._room_of(out))

    def _answered_by(self, address: str) -> list[float]:
        return [
            seen.sent
            for seen in self._evidence.observations
            if isinstance(seen.outcome, Refusal) and seen.outcome.source == address
        ]

    def _room_of(self, times: list[float]) -> _Room:
        """What is left of a burst after probes at these times (a token bucket: net/ipv4/inetpeer.c)."""
        left, filled = float(MOST_IN_BURST), 0.0
        for time in sorted(times):
            left, filled = min(MOST_IN_BURST, left + (time - filled) / self._refill) - 1, time
        left = min(MOST_IN_BURST, left + (self._now.now - filled) / self._refill)
        probes = int(max(left, 0.0) + _ROUNDING)
        return _Room(probes, self._now.now + (1 - (left - probes)) * self._refill)

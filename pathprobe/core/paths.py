"""What do the constant flows show together: who dies, and what do those that die have in common?

The flows that live are the best control there is for those that die: the same port, in the same seconds, on other
paths. So what stops the dying flows, and between which hops, follows from the same rules as for a port that dies on
its only path. Two things more are asked of the routers that the flows met:

* A router that flows which die cross, and no flow that lives, is on the branch that is broken.
* Where the flows that die are never seen, those that live cross other routers: these are not to blame, and they are
  not named as the end of the interval.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.outcomes import Answered, Rejected, Reset, Unreachable
from pathprobe.core.probes import FULL_TTL, Kind, Role
from pathprobe.core.reasons import ports_differ, reason
from pathprobe.core.report import Claim, Hop, Location, Path, Reason, State, Verdict, Where
from pathprobe.core.statistics import chance_of_so_many
from pathprobe.core.walks import Walk, Walks

_Seen = tuple[Observation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Flows that die beside flows that live.

    ``evidence``: the dying ones as the test, the living ones among the controls. ``chance``: that loss alone
    silenced so many flows so often. ``lived``: the answers on the flows that live.
    """

    evidence: Evidence
    walks: Walks
    chance: float
    lived: _Seen

    @property
    def dying(self) -> tuple[Walk, ...]:
        return self.walks.dying

    @property
    def living(self) -> tuple[Walk, ...]:
        return self.walks.living

    @property
    def is_traced(self) -> bool:
        """TTL steps on more flows than the first show where they part, or somebody says who stops those that die."""
        return bool(self.walks.steps) or any(map(self.walks.is_refused, self.dying))


def split(evidence: Evidence) -> Split | None:
    """The flows that die, if others live; None when all are alike, or there is one only."""
    walks = Walks(evidence)
    lived = (*walks.others_living, *(seen for walk in walks.living for seen in walk.seen if evidence.passes(seen)))
    if not walks.dying or not lived:
        return None
    tests = [seen for walk in walks.dying for seen in walk.seen]
    controls = [*evidence.controls, *walks.others_living, *(seen for walk in walks.living for seen in walk.seen)]
    roles = {seen.probe.id: Role.TEST for seen in tests} | {seen.probe.id: Role.CONTROL for seen in controls}
    told = [seen for seen in evidence.observations if seen.probe.id in roles]
    compared = tuple(replace(seen, probe=replace(seen.probe, role=roles[seen.probe.id])) for seen in told)
    return Split(evidence=_over(evidence, compared), walks=walks, chance=_chance(walks), lived=lived)


def joined(evidence: Evidence) -> Evidence:
    """All flows are alike: what was sent on any of them is about the port."""
    return _over(evidence, evidence.observations) if evidence.ports else evidence


def _over(evidence: Evidence, observations: _Seen) -> Evidence:
    return Evidence(
        target=evidence.target,
        source=evidence.source,
        observations=observations,
        longest_wait=evidence.window,  # judged by the window that the whole run had
    )


def _chance(walks: Walks) -> float:
    """Each flow had its tries, and a refusal is no loss."""
    tries = [len(walks.silent(walk)) for walk in walks.dying if not walks.is_refused(walk)]
    if len(tries) < len(walks.dying):
        return 0.0
    return chance_of_so_many(len(tries), len(walks.all), walks.loss ** min(tries))


def shared_hop(found: Split) -> Hop | None:
    """The last router that dying flows cross and no living flow does; None if there is none."""
    lived = {address for walk in found.living for ttl in _hops(walk) if (address := walk.address_at(ttl))}
    for ttl in range(max((walk.reach for walk in found.dying), default=0), 0, -1):
        met = {address for walk in found.dying if (address := found.walks.crossed(walk, ttl))}
        compared = any(walk.address_at(ttl) for walk in found.living)
        if compared and len(met) == 1 and not met & lived:
            return Hop(ttl=ttl, address=met.pop())
    return None


def _hops(walk: Walk) -> set[int]:
    return {seen.probe.ttl for seen in walk.seen if not seen.probe.is_direct}


def place_of(found: Split, location: Location) -> Location:
    """The interval, with no router named that only living flows were seen to cross."""
    if not found.is_traced:
        return Location(where=Where.UNKNOWN, last_good=_farthest(found))
    good, bad = location.last_good, location.first_bad
    if bad and bad.address != found.evidence.target:
        bad = Hop(ttl=bad.ttl)
    if good and location.device is None:
        good = _last_common(found, good)
        if bad and bad.ttl < FULL_TTL and not any(walk.at(bad.ttl) for walk in found.dying):
            return Location(where=Where.UNKNOWN, last_good=good)  # time was up before those that die were asked there
    return replace(location, last_good=good, first_bad=bad)


def _farthest(found: Split) -> Hop | None:
    """How far the flows that die were seen to get, if any was stepped."""
    farthest = max(found.dying, key=lambda walk: walk.reach)
    return Hop(ttl=farthest.reach, address=farthest.address_at(farthest.reach)) if farthest.reach else None


def _last_common(found: Split, good: Hop) -> Hop:
    """The farthest hop that some dying flow reached, unless another fell silent before: then the last one before."""
    ttl = min([good.ttl, *(stop - 1 for walk in found.dying if (stop := found.walks.stop(walk)))])
    met = {address for walk in found.dying if (address := walk.address_at(ttl))}
    return Hop(ttl=ttl, address=met.pop() if len(met) == 1 else None)


def reasons(found: Split, location: Location) -> tuple[Reason, ...]:
    """What can be said about the flows, ahead of the reasons why those that die do."""
    died = tuple(seen for walk in found.dying for seen in walk.directs)
    flows = reason(
        Claim.FLOWS_DIE,
        died,
        died=len(found.dying),
        of=len(found.walks.all),
        lived=len(found.lived),
    )
    differ = ports_differ(found.lived, died)
    if not found.is_traced:
        return (flows, *differ, reason(Claim.DYING_NOT_TRACED, died))
    return (flows, *differ, *_in_common(found, location))


def told_of(found: Split, verdict: Verdict) -> tuple[Reason, ...]:
    """The reasons of the verdict on the flows that die, with its interval as it is named here."""
    location = place_of(found, verdict.location)
    ends = {"good_address": location.last_good, "bad_address": location.first_bad}
    return tuple(
        replace(one, facts={**one.facts, **{name: hop.address if hop else None for name, hop in ends.items()}})
        if "bad_address" in one.facts
        else one
        for one in verdict.reasons
    )


def _in_common(found: Split, location: Location) -> tuple[Reason, ...]:
    if hop := shared_hop(found):
        crossing = [walk for walk in found.dying if found.walks.crossed(walk, hop.ttl) == hop.address]
        seen = tuple(seen for walk in crossing for seen in walk.at(hop.ttl) or walk.directs)
        return (
            reason(
                Claim.SAME_ROUTER,
                seen,
                router=hop.address,
                hop=hop.ttl,
                crossing=len(crossing),
                died=len(found.dying),
                compared=sum(bool(walk.address_at(hop.ttl)) for walk in found.living),
            ),
        )
    if location.device:
        return ()
    bad = location.first_bad
    lived = sorted({address for walk in found.living if bad and (address := walk.address_at(bad.ttl))})
    if bad and lived:
        seen = tuple(seen for walk in found.dying for seen in walk.at(bad.ttl))
        return (reason(Claim.UNSEEN_AT, seen, hop=bad.ttl, routers=", ".join(lived)),)
    return (reason(Claim.NOTHING_IN_COMMON, tuple(seen for walk in found.dying for seen in walk.seen)),)


def paths_of(evidence: Evidence) -> tuple[Path, ...]:
    """What each flow came to; nothing if there is one only."""
    walks = Walks(evidence)
    if len(walks.all) < 2:
        return ()
    last = walks.distance or max((ttl for walk in walks.all for ttl in _hops(walk)), default=0)
    return tuple(
        Path(
            flow=walk.number,
            source_port=None if walk.seen[0].probe.flow.kind is Kind.ECHO else walk.source_port,
            state=_state(walks, walk),
            hops=tuple(_address(walks, walk, ttl) for ttl in range(1, last + 1)),
            reach=last if walk in walks.living else max(walk.reach, (walks.stop(walk) or 1) - 1),
        )
        for walk in walks.all
    )


def _address(walks: Walks, walk: Walk, ttl: int) -> str | None:
    if ttl == walks.distance and walk in walks.living:
        return walks.evidence.target
    return walks.crossed(walk, ttl)


def _state(walks: Walks, walk: Walk) -> State:
    """The state of the port as this flow alone shows it."""
    fates = {type(seen.outcome) for seen in walk.seen if walks.evidence.ends(seen)}
    if Answered in fates:
        return State.OPEN
    if Reset in fates:
        return State.CLOSED if walks.best is Reset else State.FILTERED
    if Rejected in fates:
        return State.FILTERED
    if Unreachable in fates:
        return State.UNREACHABLE
    alone = walks.best is None and walks.evidence.control_reaches_target
    return State.FILTERED if walk in walks.dying or alone else State.UNKNOWN

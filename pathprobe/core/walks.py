"""Which of the tested port's constant flows live, and where did each of them go?

Routers that spread traffic over equal paths hash addresses and ports (RFC 2992): packets of one constant flow all
walk the same way, another source port may walk another. Each flow is judged by its own probes:

=======  ===============================================================================================
lives    it drew the answer that the port gives: a SYN-ACK or echo reply, or a reset where nobody drew more
dies     it was refused where others are answered, or it was silent so often that the loss seen on the
         flows that live, and on the controls, does not explain it for any flow among so many
unsure   anything else: a flow that was lost once is loss, and not a branch that filters
=======  ===============================================================================================
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from pathprobe.core.evidence import Evidence, Observation, refusal_of
from pathprobe.core.outcomes import Answered, Reset, TimeExceeded
from pathprobe.core.probes import FULL_TTL, Role
from pathprobe.core.statistics import most_likely_at_most

#: A flow that is silent so often, while others pass, dies; more often where packets are lost.
TRIES = 3

#: A flow that may still be lost by chance after so many tries is left unsure.
MOST_TRIES = 16

_Seen = tuple[Observation, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One constant flow, by its number, and all that was sent on it; equal to itself alone."""

    number: int
    source_port: int
    seen: _Seen

    @property
    def directs(self) -> _Seen:
        return tuple(seen for seen in self.seen if seen.probe.is_direct)

    def at(self, ttl: int) -> _Seen:
        return tuple(seen for seen in self.seen if seen.probe.ttl == ttl)

    def address_at(self, ttl: int) -> str | None:
        """Who let a probe of this flow expire at a hop."""
        sources = (seen.outcome.source for seen in self.at(ttl) if isinstance(seen.outcome, TimeExceeded))
        return None if ttl >= FULL_TTL else next(sources, None)

    @property
    def reach(self) -> int:
        """The farthest hop that this flow was seen to reach; 0 is this host."""
        return max((seen.probe.ttl for seen in self.seen if self.address_at(seen.probe.ttl)), default=0)


class Walks:
    """All constant flows on which anything was sent."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        sent: dict[int, list[Observation]] = defaultdict(list)
        for seen in evidence.observations:
            if seen.probe.role is Role.TEST and not seen.asks_size:
                sent[seen.probe.flow.source_port].append(seen)
        self.all = tuple(
            Walk(number, port, tuple(sent[port])) for number, port in enumerate(evidence.ports) if port in sent
        )
        self.others = tuple(one for port, seen in sent.items() if port not in evidence.ports for one in seen)

    @cached_property
    def best(self) -> type[Answered | Reset] | None:
        """What the port says to those who reach it; None when nobody does."""
        tests = [*self.others, *(seen for walk in self.all for seen in walk.seen)]
        passed = {type(seen.outcome) for seen in tests if self.evidence.passes(seen)}
        return Answered if Answered in passed else Reset if Reset in passed else None

    def _is_best(self, seen: Observation) -> bool:
        return self.best is not None and isinstance(seen.outcome, self.best) and self.evidence.passes(seen)

    @cached_property
    def living(self) -> tuple[Walk, ...]:
        return tuple(walk for walk in self.all if any(map(self._is_best, walk.seen)))

    @cached_property
    def others_living(self) -> _Seen:
        """The answers to probes on flows of their own."""
        return tuple(filter(self._is_best, self.others))

    @cached_property
    def dying(self) -> tuple[Walk, ...]:
        if self.best is None:
            return ()
        rest = (walk for walk in self.all if walk not in self.living)
        return tuple(walk for walk in rest if self.is_refused(walk) or len(self.silent(walk)) >= self.tries_needed)

    def is_refused(self, walk: Walk) -> bool:
        """It met its end in a packet that is not the answer."""
        return walk not in self.living and any(map(self.evidence.ends, walk.seen))

    def refuser(self, walk: Walk) -> str | None:
        """The router that refused this flow in an ICMP error, which names it."""
        refusals = (refusal.source for seen in walk.seen if (refusal := refusal_of(seen.outcome)))
        return next((source for source in refusals if source != self.evidence.target), None)

    def crossed(self, walk: Walk, ttl: int) -> str | None:
        """Which router a flow met at a hop: one that let it expire there, or refused it and is known to be there."""
        refuser = self.refuser(walk)
        return walk.address_at(ttl) or (refuser if refuser in self.addresses_at(ttl) else None)

    def stop(self, walk: Walk) -> int | None:
        """The nearest hop beyond its reach at which a flow was silent or met its end."""
        return min(
            (
                seen.probe.ttl
                for seen in walk.seen
                if walk.reach < seen.probe.ttl < FULL_TTL
                and (self.evidence.is_silent(seen) or self.evidence.ends(seen))
            ),
            default=None,
        )

    def silent(self, walk: Walk) -> _Seen:
        """The probes with a full TTL that came to nothing."""
        return tuple(filter(self.evidence.is_silent, walk.directs))

    @cached_property
    def loss(self) -> float:
        """How often a packet is lost that nobody stops, by the flows that live and the controls.

        Rather too high (two losses and two passes are added: Agresti and Coull, 1998; where losses were seen, the
        highest rate that they may come from): a run of luck must not turn the one flow that had none into a dead one.
        The first answer on a flow says that it lives, and nothing about loss: flows that had none are not among them.
        """
        evidence = self.evidence
        directs = [seen for seen in evidence.controls if seen.probe.is_direct]
        working = {seen.probe.flow.label for seen in directs if evidence.passes(seen)}
        trials = [seen for seen in directs if seen.probe.flow.label in working]
        far = self.distance or FULL_TTL
        trials += [seen for walk in self.living for seen in walk.seen if seen.probe.ttl >= far]
        lost = sum(map(evidence.is_silent, trials))
        passed = sum(map(evidence.passes, trials)) - len(self.living)
        return most_likely_at_most(lost, lost + passed) if lost else 2 / (passed + 4)

    @cached_property
    def tries_needed(self) -> int:
        """How often a flow must be silent, so that among so many flows not even one is by loss."""
        tries = TRIES
        while tries <= MOST_TRIES and len(self.all) * self.loss**tries > self.evidence.certain:
            tries += 1
        return tries

    @cached_property
    def distance(self) -> int | None:
        """How far the target is: as the control says, or where there is none the nearest step that it answered."""
        reached = (seen.probe.ttl for walk in self.all for seen in walk.seen if self.evidence.passes(seen))
        return self.evidence.distance or min((ttl for ttl in reached if ttl < FULL_TTL), default=None)

    @cached_property
    def steps(self) -> _Seen:
        """What was sent on further constant flows to learn their way."""
        return tuple(seen for walk in self.all if walk.number for seen in walk.seen if not seen.probe.is_direct)

    def addresses_at(self, ttl: int) -> tuple[str, ...]:
        """The routers at a hop, as the flows met them."""
        return tuple(dict.fromkeys(address for walk in self.all if (address := walk.address_at(ttl))))

"""Which sizes of packet pass, which die, and where?

A read-only view over the probes that ask about sizes. All are of one kind, padded to a size, and each large one
goes out beside a small one of the same kind to the same hop: what strikes both is loss, or a firewall that likes
no padding, and not the size. A size is dead when a box says so, or when its silence can no longer be loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pathprobe.core.evidence import Evidence, Observation, kept_back, refusal_of
from pathprobe.core.locate import origin_of
from pathprobe.core.outcomes import Answered, NotSent, Reset, TimeExceeded, TooBig
from pathprobe.core.probes import FULL_TTL, Kind
from pathprobe.core.statistics import ENOUGH, chance_of_split

#: Octets that every link passes whole, by IP version. IPv4: RFC 791 section 3.2. IPv6 promises 1280 (RFC 8200
#: section 5), and where that promise is broken a small packet must show it: a few more than a probe naturally has.
SMALL = {4: 68, 6: 88}

#: What can be padded without asking the service anything else.
_PADDED = (Kind.ECHO, Kind.TCP)

#: One lost packet makes no size dead, however many others passed.
LEAST_LOST = 2

#: Where small packets are lost as well, silence must be this unlikely as loss before a size is dead: there are
#: many sizes to be wrong about.
SURE = 0.01

#: Small packets that must be lost, and none pass, before this kind of probe is given up.
MUTE_AFTER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The kind of probe that is padded. ``port`` is None for echo."""

    kind: Kind
    port: int | None
    label: str

    @property
    def shows_way_out_only(self) -> bool:
        """The answer is small whatever the size of the question; an echo reply is as large as its request."""
        return self.kind is not Kind.ECHO


def carriers(evidence: Evidence) -> tuple[Carrier, ...]:
    """The kinds of probe that the target itself answers: echo first, which changes nothing there."""
    found: dict[Carrier, list[Observation]] = {}
    for seen in (*evidence.tests, *evidence.controls):
        flow = seen.probe.flow
        if flow.kind in _PADDED and evidence.from_target(seen) and isinstance(seen.outcome, Answered | Reset):
            port = flow.destination_port if flow.kind is Kind.TCP else None
            found.setdefault(Carrier(kind=flow.kind, port=port, label=flow.label), []).append(seen)
    true = [carrier for carrier, seen in found.items() if _by_target(evidence, seen)]
    return tuple(sorted(true, key=lambda carrier: carrier.shows_way_out_only))


def _by_target(evidence: Evidence, answers: list[Observation]) -> bool:
    """No box on the way answered in the target's name."""
    of_one_kind = tuple(seen for seen in answers if type(seen.outcome) is type(answers[0].outcome))
    return origin_of(evidence, of_one_kind).by_target is not False


class Trials:
    """What one kind of probe showed, from the smallest size to ``interface`` octets."""

    def __init__(self, evidence: Evidence, carrier: Carrier, interface: int) -> None:
        self.evidence = evidence
        self.carrier = carrier
        self.interface = interface
        self.small = SMALL[6 if ":" in evidence.target else 4]
        self.seen = tuple(
            seen
            for seen in evidence.sized
            if seen.probe.flow.kind is carrier.kind and (carrier.port in (None, seen.probe.flow.destination_port))
        )

    def of(self, size: int, ttl: int = FULL_TTL) -> tuple[Observation, ...]:
        return tuple(seen for seen in self.seen if (seen.probe.size, seen.probe.ttl) == (size, ttl))

    @cached_property
    def direct(self) -> tuple[Observation, ...]:
        """The probes that were to reach the target."""
        return tuple(seen for seen in self.seen if seen.probe.is_direct)

    @cached_property
    def largest(self) -> int | None:
        """The largest size with which a probe was answered by the target."""
        return max((_size(seen) for seen in self.direct if self.evidence.passes(seen)), default=None)

    @cached_property
    def smallest_lost(self) -> int | None:
        """The smallest dead size above all that passed."""
        sizes = {_size(seen) for seen in self.direct if _size(seen) > (self.largest or 0)}
        return min((size for size in sizes if self.is_dead(size)), default=None)

    def is_dead(self, size: int) -> bool:
        """A box or this host's kernel refused it, or it was silent more often than loss explains."""
        if any(refused(seen) for seen in self.of(size)):
            return True
        return len(self.lost(size)) >= LEAST_LOST and self.chance(size) <= self.limit

    def lost(self, size: int, ttl: int = FULL_TTL) -> tuple[Observation, ...]:
        return tuple(seen for seen in self.of(size, ttl) if self._is_lost(seen))

    def chance(self, size: int) -> float:
        """How likely loss alone is to let all of this size die while the smaller ones fared as they did."""
        passed = sum(self.evidence.passes(seen) for seen in self._controls)
        return chance_of_split(0, len(self.lost(size)), passed, len(self._controls))

    @property
    def limit(self) -> float:
        """Below this chance of loss a size counts as dead."""
        return ENOUGH if all(self.evidence.passes(seen) for seen in self._controls) else SURE

    @property
    def is_mute(self) -> bool:
        """Not even small packets of this kind are answered."""
        return self.largest is None and len(self.lost(self.small)) >= MUTE_AFTER

    @cached_property
    def told(self) -> tuple[Observation, ...]:
        """The probes that a box or this host refused, with or without an MTU."""
        return tuple(seen for seen in self.seen if refused(seen))

    @property
    def told_mtus(self) -> tuple[int, ...]:
        outcomes = (seen.outcome for seen in self.told)
        return tuple(one.next_hop_mtu for one in outcomes if isinstance(one, TooBig) and one.next_hop_mtu)

    @property
    def died_in_silence(self) -> bool:
        """The smallest dead size drew no word from anybody."""
        lost = self.smallest_lost
        return lost is not None and not any(refused(seen) for seen in self.of(lost))

    @property
    def is_stale(self) -> bool:
        """The smallest dead size was not asked again since the largest passed: it may have been a burst of loss."""
        lost, largest = self.smallest_lost, self.largest
        if lost is None or largest is None or not self.died_in_silence:
            return False
        known = min(seen.sent for seen in self.of(largest) if self.evidence.passes(seen))
        return all(seen.sent < known for seen in self.of(lost))

    @cached_property
    def _controls(self) -> tuple[Observation, ...]:
        """What the sizes that pass came to."""
        return tuple(
            seen
            for seen in self.direct
            if _size(seen) <= (self.largest or self.small) and (self.evidence.passes(seen) or self._is_lost(seen))
        )

    def _is_lost(self, seen: Observation) -> bool:
        return self.evidence.is_silent(seen) or kept_back(seen)


class SizedSteps:
    """Where packets of the smallest dead size die: their TTL steps beside those of small ones."""

    def __init__(self, trials: Trials) -> None:
        self.trials = trials
        self.size = trials.smallest_lost or trials.interface

    @cached_property
    def hops(self) -> tuple[int, ...]:
        """The hops that let TTLs expire in view, nearest first."""
        return tuple(sorted(hop for hop in self.trials.evidence.responders if hop < (self.distance or FULL_TTL)))

    @cached_property
    def distance(self) -> int | None:
        """The target's hop; where echo itself is the question, it is that which shows it."""
        evidence = self.trials.evidence
        echoes = (seen for seen in evidence.tests if seen.probe.flow.kind is Kind.ECHO and not seen.probe.is_direct)
        stepped = min((seen.probe.ttl for seen in echoes if evidence.passes(seen)), default=None)
        return stepped if evidence.distance is None else evidence.distance

    @cached_property
    def last_good(self) -> int:
        """The farthest hop that a packet of a dead size was seen to reach; 0 is this host."""
        large = (seen for seen in self.trials.seen if _size(seen) >= self.size and not seen.probe.is_direct)
        return max((seen.probe.ttl for seen in large if isinstance(seen.outcome, TimeExceeded)), default=0)

    @cached_property
    def first_bad(self) -> int | None:
        """The nearest hop after it that small packets reach and large ones do not; the target at the latest."""
        bad = (hop for hop in self.hops if hop > self.last_good and self.is_bad(hop))
        return min(bad, default=self.distance)

    def is_bad(self, hop: int) -> bool:
        return len(self.trials.lost(self.size, hop)) >= LEAST_LOST and self.chance(hop) <= ENOUGH

    def chance(self, hop: int) -> float:
        """How likely loss alone is to let the large ones die on their way to this hop, and the small ones not."""
        evidence, small = self.trials.evidence, self.trials.of(self.trials.small, hop)
        passed = sum(evidence.got_through(seen) for seen in small)
        settled = passed + len(self.trials.lost(self.trials.small, hop))
        return chance_of_split(0, len(self.trials.lost(self.size, hop)), passed, settled)

    def open(self, most: int) -> Iterator[int]:
        """The hops between the two that are undecided and were asked fewer than ``most`` times."""
        for hop in self.hops:
            if self.last_good < hop < (self.first_bad or FULL_TTL) and len(self.trials.of(self.size, hop)) < most:
                yield hop


def trials_of(evidence: Evidence, interface: int) -> Trials | None:
    """The trials of the first kind of probe that works; None where the target answers nothing to compare with."""
    if evidence.local:
        return None
    all_trials = (Trials(evidence, carrier, interface) for carrier in carriers(evidence))
    return next((trials for trials in all_trials if not trials.is_mute), None)


def second_opinion(trials: Trials) -> Trials | None:
    """Another kind of probe, whose answer stays small, where an echo's way back is in doubt."""
    if trials.carrier.shows_way_out_only:
        return None
    others = (Trials(trials.evidence, one, trials.interface) for one in carriers(trials.evidence))
    return next((other for other in others if other.carrier.shows_way_out_only and not other.is_mute), None)


def refused(seen: Observation) -> bool:
    """A box, or this host's kernel, said no to the probe: the target did not."""
    outcome = seen.outcome
    if isinstance(outcome, NotSent):
        return outcome.error == "EMSGSIZE"
    refusal = refusal_of(outcome)
    return isinstance(outcome, TooBig) or (refusal is not None and refusal.source != seen.probe.flow.destination)


def _size(seen: Observation) -> int:
    return seen.probe.size or 0

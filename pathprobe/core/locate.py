"""Between which hops did the packets die, and who made the answer that came?

Two questions, one rule each:

* Silence is an interval. ``last_good`` is the farthest hop that the tested port's own probes were seen
  to reach, ``first_bad`` the nearest one after it that a control reached and the port did not. A filter
  behind the routing decision of hop k still lets k answer TTL k, so the filter is on k's way out or on
  the next one's way in, and more cannot be proved (Goldsmith and Schiffman, Firewalk, 1998).
* An answer in the target's name is the target's only if it needed as many hops out as the target is
  away, and came back from as far as another answer of the target does. A box that answers in its place
  is given away by the first TTL that draws the answer (its hop k in prerouting, k + 1 behind routing)
  and by the TTL with which the answer arrives (Weaver, Sommer and Paxson, NDSS 2009).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from pathprobe.core.evidence import Evidence, Observation, hops_back
from pathprobe.core.forwarding import forwards_at
from pathprobe.core.loops import find_circle
from pathprobe.core.outcomes import Rejected, Reply, Reset, Unreachable
from pathprobe.core.probes import FULL_TTL, Kind, Role
from pathprobe.core.report import Clue, Device, Direction, Hop, Location, Where
from pathprobe.core.senders import has_forwarded, hop_of_sender, last_hop_passed, not_taken, ttls_from
from pathprobe.core.statistics import TTL_COINCIDENCE, chance_of_split

#: How a reply that was made nearer than the target's own is weighed when the only thing to compare it
#: with is an answer of another kind: stacks may start echo and TCP with TTLs of their own choice.
_OTHER_KIND = 1 / 4


#: Hops: longer paths are not seen on the Internet.
LONGEST_PATH = TTL_COINCIDENCE

#: A hop is passed over as the first bad one if mere chance explains this well why it was not seen.
_LIKELY = 1 / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Where the tested port's probes fell silent. ``chance``: that loss alone did it."""

    location: Location
    chance: float
    tests: tuple[Observation, ...]
    controls: tuple[Observation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who made the answers ``seen``. ``by_target`` is None when it cannot be told.

    ``chance`` is the probability that the opposite is true and the clues agree by accident. ``usual``:
    over how many hops the answers that it is compared with came back.
    """

    seen: tuple[Observation, ...]
    by_target: bool | None
    chance: float
    first_ttl: int
    hops_back: int
    device: Device | None = None
    comparison: tuple[Observation, ...] = ()
    usual: int | None = None


def locate_silence(evidence: Evidence) -> Silence:
    """The interval in which silent probes died, and how likely plain loss explains it."""
    last = evidence.reached(Role.TEST)
    first = _first_sure(evidence, last)
    if evidence.local:
        return _local_silence(evidence)
    if first is None:
        lost = tuple(seen for seen in evidence.tests if evidence.is_silent(seen) and seen.probe.ttl > last)
        # Hops that come again are no progress, even where too few came again to prove a loop.
        circle = find_circle(evidence)
        farthest = min(last, circle.hops[0].ttl) if circle else last
        unknown = Location(where=Where.UNKNOWN, last_good=_hop(evidence, farthest))
        return Silence(location=unknown, chance=1.0, tests=lost, controls=())
    tests = tuple(seen for seen in evidence.tests if seen.probe.ttl >= first and evidence.is_silent(seen))
    controls = _working_controls(evidence, first)
    where, direction = _place(evidence, last, first)
    first_bad = _hop(evidence, first) if first < FULL_TTL else None
    location = Location(where=where, direction=direction, last_good=_hop(evidence, last), first_bad=first_bad)
    return Silence(location=location, chance=chance_from(evidence, first), tests=tests, controls=controls)


def _first_sure(evidence: Evidence, last: int) -> int | None:
    """The nearest hop beyond ``last`` that a control reached and the port did not, and hardly by chance.

    A router that seldom answers, and did so for the control, shows nothing where one farther on does.
    """
    nearest = evidence.crossing(last)
    first = nearest
    while first is not None and _is_stingy(evidence, first) and chance_from(evidence, first) > _LIKELY:
        first = evidence.crossing(first) if first not in (evidence.distance, FULL_TTL) else None
    return nearest if first is None else first


def _is_stingy(evidence: Evidence, hop: int) -> bool:
    """The hop left controls unanswered as well."""
    return any(evidence.is_silent(seen) for seen in evidence.at(Role.CONTROL, hop))


def chance_from(evidence: Evidence, first: int) -> float:
    """How likely loss alone made the port silent from this TTL on, and at it, and not the controls."""
    tests = tuple(seen for seen in evidence.tests if seen.probe.ttl >= first and evidence.is_silent(seen))
    controls = _working_controls(evidence, first)
    return max(_split(evidence, tests, controls), _split_at(evidence, tests, controls, first))


def _place(evidence: Evidence, last: int, first: int) -> tuple[Where, Direction | None]:
    if first == FULL_TTL:
        return (Where.UNKNOWN if forwards_at(evidence) is None else Where.TARGET_EDGE), None
    if first != evidence.distance:
        return Where.PATH, Direction.FORWARD
    if last == first - 1:
        return Where.TARGET_EDGE, None
    return Where.UNKNOWN, None


def _local_silence(evidence: Evidence) -> Silence:
    tests = tuple(seen for seen in evidence.tests if evidence.is_silent(seen))
    controls = _working_controls(evidence, 0)
    location = Location(where=Where.LOCAL, last_good=Hop(ttl=0))
    return Silence(location=location, chance=_split(evidence, tests, controls), tests=tests, controls=controls)


def _working_controls(evidence: Evidence, first: int) -> tuple[Observation, ...]:
    """Controls that had to cross the break, of the kinds that ever did: a port that is filtered too is none."""
    if first == FULL_TTL and evidence.distance is not None:
        first = evidence.distance  # the port's own steps went farther: every control that got there is one that crossed
    crossing = [seen for seen in evidence.controls if seen.probe.ttl >= first]
    working = {seen.probe.flow.label for seen in crossing if evidence.got_through(seen)}
    return tuple(
        seen
        for seen in crossing
        if seen.probe.flow.label in working and (evidence.got_through(seen) or evidence.is_silent(seen))
    )


def _split(evidence: Evidence, tests: tuple[Observation, ...], controls: tuple[Observation, ...]) -> float:
    passed = sum(evidence.got_through(seen) for seen in controls)
    return chance_of_split(0, len(tests), passed, len(controls))


def _split_at(evidence: Evidence, tests: tuple[Observation, ...], controls: tuple[Observation, ...], ttl: int) -> float:
    """The same at one TTL, where it decides which hop is the first bad one; the target is all TTLs beyond."""
    if ttl in (evidence.distance, FULL_TTL):
        return 0.0
    return _split(
        evidence,
        tuple(seen for seen in tests if seen.probe.ttl == ttl),
        tuple(seen for seen in controls if seen.probe.ttl == ttl),
    )


def _hop(evidence: Evidence, ttl: int) -> Hop:
    return Hop(ttl=ttl, address=evidence.address_at(ttl))


def closing(evidence: Evidence) -> tuple[Observation, ...]:
    """What says "closed" in the target's name of the port's own probes: a reset, for UDP a port unreachable."""
    return tuple(seen for seen in evidence.tests if _says_closed(evidence, seen))


def _says_closed(evidence: Evidence, seen: Observation) -> bool:
    if seen.probe.flow.kind is not Kind.UDP:
        return isinstance(seen.outcome, Reset)
    told = isinstance(seen.outcome, Rejected) and seen.outcome.message.port_unreachable
    return told and evidence.from_target(seen)


def of_one_box(evidence: Evidence, refused: tuple[Observation, ...]) -> tuple[Observation, ...]:
    """Of the refusals those of one box: the first whose hop is known, else the one that answered the nearest step."""
    told = [(one, one.outcome.source) for one in refused if isinstance(one.outcome, Reply)]
    placed = [sender for _, sender in told if evidence.hop_of(sender)]
    chosen = placed[0] if placed else min(told, key=lambda pair: pair[0].probe.ttl)[1]
    return tuple(one for one, sender in told if sender == chosen)


def origin_of(evidence: Evidence, seen: tuple[Observation, ...]) -> Origin:
    """Who made these answers: all of one kind and from one address."""
    replies = [answer.outcome for answer in seen if isinstance(answer.outcome, Reply)]
    first_ttl = min(answer.probe.ttl for answer in seen)
    back = Counter(hops_back(reply.ttl) for reply in replies).most_common(1)[0][0]
    if replies[0].source != evidence.target:
        return _named_box(evidence, seen, replies[0].source, first_ttl, back)
    if evidence.local or evidence.distance == 1:
        return Origin(seen=seen, by_target=True, chance=0.0, first_ttl=first_ttl, hops_back=back)
    return _in_targets_name(evidence, seen, first_ttl, back)


def _named_box(evidence: Evidence, seen: tuple[Observation, ...], address: str, first_ttl: int, back: int) -> Origin:
    """An ICMP error names its sender; only the number of its hop may need a guess."""
    if evidence.is_own(address):
        return Origin(seen=seen, by_target=False, chance=0.0, first_ttl=first_ttl, hops_back=back)
    ttl = evidence.hop_of(address)
    if ttl is None:
        ttl = _hop_of_answerer(evidence, seen, first_ttl, back)
    device = Device(ttl=ttl, address=address, by=(Clue.ICMP_SOURCE,))
    return Origin(seen=seen, by_target=False, chance=0.0, first_ttl=first_ttl, hops_back=back, device=device)


def _hop_of_answerer(evidence: Evidence, seen: tuple[Observation, ...], first_ttl: int, back: int) -> int:
    """A box at hop k answers from TTL k (before routing) or k + 1 on (behind it); its reply's TTL breaks the tie.

    It is at no hop that others are known to be at; steps before the first one answered may have been lost.
    """
    nearest, behind = max(1, last_hop_passed(evidence, seen[0])), has_forwarded(seen)
    hops = range(nearest, min(first_ttl, LONGEST_PATH) + (0 if behind else 1))
    free = not_taken(evidence, hops)
    # Beside the machine that others met at a hop there may be one more, but not beside the one that this flow met.
    perhaps = not_taken(evidence, hops, frozenset(one.probe.flow.source_port for one in seen))
    for possible in (free, perhaps, hops if not perhaps else ()):
        if sender := hop_of_sender(evidence, _arrived(seen), possible):
            return sender
    if free:
        near = [hop for hop in free if hop >= first_ttl - 1] or free
        # A router that has no route says so before the TTL matters (ip_route_input comes before ip_forward).
        told = seen[0].outcome
        at_once = isinstance(told, Unreachable) and not told.message.of_neighbour
        return near[-1] if (behind or at_once) and first_ttl < FULL_TTL else near[0]
    return back if first_ttl >= FULL_TTL else max(1, first_ttl - 1)


def _in_targets_name(evidence: Evidence, seen: tuple[Observation, ...], first_ttl: int, back: int) -> Origin:
    early = tuple(answer for answer in seen if _expires_there(evidence, answer.probe.ttl))
    peers = _comparable(evidence, seen[0])
    usual = Counter(hops_back(reply.ttl) for reply in _replies(peers)).most_common(1)[0][0] if peers else None
    handed_on = forwards_at(evidence)
    # What stands behind a target that forwards the port is of whatever make.
    nearer = usual is not None and back < usual and not (handed_on and first_ttl > handed_on)
    same_kind = bool(peers) and _alike(peers[0], seen[0])
    told = Origin(
        seen=seen, by_target=True, chance=1.0, first_ttl=first_ttl, hops_back=back, comparison=peers, usual=usual
    )
    hops = _possible_hops(evidence, first_ttl)
    routers = same_kind and _comes_from_a_router(evidence, told, hops)
    if early or routers or (nearer and (same_kind or back in hops)):
        return _forged(evidence, told, early, hops, unlike=nearer or routers, same_kind=same_kind)
    if usual is None and back < first_ttl < FULL_TTL:
        return replace(told, by_target=None)  # came back from nearer than it went, and nothing to compare it with
    return replace(told, chance=_chance_of_a_forger(evidence, told))


def _possible_hops(evidence: Evidence, first_ttl: int) -> range:
    """Where a box may be that answers from ``first_ttl`` on, and behind routing from the next; silent steps may
    have been answers that were lost."""
    earliest = min(first_ttl, evidence.reached(Role.TEST) + 1)
    return range(max(1, earliest - 1), first_ttl)


def _forged(
    evidence: Evidence,
    told: Origin,
    early: tuple[Observation, ...],
    hops: range,
    *,
    unlike: bool,
    same_kind: bool,
) -> Origin:
    """A box answered in the target's place; it is named if the TTLs agree on one hop. ``unlike``: so is its reply."""
    hop = hop_of_sender(evidence, _arrived(told.seen), range(hops.start, told.first_ttl + 1), is_error=False)
    device = None
    if hop is not None and unlike:
        clues = (Clue.REPLY_TTL, Clue.FIRST_ANSWERING_TTL) if early else (Clue.REPLY_TTL,)
        device = Device(ttl=hop, address=evidence.responders.get(hop), by=clues)
    chance = 0.5 ** len(early)
    if unlike:
        chance *= 1 / TTL_COINCIDENCE if early or same_kind else _OTHER_KIND
    comparison = told.comparison if unlike else ()
    return replace(told, by_target=False, chance=chance, device=device, comparison=comparison)


def _comes_from_a_router(evidence: Evidence, told: Origin, hops: range) -> bool:
    """The reply came with the TTL of a router that could have made it, and of nothing that is like it."""
    arrived = _arrived(told.seen)
    if arrived in {reply.ttl for reply in _replies(told.comparison)}:
        return False
    return any(arrived in ttls_from(evidence, hop) for hop in range(hops.start, told.first_ttl + 1))


def _arrived(seen: tuple[Observation, ...]) -> int:
    """The TTL with which most of the answers came."""
    return Counter(reply.ttl for reply in _replies(seen)).most_common(1)[0][0]


def _expires_there(evidence: Evidence, ttl: int) -> bool:
    """Whether a control with this TTL was seen to expire on the way: then this TTL does not reach the target."""
    return any(hop >= ttl for hop in evidence.expired_at(Role.CONTROL))


def _replies(seen: tuple[Observation, ...]) -> list[Reply]:
    return [answer.outcome for answer in seen if isinstance(answer.outcome, Reply)]


def _comparable(evidence: Evidence, answer: Observation) -> tuple[Observation, ...]:
    """The target's answers to controls: of the answer's own kind if there are any, else of every kind."""
    passed = tuple(seen for seen in evidence.controls if evidence.passes(seen))
    return tuple(seen for seen in passed if _alike(seen, answer)) or passed


def _alike(one: Observation, other: Observation) -> bool:
    return type(one.outcome) is type(other.outcome) and one.probe.flow.kind is other.probe.flow.kind


def _chance_of_a_forger(evidence: Evidence, told: Origin) -> float:
    """Were a box on the way the author: the chance that it looks as far away as the target is.

    Of the routers on the way only the last could let the first answer come at the target's own TTL;
    and its reply would have to start with a TTL that makes it look as far away, or (less telling) farther.
    """
    chance = 1.0
    if told.usual is not None and told.hops_back >= told.usual:
        chance *= (1 if told.hops_back == told.usual else 2) / TTL_COINCIDENCE
    if evidence.distance is not None and told.first_ttl == evidence.distance:
        chance /= evidence.distance
    return chance

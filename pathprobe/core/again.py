"""What is worth asking once more, because packets get lost?

A single silence proves nothing. Where nothing else is ever lost it is believed after a few tries; where probes
that should fare alike do not (``Evidence.lossy``), it takes as many as an exact test asks for. Hops whose answer
would not change the verdict are left in peace.

============  =====================================================================================
retry         fresh ports, only at the hop where the test died and the control did not
reach         the controls again, where none got to the target
unsteady      pairs, where some tries of the port pass and more of them die than of the controls
anchor        the distance, where controls get to the target and no TTL step did
distance      once more just before the target, where nothing proves that it is not nearer
beside        hops next to the break, or to the box that refuses, that left the control unanswered
============  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core import steadiness
from pathprobe.core.evidence import Evidence, Observation, hops_back, refusal_of
from pathprobe.core.locate import closing, locate_silence, origin_of
from pathprobe.core.loops import is_loop
from pathprobe.core.outcomes import Reply, Reset, TimeExceeded, Unreachable
from pathprobe.core.probes import FULL_TTL, Kind, Role
from pathprobe.core.situation import GAP, Situation, Want
from pathprobe.core.statistics import RULED_OUT, chance_of_split

#: How often a silent port is asked before the silence is believed; every time on fresh source ports.
TRIES = 3

#: The same where controls are lost as well, until loss alone is ruled out: enough for half of all being lost.
MOST_TRIES = 24

#: Probes of each role in a retry at the target, which answers echo without a limit; and where packets get lost.
PER_RETRY, PER_LOSSY_RETRY = 2, 4

#: Controls at the first bad hop, at most, in a burst: with the port's own 5 against 5, and 5 is what one
#: router's ICMP limit lets pass (Linux: 6, net/ipv4/icmp.c XRLIM_BURST_FACTOR).
MOST_IN_BURST = 5

#: How often one silent hop is asked in all, and where packets get lost.
HOP_TRIES, LOSSY_HOP_TRIES = 5, 7

#: Of what is likelier than this it is not worth asking whether it is luck.
_UNLIKELY = 0.25

#: The same for a control that goes all the way.
SECOND_TRY, LOSSY_TRIES = 2, 10

#: How often one hop before the target is asked, where packets get lost and answers say that it is the target.
DOUBTFUL_TRIES = 16


def retry(now: Situation) -> Iterator[Want]:
    found = now.broken_at
    if found is None or not now.test_is_silent or not now.all_settled:
        return
    crossing, kind, port = found
    ttl, pairs = FULL_TTL, PER_LOSSY_RETRY if now.evidence.lossy else PER_RETRY
    tries = len(now.directs) + now.question.silent_tries
    at_a_router = crossing not in (FULL_TTL, now.evidence.distance)
    if at_a_router:
        # One pair first, for the step may only have been lost; then as many as that router has answers to spare.
        asked = max(len(now.evidence.at(role, crossing)) for role in Role)
        ttl, pairs = crossing, 1 if tries == 1 else MOST_IN_BURST - asked
    if tries >= TRIES and not (pairs > 0 if at_a_router else _loss_may_explain_it(now)):
        return
    if tries < TRIES or not at_a_router:
        yield now.test(FULL_TTL, fresh=True)
        if now.evidence.control_reaches_target:
            yield now.control(kind, port, FULL_TTL)
    for _ in range(pairs):
        yield now.test(ttl, fresh=True)
        yield now.control(kind, port, ttl)


def _loss_may_explain_it(now: Situation) -> bool:
    """Controls are lost too: then a few more tries, where no router's ICMP limit is in play."""
    if not now.died_on_the_way or len(now.directs) >= MOST_TRIES:
        return False
    return locate_silence(now.evidence).chance > now.evidence.certain


def unsteady(now: Situation) -> Iterator[Want]:
    """Some tries pass and some die: the port's own doing, or the path's? Pairs tell, while either is likely."""
    evidence = now.evidence
    if not _may_ask(now) or not steadiness.answered(evidence) or not steadiness.silent(evidence):
        return
    if evidence.certain < steadiness.chance_of_luck(evidence) < _UNLIKELY and len(now.directs) < MOST_TRIES:
        passed = next(seen.probe.flow for seen in evidence.controls if evidence.passes(seen))
        for _ in range(PER_RETRY):
            yield now.test(FULL_TTL, fresh=True)
            yield now.control(passed.kind, passed.port, FULL_TTL)


def reach(now: Situation) -> Iterator[Want]:
    """Nothing got to the target: with losses about, or where the port itself answers, that may be bad luck."""
    if not _may_ask(now) or now.evidence.control_reaches_target:
        return
    asked = [seen for seen in now.evidence.controls if seen.probe.is_direct]
    if is_loop(now.evidence):
        return
    told = any(refusal_of(seen.outcome) for seen in now.evidence.observations)
    if (told and not _perhaps_for_the_port_alone(now)) or len(asked) >= 3 * LOSSY_TRIES:
        return
    most = LOSSY_TRIES if now.evidence.lossy else SECOND_TRY if now.fate_known else 0
    for kind, port in dict.fromkeys((seen.probe.flow.kind, seen.probe.flow.port) for seen in asked):
        if kind is not Kind.UDP and len(now.asked(Role.CONTROL, kind, port, FULL_TTL)) < most:
            yield now.control(kind, port, FULL_TTL)


def _perhaps_for_the_port_alone(now: Situation) -> bool:
    """The port drew "no route", and no control did: either it is the port's alone, or the control was lost."""
    tests, controls = (
        {seen.outcome.source for seen in role if isinstance(seen.outcome, Unreachable)}
        for role in (now.evidence.tests, now.evidence.controls)
    )
    return bool(tests) and not controls & tests


def anchor(now: Situation) -> Iterator[Want]:
    """Probes get to the target, but none of their TTL steps did: how far is it?"""
    role = _gauge(now)
    if not _may_ask(now) or _nearest_answer(now, role) is not None:
        return
    passed = [seen for seen in now.evidence.of(role) if now.evidence.passes(seen)]
    if not passed or not isinstance(passed[0].outcome, Reply):
        return
    guess, flow = hops_back(passed[0].outcome.ttl), passed[0].probe.flow
    most = LOSSY_HOP_TRIES if now.evidence.lossy else HOP_TRIES
    for ttl in range(guess, min(guess + GAP, now.question.max_hops) + 1):
        asked = len(now.asked(role, flow.kind, flow.port, ttl))
        if not asked and role is Role.TEST and flow.kind is not Kind.ECHO:
            return  # the port's own sweep has not come so far
        if ttl not in now.evidence.responders and asked < most:
            yield Want(role=role, kind=flow.kind, port=flow.port, ttl=ttl)
            return


def _gauge(now: Situation) -> Role:
    """Whose steps measure the distance: an answered ping has no control, and other controls may be refused."""
    answered = any(now.evidence.passes(seen) for seen in now.evidence.tests)
    alone = now.question.kind is Kind.ECHO or not now.evidence.control_reaches_target
    return Role.TEST if answered and alone else Role.CONTROL


def _nearest_answer(now: Situation, role: Role) -> int | None:
    """The smallest TTL that drew the target's own answer."""
    if role is Role.CONTROL:
        return now.evidence.distance
    steps = (seen.probe.ttl for seen in now.evidence.tests if now.evidence.passes(seen))
    return min((ttl for ttl in steps if ttl < FULL_TTL), default=None)


def distance(now: Situation) -> Iterator[Want]:
    """The distance is the smallest TTL that drew the target's answer: a lost answer would make it too large."""
    evidence = now.evidence
    arrived = _steps_that_arrived(now)
    known = min((seen.probe.ttl for seen in arrived), default=1)
    if evidence.local or known == 1 or not now.all_settled or _is_a_router(evidence, known - 1):
        return
    asking = min(arrived, key=lambda seen: (seen.probe.role is Role.TEST, seen.probe.ttl)).probe
    before = evidence.at(asking.role, known - 1)
    there = [seen for seen in evidence.of(asking.role) if seen.probe.ttl >= known]
    nearer = any(_came_from_nearer(now, seen, known) for seen in there)
    lossy = evidence.lossy or any(now.is_pending(seen) for seen in there)
    most = (DOUBTFUL_TRIES if nearer else LOSSY_TRIES) if lossy else LOSSY_TRIES if nearer else TRIES
    unlikely = RULED_OUT if nearer else evidence.certain
    if len(before) >= most or (len(before) >= TRIES and _chance_of_difference(now, before, there) <= unlikely):
        return
    yield Want(role=asking.role, kind=asking.flow.kind, port=asking.flow.port, ttl=known - 1)


def _steps_that_arrived(now: Situation) -> list[Observation]:
    """The TTL steps that drew the target's answer; of the port's own those that no box on the way can have made."""
    evidence = now.evidence
    beyond = max(evidence.expired_at(Role.CONTROL), default=0)
    return [
        seen
        for seen in (*evidence.controls, *evidence.tests)
        if evidence.passes(seen)
        and not seen.probe.is_direct
        and (seen.probe.role is Role.CONTROL or (not isinstance(seen.outcome, Reset) and seen.probe.ttl > beyond))
    ]


def _is_a_router(evidence: Evidence, hop: int) -> bool:
    """Something runs out there: in its own name, or in the target's for others than a port that it forwards."""
    if any(isinstance(seen.outcome, TimeExceeded) for seen in evidence.at(Role.CONTROL, hop)):
        return True
    return evidence.responders.get(hop, evidence.target) != evidence.target


def _came_from_nearer(now: Situation, seen: Observation, known: int) -> bool:
    """The target's answer came back over fewer hops than it is said to be away."""
    return now.evidence.passes(seen) and isinstance(seen.outcome, Reply) and hops_back(seen.outcome.ttl) < known


def _chance_of_difference(now: Situation, silent: tuple[Observation, ...], others: list[Observation]) -> float:
    passed = sum(now.evidence.got_through(seen) for seen in others)
    return chance_of_split(0, len(silent), passed, len(others))


def beside(now: Situation) -> Iterator[Want]:
    """A hop that bounds the verdict's interval and left one control unanswered may only have lost it."""
    if not _may_ask(now):
        return
    kind, port = _stepping_control(now)
    most = LOSSY_HOP_TRIES if now.evidence.lossy else HOP_TRIES
    for ttl in _bounding_hops(now):
        if ttl not in now.evidence.responders and 0 < len(now.evidence.at(Role.CONTROL, ttl)) < most:
            yield Want(role=Role.CONTROL, kind=kind, port=port, ttl=ttl)


def _stepping_control(now: Situation) -> tuple[Kind, int | None]:
    """Echo, unless that is the question: then the port that gets through."""
    if now.question.kind is Kind.ECHO and now.broken_at:
        return now.broken_at[1:]
    return Kind.ECHO, None


def _bounding_hops(now: Situation) -> range:
    """The hops that would show where the break is, or which hop the box that refuses is."""
    evidence = now.evidence
    known = evidence.distance or FULL_TTL
    if broken := now.broken_at if now.test_is_silent else None:
        return range(evidence.reached(Role.TEST) + 1, min(broken[0], known))
    box = _refusing_hop(now)
    if box is None:
        return range(0)
    last = box if box in evidence.responders else box + 1
    beyond = evidence.next_control_hop(last) or last + 1
    return range(max(1, min(box, last)), min(beyond, known))


def _refusing_hop(now: Situation) -> int | None:
    """The hop of the box that refuses the port or answers in the target's name, as far as it is known."""
    evidence = now.evidence
    told = (seen for seen in evidence.controls if isinstance(seen.outcome, Unreachable))
    for seen in (*evidence.tests, *told):
        refusal = refusal_of(seen.outcome)
        if refusal and refusal.source not in (evidence.target, evidence.source):
            return evidence.hop_of(refusal.source) or hops_back(refusal.ttl)
    forged = closing(evidence)
    origin = origin_of(evidence, forged) if forged else None
    return origin.device.ttl if origin and origin.device else None


def _may_ask(now: Situation) -> bool:
    return now.traced and bool(now.evidence.observations) and now.all_settled and not now.held_back

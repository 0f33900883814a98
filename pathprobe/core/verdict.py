"""What follows from the packets: state, mechanism, place, and how sure?

A verdict is a pure function of the evidence. The first rule of ``_RULES`` that applies gives it:

===================  ==========================================================================
this host            every probe of the port was kept back here
flows                some constant flows of the port live and others die
answered             SYN-ACK or echo reply
closed               RST, for UDP port unreachable: closed if the target made it, filtered if a box on the
                     way did
refused              an ICMP error; "cannot get there" for everything is unreachable
circled              the TTL ran out although it was full, or at the same routers again and again
control refused      silence for the port, while others heard why
mute                 nothing from a UDP port where the target may be: open or filtered, if a closed port
                     would have told; else unknown
silent               nothing: filtered if a control passes where the port dies, else unreachable
===================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pathprobe.core import paths, places, steadiness
from pathprobe.core import reasons as because
from pathprobe.core.closed_ports import closed_ports
from pathprobe.core.evidence import Evidence, Observation, kept_back
from pathprobe.core.locate import Origin, Silence, closing, locate_silence, of_one_box, origin_of
from pathprobe.core.loops import PROOF, find_circle
from pathprobe.core.outcomes import (
    NOT_SEEN,
    Answered,
    Ended,
    NotSent,
    Rejected,
    Reply,
    Reset,
    TimeExceeded,
    Unreachable,
)
from pathprobe.core.probes import Kind, Role
from pathprobe.core.report import (
    Claim,
    Direction,
    Hop,
    Location,
    Mechanism,
    Reason,
    State,
    Verdict,
    Where,
)
from pathprobe.core.silences import explain_silences
from pathprobe.core.statistics import chance_of_guess, chance_of_next_passing, chance_of_split

_Seen = tuple[Observation, ...]


def conclude(evidence: Evidence) -> Verdict:
    """The verdict on what is known so far; never raises, an empty evidence is ``unknown``."""
    verdict = _flows(evidence) or _first_of_rules(paths.joined(evidence))
    return replace(verdict, reasons=(*verdict.reasons, *because.all_along(evidence), *explain_silences(evidence)))


def _first_of_rules(evidence: Evidence) -> Verdict:
    for rule in _RULES:
        if verdict := rule(evidence):
            return verdict
    return Verdict(
        state=State.UNKNOWN,
        mechanism=None,
        location=Location(where=Where.UNKNOWN),
        confidence=0.0,
        distance=evidence.distance,
        reasons=(because.reason(Claim.UNFINISHED, evidence.tests),),
    )


def _flows(evidence: Evidence) -> Verdict | None:
    """Some flows live and others die: what stops those that die, with those that live as the control."""
    split = paths.split(evidence)
    if split is None:
        return None
    verdict = _first_of_rules(split.evidence)
    unsure = max(split.chance, 1 / verdict.confidence - 1) if split.is_traced else split.chance
    return replace(
        verdict,
        state=State.INTERMITTENT,
        location=paths.place_of(split, verdict.location),
        confidence=1 / (1 + unsure),
        reasons=paths.reasons(split, verdict.location) + (paths.told_of(split, verdict) if split.is_traced else ()),
    )


def _this_host(evidence: Evidence) -> Verdict | None:
    held = tuple(seen for seen in evidence.tests if kept_back(seen))
    if not held or len(held) < len(evidence.tests):
        return None
    errors = [seen.outcome.error for seen in held if isinstance(seen.outcome, NotSent)]
    location = Location(where=Where.LOCAL, direction=Direction.FORWARD, last_good=Hop(ttl=0))
    if errors[0] == NOT_SEEN:
        return _kept_in_silence(evidence, held, location)
    for_others = evidence.control_reaches_target
    state = State.FILTERED if errors[0] == "EPERM" or for_others else State.UNREACHABLE
    return _verdict(
        evidence,
        state,
        Mechanism.LOCAL_ERROR,
        location,
        chance=0.0,  # the kernel's own word
        reasons=(because.reason(Claim.NOT_SENT, held, error=errors[0]), *because.control_passed(evidence)),
    )


def _kept_in_silence(evidence: Evidence, held: _Seen, location: Location) -> Verdict:
    """The kernel took the packets and none left: an egress rule, or a next hop that nobody answers for."""
    left = tuple(seen for seen in evidence.controls if not kept_back(seen))
    if left:
        state, reasons = State.FILTERED, (because.reason(Claim.NOT_SEEN, held), *because.control_passed(evidence))
        chance = chance_of_split(0, len(held), len(left), len(evidence.controls))
    else:
        state = State.UNREACHABLE
        reasons = (because.reason(Claim.NO_NEIGHBOUR, held), *because.no_address(evidence, held))
        chance = chance_of_next_passing(len(held))
    return _verdict(evidence, state, Mechanism.DROP, location, chance=chance, reasons=reasons)


def _answered(evidence: Evidence) -> Verdict | None:
    seen = _tests_with(evidence, Answered)
    if not seen:
        return None
    origin = origin_of(evidence, seen)
    reasons = (because.reason(Claim.ANSWERED, seen, ttl=_arrived_ttl(seen)), *because.about_origin(evidence, origin))
    if some := _intermittent(evidence, seen):
        return some
    if seen[0].probe.flow.kind is Kind.TCP and not any(one.ended is Ended.BY_KERNEL for one in seen):
        if any(one.ended is Ended.BY_US for one in seen):
            return _deaf(evidence, origin, reasons)
        reasons = (*reasons, because.reason(Claim.UNHEARD, seen), *because.other_interface(seen))
    elif seen[0].probe.flow.kind is not Kind.TCP:
        reasons = (*reasons, *because.other_interface(seen))
    guess = _guess(evidence, bits=16 if seen[0].probe.flow.kind is Kind.UDP else 32)
    if origin.by_target is None:
        nowhere = Location(where=Where.UNKNOWN, last_good=places.reached(evidence))
        return _verdict(evidence, State.OPEN, Mechanism.ANSWER, nowhere, chance=guess, reasons=reasons)
    if origin.by_target is False:
        return _verdict(
            evidence, State.OPEN, Mechanism.ANSWER, places.box(evidence, origin), chance=origin.chance, reasons=reasons
        )
    return _by_target(evidence, State.OPEN, Mechanism.ANSWER, origin, guess, reasons)


def _deaf(evidence: Evidence, origin: Origin, reasons: tuple[Reason, ...]) -> Verdict:
    """The answer came in, and this host's own TCP never saw it."""
    deaf = tuple(one for one in origin.seen if one.ended is Ended.BY_US)
    hop = places.target_hop(evidence, origin)
    location = Location(where=Where.LOCAL, direction=Direction.RETURN, last_good=hop)
    told = (*reasons, because.reason(Claim.DEAF, deaf), *because.other_interface(deaf))
    verdict = _verdict(
        evidence, State.FILTERED, Mechanism.DROP, location, chance=chance_of_next_passing(len(deaf)), reasons=told
    )
    return replace(verdict, distance=hop.ttl if hop else None)


def _intermittent(evidence: Evidence, answered: _Seen) -> Verdict | None:
    """Some tries pass and some die, beyond what the control loses."""
    silent, chance = steadiness.silent(evidence), steadiness.chance_of_luck(evidence)
    if not silent or chance > evidence.believed:
        return None
    return _verdict(
        evidence,
        State.INTERMITTENT,
        Mechanism.DROP,
        Location(where=Where.UNKNOWN, last_good=places.reached(evidence)),
        chance=chance,
        reasons=(
            because.reason(Claim.ANSWERED, answered, ttl=_arrived_ttl(answered)),
            because.reason(Claim.SOME_SILENT, silent),
            *because.ports_differ(answered, silent),
            *because.control_passed(evidence),
        ),
    )


def _closed(evidence: Evidence) -> Verdict | None:
    seen = closing(evidence)
    if not seen:
        return None
    origin = origin_of(evidence, seen)
    is_reset = isinstance(seen[0].outcome, Reset)
    mechanism = Mechanism.RESET if is_reset else Mechanism.REJECT
    told = because.reason(Claim.RESET_BY_TARGET, seen, ttl=_arrived_ttl(seen))
    if not is_reset:
        told = because.refusal(Claim.REFUSED, seen)
    reasons = (told, *because.about_origin(evidence, origin))
    if origin.by_target:
        verdict = _by_target(evidence, State.CLOSED, mechanism, origin, origin.chance, reasons)
        return verdict if is_reset else replace(verdict, location=places.refusing_target(evidence, origin))
    if origin.by_target is None:
        location = Location(where=Where.UNKNOWN, last_good=places.reached(evidence))
        return _verdict(evidence, State.UNKNOWN, mechanism, location, chance=origin.chance, reasons=reasons)
    location, tapped = places.box(evidence, origin), _got_past(seen)
    if tapped:
        location = replace(location, last_good=places.target_of_controls(evidence), first_bad=None)
    passed = (*because.control_passed(evidence), *because.tapped(tapped))
    return _verdict(
        evidence, State.FILTERED, mechanism, location, chance=origin.chance, reasons=(*reasons[1:], *passed)
    )


def _got_past(forged: _Seen) -> _Seen:
    """The probes that the target answered too: who forged the other answer only listens in on them."""
    return tuple(one for one in forged if any(isinstance(other, Answered) for other in one.also))


def _refused(evidence: Evidence) -> Verdict | None:
    seen = _tests_with(evidence, Rejected) or _tests_with(evidence, Unreachable)
    if not seen:
        return None
    seen = of_one_box(evidence, seen)
    sender = _sender(seen[0])
    origin = origin_of(evidence, seen)
    mechanism = Mechanism.REJECT if isinstance(seen[0].outcome, Rejected) else Mechanism.NO_ROUTE
    state = State.FILTERED
    if mechanism is Mechanism.NO_ROUTE and not evidence.control_reaches_target:
        state = State.UNREACHABLE
    reasons = (
        because.refusal(Claim.REFUSED, seen),
        *because.control_passed(evidence),
        *because.control_refused(evidence),
    )
    if evidence.is_own(sender) and not evidence.local:
        reasons = (because.refusal(Claim.GAVE_UP, seen), *because.no_address(evidence, seen))
    by_target = origin.by_target is not False
    location = places.refusing_target(evidence, origin) if by_target else places.box(evidence, origin)
    chance = _guess(evidence)
    if state is State.UNREACHABLE:
        chance = max(chance, _chance_for_the_port_alone(evidence, sender))
    verdict = _verdict(evidence, state, mechanism, location, chance=chance, reasons=reasons)
    # The port's own step may have shown the target nearer than any control did.
    return replace(verdict, distance=location.last_good.ttl) if by_target and location.last_good else verdict


def _chance_for_the_port_alone(evidence: Evidence, sender: str | None) -> float:
    """A box says that there is no route, perhaps for this port alone: how likely a control would get through."""
    told = any(isinstance(seen.outcome, Unreachable) and _sender(seen) == sender for seen in evidence.controls)
    lost = sum(map(evidence.is_silent, (seen for seen in evidence.controls if seen.probe.is_direct)))
    return chance_of_next_passing(lost) if lost and not told else 0.0


def _circled(evidence: Evidence) -> Verdict | None:
    expired = tuple(one for one in _tests_with(evidence, TimeExceeded) if one.probe.is_direct)
    silent = tuple(one for one in evidence.tests if one.probe.is_direct and evidence.is_silent(one))
    circle = find_circle(evidence)
    repeats = circle.repeats if circle else 0
    returned = tuple(one for one in silent if one.returned)
    if not expired and (not silent or (repeats < PROOF and not returned)):
        return None
    location = places.circle(evidence)
    if expired:
        ended = because.refusal(Claim.EXPIRED_AT_FULL_TTL, expired)
    elif returned:
        ended = because.reason(Claim.CAME_BACK, returned)
    else:
        ended = because.reason(Claim.TEST_SILENT, silent, hop=_ttl(location.last_good))
    reasons = (ended, *because.circle(circle), *because.control_passed(evidence))
    chance = chance_of_next_passing(len(expired or silent) + repeats)
    state = State.FILTERED if evidence.control_reaches_target else State.UNREACHABLE
    return _verdict(evidence, state, Mechanism.LOOP, location, chance=chance, reasons=reasons)


def _control_heard_why(evidence: Evidence) -> Verdict | None:
    """The port's probes died silently where a router told the controls that it cannot get there."""
    refused = tuple(seen for seen in evidence.controls if isinstance(seen.outcome, Unreachable))
    circled = tuple(
        seen for seen in evidence.controls if isinstance(seen.outcome, TimeExceeded) and evidence.ends(seen)
    )
    silent = tuple(seen for seen in evidence.tests if evidence.is_silent(seen))
    if not (refused or circled) or not silent or evidence.control_reaches_target:
        return None
    died = because.reason(Claim.TEST_SILENT, silent, hop=evidence.reached(Role.TEST))
    if refused:
        mechanism, location = Mechanism.NO_ROUTE, places.box(evidence, origin_of(evidence, refused))
        told = because.control_refused(evidence)
    else:
        mechanism, location = Mechanism.LOOP, places.circle(evidence)
        circle = because.circle(find_circle(evidence))
        told = (because.refusal(Claim.EXPIRED_AT_FULL_TTL, circled), *circle)
    chance = chance_of_next_passing(len(silent))
    return _verdict(evidence, State.UNREACHABLE, mechanism, location, chance=chance, reasons=(died, *told))


def _mute(evidence: Evidence) -> Verdict | None:
    """A UDP port is silent, and nothing shows that its datagrams died on the way."""
    silence = locate_silence(evidence)
    if not silence.tests or silence.tests[0].probe.flow.kind is not Kind.UDP or silence.location.where is Where.PATH:
        return None
    closed = closed_ports(evidence)
    if evidence.controls and not silence.controls and not closed.told:
        return None  # nothing of any kind gets there
    died = because.reason(Claim.TEST_UNANSWERED, silence.tests, hop=_ttl(silence.location.last_good))
    interval = because.interval(silence) if silence.controls else because.all_silent(evidence, silence)
    reasons = (died, *because.closed_ports(closed), *because.control_passed(evidence, silence.controls), *interval)
    if closed.told:
        state, chance = State.OPEN_FILTERED, closed.chance
    else:
        state, chance = State.UNKNOWN, max(silence.chance, chance_of_next_passing(len(silence.tests)))
    return _verdict(evidence, state, None, silence.location, chance=chance, reasons=reasons)


def _silent(evidence: Evidence) -> Verdict | None:
    silence = locate_silence(evidence)
    if not silence.tests:
        return None
    died = because.reason(Claim.TEST_SILENT, silence.tests, hop=_ttl(silence.location.last_good))
    if silence.controls:
        return _verdict(
            evidence,
            State.FILTERED,
            Mechanism.DROP,
            silence.location,
            chance=silence.chance,
            reasons=(died, *because.control_passed(evidence, silence.controls), *because.interval(silence)),
        )
    return _nothing_passes(evidence, silence, died)


def _nothing_passes(evidence: Evidence, silence: Silence, died: Reason) -> Verdict:
    if not evidence.controls:
        untraced = because.reason(Claim.NOT_TRACED, evidence.tests)
        chance = chance_of_next_passing(len(silence.tests))
        return _verdict(
            evidence, State.FILTERED, Mechanism.DROP, silence.location, chance=chance, reasons=(died, untraced)
        )
    beyond = because.lost_beyond(evidence, silence)
    return _verdict(
        evidence,
        State.UNREACHABLE,
        Mechanism.DROP,
        silence.location,
        chance=chance_of_next_passing(len(silence.tests) + len(beyond)),
        reasons=(died, *because.all_silent(evidence, silence), *because.control_refused(evidence)),
    )


_RULES: tuple[Callable[[Evidence], Verdict | None], ...] = (
    _this_host,
    _answered,
    _closed,
    _refused,
    _circled,
    _control_heard_why,
    _mute,
    _silent,
)


def _verdict(
    evidence: Evidence,
    state: State,
    mechanism: Mechanism | None,
    location: Location,
    *,
    chance: float,
    reasons: tuple[Reason, ...],
) -> Verdict:
    """``chance`` is how likely the evidence would be if the verdict were wrong, at even odds beforehand."""
    return Verdict(
        state=state,
        mechanism=mechanism,
        location=location,
        confidence=1 / (1 + chance),
        distance=evidence.distance,
        reasons=reasons,
    )


def _by_target(
    evidence: Evidence,
    state: State,
    mechanism: Mechanism,
    origin: Origin,
    chance: float,
    reasons: tuple[Reason, ...],
) -> Verdict:
    hop = places.target_hop(evidence, origin)
    location = Location(where=Where.TARGET, last_good=hop)
    verdict = _verdict(evidence, state, mechanism, location, chance=chance, reasons=reasons)
    return replace(verdict, distance=hop.ttl if hop else None)


def _tests_with(evidence: Evidence, fate: type) -> _Seen:
    return tuple(seen for seen in evidence.tests if isinstance(seen.outcome, fate))


def _guess(evidence: Evidence, bits: int = 32) -> float:
    return chance_of_guess(len(evidence.observations), bits)


def _sender(seen: Observation) -> str | None:
    return seen.outcome.source if isinstance(seen.outcome, Reply) else None


def _ttl(hop: Hop | None) -> int:
    return hop.ttl if hop else 0


def _arrived_ttl(seen: _Seen) -> int | None:
    return next((one.outcome.ttl for one in seen if isinstance(one.outcome, Reply)), None)

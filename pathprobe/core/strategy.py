"""What is worth asking next?

Each rule looks at the evidence and names probes that could still change the verdict; none remembers
anything. Together they are the whole strategy:

============  =====================================================================================
opening       the port itself and a control with full TTLs, and the first TTL steps of the leader
lead          TTL steps of the leading role (echo, which burdens nobody) up to the target
follow        the port's own TTL steps, one constant flow, each as soon as the leader knows that hop:
              so at most one step reaches the target
other_ports   another port as control, where echo does not get through
closed_ports  ports of a UDP target that nothing listens on: does it tell of them?
sweep_port    TTL steps of that port where the tested one died
compare       a closed port, when a reset (for UDP: port unreachable) may be a forgery: like with like
confirm       the forged answer once more on a fresh port
again         what may only have been lost: core.again
pauses        what only time can tell: a router gives up on its neighbour after three seconds, and
              one that limits its ICMP has an answer to spare every second
branches      other constant flows of the port, when all else is asked: which live, where they go
sizes         which sizes of packet pass, where that was asked (size_strategy), when nothing else is wanted
============  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pathprobe.core import again, branches
from pathprobe.core.closed_ports import closed_ports, ports_from
from pathprobe.core.evidence import Observation, hops_back, refusal_of
from pathprobe.core.locate import closing, locate_silence, origin_of
from pathprobe.core.outcomes import Answered, Rejected, Reset, TimeExceeded
from pathprobe.core.pauses import Pause, pauses
from pathprobe.core.probes import FULL_TTL, Flow, Kind, Role
from pathprobe.core.report import Where
from pathprobe.core.situation import AHEAD, GAP, Situation, Steps, Want
from pathprobe.core.size_strategy import size_pauses
from pathprobe.core.timing import KERNEL_REACTION

#: How often a closed port is asked for a reset to compare with: the first may be lost.
MOST_COMPARISONS = 2

#: Other ports to ask where echo is blocked: those that are most often let through.
USUAL_PORTS = (443, 80, 22)


Rule = Callable[[Situation], Iterator[Want]]


def wanted(situation: Situation) -> list[Want]:
    """The probes worth sending now; two rules may want the same step."""
    found: list[Want] = []
    for rule in _RULES:
        steps = {want for want in found if not want.fresh and want.ttl < FULL_TTL}
        found += [want for want in rule(situation) if want not in steps]
    return found or list(_last_of_all(situation))


def _opening(now: Situation) -> Iterator[Want]:
    if now.evidence.observations:
        return
    yield now.test(FULL_TTL, fresh=True)
    if now.question.kind is not Kind.ECHO:
        yield now.control(Kind.ECHO, None, FULL_TTL)
    if now.traced:
        role, kind, port = now.leader
        for ttl in range(1, min(AHEAD, now.question.max_hops) + 1):
            yield Want(role=role, kind=kind, port=port, ttl=ttl)


def _lead(now: Situation) -> Iterator[Want]:
    if not now.traced or not now.evidence.observations:
        return
    role, kind, port = now.leader
    steps = Steps(now, role, kind, port)
    for ttl in range(1, steps.ceiling + 1):
        if not steps.asked_at(ttl):
            yield Want(role=role, kind=kind, port=port, ttl=ttl)


def _follow(now: Situation) -> Iterator[Want]:
    if not now.traced or now.question.kind is Kind.ECHO or not now.evidence.observations:
        return
    lead = Steps(now, *now.leader)
    own = Steps(now, Role.TEST, now.question.kind, now.question.port)
    if own.kept_back or own.circling or _refuser_is_placed(now):
        return
    for ttl in range(1, _follow_ceiling(now, lead, own) + 1):
        known = lead.asked_at(ttl)
        if own.asked_at(ttl):
            if own.settled_after(now.step_wait) < ttl and not any(now.evidence.got_through(seen) for seen in known):
                return  # a step into the dark, perhaps to the target: what comes of it decides on the next
            continue
        if not all(now.is_settled(seen, now.quick) for seen in known) or (not known and ttl <= lead.ceiling):
            return
        if any(now.evidence.got_through(seen) for seen in known):
            yield now.test(ttl)
            continue
        # Nobody shows what is there, perhaps the target: one step at a time, and after a silent one from another port.
        if own.settled_after(now.step_wait) < ttl - 1:
            return
        yield now.test(ttl, fresh=bool(ttl > 1 and own.is_silent_at(ttl - 1)))
        return


def _follow_ceiling(now: Situation, lead: Steps, own: Steps) -> int:
    """The last TTL step of the port itself: where it ended, else the target, else where nobody answers any more."""
    ends = [own.ended] if own.ended else []
    if own.leaves_the_path:
        ends.append(own.last_answer + GAP)
    elif now.evidence.distance is not None:
        ends.append(now.evidence.distance)
    elif own.refused_at is not None:
        ends.append(max(own.refusal_ends, lead.last_answer))
    elif own.guess is not None or lead.guess is not None:
        ends.append(max(own.guess or lead.guess or 0, lead.last_answer))
    else:
        ends.append(max(own.last_answer, lead.last_answer) + GAP)
    return min(*ends, now.question.max_hops)


def _refuser_is_placed(now: Situation) -> bool:
    """The box that refuses the port is known with its hop: more probes would only use up its ICMP."""
    evidence = now.evidence
    for seen in now.directs:
        refusal = refusal_of(seen.outcome)
        if refusal is None:
            continue
        if refusal.source == evidence.target:
            return evidence.distance is not None and hops_back(refusal.ttl) == Steps(now, *now.leader).guess
        return evidence.hop_of(refusal.source) is not None
    return False


def _needs_other_port(now: Situation) -> bool:
    """Echo shows nothing about the target, and the verdict rests on a comparison."""
    evidence = now.evidence
    if evidence.local or evidence.control_reaches_target:
        return False
    if any(isinstance(seen.outcome, Answered) for seen in evidence.tests):
        return False
    if now.refused_by_kernel or now.held_back:
        return False
    if now.fate_known and any(
        isinstance(seen.outcome, TimeExceeded) for seen in now.evidence.controls if seen.probe.is_direct
    ):
        return False  # everything circles
    echoes = [seen for seen in now.asked(Role.CONTROL, Kind.ECHO, None) if seen.probe.is_direct]
    if any(_told(seen) in {_told(test) for test in evidence.tests} for seen in echoes if refusal_of(seen.outcome)):
        return False  # the same box says the same of both
    settled = all(now.is_settled(seen) for seen in (*now.directs, *echoes))
    return settled and (now.fate_known or now.test_is_silent)


def _told(seen: Observation) -> tuple[str, str] | None:
    """Who refused a probe, and in which words."""
    refusal = refusal_of(seen.outcome)
    return (refusal.source, refusal.message.name) if refusal else None


def _other_ports(now: Situation) -> Iterator[Want]:
    if not now.evidence.observations or not _needs_other_port(now):
        return
    for port in (*USUAL_PORTS, now.question.closed_port):
        if port != now.question.port and not now.asked(Role.CONTROL, Kind.TCP, port):
            yield now.control(Kind.TCP, port, FULL_TTL)


def _closed_ports(now: Situation) -> Iterator[Want]:
    """A UDP port is silent where the target may be: does this host tell of closed ports at all?"""
    if now.question.kind is not Kind.UDP or not now.test_is_silent or not now.all_settled or not now.died_on_the_way:
        return
    if locate_silence(now.evidence).location.where is Where.PATH or closed_ports(now.evidence).asked:
        return
    yield now.control(Kind.UDP, next(ports_from(now.question.closed_port, now.question.port)), FULL_TTL)


def _working_port(now: Situation) -> Flow | None:
    """The flow of the first other port that drew an answer from the target."""
    flows = (
        seen.probe.flow
        for seen in now.evidence.controls
        if seen.probe.flow.kind is not Kind.ECHO and now.evidence.passes(seen)
    )
    return min(flows, key=lambda flow: flow.kind is Kind.UDP, default=None)


def _sweep_port(now: Situation) -> Iterator[Want]:
    flow = _working_port(now)
    if flow is None or not now.traced or now.evidence.distance is not None:
        return
    steps = Steps(now, Role.CONTROL, flow.kind, flow.port)
    for ttl in range(now.evidence.reached(Role.TEST) + 1, _port_ceiling(now, steps) + 1):
        if not steps.asked_at(ttl):
            yield Want(role=Role.CONTROL, kind=flow.kind, port=flow.port, ttl=ttl)


def _port_ceiling(now: Situation, steps: Steps) -> int:
    """Up to where its answer seems to come from; beyond that a step at a time."""
    guess = steps.guess or 0
    asked = [ttl for ttl in range(1, guess + GAP + 1) if steps.asked_at(ttl)]
    waiting = any(not now.is_settled(seen, now.quick) for ttl in asked for seen in steps.asked_at(ttl))
    beyond = max(asked, default=guess - 1) + (0 if waiting else 1)
    return min(max(guess, beyond), guess + GAP, now.question.max_hops)


def _compare(now: Situation) -> Iterator[Want]:
    """A "closed" is compared with its like: ask a port that is surely closed."""
    seen = closing(now.evidence)
    if not seen or not now.traced or not now.all_settled:
        return
    asked = now.asked(Role.CONTROL, now.question.kind, now.question.closed_port)
    if len(asked) >= MOST_COMPARISONS or any(now.evidence.passes(one) for one in asked):
        return
    origin = origin_of(now.evidence, seen)
    same_distance = any(
        now.evidence.passes(one) and hops_back(one.outcome.ttl) == origin.hops_back
        for one in now.evidence.controls
        if isinstance(one.outcome, Answered | Reset | Rejected)
    )
    if not same_distance or not origin.by_target:
        yield now.control(now.question.kind, now.question.closed_port, FULL_TTL)


def _confirm(now: Situation) -> Iterator[Want]:
    seen = closing(now.evidence)
    if not seen or not now.traced or not now.all_settled or len(now.directs) > 1:
        return
    origin = origin_of(now.evidence, seen)
    if origin.by_target is False:
        yield now.test(FULL_TTL, fresh=True)
        if origin.first_ttl < FULL_TTL:
            yield now.test(origin.first_ttl, fresh=True)


def _paused(now: Situation) -> Iterator[Want]:
    for pause in pauses(now):
        if now.has_passed(pause.due):
            yield from pause.wants


def _last_of_all(now: Situation) -> Iterator[Want]:
    """Other flows, and then sizes: what the port itself says on its first flow does not depend on them."""
    for pause in _all_pauses(now):
        if now.has_passed(pause.due):
            yield from pause.wants


def _all_pauses(now: Situation) -> tuple[Pause, ...]:
    """What is worth waiting for: other flows wait until nothing else is, and sizes for them."""
    return tuple(pauses(now)) or tuple(branches.pauses(now)) or tuple(size_pauses(now))


_RULES: tuple[Rule, ...] = (
    _opening,
    _lead,
    _follow,
    _other_ports,
    _closed_ports,
    _sweep_port,
    _compare,
    _confirm,
    again.retry,
    again.unsteady,
    again.reach,
    again.anchor,
    again.distance,
    again.beside,
    _paused,
)


def next_look(now: Situation) -> float | None:
    """When the passing of time alone may change what is wanted; None when nothing is worth waiting for."""
    times = [pause.due for pause in _all_pauses(now)]
    for seen in now.evidence.observations:
        if now.is_pending(seen):
            times += [seen.sent + now.step_wait, seen.sent + now.quick, seen.sent + now.evidence.window]
        if seen.is_unheard and isinstance(seen.outcome, Answered):
            times += [seen.outcome.received + KERNEL_REACTION, seen.outcome.received + 2 * KERNEL_REACTION]
    return min((time for time in times if not now.has_passed(time)), default=None)


def is_over(now: Situation) -> bool:
    """Nothing that may still come can change the verdict, provided that nothing is wanted now."""
    return now.all_settled and all(now.has_passed(pause.due) for pause in _all_pauses(now))

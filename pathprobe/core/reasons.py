"""Which reasons stand behind a verdict? Claims with their facts and the probes that prove them."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import chain

from pathprobe.core.closed_ports import ClosedPorts
from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.forwarding import forwarded
from pathprobe.core.locate import Origin, Silence
from pathprobe.core.loops import Circle
from pathprobe.core.outcomes import Refusal, Rejected, TimeExceeded, Unreachable
from pathprobe.core.probes import Kind
from pathprobe.core.report import Claim, Fact, Reason, Where

_Seen = tuple[Observation, ...]


def reason(claim: Claim, seen: _Seen, **facts: Fact) -> Reason:
    service = seen[0].probe.flow.label if seen else None
    return Reason(
        claim=claim, probes=tuple(one.probe.id for one in seen), facts={"count": len(seen), "service": service, **facts}
    )


def refusal(claim: Claim, seen: _Seen) -> Reason:
    refusal = seen[0].outcome
    assert isinstance(refusal, Refusal)
    return reason(claim, seen, message=refusal.message.name, source=refusal.source)


def circle(found: Circle | None) -> tuple[Reason, ...]:
    """An address that was there before; the facts name the hops of one round, for the sentence of the verdict."""
    if found is None:
        return ()
    facts: dict[str, Fact] = {
        "again": found.again.ttl,
        "address": found.again.address,
        "before": found.before,
        "period": found.period,
        "ttls": " ".join(str(hop.ttl) for hop in found.hops),
        "addresses": " ".join(str(hop.address) for hop in found.hops),
    }
    return (reason(Claim.CIRCLE, found.seen, **facts),)


def control_passed(evidence: Evidence, controls: _Seen | None = None) -> tuple[Reason, ...]:
    """Others got through: all that reached the target, or those that crossed the break."""
    if controls is None:
        controls = tuple(seen for seen in evidence.controls if evidence.passes(seen))
    got_through = tuple(seen for seen in controls if evidence.got_through(seen))
    if not got_through:
        return ()
    kinds = labels(got_through)
    return (reason(Claim.CONTROL_PASSED, got_through, sent=len(controls), kinds=kinds),)


def control_refused(evidence: Evidence) -> tuple[Reason, ...]:
    refused = tuple(seen for seen in evidence.controls if isinstance(seen.outcome, Rejected | Unreachable))
    if not refused:
        return ()
    return (refusal(Claim.CONTROL_REFUSED, refused),)


def interval(silence: Silence) -> tuple[Reason, ...]:
    location = silence.location
    facts: dict[str, Fact] = {}
    for name, hop in (("good", location.last_good), ("bad", location.first_bad)):
        facts[f"{name}_ttl"] = hop.ttl if hop else None
        facts[f"{name}_address"] = hop.address if hop else None
    match location.where:
        case Where.TARGET_EDGE:
            edge = Claim.TARGET_EDGE if location.first_bad else Claim.BEHIND_TARGET
            claim = Claim.MUTE_EDGE if silence.tests[0].probe.flow.kind is Kind.UDP else edge
        case Where.LOCAL:
            claim = Claim.LOCAL_SILENCE
        case Where.UNKNOWN:
            claim = Claim.BROAD_INTERVAL if location.first_bad else Claim.NOT_TRACED
        case _:
            claim = Claim.INTERVAL
    return (reason(claim, silence.tests, **facts),)


def lost_beyond(evidence: Evidence, silence: Silence) -> _Seen:
    """The controls that died where the port's own probes did."""
    good = silence.location.last_good
    return tuple(
        seen for seen in evidence.controls if evidence.is_silent(seen) and seen.probe.ttl > (good.ttl if good else 0)
    )


def all_silent(evidence: Evidence, silence: Silence) -> tuple[Reason, ...]:
    beyond = lost_beyond(evidence, silence)
    return (reason(Claim.CONTROL_SILENT, beyond, kinds=labels(beyond)),) if beyond else ()


def closed_ports(closed: ClosedPorts) -> tuple[Reason, ...]:
    """Whether a closed port would have told."""
    if not closed.asked:
        return ()
    claim = Claim.CLOSED_PORTS_TOLD if closed.told else Claim.CLOSED_PORTS_SILENT
    return (reason(claim, closed.told or closed.asked, sent=len(closed.asked)),)


def about_origin(evidence: Evidence, origin: Origin) -> tuple[Reason, ...]:
    """Why the answer is believed to be the target's, or not."""
    if evidence.local or evidence.distance == 1:
        return ()
    reasons = []
    distance = evidence.distance
    if origin.by_target is False and distance is not None and origin.first_ttl < distance:
        early = tuple(seen for seen in origin.seen if seen.probe.ttl < distance)
        reasons.append(reason(Claim.EARLY_ANSWER, early, ttl=origin.first_ttl, distance=distance))
    if origin.comparison:
        claim = Claim.NEARER_REPLY if origin.by_target is False else Claim.SAME_DISTANCE
        if claim is Claim.NEARER_REPLY or origin.usual == origin.hops_back:
            facts: dict[str, Fact] = {
                "back": origin.hops_back,
                "usual": origin.usual,
                "kinds": labels(origin.comparison),
            }
            reasons.append(reason(claim, origin.seen + origin.comparison, **facts))
    elif origin.by_target and origin.first_ttl == origin.hops_back:
        reasons.append(reason(Claim.SAME_BOTH_WAYS, origin.seen, ttl=origin.first_ttl, back=origin.hops_back))
    elif origin.by_target is not False:
        reasons.append(reason(Claim.NO_COMPARISON, origin.seen))
    return tuple(reasons)


def tapped(seen: _Seen) -> tuple[Reason, ...]:
    """The target answered as well, only later."""
    return (reason(Claim.TAPPED, seen),) if seen else ()


def forwarding(evidence: Evidence) -> tuple[Reason, ...]:
    """The target hands the port on: what its TTL shows beside an answer or a silence."""
    seen = forwarded(evidence)
    return (reason(Claim.FORWARDED, seen, target=evidence.target),) if seen else ()


def other_interface(seen: _Seen) -> tuple[Reason, ...]:
    """Answers that did not come in where packets to the target go out."""
    strayed = tuple(one for one in seen if one.strayed)
    if not strayed:
        return ()
    return (reason(Claim.OTHER_INTERFACE, strayed, left=strayed[0].left_by[0], came=strayed[0].came_by[-1]),)


def no_address(evidence: Evidence, seen: _Seen) -> tuple[Reason, ...]:
    """This host had no address of its own to send from."""
    source = ip_address(evidence.source)
    return (reason(Claim.NO_ADDRESS, seen),) if source.is_unspecified or source.is_loopback else ()


def ports_differ(answered: _Seen, silent: _Seen) -> tuple[Reason, ...]:
    """Which source port is used decides, as far as one probe each can tell; echo has none."""
    ports = {one.probe.flow.source_port for one in answered}
    if any(one.probe.flow.source_port in ports or one.probe.flow.kind is Kind.ECHO for one in silent):
        return ()
    return (reason(Claim.PORTS_DIFFER, answered + silent),)


def all_along(evidence: Evidence) -> tuple[Reason, ...]:
    """What is worth saying about the path, whatever the verdict."""
    return several_routers(evidence) + echo_flows(evidence) + forwarding(evidence)


def echo_flows(evidence: Evidence) -> tuple[Reason, ...]:
    """Several flows of echo were asked for: Linux hashes echo on addresses only (fib_multipath_hash, policy 1)."""
    if len(evidence.ports) < 2 or not evidence.tests or evidence.tests[0].probe.flow.kind is not Kind.ECHO:
        return ()
    return (reason(Claim.ECHO_FLOWS, evidence.tests),)


def several_routers(evidence: Evidence) -> tuple[Reason, ...]:
    """Hops where different routers answered: the path branches there."""
    met: dict[int, dict[str, list[Observation]]] = {}
    for seen in evidence.observations:
        if isinstance(seen.outcome, TimeExceeded) and not seen.probe.is_direct and not seen.asks_size:
            met.setdefault(seen.probe.ttl, {}).setdefault(seen.outcome.source, []).append(seen)
    return tuple(
        reason(Claim.SEVERAL_ROUTERS, tuple(chain(*routers.values())), hop=ttl, routers=", ".join(sorted(routers)))
        for ttl, routers in sorted(met.items())
        if len(routers) > 1
    )


def labels(seen: _Seen) -> str:
    return ", ".join(sorted({one.probe.flow.label for one in seen}))

"""Why is there a ``*``, if it is not the break?

A hop that shows nothing is mute, spares its ICMP, or lost a packet; which of these it is follows from the others:

=========  ==========================================================================================
mute       it never answered, and packets pass it all the same
sparing    it answered some of the probes that died there, while all that go farther arrive
lossy      of the probes that should arrive some do not: packets are lost, there or before
=========  ==========================================================================================
"""

from __future__ import annotations

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.outcomes import TimeExceeded
from pathprobe.core.probes import FULL_TTL, Flow, Kind, Role
from pathprobe.core.reasons import reason
from pathprobe.core.report import Claim, Reason


def explain_silences(evidence: Evidence) -> tuple[Reason, ...]:
    """The reasons that go with any verdict."""
    return (*_mute(evidence), *(_lossy(evidence) or _sparing(evidence)))


def _mute(evidence: Evidence) -> tuple[Reason, ...]:
    farthest = max((*evidence.responders, evidence.distance or 0), default=0)
    mute = tuple(
        seen
        for seen in evidence.observations
        if seen.probe.ttl < farthest and seen.probe.ttl not in evidence.responders and evidence.is_silent(seen)
    )
    return _about_hops(Claim.SILENT_HOPS, mute)


def _sparing(evidence: Evidence) -> tuple[Reason, ...]:
    there = [
        seen
        for seen in evidence.observations
        if seen.probe.ttl in evidence.responders
        and (seen.probe.role is Role.CONTROL or seen.probe.ttl <= _reach(evidence, seen.probe.flow))
    ]
    silent = tuple(seen for seen in there if evidence.is_silent(seen))
    hops = {seen.probe.ttl for seen in silent}
    asked = tuple(seen for seen in there if seen.probe.ttl in hops)
    answered = sum(isinstance(seen.outcome, TimeExceeded) for seen in asked)
    return _about_hops(Claim.SPARING_HOPS, silent, asked=len(asked), answered=answered)


def _reach(evidence: Evidence, flow: Flow) -> int:
    """The farthest hop that this very flow was seen to reach: another's probes may die where it passes."""
    steps = (seen for seen in evidence.tests if seen.probe.flow == flow and not seen.probe.is_direct)
    return max((seen.probe.ttl for seen in steps if evidence.got_through(seen)), default=0)


def _lossy(evidence: Evidence) -> tuple[Reason, ...]:
    """Controls of a kind that gets to the target, or pings where they are the question, and did not each time."""
    pings = tuple(seen for seen in evidence.tests if seen.probe.flow.kind is Kind.ECHO)
    alike = evidence.controls if evidence.distance is not None else pings
    distance = min((seen.probe.ttl for seen in alike if evidence.passes(seen)), default=FULL_TTL)
    bound = [seen for seen in alike if seen.probe.ttl >= distance]
    working = {seen.probe.flow.label for seen in bound if evidence.passes(seen)}
    sent = [seen for seen in bound if seen.probe.flow.label in working]
    lost = tuple(seen for seen in sent if evidence.is_silent(seen))
    what = "control probes" if alike is evidence.controls else "echo requests"
    return (reason(Claim.LOSS, lost, sent=len(sent), what=what),) if lost else ()


def _about_hops(claim: Claim, seen: tuple[Observation, ...], **facts: int) -> tuple[Reason, ...]:
    if not seen:
        return ()
    hops = sorted({one.probe.ttl for one in seen})
    return (reason(claim, seen, hops=", ".join(map(str, hops)), hop_count=len(hops), **facts),)

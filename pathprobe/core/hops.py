"""What does each hop show, the tested port beside the control?

One row per TTL up to the target, or one past the last hop that anything reached. A probe with a full TTL
counts where the target is, for it had to get there.
"""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.core.evidence import Evidence, Observation, refusal_of
from pathprobe.core.forwarding import behind
from pathprobe.core.outcomes import Reply, TimeExceeded
from pathprobe.core.packets import Extension, InterfaceInfo, InterfaceRole, MplsLabel
from pathprobe.core.probes import Role
from pathprobe.core.report import HopRow, Leg, Verdict


def hop_rows(evidence: Evidence, verdict: Verdict) -> tuple[HopRow, ...]:
    """The hop table that goes with a verdict; empty when the target is this host."""
    last = verdict.distance if verdict.distance is not None else _last_row(evidence, verdict)
    shown = _control_kinds(evidence)
    controls = tuple(seen for seen in evidence.controls if seen.probe.flow.label in shown)
    last = max(last, behind(evidence) or 0)
    return tuple(
        HopRow(
            ttl=ttl,
            address=_address(evidence, verdict, ttl),
            test=_leg(evidence, evidence.tests, ttl, verdict.distance),
            control=_leg(evidence, controls, ttl, verdict.distance),
            labels=tuple(told for told in _told_at(evidence, ttl) if isinstance(told, MplsLabel)),
            interface=_arrived_on(evidence, ttl),
        )
        for ttl in range(1, last + 1)
    )


def _told_at(evidence: Evidence, ttl: int) -> tuple[Extension, ...]:
    """What the router at a hop said beside its quote: the first that said anything."""
    expired = (seen.outcome for seen in evidence.observations if seen.probe.ttl == ttl and not seen.probe.is_direct)
    told = (one.extensions for one in expired if isinstance(one, TimeExceeded) and one.extensions)
    return next(told, ())


def _arrived_on(evidence: Evidence, ttl: int) -> InterfaceInfo | None:
    """The interface on which probes came in; another one only where the router tells of no such."""
    interfaces = [told for told in _told_at(evidence, ttl) if isinstance(told, InterfaceInfo)]
    incoming = [one for one in interfaces if one.role is InterfaceRole.INCOMING]
    return next(iter(incoming + interfaces), None)


def _last_row(evidence: Evidence, verdict: Verdict) -> int:
    device = verdict.location.device
    farthest = max((*evidence.responders, device.ttl if device else 0), default=0)
    stepped = (seen.probe.ttl for seen in evidence.observations if not seen.probe.is_direct)
    return min(farthest + 1, max(stepped, default=0))


def _address(evidence: Evidence, verdict: Verdict, ttl: int) -> str | None:
    """Who is there: a hop that let a probe expire, the target, or the box that gave itself away."""
    device = verdict.location.device
    if device and device.ttl == ttl:
        return device.address
    return evidence.target if ttl == verdict.distance else evidence.responders.get(ttl)


def _leg(evidence: Evidence, role: Iterable[Observation], ttl: int, distance: int | None) -> Leg | None:
    seen = [
        one
        for one in role
        if one.probe.ttl == ttl or (one.probe.is_direct and _ended_at(evidence, one, distance) == ttl)
    ]
    return leg_of(seen) if seen else None


def _ended_at(evidence: Evidence, seen: Observation, distance: int | None) -> int | None:
    """The hop that a full-TTL probe counts for: the target's, or that of the router which refused it."""
    if isinstance(seen.outcome, Reply) and not evidence.from_target(seen):
        return evidence.hop_of(seen.outcome.source)
    if seen.probe.role is Role.TEST and refusal_of(seen.outcome) is None:
        return behind(evidence) or distance
    return distance


def leg_of(seen: Iterable[Observation]) -> Leg:
    """The counts, addresses and round trips of some probes."""
    seen = list(seen)
    replies = [one.outcome for one in seen if isinstance(one.outcome, Reply)]
    return Leg(
        sent=len(seen),
        answered=len(replies),
        addresses=tuple(dict.fromkeys(reply.source for reply in replies)),
        rtt_ms=tuple(round(reply.rtt * 1000, 3) for reply in replies),
        outcomes=tuple(dict.fromkeys(one.outcome.name for one in seen)),
    )


def control_label(evidence: Evidence) -> str:
    """What the control was."""
    kinds = list(_control_kinds(evidence))
    return ", ".join(kinds[:2]) + (f", {len(kinds) - 2} more" if len(kinds) > 2 else "")


def _control_kinds(evidence: Evidence) -> dict[str, None]:
    """The kinds of control that were answered, else all that were asked, in that order."""
    answered = [one for one in evidence.controls if isinstance(one.outcome, Reply)]
    return dict.fromkeys(one.probe.flow.label for one in answered or evidence.controls)

"""Does the target hand this port on to something behind it?

A TTL runs out only where a packet is forwarded; a host that takes a packet for itself does not look at it
(ip_forward and ip_local_deliver in Linux, net/ipv4). So a time exceeded from the target's own address is no arrival:
the target forwards the port (port forwarding, a load balancer), and what answers in its name stands behind it.
"""

from __future__ import annotations

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.outcomes import TimeExceeded


def forwarded(evidence: Evidence) -> tuple[Observation, ...]:
    """The port's TTL steps that ran out at the target's own address, nearest first.

    None if the control shows the target behind that hop: then all that is sent to it is forwarded, not this port alone.
    """
    seen = [
        one
        for one in evidence.tests
        if isinstance(one.outcome, TimeExceeded) and one.outcome.source == evidence.target and not one.probe.is_direct
    ]
    seen.sort(key=lambda one: one.probe.ttl)
    if not seen or (evidence.distance is not None and evidence.distance > seen[0].probe.ttl):
        return ()
    return tuple(seen)


def forwards_at(evidence: Evidence) -> int | None:
    """The hop at which the target's address forwards the port; None where it does not."""
    seen = forwarded(evidence)
    return seen[0].probe.ttl if seen else None


def behind(evidence: Evidence) -> int | None:
    """The hop of what stands behind the target: the first TTL that drew its answer, or the next after all that ran
    out in the target's name, which a NAT gives to every box behind it (nf_nat_icmp_reply_translation in Linux)."""
    seen = forwarded(evidence)
    if not seen:
        return None
    beyond = seen[-1].probe.ttl + 1
    answers = (one.probe.ttl for one in evidence.tests if evidence.from_target(one) and not one.probe.is_direct)
    return max(beyond, min(answers, default=beyond))

"""How is a place on the path named in a verdict? Locations from the evidence, one for each way to end."""

from __future__ import annotations

from pathprobe.core.evidence import Evidence
from pathprobe.core.forwarding import forwards_at
from pathprobe.core.locate import Origin
from pathprobe.core.loops import find_circle, hop_of_the_last_round
from pathprobe.core.outcomes import Reply, TimeExceeded
from pathprobe.core.probes import FULL_TTL, Role
from pathprobe.core.report import Clue, Device, Direction, Hop, Location, Where
from pathprobe.core.senders import ttls_from


def hop(evidence: Evidence, ttl: int) -> Hop:
    """A hop with its own address: that of the target, on a router's error, is a NAT's word for it."""
    address = evidence.address_at(ttl)
    return Hop(ttl=ttl, address=None if address == evidence.target and ttl != evidence.distance else address)


def target_hop(evidence: Evidence, origin: Origin) -> Hop | None:
    """The target as a hop: the first TTL that drew its answer, of the controls or of the port itself."""
    if evidence.local:
        return Hop(ttl=0)
    known = (evidence.distance, forwards_at(evidence), origin.first_ttl)
    ttl = min(hop for hop in known if hop is not None)
    return Hop(ttl=ttl, address=evidence.target) if ttl < FULL_TTL else None


def target_of_controls(evidence: Evidence) -> Hop | None:
    """The target as a hop, as far as the controls say."""
    return None if evidence.distance is None else Hop(ttl=evidence.distance, address=evidence.target)


def refusing_target(evidence: Evidence, origin: Origin) -> Location:
    """The target itself refused by an ICMP error, which names it."""
    hop = target_hop(evidence, origin)
    device = Device(ttl=hop.ttl, address=hop.address, by=(Clue.ICMP_SOURCE,)) if hop else None
    return Location(where=Where.TARGET, direction=Direction.FORWARD, last_good=hop, device=device)


def box(evidence: Evidence, origin: Origin) -> Location:
    """A box on the way made the answer: the probes got as far as that box, and not behind it."""
    if evidence.is_own(told_by(origin)):
        return Location(where=Where.LOCAL, direction=Direction.FORWARD, last_good=Hop(ttl=0))
    ttl = origin.device.ttl if origin.device else _farthest(evidence, origin)
    address = origin.device.address if origin.device else evidence.responders.get(ttl)
    beyond = evidence.next_control_hop(max(ttl, evidence.reached(Role.TEST)))
    return Location(
        where=Where.PATH,
        direction=Direction.FORWARD,
        last_good=Hop(ttl=ttl, address=address),
        first_bad=None if beyond is None else Hop(ttl=beyond, address=evidence.address_at(beyond)),
        device=origin.device,
    )


def _farthest(evidence: Evidence, origin: Origin) -> int:
    """The hop that the probes were seen to reach, when the answerer did not give itself away."""
    stepped = origin.first_ttl - 1 if origin.first_ttl < FULL_TTL else 0
    return max(evidence.reached(Role.TEST), stepped)


def reached(evidence: Evidence) -> Hop:
    ttl = evidence.reached(Role.TEST)
    return Hop(ttl=ttl, address=evidence.address_at(ttl))


def circle(evidence: Evidence) -> Location:
    """The last hop of the first round is the one that sends the packets back.

    Where no round shows, nobody knows of the hops beyond the first sighting of the box at which a full TTL ran out
    whether they were hops of a second round.
    """
    found = find_circle(evidence)
    ttl = evidence.reached(Role.TEST)
    for seen in evidence.tests:
        if isinstance(seen.outcome, TimeExceeded) and seen.probe.is_direct:
            # It is known by its address, or else by how its answers come home.
            sightings = (hop for hop in range(1, ttl) if seen.outcome.ttl in ttls_from(evidence, hop))
            ttl = min(ttl, evidence.hop_of(seen.outcome.source) or ttl, *sightings)
            ttl = min(ttl, hop_of_the_last_round(evidence, seen) or ttl)
    last_good = Hop(ttl=ttl, address=evidence.responders.get(ttl)) if ttl else None
    return Location(where=Where.PATH, direction=Direction.FORWARD, last_good=found.hops[-1] if found else last_good)


def told_by(origin: Origin) -> str | None:
    """From whose address the answers came."""
    outcome = origin.seen[0].outcome
    return outcome.source if isinstance(outcome, Reply) else None

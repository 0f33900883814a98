"""Do some connections come about and others never, beyond what loss does?

Who connects sends the same SYN again and again from one port. If packets are merely lost, all connections lose about
alike; if some are answered at once and others are silent in every try, something tells them apart: a branch of the
path, one of several servers behind the address, a full table now and then.
"""

from __future__ import annotations

from dataclasses import replace
from math import comb

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.probes import Kind
from pathprobe.core.reasons import reason
from pathprobe.core.report import Claim, Location, Mechanism, State, Verdict, Where
from pathprobe.core.statistics import ENOUGH, chance_of_split


def uneven(verdict: Verdict, evidence: Evidence) -> Verdict:
    """The verdict, or intermittent where the tries of one port are not like those of another."""
    if verdict.state not in (State.OPEN, State.CLOSED) or evidence.tests[0].probe.flow.kind is Kind.ECHO:
        return verdict
    flows: dict[int, list[Observation]] = {}
    for seen in evidence.tests:
        if seen.probe.is_direct and (evidence.is_silent(seen) or evidence.passes(seen)):
            flows.setdefault(seen.probe.flow.source_port, []).append(seen)
    alive = {port for port, seen in flows.items() if any(map(evidence.passes, seen))}
    living = [one for port in alive for one in flows[port]]
    died = tuple(one for port, seen in flows.items() if port not in alive for one in seen)
    chance = _chance(evidence, len(flows), len(flows) - len(alive), living, died)
    if not died or chance > ENOUGH:
        return verdict
    return replace(
        verdict,
        state=State.INTERMITTENT,
        mechanism=Mechanism.DROP,
        location=Location(where=Where.UNKNOWN),
        confidence=1 / (1 + chance),
        reasons=(*verdict.reasons, reason(Claim.SOME_SILENT, died)),
    )


def _chance(
    evidence: Evidence, flows: int, dead: int, living: list[Observation], died: tuple[Observation, ...]
) -> float:
    """That equal loss for all parts the ports like this: any of them might have been the dead ones."""
    passed = sum(map(evidence.passes, living))
    return chance_of_split(0, len(died), passed, len(living)) * comb(flows, dead)

"""What does a first pass alone say of a pair?

One probe with a full TTL and its tries, no control, no TTL step: so it never says where. Those that need more are
diagnosed, and get their verdict from there.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from pathprobe.core.asked import Answer, Asked
from pathprobe.core.evidence import Observation, hops_back
from pathprobe.core.icmp import Meaning, meaning_of
from pathprobe.core.outcomes import NotSent
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.probes import FULL_TTL, Flow, Kind, Probe, Role
from pathprobe.core.report import (
    Claim,
    Clue,
    Device,
    Direction,
    Fact,
    Hop,
    Location,
    Mechanism,
    Reason,
    Result,
    State,
    Target,
    Verdict,
    Where,
)
from pathprobe.core.statistics import TTL_COINCIDENCE, chance_of_guess, chance_of_next_passing

#: Tries that a silent pair has had at least.
_TRIES = 2

#: The bits of an answer that a stranger would have to guess: the sequence number, for UDP the port it comes to.
_TOKEN_BITS = {Kind.TCP: 32, Kind.UDP: 16, Kind.ECHO: 32}

_SAID_BY_TARGET = frozenset({PairState.OPEN, PairState.CLOSED})

_REFUSALS = {
    Meaning.REJECT: (State.FILTERED, Mechanism.REJECT),
    Meaning.NO_ROUTE: (State.UNREACHABLE, Mechanism.NO_ROUTE),
    Meaning.TIME_EXCEEDED: (State.UNREACHABLE, Mechanism.LOOP),
}


def answer_of_finding(asked: Asked, finding: Finding, *, settled: bool = True, compared: bool = False) -> Answer:
    """The answer about a target that was asked and not diagnosed; see ``result_of_finding``."""
    return Answer(
        asked=asked,
        state=verdict_of_finding(finding, compared=compared).state,
        whole=lambda: result_of_finding(asked.target, finding, compared=compared),
        alike=(finding.state, compared) if said_by_target(finding) else None,
        rtt=finding.rtt,
        settled=settled,
    )


def result_of_finding(target: Target, finding: Finding, *, compared: bool = False) -> Result:
    """The answer about a pair that was asked and not diagnosed.

    ``compared``: a reset that came from as far away as the answer of an open port of the same address.
    """
    return Result(
        target=target,
        verdict=verdict_of_finding(finding, compared=compared),
        hops=(),
        control="",
        source="",
        source_port=None,
        observations=_unsent(finding),
    )


def verdict_of_finding(finding: Finding, *, compared: bool = False) -> Verdict:
    """State and mechanism, as far as the first pass goes."""
    if said_by_target(finding):
        return _of_target(finding.pair.port, finding.state, finding.ttl, compared=compared)
    return _verdict_of(finding, compared=compared)


def said_by_target(finding: Finding) -> bool:
    """A SYN-ACK or a reset: but for its TTL, the same words for every target."""
    return finding.state in _SAID_BY_TARGET and finding.pair.kind is Kind.TCP


@lru_cache(maxsize=4096)
def _of_target(port: int, state: PairState, ttl: int | None, *, compared: bool) -> Verdict:
    """Many targets say the same from as far away: what they say is put together once."""
    pair = Pair(kind=Kind.TCP, address="", port=port)
    alike = Finding(pair=pair, state=state, rtt=None, source=None, ttl=ttl, message=None)
    return _verdict_of(alike, compared=compared)


def _verdict_of(finding: Finding, *, compared: bool) -> Verdict:
    match finding.state:
        case PairState.OPEN:
            return _verdict(finding, State.OPEN, Mechanism.ANSWER, Where.TARGET, (_reason(finding, Claim.ANSWERED),))
        case PairState.CLOSED:
            return _closed(finding, compared=compared)
        case PairState.REFUSED:
            return _refused(finding)
        case PairState.NOT_SENT:
            return _not_sent(finding)
        case PairState.SILENT:
            return _silent(finding)


def with_refusal(result: Result, finding: Finding) -> Result:
    """A traced result that does not forget what the first pass heard.

    A box that refuses many has few answers to spare: it may be silent when a pair is asked the second time.
    """
    if finding.state is not PairState.REFUSED or result.verdict.mechanism not in (Mechanism.DROP, None):
        return result
    verdict = verdict_of_finding(finding)
    hop = next((Hop(ttl=row.ttl, address=row.address) for row in result.hops if row.address == finding.source), None)
    if hop and verdict.location.device:
        device = replace(verdict.location.device, ttl=hop.ttl)
        verdict = replace(verdict, location=replace(verdict.location, last_good=hop, device=device))
    return replace(result, verdict=replace(verdict, distance=result.verdict.distance))


def _closed(finding: Finding, *, compared: bool) -> Verdict:
    is_udp = finding.pair.kind is Kind.UDP
    told = _reason(finding, Claim.REFUSED if is_udp else Claim.RESET_BY_TARGET)
    beside = Reason(claim=Claim.NO_COMPARISON)
    if compared:
        beside = _reason(finding, Claim.SAME_DISTANCE, back=hops_back(finding.ttl or FULL_TTL), kinds="an open port")
    mechanism = Mechanism.REJECT if is_udp else Mechanism.RESET
    where = Where.TARGET if compared or is_udp else Where.UNKNOWN
    verdict = _verdict(finding, State.CLOSED, mechanism, where, (told, beside))
    # A forger's reset may have the same TTL by chance; and with nothing beside it, it may well be one.
    return replace(verdict, confidence=1 / (1 + (1 / TTL_COINCIDENCE if compared else 0.5)))


def _verdict(
    finding: Finding, state: State, mechanism: Mechanism | None, where: Where, reasons: tuple[Reason, ...]
) -> Verdict:
    return Verdict(
        state=state,
        mechanism=mechanism,
        location=Location(where=where),
        confidence=1 / (1 + chance_of_guess(1, _TOKEN_BITS[finding.pair.kind])),
        distance=None,
        reasons=reasons,
    )


def _reason(finding: Finding, claim: Claim, count: int = 1, **facts: Fact) -> Reason:
    kind, port = finding.pair.kind, finding.pair.port
    service = "icmp echo" if kind is Kind.ECHO else f"{kind}/{port}"
    told: dict[str, Fact] = {"count": count, "service": service, "ttl": finding.ttl, "source": finding.source}
    message = finding.message or ("port unreachable" if claim is Claim.REFUSED else None)
    return Reason(claim=claim, facts=told | ({"message": message} if message else {}) | facts)


def _refused(finding: Finding) -> Verdict:
    state, mechanism = _REFUSALS.get(meaning_of(finding.message or ""), (State.FILTERED, Mechanism.REJECT))
    verdict = _verdict(finding, state, mechanism, Where.PATH, (_reason(finding, Claim.REFUSED),))
    # Nobody stepped to the box: its distance is the guess that the TTL of its message allows.
    hop = Hop(ttl=hops_back(finding.ttl or FULL_TTL), address=finding.source)
    place = Location(
        where=Where.TARGET if finding.source == finding.pair.address else Where.PATH,
        direction=Direction.FORWARD,
        last_good=hop,
        device=Device(ttl=hop.ttl, address=hop.address, by=(Clue.ICMP_SOURCE,)),
    )
    return replace(verdict, location=place)


def _not_sent(finding: Finding) -> Verdict:
    error = finding.message or ""
    state = State.FILTERED if error == "EPERM" else State.UNREACHABLE
    told = _reason(finding, Claim.NOT_SENT, error=error)
    verdict = _verdict(finding, state, Mechanism.LOCAL_ERROR, Where.LOCAL, (told,))
    place = Location(where=Where.LOCAL, direction=Direction.FORWARD, last_good=Hop(ttl=0))
    return replace(verdict, location=place, confidence=1.0)  # the kernel's own word


def _silent(finding: Finding) -> Verdict:
    is_udp = finding.pair.kind is Kind.UDP
    state, mechanism = (State.OPEN_FILTERED, None) if is_udp else (State.FILTERED, Mechanism.DROP)
    silent = _reason(finding, Claim.TEST_UNANSWERED if is_udp else Claim.TEST_SILENT, _TRIES)
    verdict = _verdict(finding, state, mechanism, Where.UNKNOWN, (silent, Reason(claim=Claim.NOT_TRACED)))
    sure = 1 / (1 + chance_of_next_passing(_TRIES))
    return replace(verdict, location=Location(where=Where.UNKNOWN, last_good=Hop(ttl=0)), confidence=sure)


def _unsent(finding: Finding) -> tuple[Observation, ...]:
    """The one probe that this host would not send: its error is part of the sentence."""
    if finding.state is not PairState.NOT_SENT:
        return ()
    pair = finding.pair
    flow = Flow(kind=pair.kind, source="", destination=pair.address, source_port=0, destination_port=pair.port)
    probe = Probe(id=1, role=Role.TEST, flow=flow, flow_number=0, ttl=FULL_TTL, attempt=1, token=0, identification=1)
    return (Observation(probe=probe, sent=0.0, outcome=NotSent(error=finding.message or ""), departed=False),)


def unresolved(target: Target, trouble: str) -> Result:
    """The answer about a name that has no address: nothing was asked, and nothing is known."""
    verdict = Verdict(
        state=State.UNKNOWN,
        mechanism=None,
        location=Location(where=Where.UNKNOWN),
        confidence=0.0,
        distance=None,
        reasons=(Reason(claim=Claim.UNRESOLVED, facts={"trouble": trouble}),),
    )
    return Result(target=target, verdict=verdict, hops=(), control="", source="", source_port=None, observations=())

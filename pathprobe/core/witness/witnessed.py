"""What is the answer to a question that somebody else asked?

The verdict on its requests as for a run of ours, where there is something to locate, else as the counts give it
(core.plain); beside it what only watching shows: how the connections fared after their handshake, what was sent again,
and from where all this was seen (core.standpoint).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from pathprobe.core.evidence import Evidence
from pathprobe.core.outcomes import Answered, Silent
from pathprobe.core.probes import Kind, Role
from pathprobe.core.reasons import reason
from pathprobe.core.report import (
    Claim,
    Counted,
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
from pathprobe.core.results import result_of
from pathprobe.core.witness.courses import Course, Told
from pathprobe.core.witness.plain import label, plain_verdict
from pathprobe.core.witness.questions import Question
from pathprobe.core.witness.retold import Retold, retell
from pathprobe.core.witness.standpoint import Witness, from_here, seen_from, where_from, with_box
from pathprobe.core.witness.uneven import uneven

#: Octets of a segment from which its size is suspected, where smaller ones pass: below, every link takes it (RFC 8200).
_LARGE = 1000

_COURSES: dict[Course, Claim] = {
    Course.STALLED: Claim.STALLED,
    Course.CUT: Claim.CUT,
    Course.RESET_BY_BOX: Claim.RESET_BY_BOX,
    Course.RESET: Claim.RESET_MIDWAY,
    Course.UNANSWERED: Claim.REQUEST_UNANSWERED,
    Course.REPEATED: Claim.ANSWER_REPEATED,
    Course.UNHEARD: Claim.ANSWER_UNHEARD,
    Course.SHUT: Claim.WINDOW_SHUT,
    Course.DISOWNED: Claim.DISOWNED,
}

_INTERVALS = frozenset({Claim.INTERVAL, Claim.BROAD_INTERVAL, Claim.TARGET_EDGE, Claim.MUTE_EDGE})

#: What is told from its reasons alone, once the requests' own verdict says nothing about it.
_UNTRUE_HERE = frozenset({Claim.DEAF, Claim.UNHEARD})

#: What is said instead of what.
_INSTEAD = {Claim.TRACE_ENDS: {Claim.NOT_TRACED}, Claim.TRACE_SHORT: {Claim.UNFINISHED}}


def in_short(witness: Witness) -> Result:
    """The answer from counts, at small cost."""
    question = witness.question
    verdict = plain_verdict(question, witness.around, end_ns=witness.end_ns)
    return Result(
        target=target_of(question),
        verdict=_completed(verdict, witness, ()),
        hops=(),
        control="",
        source=question.key.source,
        source_port=None,
        observations=(),
        started=question.first_ns / 1e9,
        duration=(question.last_ns - question.first_ns) / 1e9,
        counted=_counted(question),
    )


def in_full(witness: Witness) -> Result:
    """The answer from all that was kept; the same as in short where there is nothing to retell."""
    question = witness.question
    retold = retell(question, witness.others, end_ns=witness.end_ns)
    if not retold.evidence.tests:
        return in_short(witness)
    result = result_of(
        target_of(question),
        _with_flows(retold.evidence),
        started=question.first_ns / 1e9,
        duration=(question.last_ns - question.first_ns) / 1e9,
    )
    verdict = uneven(_proved(result.verdict, retold.evidence), retold.evidence)
    verdict = _completed(verdict, witness, tuple(_trace(question, retold)))
    verdict, frames = _shown(question, retold, verdict)
    return replace(result, frames=frames, verdict=verdict, counted=_counted(question))


def _shown(question: Question, retold: Retold, verdict: Verdict) -> tuple[Verdict, dict[int, tuple[int, ...]]]:
    """With the whole connection as proof of its course, beside the SYN that began it."""
    frames, proofs = dict(retold.frames), {}
    begun = {(seen.probe.flow.source_port, seen.probe.token): seen.probe.id for seen in retold.evidence.tests}
    for course, (source_port, sequence, numbers) in question.shown.items():
        if probe := begun.get((source_port, sequence)):
            proofs[_claim(question.courses[course][1])] = (probe,)
            frames[probe] = tuple(sorted({*frames.get(probe, ()), *numbers}))
    reasons = (replace(one, probes=proofs.get(one.claim, one.probes)) for one in verdict.reasons)
    return replace(verdict, reasons=tuple(reasons)), frames


def _proved(verdict: Verdict, evidence: Evidence) -> Verdict:
    """A silence is no nearer than the first step that was lost where a control passed: others do not step every hop."""
    bad = verdict.location.first_bad
    if verdict.mechanism is not Mechanism.DROP or bad is None or evidence.at(Role.TEST, bad.ttl):
        return verdict
    silent = sorted(
        {seen.probe.ttl for seen in evidence.tests if not seen.probe.is_direct and evidence.is_silent(seen)}
    )
    farther = [ttl for ttl in silent if ttl > bad.ttl and evidence.control_passes_at(ttl)]
    first = Hop(ttl=farther[0], address=evidence.address_at(farther[0])) if farther else None
    location = Location(where=Where.UNKNOWN, last_good=verdict.location.last_good, first_bad=first)
    kept = tuple(one for one in verdict.reasons if one.claim not in _INTERVALS)
    untraced = reason(Claim.NOT_TRACED, evidence.tests)
    return replace(verdict, location=location, reasons=(*kept, untraced))


def _with_flows(evidence: Evidence) -> Evidence:
    """Where some connections are answered and others not, source ports that were used again are flows: the path may
    branch, and a SYN that was sent four times in vain is no accident."""
    if evidence.tests[0].probe.flow.kind is Kind.ECHO:
        return evidence
    fates: dict[int, set[str]] = {}
    for seen in evidence.tests:
        if seen.probe.is_direct and (evidence.is_silent(seen) or evidence.ends(seen)):
            fates.setdefault(seen.probe.flow.source_port, set()).add(seen.outcome.name)
    if len({name for names in fates.values() for name in names}) < 2:
        return evidence
    sent = Counter(seen.probe.flow.source_port for seen in evidence.tests)
    constant = tuple(port for port, names in fates.items() if sent[port] > 1 or Answered.name not in names)
    return Evidence(target=evidence.target, source=evidence.source, observations=evidence.observations, ports=constant)


def target_of(question: Question) -> Target:
    key = question.key
    port = None if question.ports else key.port or None
    host = f"[{key.target}]" if port and ":" in key.target else key.target
    return Target(given=f"{host}:{port}" if port else host, address=key.target, port=port, protocol=key.kind)


def _completed(verdict: Verdict, witness: Witness, trace: tuple[Reason, ...]) -> Verdict:
    """With what only watching shows: troubles first."""
    verdict = with_box(witness, seen_from(witness, _mute(verdict)))
    silent = verdict.mechanism in (Mechanism.DROP, None)
    question = witness.question
    told = (
        *_courses(question),
        *_some_silent(question, verdict),
        *trace,
        *where_from(witness, silent=silent),
    )
    if not told:
        return verdict
    if not witness.standing.at_asker:
        verdict = replace(verdict, reasons=tuple(map(from_here, verdict.reasons)))
    claims = {one.claim for one in told}
    untrue = _UNTRUE_HERE.union(*(said for claim, said in _INSTEAD.items() if claim in claims))
    kept = tuple(one for one in verdict.reasons if one.claim not in untrue)
    trouble = tuple(one for one in told if one.claim in _FIRST)
    return replace(verdict, reasons=(*trouble, *kept, *(one for one in told if one.claim not in _FIRST)))


def _mute(verdict: Verdict) -> Verdict:
    """A UDP port that keeps silent, and nobody asked closed ports beside it: open or filtered, as all tools call it."""
    if verdict.state is not State.UNKNOWN:
        return verdict
    claims = {one.claim for one in verdict.reasons}
    if Claim.TEST_UNANSWERED in claims and Claim.CLOSED_PORTS_SILENT not in claims:
        return replace(verdict, state=State.OPEN_FILTERED)
    return verdict


#: Reasons that lead.
_FIRST = frozenset(claim for claim in (*_COURSES.values(), Claim.LARGE_STALLED) if claim is not Claim.DISOWNED)


def _counted(question: Question) -> Counted:
    return Counted(
        attempts=question.attempts,
        packets=question.packets,
        answered=question.answered,
        reset=question.reset,
        refused=question.refused,
        silent=question.silent,
        midway=question.midway,
    )


def _courses(question: Question) -> Iterator[Reason]:
    for course in Course:
        if course in question.courses and course is not Course.FINE:
            count, told = question.courses[course]
            yield Reason(claim=_claim(told), facts=_facts(question, count, told))


def _claim(told: Told) -> Claim:
    if told.course is Course.STALLED and told.size >= _LARGE and told.size > told.passed:
        return Claim.LARGE_STALLED
    return _COURSES[told.course]


def _facts(question: Question, count: int, told: Told) -> dict[str, Fact]:
    return {
        "count": count,
        "of": question.answered,
        "service": label(question.key),
        "sender": question.key.source if told.by_asker else question.key.target,
        "receiver": question.key.target if told.by_asker else question.key.source,
        "size": told.size,
        "passed": told.passed,
        "octets": told.octets,
        "tries": told.tries,
        "seconds": round(told.seconds, 1),
        "ttl": told.ttl,
        "usual": told.usual,
    }


def _trace(question: Question, retold: Retold) -> Iterator[Reason]:
    evidence = retold.evidence
    if retold.sent_again and Course.UNHEARD not in question.courses:
        yield reason(Claim.SENT_AGAIN, retold.sent_again)
    if question.ports:
        yield Reason(claim=Claim.TRACE_PORTS, facts={"low": question.ports[0], "high": question.ports[-1]})
    last = evidence.reached(Role.TEST)
    beyond = tuple(seen for seen in evidence.tests if seen.probe.ttl > last and isinstance(seen.outcome, Silent))
    ended = any(evidence.ends(seen) for seen in evidence.tests)
    stepped = any(not seen.probe.is_direct for seen in evidence.tests)
    if stepped and not beyond and not ended and all(not seen.probe.is_direct for seen in evidence.tests):
        yield reason(Claim.TRACE_SHORT, evidence.tests, hop=last, address=evidence.address_at(last))
    if stepped and beyond and not ended and not evidence.controls:
        yield reason(Claim.TRACE_ENDS, beyond, hop=last, address=evidence.address_at(last))


def _some_silent(question: Question, verdict: Verdict) -> Iterator[Reason]:
    """Some attempts were answered and others never: packets are lost, or it does not always work."""
    known = any(one.claim in (Claim.SOME_SILENT, Claim.FLOWS_DIE) for one in verdict.reasons)
    if question.answered and question.silent and not question.is_stepped and not known:
        facts: dict[str, Fact] = {"count": question.silent, "service": label(question.key)}
        yield Reason(claim=Claim.SOME_SILENT, facts=facts)

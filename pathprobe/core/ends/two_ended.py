"""Which questions did the client put to the server, and what is the whole answer on each, from both ends' captures?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pathprobe.core.ends import reasons as because
from pathprobe.core.ends.both_ends import BothEnds
from pathprobe.core.ends.case import Case, Server
from pathprobe.core.ends.changes import Changed, changes
from pathprobe.core.ends.clocks import read_clocks
from pathprobe.core.ends.crossings import crossings
from pathprobe.core.ends.joining import Joined
from pathprobe.core.ends.lost_octets import LostData, lost_data
from pathprobe.core.ends.questions import Question, questions
from pathprobe.core.ends.running import Watch
from pathprobe.core.ends.strange_resets import StrangeReset, strange_resets
from pathprobe.core.ends.verdict import by_reply_ttl, verdict_on
from pathprobe.core.ends.which_end import is_asked_from_second
from pathprobe.core.evidence import Evidence
from pathprobe.core.hops import hop_rows
from pathprobe.core.probes import Flow, Kind
from pathprobe.core.report import (
    Hop,
    HopRow,
    Location,
    Middlebox,
    Result,
    Target,
    Verdict,
)
from pathprobe.core.sightings import Sighting


def judge(joined: Sequence[Joined], *, client: Watch, server: Watch) -> tuple[Result, ...]:
    """One result for each question that the client put to the server, in their order; none if it put none.

    ``client`` and ``server``: when their captures ran.
    """
    clocks = read_clocks(pair for one in joined for pair in one.pairs)
    asked = questions(_about_the_server(joined), client.last_ns or 0)
    groups: dict[str, list[Question]] = {}
    for one in asked:
        groups.setdefault(one.asked[1], []).append(one)
    servers = {address: Server(those) for address, those in groups.items()}
    return tuple(_result(Case(one, servers[one.asked[1]], clocks, server)) for one in asked)


def _about_the_server(joined: Sequence[Joined]) -> list[Joined]:
    """Without what the client had to do with others: those do not show in the server's capture, and need not."""
    servers = {one.client.flow.destination for one in joined if one.client and one.server}
    if not servers:
        flows = [one.server.flow for one in joined if one.server]
        servers = {end for flow in flows for end in (flow.source, flow.destination)}
    mine = [one for one in joined if one.client and not is_asked_from_second(one)]
    return [one for one in mine if one.server or (one.client and one.client.flow.destination in servers)] or mine


def _result(case: Case) -> Result:
    question = case.question
    verdict = verdict_on(case)
    found, lost = changes(question.joined), tuple(one for each in question.joined for one in _lost(each))
    resets = tuple(
        reset for one in question.joined for reset in strange_resets(one, lambda seen: _is_missing(case, seen))
    )
    verdict = replace(
        verdict,
        location=_with_breaker(case, verdict.location, resets),
        reasons=(*verdict.reasons, *because.lost_data(question, lost), *because.broken_off(question, resets)),
    )
    flow = question.observations[0].probe.flow
    label = Target(given=case.target, address=case.target, port=case.port, protocol=case.kind)
    times = [
        packet.time_ns for one in question.joined if one.client for packet in (*one.client.there, *one.client.back)
    ]
    evidence = Evidence(target=case.target, source=flow.source, observations=question.observations)
    return Result(
        target=label,
        verdict=verdict,
        hops=_hops(case, evidence, verdict) if evidence.responders else (),
        control="",
        source=flow.source,
        source_port=None,
        observations=question.observations,
        middleboxes=_middleboxes(case, found),
        started=question.start_ns / 1e9,
        duration=(max(times) - question.start_ns) / 1e9,
        frames=question.frames,
        both_ends=_both_ends(case, found, lost, resets),
    )


def _hops(case: Case, evidence: Evidence, verdict: Verdict) -> tuple[HopRow, ...]:
    """With the routers that other questions met: they went the same way."""
    rows = hop_rows(evidence, verdict)
    return tuple(replace(row, address=row.address or case.server.routers.get(row.ttl)) for row in rows)


def _lost(joined: Joined) -> tuple[LostData, ...]:
    return lost_data(joined) if joined.client and joined.client.flow.kind is Kind.TCP else ()


def _is_missing(case: Case, seen: Sighting) -> bool:
    """The server's capture ran and does not hold it; or it may have ended, and the TTL is that of another box."""
    return case.has_run(seen.time_ns) or by_reply_ttl(case, seen.packet.ttl) is not None


def _with_breaker(case: Case, location: Location, resets: Sequence[StrangeReset]) -> Location:
    """The box that broke established connections off, where the TTL of its resets tells its hop."""
    ttls = [one.ttl for one in resets if one.to_client]
    device = by_reply_ttl(case, ttls[0]) if ttls and location.device is None else None
    return replace(location, device=device) if device else location


def _both_ends(
    case: Case, found: tuple[Changed, ...], lost: tuple[LostData, ...], resets: tuple[StrangeReset, ...]
) -> BothEnds:
    tries = case.question.tries
    return BothEnds(
        fate=case.fate,
        tries={fate: len(those) for fate, those in case.fates.items()},
        sent=len(case.question.sent),
        arrived=sum(len(one.arrived) for one in tries),
        answers=sum(len(one.answers) for one in tries),
        heard=sum(len(one.heard) for one in tries),
        running=case.running,
        clocks=case.clocks,
        hops_there=case.hops_there,
        hops_back=case.hops_back,
        seen_as=tuple(_seen_as(case.question)),
        changes=found,
        lost=lost,
        resets=resets,
        server_frames=case.question.server_frames,
        crossings=crossings(case.question.joined, _asking(case.question)),
    )


def _asking(question: Question) -> dict[int, int]:
    """Frame of the client -> the probe that it is."""
    return {frames[0]: id for id, frames in question.frames.items()}


def _seen_as(question: Question) -> list[tuple[Flow, Flow]]:
    both = ((one.client.flow, one.server.flow) for one in question.joined if one.client and one.server)
    return [(mine, theirs) for mine, theirs in both if mine != theirs]


def _middleboxes(case: Case, found: Sequence[Changed]) -> tuple[Middlebox, ...]:
    """What was changed, between the two ends: no hop in between says where."""
    there = Hop(ttl=case.hops_there or case.hops_back or 1, address=case.target)
    label = case.question.observations[0].probe.flow.label
    probes = _asking(case.question)
    return tuple(
        Middlebox(
            between=(Hop(ttl=0), there) if one.forward else (there, Hop(ttl=0)),
            what=one.what,
            before=one.before,
            after=one.after,
            probes=tuple(probes[frame] for frame in one.frames if frame in probes),
            services=(label,),
        )
        for one in found
    )

"""How do two captures, one from each end, become evidence: the packets of the questions, each with its fate?

The comments name the frame that a packet is at the other end, by the numbers that it has in the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pathprobe.core.ends.both_ends import BothEnds
from pathprobe.core.ends.crossings import Crossing
from pathprobe.core.evidence import Observation
from pathprobe.core.packets import Packet
from pathprobe.core.report import Report, Result
from pathprobe.engine.copying import Source, Told, copied, source_at
from pathprobe.engine.excerpt import asked_or_answered, goes_on, head, renumbered
from pathprobe.engine.recorder import Words

#: Frame of a file -> frame of its evidence.
_Numbers = Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A packet of a question; ``observation``: the probe that it is, or that was the last before it."""

    result: Result
    crossing: Crossing
    observation: Observation | None


def evidence_of_both(client: Path, server: Path, report: Report, words: Words) -> tuple[Report, bytes, bytes]:
    """The client's evidence, the server's, and the report with the frame numbers that it has there.

    Raises OSError, and NotACapture when a file is none.
    """
    sources = source_at(client), source_at(server)
    old = [one for result in report.results for one in _crossings(result)]
    numbers = _numbers(sources[0], (one.client for one in old)), _numbers(sources[1], (one.server for one in old))
    report = replace(report, results=tuple(_renumbered(result, *numbers) for result in report.results))
    packets = list(_packets(report))
    comment = head(report, words)
    return (
        report,
        _evidence(sources[0], numbers[0], {one.crossing.client: one for one in packets}, _at_client, words, comment),
        _evidence(sources[1], numbers[1], {one.crossing.server: one for one in packets}, _at_server, words, comment),
    )


def _crossings(result: Result) -> tuple[Crossing, ...]:
    return result.both_ends.crossings if result.both_ends else ()


def _numbers(source: Source, used: Iterable[int | None]) -> _Numbers:
    """What is evidence as it is keeps its numbers."""
    frames = sorted({number for number in used if number is not None})
    return {number: number if source.is_evidence else at for at, number in enumerate(frames, 1)}


def _packets(report: Report) -> Iterable[_Seen]:
    for result in report.results:
        seen = {one.probe.id: one for one in result.observations}
        for one in _crossings(result):
            observation = seen.get(one.probe) if one.probe is not None else None
            yield _Seen(result=result, crossing=one, observation=observation)


_Tell = Callable[[_Seen, Packet, Words], Told]


def _evidence(
    source: Source, numbers: _Numbers, packets: Mapping[int | None, _Seen], tell: _Tell, words: Words, comment: str
) -> bytes:
    if source.is_evidence:
        return source.path.read_bytes()

    def told(number: int, packet: Packet) -> Told | None:
        return tell(packets[numbers[number]], packet, words) if number in numbers else None

    ended = source.facts.ended_ns or 0
    return copied(source, told, comment=comment, end=lambda last_ns, _: max(last_ns, ended)).octets


def _at_client(seen: _Seen, packet: Packet, words: Words) -> Told:
    assert seen.observation is not None  # every conversation of the client's capture begins with a probe
    one = seen.crossing
    frames = seen.result.frames.get(seen.observation.probe.id, ())
    is_told = one.client in frames and not goes_on(packet)
    about = (
        asked_or_answered(seen.observation, words, outgoing=one.forward)
        if is_told
        else words.connection(seen.observation)
    )
    return Told(outgoing=one.forward, comments=[words.at_client(about, one, packet, seen.result)])


def _at_server(seen: _Seen, packet: Packet, words: Words) -> Told:
    comment = words.at_server(seen.observation, seen.crossing, packet)
    return Told(outgoing=not seen.crossing.forward, comments=[comment])


def _renumbered(result: Result, client: _Numbers, server: _Numbers) -> Result:
    ends = result.both_ends
    if ends is None:
        return result
    return replace(result, frames=renumbered(result.frames, client), both_ends=_ends(ends, client, server))


def _ends(ends: BothEnds, client: _Numbers, server: _Numbers) -> BothEnds:
    def known(frames: Iterable[int], numbers: _Numbers) -> tuple[int, ...]:
        return tuple(numbers[number] for number in frames if number in numbers)

    return replace(
        ends,
        changes=tuple(replace(one, frames=known(one.frames, client)) for one in ends.changes),
        lost=tuple(replace(one, frames=known(one.frames, client if one.forward else server)) for one in ends.lost),
        resets=tuple(
            replace(one, frame=(client if one.to_client else server).get(one.frame, one.frame)) for one in ends.resets
        ),
        server_frames=renumbered(ends.server_frames, server),
        crossings=tuple(
            replace(
                one,
                client=None if one.client is None else client[one.client],
                server=None if one.server is None else server[one.server],
            )
            for one in ends.crossings
        ),
    )

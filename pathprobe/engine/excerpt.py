"""Which packets of a capture does a verdict rest on, and how do they become evidence of their own?

A capture of ours is evidence as it is. Of anybody else's only the packets are taken that belong to a question, each
with our comment on it: the rest is nobody's business. What was ours and is compressed is unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pathprobe.core.evidence import Observation
from pathprobe.core.ledger import Match
from pathprobe.core.outcomes import Reply
from pathprobe.core.packets import Echo, EchoKind, IcmpError, Packet, Protocol, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.probes import Role
from pathprobe.core.report import Claim, Report, Result
from pathprobe.engine.copying import EndOf, Source, Tell, Told, copied, source_at
from pathprobe.engine.recorder import Words, fitting


def evidence_of(path: Path, report: Report, words: Words) -> tuple[Report, bytes]:
    """The capture behind a report as evidence, and the report with the frame numbers that it has there.

    Raises OSError, and NotACapture when the file is none.
    """
    source = source_at(path)
    if source.is_evidence:
        return report, path.read_bytes()
    comment = source.facts.comment if source.notes else head(report, words)
    copy = copied(source, _tell(report, words), comment=comment, end=_end(source, report))
    return _renumbered(report, copy.numbers), copy.octets


def head(report: Report, words: Words) -> str:
    """What stands at the head of a capture: the verdicts, as many as have room."""
    return fitting([words.section(result) for result in report.results])


def _end(source: Source, report: Report) -> EndOf:
    """When listening ended. Where the file does not say, what was assumed must be assumed again."""
    is_assumed = any(one.claim is Claim.END_ASSUMED for result in report.results for one in result.verdict.reasons)

    def end(last_ns: int, last_copied_ns: int | None) -> int | None:
        if source.facts.ended_ns is not None or source.facts.cut:
            return max(last_ns, source.facts.ended_ns or 0)
        return None if is_assumed or last_ns == last_copied_ns else last_ns

    return end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """For what a frame counts: a probe of this question, or its answer."""

    result: Result
    seen: Observation


def _used(report: Report) -> dict[int, list[_Use]]:
    """Frame -> for what it counts; what one question asks is a control of others, of which nothing is said."""
    used: dict[int, list[_Use]] = {}
    for result in report.results:
        for seen in result.observations:
            for number in result.frames.get(seen.probe.id, ()):
                used.setdefault(number, []).append(_Use(result=result, seen=seen))
    return {number: [one for one in uses if one.seen.probe.role is Role.TEST] or uses for number, uses in used.items()}


def _tell(report: Report, words: Words) -> Tell:
    used = _used(report)
    asked = {(result.source, result.target.address) for result in report.results}
    in_short = {_question(result): result for result in report.results if not result.frames}

    def tell(number: int, packet: Packet) -> Told | None:
        if uses := used.get(number):
            return _told(packet, uses, words)
        if isinstance(packet.body, IcmpError) and (packet.source, packet.destination) in asked:
            return Told(outgoing=True, comments=[words.disowned(packet)])
        for outgoing, question in _questions_of(packet) if in_short else ():
            if question in in_short:
                return Told(outgoing=outgoing, comments=[words.in_short(in_short[question], outgoing)])
        return None

    return tell


#: Who asks whom, by which protocol, on which port; None for echo.
_Question = tuple[str, str, str, int | None]


def _question(result: Result) -> _Question:
    return result.source, result.target.address, result.target.protocol, result.target.port


#: Protocols with ports, by their number.
_PORTED: dict[int, str] = {Protocol.TCP: "tcp", Protocol.UDP: "udp"}


def _questions_of(packet: Packet) -> Iterator[tuple[bool, _Question]]:
    """The questions to which a packet may belong, and whether it asks: of many only the counts are kept."""
    here, there = packet.source, packet.destination
    match packet.body:
        case Tcp(source_port=source, destination_port=destination):
            yield from ((True, (here, there, "tcp", destination)), (False, (there, here, "tcp", source)))
        case Udp(source_port=source, destination_port=destination):
            yield from ((True, (here, there, "udp", destination)), (False, (there, here, "udp", source)))
        case Echo(kind=kind):
            asks = kind is EchoKind.REQUEST
            yield asks, (*((here, there) if asks else (there, here)), "icmp", None)
        case IcmpError(quote=Quote() as quote):
            protocol = _PORTED.get(quote.protocol, "icmp")
            port = None if protocol == "icmp" else quote.second
            yield False, (quote.source, quote.destination, protocol, port)


def _told(packet: Packet, uses: Sequence[_Use], words: Words) -> Told:
    outgoing = any(packet.source == use.result.source for use in uses)
    said = [
        words.connection(use.seen) if goes_on(packet) else asked_or_answered(use.seen, words, outgoing=outgoing)
        for use in uses
    ]
    return Told(outgoing=outgoing, comments=list(dict.fromkeys(said)))


def goes_on(packet: Packet) -> bool:
    """A segment of a connection that stands: neither a SYN nor a reset."""
    return isinstance(packet.body, Tcp) and not packet.body.flags & (TcpFlags.SYN | TcpFlags.RST)


def asked_or_answered(seen: Observation, words: Words, *, outgoing: bool) -> str:
    """The comment on a probe, or on the answer to it."""
    if outgoing or not isinstance(seen.outcome, Reply):
        return words.sent(seen)
    return words.answer(Match(probe=seen.probe, outcome=seen.outcome, duplicate=False))


def renumbered(frames: Mapping[int, tuple[int, ...]], numbers: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Probe -> frames, with the numbers that those have in a copy, as far as they are in it."""
    return {probe: tuple(numbers[number] for number in old if number in numbers) for probe, old in frames.items()}


def _renumbered(report: Report, numbers: Mapping[int, int]) -> Report:
    results = (replace(result, frames=renumbered(result.frames, numbers)) for result in report.results)
    return replace(report, results=tuple(results))

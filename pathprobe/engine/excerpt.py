"""Which packets of a capture does a verdict rest on, and how do they become evidence of their own?

A capture of ours is evidence as it is. Of anybody else's only the packets are taken that belong to a question, each
with our comment on it: the rest is nobody's business. What was ours and is compressed is unpacked.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pathprobe import __version__
from pathprobe.core.evidence import Observation
from pathprobe.core.ledger import Match
from pathprobe.core.outcomes import Reply
from pathprobe.core.packets import Malformed, Packet, Tcp, TcpFlags
from pathprobe.core.report import Report, Result
from pathprobe.engine.notes import read_note
from pathprobe.engine.recorder import Words
from pathprobe.wire.captured import FileFacts
from pathprobe.wire.captures import open_capture
from pathprobe.wire.dissect import dissect
from pathprobe.wire.link_layers import NotIp, unwrap
from pathprobe.wire.pcapng import Writer
from pathprobe.wire.pcapng_reader import MAGIC


def evidence_of(path: Path, report: Report, words: Words) -> tuple[Report, bytes]:
    """The capture behind a report as evidence, and the report with the frame numbers that it has there.

    Raises OSError, and NotACapture when the file is none.
    """
    facts = _facts(path)
    with path.open("rb") as stream:
        is_packed = not stream.read(len(MAGIC)).startswith(MAGIC)
    if any(map(read_note, facts.notes)) and not is_packed:
        return report, path.read_bytes()
    return _excerpt(path, facts, report, words)


def _facts(path: Path) -> FileFacts:
    """What the file says of itself, which is known at its end only."""
    with open_capture(path) as capture:
        for _ in capture:
            pass
        return capture.facts


def _excerpt(path: Path, facts: FileFacts, report: Report, words: Words) -> tuple[Report, bytes]:
    ours = [text for text in facts.notes if read_note(text)]
    comment = facts.comment if ours else "\n".join(words.section(result) for result in report.results)
    stream = io.BytesIO()
    writer = Writer(stream, comment=comment, application=f"pathprobe {__version__}")
    numbers: dict[int, int] = {}
    span = _copy(path, writer, _used(report), words, numbers)
    if span:
        writer.statistics(span[0], facts.ended_ns or span[1], ours)
    return _renumbered(report, numbers), stream.getvalue()


def _copy(
    path: Path, writer: Writer, used: Mapping[int, Sequence[_Use]], words: Words, numbers: dict[int, int]
) -> tuple[int, int] | None:
    """Write the frames that are used, note their new numbers, and say when the file begins and ends."""
    span: tuple[int, int] | None = None
    with open_capture(path) as capture:
        for packet in capture:
            span = (span[0] if span else packet.time_ns, packet.time_ns)
            frame = unwrap(packet.linktype, packet.octets)
            if packet.number not in used or isinstance(frame, NotIp):
                continue
            numbers[packet.number] = len(numbers) + 1
            outgoing, comments = _told(frame.octets, used[packet.number], words)
            writer.packet(
                packet.time_ns, frame.octets, interface=packet.interface, outgoing=outgoing, comments=comments
            )
    return span


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """For what a frame counts: a probe of this question, or its answer."""

    result: Result
    seen: Observation


def _used(report: Report) -> dict[int, list[_Use]]:
    used: dict[int, list[_Use]] = {}
    for result in report.results:
        for seen in result.observations:
            for number in result.frames.get(seen.probe.id, ()):
                used.setdefault(number, []).append(_Use(result=result, seen=seen))
    return used


def _told(octets: bytes, uses: Sequence[_Use], words: Words) -> tuple[bool, list[str]]:
    """Whether the frame was sent by whoever asked, and what it shows."""
    packet = dissect(octets)
    source = None if isinstance(packet, Malformed) else packet.source
    outgoing = any(source == use.result.source for use in uses)
    if not isinstance(packet, Malformed) and _goes_on(packet):
        return outgoing, [words.connection(use.seen) for use in uses]
    return outgoing, [_comment(use.seen, words, outgoing=outgoing) for use in uses]


def _goes_on(packet: Packet) -> bool:
    """A segment of a connection that stands: neither a SYN nor a reset."""
    return isinstance(packet.body, Tcp) and not packet.body.flags & (TcpFlags.SYN | TcpFlags.RST)


def _comment(seen: Observation, words: Words, *, outgoing: bool) -> str:
    if outgoing or not isinstance(seen.outcome, Reply):
        return words.sent(seen)
    return words.answer(Match(probe=seen.probe, outcome=seen.outcome, duplicate=False))


def _renumbered(report: Report, numbers: Mapping[int, int]) -> Report:
    def frames(result: Result) -> dict[int, tuple[int, ...]]:
        return {
            probe: tuple(numbers[number] for number in old if number in numbers) for probe, old in result.frames.items()
        }

    return replace(report, results=tuple(replace(result, frames=frames(result)) for result in report.results))

"""Which verdict follows from two captures of one conversation, one from each end?

Both files are read to their end before anything is said: a packet of one may be anywhere in the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pathprobe.core.ends.conversations import Conversation, conversations
from pathprobe.core.ends.joining import join
from pathprobe.core.ends.running import Watch
from pathprobe.core.ends.two_ended import judge
from pathprobe.core.ends.which_end import are_swapped
from pathprobe.core.report import Result
from pathprobe.core.sightings import FileSummary, Sighting
from pathprobe.engine.notes import Asked, read_note
from pathprobe.engine.sightings import open_sightings
from pathprobe.wire.captured import FileFacts
from pathprobe.wire.captures import NotACapture


class NothingInCommon(ValueError):
    """The two files do not show the same conversation; the text says how that is known and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoEnded:
    """``swapped``: the first file was the server's. ``packets`` of the client's capture were used."""

    results: tuple[Result, ...]
    swapped: bool
    client: FileSummary
    server: FileSummary


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    conversations: tuple[Conversation, ...]
    watch: Watch
    asked: frozenset[tuple[str, str, int]]
    summary: FileSummary


def analyze(client: Path, server: Path) -> TwoEnded:
    """The verdicts on what the client asked the server. Raises NothingInCommon, NotACapture, OSError."""
    files = _read(client), _read(server)
    joined = join(files[0].conversations, files[1].conversations)
    swapped = are_swapped(joined)
    if swapped:
        files = files[1], files[0]
        joined = join(files[0].conversations, files[1].conversations)
    _require_something(*files, joined_any=any(one.pairs for one in joined))
    results = judge(joined, client=files[0].watch, server=files[1].watch)
    if not results:
        raise NothingInCommon(f"{files[0].path}: its host asked nothing of the one that {files[1].path} comes from")
    results = _only_asked(results, files[0].asked)
    if files[0].summary.cut or files[1].summary.cut:
        results = tuple(replace(one, complete=False) for one in results)
    return TwoEnded(results=results, swapped=swapped, client=files[0].summary, server=files[1].summary)


def _read(path: Path) -> _File:
    try:
        with open_sightings(path) as sightings:
            seen = list(sightings)
    except NotACapture as error:
        raise NotACapture(f"{path}: {error}") from None
    notes = [note for text in sightings.facts.notes if isinstance(note := read_note(text), Asked)]
    return _File(
        path=path,
        conversations=conversations(seen),
        watch=_watch(seen, notes, sightings.facts),
        asked=frozenset((note.kind, note.target, note.port) for note in notes),
        summary=sightings.summary,
    )


def _watch(seen: list[Sighting], notes: list[Asked], facts: FileFacts) -> Watch:
    """From the first packet to the last, or as long as the file itself says.

    An excerpt says how many packets it was taken from: a capture that holds strangers' packets ran too.
    """
    times = [one.time_ns for one in seen]
    starts, ends = [*times, *(note.start_ns for note in notes)], [*times, *(note.end_ns for note in notes)]
    packets = max(len(seen), facts.delivered or 0)
    if packets:
        starts += [facts.started_ns] if facts.started_ns is not None else []
        ends += [facts.ended_ns] if facts.ended_ns is not None else []
    return Watch(first_ns=min(starts, default=None), last_ns=max(ends, default=None), packets=packets)


def _only_asked(results: tuple[Result, ...], asked: frozenset[tuple[str, str, int]]) -> tuple[Result, ...]:
    """In a capture of ours what else was sent is the control, and has no verdict of its own."""
    wanted = tuple(one for one in results if (one.target.protocol, one.target.address, one.target.port or 0) in asked)
    return wanted or results


def _require_something(client: _File, server: _File, *, joined_any: bool) -> None:
    if not client.conversations:
        raise NothingInCommon(
            f"{client.path}: it holds no TCP, UDP or echo packet, so there is nothing to look for in {server.path}"
        )
    if joined_any or not server.conversations:
        return
    if not client.watch.overlaps(server.watch):
        raise NothingInCommon(
            f"{client.path} and {server.path} have no packet in common and are from different times:"
            " capture at both ends while the client asks"
        )
    if not _ends(client) & _ends(server):
        raise NothingInCommon(
            f"{client.path} and {server.path} have no packet and no address in common:"
            " are they the two ends of one conversation?"
        )


def _ends(file: _File) -> set[str]:
    return {end for one in file.conversations for end in (one.flow.source, one.flow.destination)}

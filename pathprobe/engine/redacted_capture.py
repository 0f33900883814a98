"""How does a capture of ours look in which addresses, names and data cannot be read?

It is written anew: the packets redacted, their comments and the notes with pseudonyms. Comments that are not ours,
of which nobody knows what they say, are left out. ``pathprobe analyze`` gives the same verdict, with pseudonyms in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address

from pathprobe.core.probes import Kind
from pathprobe.core.redaction.pseudonyms import Pseudonyms
from pathprobe.engine.notes import Asked, Asking, KeptBack, Note, read_note
from pathprobe.wire.blanking import adjusted
from pathprobe.wire.captured import CapturedPacket, FileFacts
from pathprobe.wire.captures import Capture
from pathprobe.wire.pcapng import Writer
from pathprobe.wire.redacted import Redactor


def redacted_capture(octets: bytes, pseudonyms: Pseudonyms, words: Callable[[str], str]) -> bytes:
    """A capture of ours, redacted; ``words`` makes the comment at its head of the one that stood there.

    Raises NotACapture when it is none.
    """
    with Capture(io.BytesIO(octets)) as capture:
        packets, facts = list(capture), capture.facts
    notes = list(_notes(facts.notes, pseudonyms))
    stream = io.BytesIO()
    writer = Writer(stream, comment=words(facts.comment), application=facts.application)
    is_killed = not any(isinstance(note, Asked) for note in notes)
    for note in notes:
        if isinstance(note, Asking) and is_killed:
            writer.statistics(note.start_ns, note.start_ns, comments=[str(note)])
    redactor = Redactor(pseudonyms)
    for packet in packets:
        _write(writer, packet, redactor, pseudonyms)
    _close(writer, packets, facts, notes)
    return stream.getvalue()


def _write(writer: Writer, packet: CapturedPacket, redactor: Redactor, pseudonyms: Pseudonyms) -> None:
    writer.packet(
        packet.time_ns,
        redactor.datagram(packet.octets),
        interface=packet.interface,
        outgoing=packet.outgoing is not False,
        comments=[pseudonyms.text(text) for text in packet.comments],
    )


def _close(writer: Writer, packets: Sequence[CapturedPacket], facts: FileFacts, notes: Sequence[Note]) -> None:
    """When watching ended, and the notes; of a run that was killed nobody knows."""
    asked = [note for note in notes if isinstance(note, Asked)]
    starts = [one.start_ns for one in asked] or [one.time_ns for one in packets[:1]]
    if facts.started_ns is not None:
        starts = [facts.started_ns]
    if starts and facts.ended_ns and (asked or not notes):
        comments = [str(note) for note in notes]
        writer.statistics(min(starts), facts.ended_ns, comments=comments, delivered=facts.delivered)


def _notes(texts: Sequence[str], pseudonyms: Pseudonyms) -> Iterator[Note]:
    """Our notes with pseudonyms. What was kept back follows the question to which it belongs."""
    asked: Asked | Asking | None = None
    for note in filter(None, map(read_note, texts)):
        match note:
            case Asked() | Asking():
                asked = note
                source, target = pseudonyms.address(note.source), pseudonyms.address(note.target)
                yield replace(note, source=source, target=target)
            case KeptBack():
                yield replace(note, token=_token(note, asked, pseudonyms))


def _token(note: KeptBack, asked: Asked | Asking | None, pseudonyms: Pseudonyms) -> int:
    """The token of a datagram is its checksum, and the addresses are in that (core.probes)."""
    if note.kind is not Kind.UDP or asked is None or not note.token:
        return note.token
    before = ip_address(asked.source).packed + ip_address(asked.target).packed
    after = pseudonyms.packed(ip_address(asked.source).packed) + pseudonyms.packed(ip_address(asked.target).packed)
    return adjusted(note.token, before, after)

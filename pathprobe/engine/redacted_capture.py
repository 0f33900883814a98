"""How does a capture of ours look in which addresses, names and data cannot be read?

It is written anew: the packets redacted, their comments and the notes with pseudonyms. Comments that are not ours,
of which nobody knows what they say, are left out. ``pathprobe analyze`` gives the same verdict, with pseudonyms in it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address

from pathprobe.core.probes import Kind
from pathprobe.core.redaction import Pseudonyms
from pathprobe.engine.notes import Asked, Asking, KeptBack, Note, read_note
from pathprobe.wire.blanking import adjusted
from pathprobe.wire.pcapng import LINKTYPE_RAW, Capture, CapturedPacket, Writer, read
from pathprobe.wire.redacted import Redactor


def redacted_capture(octets: bytes, pseudonyms: Pseudonyms, *, comment: str, application: str) -> bytes:
    """A pcapng file of ours, redacted; ``comment`` stands at its head. Raises ValueError when it is none."""
    capture = read(io.BytesIO(octets))
    notes = list(_notes(capture.notes, pseudonyms))
    stream = io.BytesIO()
    writer = Writer(stream, comment=comment, application=application)
    for note in notes:
        if isinstance(note, Asking) and not any(isinstance(one, Asked) for one in notes):
            writer.statistics(note.start_ns, note.start_ns, comments=[str(note)])
    redactor = Redactor(pseudonyms)
    for packet in capture.packets:
        if packet.linktype == LINKTYPE_RAW:
            _write(writer, packet, redactor, pseudonyms)
    _close(writer, capture, notes)
    return stream.getvalue()


def _write(writer: Writer, packet: CapturedPacket, redactor: Redactor, pseudonyms: Pseudonyms) -> None:
    writer.packet(
        packet.time_ns,
        redactor.datagram(packet.octets),
        interface=packet.interface,
        outgoing=packet.outgoing is not False,
        comments=[pseudonyms.text(text) for text in packet.comments],
    )


def _close(writer: Writer, capture: Capture, notes: Sequence[Note]) -> None:
    asked = [note for note in notes if isinstance(note, Asked)]
    if asked:
        end = capture.ended_ns or max(one.end_ns for one in asked)
        writer.statistics(min(one.start_ns for one in asked), end, comments=[str(note) for note in notes])


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

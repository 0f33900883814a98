"""``--ticket DIR|FILE.zip`` and ``--redact``: what somebody else needs to be convinced, in one place."""

from __future__ import annotations

import secrets
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

import click

from pathprobe.commands import status
from pathprobe.engine.ticket_place import CannotPlace, TicketPlace

if TYPE_CHECKING:
    from pathprobe.core.redaction.pseudonyms import Pseudonyms
    from pathprobe.core.report import Report, Target
    from pathprobe.output.ticket import Shown


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that has a ticket to write."""
    place = click.option(
        "--ticket",
        "place",
        metavar="DIR|FILE.zip",
        type=click.Path(path_type=Path),
        help="Write a report for others: Markdown, HTML, JSON and the packets.",
    )
    redact = click.option("--redact", is_flag=True, help="Replace addresses and names in the ticket, and cut payloads.")
    return place(redact(function))


class Ticket:
    """A ticket to be; without a place nothing happens. Left without ``put``, it leaves nothing behind.

    ``evidence``: the file that the packets go to, or are in already; None where nobody wants them.
    """

    def __init__(self, place: TicketPlace | None, evidence: Path | None, *, redact: bool) -> None:
        self.evidence = evidence
        self._place = place
        self._redact = redact
        self._routes: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def begin(
        cls,
        place: Path | None,
        *,
        redact: bool,
        write: Path | None = None,
        capture: Path | None = None,
        both_ends: bool = False,
        more: Sequence[str] = (),
    ) -> Ticket:
        """Until the command ends. ``write``: where the user wants the packets too; ``capture``: where they are;
        ``both_ends``: the server's are somewhere too; ``more``: files that the command itself will add.

        Ends the program before the first probe where the ticket cannot be.
        """
        if redact and place is None:
            _fail("--redact is about tickets: add --ticket DIR or --ticket FILE.zip", status.USAGE)
        ready = _place(place, write, both_ends=both_ends, more=more) if place else None
        kept = cls(ready, write or capture, redact=redact)
        return click.get_current_context().with_resource(kept)

    def __enter__(self) -> Self:
        if self._place and self.evidence is None:
            self._folder = tempfile.TemporaryDirectory(prefix="pathprobe-")
            self.evidence = Path(self._folder.name, "evidence.pcapng")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._place:
            self._place.abandon()
        if self._folder:
            self._folder.cleanup()

    def look_at_routes(self, targets: Sequence[Target], *, source: str | None, interface: str | None) -> None:
        """Remember which way the kernel sends packets, as it is before the first of them."""
        if self._place is None:
            return
        from pathprobe.commands.live import route_words
        from pathprobe.engine.surroundings import route_of

        for target in {one.address: one for one in targets}.values():
            found = route_of(target, source=source, interface=interface)
            self._routes.append(found if isinstance(found, str) else route_words(target, found))

    def told(self, report: Report) -> Report:
        """The report as it is printed: its packets are where they stay."""
        if self._folder is None or self._place is None:
            return report
        from pathprobe.output.verify import EVIDENCE

        kept = self._place.file(EVIDENCE)
        return replace(report, capture_path=None if kept is None else str(kept))

    def put(self, report: Report, more: Mapping[str, str] = MappingProxyType({}), headline: str = "") -> None:
        """Write it, with ``more`` files: name -> text, and what they say in one sentence. Raises CannotPlace."""
        if self._place is None or self.evidence is None:
            return
        from pathprobe.commands.live import WORDS
        from pathprobe.engine.excerpt import evidence_of
        from pathprobe.engine.two_excerpts import evidence_of_both

        if report.capture_path and report.server_capture_path:
            client, server = Path(report.capture_path), Path(report.server_capture_path)
            report, *evidence = evidence_of_both(client, server, report, WORDS)
        else:
            report, *evidence = evidence_of(self.evidence, report, WORDS)
        self._place.put(_files(report, evidence, self._routes, more, headline, redact=self._redact))
        click.echo(f"pathprobe: the ticket is in {self._place.path}", err=True)


def _place(path: Path, write: Path | None, *, both_ends: bool, more: Sequence[str]) -> TicketPlace:
    from pathprobe.output.ticket import names

    if write and write.exists() and not write.is_file():
        _fail(f"{write} is no file that can be read again: leave out -w, the ticket has the packets", status.USAGE)
    wanted = names(both_ends=both_ends, more=more)
    taken = {(path / name).absolute() for name in wanted} | {path.absolute()}
    if write and write.absolute() in taken:
        _fail(f"-w and --ticket both want {write}: leave out -w, the ticket has the packets", status.USAGE)
    try:
        return TicketPlace(path, wanted)
    except CannotPlace as error:
        _fail(str(error), status.CANNOT)


def _files(
    report: Report,
    evidence: Sequence[bytes],
    routes: Sequence[str],
    more: Mapping[str, str],
    headline: str,
    *,
    redact: bool,
) -> dict[str, bytes]:
    from pathprobe.core.redaction.command import told_command
    from pathprobe.engine.surroundings import surroundings
    from pathprobe.output.ticket import files

    if redact:
        return _redacted(report, evidence, routes)
    about = surroundings(report, command=told_command(sys.argv[1:]), routes=routes)
    return files(report, [_shown(one) for one in evidence], about, more, headline)


def _shown(octets: bytes) -> Shown:
    from pathprobe.engine.exhibits import exhibits
    from pathprobe.output.ticket import Shown

    return Shown(octets=octets, exhibits=tuple(exhibits(octets)))


def _redacted(report: Report, evidence: Sequence[bytes], routes: Sequence[str]) -> dict[str, bytes]:
    """The same with pseudonyms, whose key is thrown away."""
    from pathprobe.core.redaction.command import told_command
    from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms
    from pathprobe.core.redaction.report import redacted
    from pathprobe.engine.recorder import fitting
    from pathprobe.engine.redacted_capture import redacted_capture
    from pathprobe.engine.surroundings import surroundings
    from pathprobe.output.comments import section_comment
    from pathprobe.output.ticket import files

    pseudonyms = Pseudonyms(secrets.token_bytes(KEY_SIZE))
    report = redacted(report, pseudonyms)

    def words(comment: str) -> str:
        """The head of the capture: its first line is the command that made it."""
        return fitting([_told_again(comment, pseudonyms), *map(section_comment, report.results)])

    evidence = [redacted_capture(one, pseudonyms, words) for one in evidence]
    command = told_command(sys.argv[1:], pseudonyms)
    about = surroundings(report, command=command, routes=map(pseudonyms.text, routes))
    return files(report, [_shown(one) for one in evidence], about)


def _told_again(comment: str, pseudonyms: Pseudonyms) -> str:
    from pathprobe.core.redaction.command import told_command

    try:
        words = shlex.split(comment.partition("\n")[0])
    except ValueError:
        words = []
    return told_command(words[1:], pseudonyms)


def _fail(message: str, code: int) -> NoReturn:
    from pathprobe.commands.ending import fail

    fail(message, code)

"""Where is a ticket put, so that nothing is lost and nothing is overwritten?

In a folder, which is made where it is missing, or in a zip file. That it can be put there is found out before the first
probe: nobody should wait for an answer that has nowhere to go. What is there already stays. A zip file is there whole
or not at all: it is written beside its place and then put into it.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_ZIP = ".zip"


class CannotPlace(Exception):
    """One line that says why, and what to do."""


class TicketPlace:
    """A place that is free and can be written to. Raises CannotPlace where it is not."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """``names``: the files that the ticket will have."""
        self.path = path
        self.is_zip = path.suffix.lower() == _ZIP and not path.is_dir()
        self._made: list[Path] = []
        folder = path.parent if self.is_zip else path
        try:
            self._require_free([path] if self.is_zip else [path / name for name in names])
            if not self.is_zip:
                self._make(folder)
            self._draft = self._open_draft(folder)
        except OSError as error:
            self.abandon()
            raise CannotPlace(_reason(path, error)) from None

    def file(self, name: str) -> Path | None:
        """Where a file of the ticket will be; None for one inside a zip file."""
        return None if self.is_zip else self.path / name

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write the ticket. Raises CannotPlace; then nothing of it is there."""
        try:
            if self.is_zip:
                self._put(self.path, _zipped(files))
            else:
                for name, octets in files.items():
                    self._put(self.path / name, octets)
            self._draft.unlink(missing_ok=True)
        except OSError as error:
            self.abandon()
            raise CannotPlace(_reason(self.path, error)) from None
        self._made.clear()

    def abandon(self) -> None:
        """Leave the place as it was found."""
        for path in reversed(self._made):
            with suppress(OSError):  # a folder into which others put something stays
                if path.is_dir():
                    path.rmdir()
                else:
                    path.unlink()
        self._made.clear()

    def _require_free(self, places: Sequence[Path]) -> None:
        for place in places:
            if os.path.lexists(place):
                raise FileExistsError(errno.EEXIST, "it is there already", str(place))

    def _make(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir()
            self._made.append(one)

    def _open_draft(self, folder: Path) -> Path:
        draft = folder / f".pathprobe-{secrets.token_hex(8)}"
        draft.open("xb").close()
        self._made.append(draft)
        return draft

    def _put(self, place: Path, octets: bytes) -> None:
        """Under its name only when it is whole, and never in the place of another."""
        self._draft.write_bytes(octets)
        try:
            os.link(self._draft, place)
        except FileExistsError as error:
            raise FileExistsError(errno.EEXIST, "it is there already", str(place)) from error
        except OSError:  # a file system without links
            self._require_free([place])
            self._draft.rename(place)
        self._made.append(place)
        if os.path.lexists(self._draft):
            self._draft.unlink()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    return stream.getvalue()


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return f"{error.filename} is there already: name another place for the ticket, or move it away"
    return f"cannot write the ticket {path}: {error.strerror}"

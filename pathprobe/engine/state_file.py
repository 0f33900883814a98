"""Which targets did an interrupted run know already?

A file of JSON lines that only grows: a head, then one entry for each answered target, handed to the kernel as soon as
it is known. So a process that is killed loses nothing it knew, and a host that loses power a few seconds. A torn line
is no answer. One run at a time has the file: the kernel keeps the lock, and lets go of it when the process ends,
however it ends (flock(2)).
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_KIND = "pathprobe-batch-state/1"

#: Seconds between two times that the disk is told to keep it.
_SYNC = 5.0


class CannotResume(Exception):
    """The file cannot be used; one line says why, and what to do."""


class StateFile:
    """An open state file, ours alone. Raises CannotResume, and OSError where it cannot be opened."""

    def __init__(self, path: Path, *, trace: bool) -> None:
        """``trace``: whether the answers say where; those of a run that did not ask are none for one that does."""
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._synced = time.monotonic()
        try:
            self._lock()
            self._begin(trace)
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotResume(f"another run has {self._path} open: wait for it, or name another file") from None

    def _begin(self, trace: bool) -> None:
        """Write the head, or see that it is one; after a torn line a new one begins."""
        size = os.fstat(self._file).st_size
        if size == 0:
            self._write({"state": _KIND, "trace": trace})
            return
        with self._path.open("rb") as stream:
            head = _object(stream.readline())
            stream.seek(size - 1)
            torn = stream.read(1) != b"\n"
        if head is None or head.get("state") != _KIND:
            raise CannotResume(f"{self._path} is no state of a batch run: name a new file, or one that --resume wrote")
        if head.get("trace") is not trace:
            other = "without" if trace else "with"
            raise CannotResume(f"{self._path} was written {other} tracing: run it as then, or name a new file")
        if torn:
            os.write(self._file, b"\n")

    def entries(self) -> Iterator[dict[str, Any]]:
        """What earlier runs wrote, oldest first."""
        with self._path.open("rb") as stream:
            next(stream, None)
            for line in stream:
                if (entry := _object(line)) is not None:
                    yield entry

    def append(self, entry: Mapping[str, Any]) -> None:
        """Keep one answer. Raises OSError."""
        self._write(entry)
        if time.monotonic() - self._synced >= _SYNC:
            os.fsync(self._file)
            self._synced = time.monotonic()

    def _write(self, entry: Mapping[str, Any]) -> None:
        octets = memoryview(json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        while octets:
            octets = octets[os.write(self._file, octets) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)


def _object(line: bytes) -> dict[str, Any] | None:
    """A line's object; None where it is torn, or no object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and line.endswith(b"\n") else None

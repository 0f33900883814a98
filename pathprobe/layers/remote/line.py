"""What does a program at the end of two pipes answer, if it answers in time?

No pipe is ever waited for alone: who reads one while another is full waits forever (subprocess, "communicate").
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO

#: Octets of stderr that are kept: a banner may be long, what matters comes last.
_KEPT = 1 << 14

#: Octets that a shell's profile may print before the program says anything.
_NOISE = 1 << 18

_PIECE = 1 << 16

#: Seconds for a program that has nothing more to say to end by itself.
_LAST_WORDS = 2.0


class Ended(Exception):
    """It closed its end."""


class Silent(Exception):
    """Nothing came from it for as long as it was given."""


class Line:
    """A program that is written to and read from; it is ended with ``close``, however it is then."""

    def __init__(self, command: Sequence[str], *, keeps_terminal: bool) -> None:
        """``keeps_terminal``: it may ask its user by the terminal. Raises OSError where it can not be started."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=not keeps_terminal,
        )
        self._in, self._out, self._error = map(_unblocked, _pipes(self._process))
        self._unsent = bytearray()
        self._unread = bytearray()
        self._told = bytearray()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, octets: bytes) -> None:
        """They go out while something is waited for."""
        self._unsent += octets

    def receive(self, size: int, *, patience: float) -> bytes:
        """So many octets; ``patience``: seconds without any. Raises Ended, Silent."""
        while len(self._unread) < size:
            self._exchange(patience)
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    def skip_past(self, mark: bytes, *, patience: float) -> None:
        """Leave out all up to the mark and the mark; ``patience``: seconds for all of it. Raises Ended, Silent."""
        deadline = time.monotonic() + patience
        while (start := self._unread.find(mark)) < 0:
            if len(self._unread) > _NOISE:
                raise Ended
            self._exchange(deadline - time.monotonic())
        del self._unread[: start + len(mark)]

    def _exchange(self, patience: float) -> None:
        """Move what can be moved, once."""
        with selectors.DefaultSelector() as waiting:
            for stream in (self._out, self._error):
                if not stream.closed:
                    waiting.register(stream, selectors.EVENT_READ)
            if self._unsent and not self._in.closed:
                waiting.register(self._in, selectors.EVENT_WRITE)
            ready = waiting.select(max(0.0, patience))
        if not ready:
            raise Silent
        for key, _ in ready:
            if key.fileobj is self._in:
                self._write()
            elif key.fileobj is self._error:
                self._hear()
            elif not self._read():
                raise Ended

    def _write(self) -> None:
        try:
            del self._unsent[: os.write(self._in.fileno(), self._unsent[:_PIECE])]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._in.close()  # what it said before it ended is read still

    def _read(self) -> bool:
        piece = _piece(self._out.fileno())
        self._unread += piece or b""
        return piece != b""

    def _hear(self) -> bool:
        piece = _piece(self._error.fileno())
        if piece == b"":
            self._error.close()
        self._told += piece or b""
        del self._told[:-_KEPT]
        return bool(piece)

    @property
    def told(self) -> tuple[str, ...]:
        """The lines of its stderr that have something on them."""
        return _lines(self._told)

    @property
    def printed(self) -> tuple[str, ...]:
        """The lines of its stdout that nobody received."""
        return _lines(self._unread)

    def close(self) -> int:
        """Its exit status, after it had a moment to end by itself; negative where a signal ended it."""
        with suppress(OSError):
            self._in.close()
        # What it prints meanwhile must not keep it from ending.
        self._out.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS)
        if self._process.poll() is None:
            self._process.terminate()  # ssh ends its proxy too
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS)
        if self._process.poll() is None:
            self._process.kill()
        status = self._process.wait()
        while not self._error.closed and self._hear():
            pass
        self._error.close()
        return status


def _pipes(process: subprocess.Popen[bytes]) -> Iterator[IO[bytes]]:
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        yield stream


def _unblocked(stream: IO[bytes]) -> IO[bytes]:
    os.set_blocking(stream.fileno(), False)
    return stream


def _piece(descriptor: int) -> bytes | None:
    """None where nothing is there yet, empty at the end."""
    try:
        return os.read(descriptor, _PIECE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _lines(octets: bytearray) -> tuple[str, ...]:
    """On one line each, without what a terminal would obey."""
    texts = (_printable(line) for line in octets.decode(errors="replace").splitlines())
    return tuple(text for text in texts if text)


def _printable(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())

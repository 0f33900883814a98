"""How is a program asked so that one that does not answer holds nobody up?

Its words are waited for beside the descriptor that says that somebody wants to stop. One that is given up is killed
with all that it started.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

#: Debian keeps nft and ip in sbin, which is not always on root's PATH (su without -).
_SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"


class NoAnswer(Exception):
    """It did not answer in time, could not be started, or nobody waits any more; the text says which."""


class Interrupted(NoAnswer):
    """Nobody waits any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What it printed to its end. ``status`` is its exit status."""

    status: int
    out: str
    error: str


def place_of(name: str) -> str | None:
    """Where the program is; None where it is not installed."""
    return shutil.which(name, path=environment()["PATH"])


def environment() -> dict[str, str]:
    """For programs of administrators, and in the C locale."""
    return os.environ | {"PATH": os.environ.get("PATH", os.defpath) + _SBIN, "LC_ALL": "C"}


def ask(*words: str, text: str = "", patience: float, stop: int | None = None) -> Said:
    """Run it to its end with ``text`` as its input. Raises NoAnswer.

    ``patience`` in seconds; ``stop``: it is given up when this descriptor becomes readable.
    """
    descriptor = os.memfd_create("input")  # no pipe: one that does not read must not hold us up either
    try:
        os.write(descriptor, text.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        process = subprocess.Popen(
            words,
            stdin=descriptor,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,  # Ctrl-C on the terminal is for us
        )
    except OSError as error:
        raise NoAnswer(f"{words[0]}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    try:
        return _answer(process, os.path.basename(words[0]), time.monotonic() + patience, stop)
    finally:
        end(process)


def _answer(process: subprocess.Popen[bytes], name: str, until: float, stop: int | None) -> Said:
    assert process.stdout is not None
    assert process.stderr is not None
    said = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    out, error = said
    waiting = set(said)
    while waiting:
        for one in wait(waiting, name, until, stop):
            octets = os.read(one, 65536)
            said[one] += octets
            if not octets:
                waiting.discard(one)
    try:
        process.wait(max(until - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{name} does not answer") from None
    return Said(
        status=process.returncode, out=said[out].decode(errors="replace"), error=said[error].decode(errors="replace")
    )


def wait(descriptors: set[int], name: str, until: float, stop: int | None) -> list[int]:
    """Those that are readable, one at least; ``until`` on the monotonic clock. Raises NoAnswer."""
    wanted = [*descriptors, *([stop] if stop is not None else [])]
    ready = select.select(wanted, [], [], max(until - time.monotonic(), 0))[0]
    if stop is not None and stop in ready:
        raise Interrupted(f"interrupted before {name} answered")
    if not ready:
        raise NoAnswer(f"{name} does not answer")
    return ready


def end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started are gone when this returns, and its pipes are closed."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()

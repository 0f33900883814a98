"""pathprobe as a process of its own: inside a lab or beside it, started, watched and ended."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from pathprobe.lab.network import Lab
from tests.wire.whole_files import WholeFile, read_whole

#: Seconds. Nothing here takes long; it only bounds the wait of a failing test.
PATIENCE = 20.0

COMMAND = (sys.executable, "-m", "pathprobe")


def environment() -> dict[str, str]:
    """The tests' own import path, for a process that starts in another directory."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def pathprobe(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=environment(),
        stdin=subprocess.DEVNULL,
        **options,
    )


def on_client(lab: Lab, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end on the lab's client."""
    with lab.inside("client"):
        return pathprobe(*arguments, **options)


# <linux/prctl.h>, <linux/securebits.h>: with these set, exec gives root no capability at all.
_PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 28, 47, 4
_SECBIT_NOROOT_LOCKED = 0x3


def drop_privileges() -> None:
    """For preexec_fn. The user stays who he is, so he can still read the interpreter, wherever that is."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    # An ordinary user may not, and needs not.
    libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NOROOT_LOCKED, 0, 0, 0)


def without_privileges(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end as somebody who may not open a raw socket."""
    return pathprobe(*arguments, cwd=cwd, preexec_fn=drop_privileges)


@contextmanager
def running(
    *arguments: str, lab: Lab | None = None, program: Sequence[str] = COMMAND
) -> Iterator[subprocess.Popen[str]]:
    """It runs, in a session of its own, on the lab's client if there is one; what is left of it ends with the test."""
    with lab.inside("client") if lab else nullcontext():
        process = subprocess.Popen(
            [*program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            start_new_session=True,
        )
    with process:
        try:
            yield process
        finally:
            for member in session_members(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return as soon as the condition holds; the process has to live that long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, f"it ended with {process.returncode} before its time"
        assert time.monotonic() < deadline
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)


def wait_for_command(process: subprocess.Popen[str]) -> None:
    """Return when `lab run` waits for its command, which says ``ready`` when it has begun."""
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    wait_until(lambda: _is_waiting(process.pid), process)


def _is_waiting(process: int) -> bool:
    """It sleeps, and not in subprocess's own pipe, on which it waits while it starts a command."""
    pipes = [link for link in Path(f"/proc/{process}/fd").iterdir() if os.readlink(link).startswith("pipe:")]
    return _state_and_session(process)[0] == "S" and {link.name for link in pipes} <= {"1", "2"}


def wait_until_gone(leader: int) -> None:
    """Return when nothing of a session is left; a killed process needs a moment."""
    deadline = time.monotonic() + PATIENCE
    while session_members(leader):
        assert time.monotonic() < deadline, f"still there: {session_members(leader)}"


def packets_in(path: Path) -> int:
    """How many packets a file holds so far."""
    if not path.exists() or path.stat().st_size == 0:  # just opened
        return 0
    return len(capture(path).packets)


def capture(path: Path) -> WholeFile:
    return read_whole(path)


def session_members(leader: int) -> list[int]:
    """The processes of a session that still run; zombies do not."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            state, session = _state_and_session(int(entry.name))
            if session == leader and state != "Z":
                found.append(int(entry.name))
    return found


def _state_and_session(process: int) -> tuple[str, int]:
    """Fields 3 and 6 of stat, proc(5)."""
    state, _, _, session = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[:4]
    return state, int(session)

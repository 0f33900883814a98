"""How is a command run to its end, so that nothing of it stays behind when it is given up or this process is ended?

The command is the leader of a process group of its own: what a script started ends with it. SIGTERM and SIGHUP, which
would end this process at once, end the command first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class _Ended(BaseException):
    """This process is asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(command: Sequence[str], environment: Mapping[str, str], patience: float) -> tuple[int, str, str]:
    """Exit status, output and errors, undecodable octets replaced; the command has no input.

    ``patience`` in seconds. Raises subprocess.TimeoutExpired when that is over, and OSError.
    """
    try:
        with _endings_raised(), _started(command, environment) as process:
            out, error = process.communicate(timeout=patience)
            return process.returncode, out, error
    except _Ended as ended:
        os.kill(os.getpid(), ended.number)
        raise


@contextmanager
def _started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def _endings_raised() -> Iterator[None]:
    """Signals that nobody handles raise _Ended meanwhile; only the main thread may say so (signal(2) of Python)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    unhandled = [one for one in _ENDING if signal.getsignal(one) is signal.SIG_DFL]
    for one in unhandled:
        signal.signal(one, _raise)
    try:
        yield
    finally:
        for one in unhandled:
            signal.signal(one, signal.SIG_DFL)


def _raise(number: int, _: FrameType | None) -> None:
    raise _Ended(number)

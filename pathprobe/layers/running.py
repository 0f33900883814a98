"""How is a command run to its end, so that nothing of it stays behind when it is given up or this process is ended?

The command is the leader of a process group of its own: what a script started ends with it. A signal that ends this
process ends the command first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

#: What a process has that handles none of them itself.
_UNHANDLED = (signal.SIG_DFL, signal.default_int_handler)


class _Ended(BaseException):
    """This process was asked to end by a signal."""


def run(command: Sequence[str], environment: Mapping[str, str], patience: float) -> tuple[int, str, str]:
    """Exit status, output and errors, undecodable octets replaced; the command has no input.

    ``patience``: in seconds. Raises subprocess.TimeoutExpired when that is over, and OSError.
    """
    endings = _Endings()
    try:
        with endings.held_back(), _started(command, environment) as process, endings.raised():
            out, error = process.communicate(timeout=patience)
            return process.returncode, out, error
    except _Ended:
        pass
    assert endings.asked is not None
    os.kill(os.getpid(), endings.asked)
    # Only where somebody else's handler has been put there meanwhile.
    raise KeyboardInterrupt


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


class _Endings:
    """Signals that would end this process: held back until they are ``raised``, so that none comes between the start
    of the command and the moment from which on somebody sees to it that it ends.

    ``asked``: the one that came.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._are_raised = False

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Where nobody handles them. Python lets only its main thread say what a signal does."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: handler for one in _ENDING if (handler := signal.getsignal(one)) in _UNHANDLED}
        for one in before:
            signal.signal(one, self._came)
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
            if self.asked is not None:
                raise _Ended

    @contextmanager
    def raised(self) -> Iterator[None]:
        self._are_raised = True
        try:
            if self.asked is not None:
                raise _Ended
            yield
        finally:
            self._are_raised = False

    def _came(self, number: int, _: FrameType | None) -> None:
        self.asked = number
        if self._are_raised:
            raise _Ended

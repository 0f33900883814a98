"""What did one run of a tool cost, and what did it print?

Runs it on the client of a lab behind tests/bench/stopwatch.py, for no longer than its time, and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pathprobe.lab.network import Lab

_STOPWATCH = Path(__file__).with_name("stopwatch.py")

#: The top of the source tree, from which the bench's own programs are modules.
_TOP = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of wall time and of CPU (user and system, of the tool and its children), and MiB of memory at most."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``cost`` is None for a tool that had to be stopped; ``printed`` is stdout and stderr, as they came."""

    cost: Cost | None
    printed: str


def run(lab: Lab, command: tuple[str, ...], *, seconds: float) -> Run:
    """One run on the lab's client, stopped after ``seconds``."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as printed, os.fdopen(reading) as report:
        process = lab.start(
            "client",
            (sys.executable, "-I", "-S", str(_STOPWATCH), str(writing), *command),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            start_new_session=True,
            cwd=_TOP,
        )
        os.close(writing)
        _wait(process, seconds)
        printed.seek(0)
        return Run(cost=cost_of(report.read()), printed=printed.read().decode(errors="replace"))


def cost_of(text: str) -> Cost | None:
    """What the stopwatch wrote; None when it was stopped before it did."""
    if not text:
        return None
    read = json.loads(text)
    return Cost(wall=read["wall_s"], cpu=read["cpu_s"], memory=read["peak_kib"] / 1024)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        # The tool with its stopwatch: they are the only ones in their session.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

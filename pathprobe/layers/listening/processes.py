"""Who is the process with this number, and whose is this uid?

A thin adapter: psutil asks the live system and cannot be fed what was recorded, so that readers take a ``Processes``.
"""

from __future__ import annotations

import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import psutil

from pathprobe.layers.listening.facts import Condition, Process
from pathprobe.layers.listening.secrets import masked

_CONDITIONS = {
    psutil.STATUS_STOPPED: Condition.STOPPED,
    psutil.STATUS_TRACING_STOP: Condition.TRACED,
    psutil.STATUS_DISK_SLEEP: Condition.STUCK,
    psutil.STATUS_ZOMBIE: Condition.ZOMBIE,
    psutil.STATUS_DEAD: Condition.ZOMBIE,
}

#: Signs of a command line that are kept.
_LONGEST = 300


class Processes(Protocol):
    def process(self, pid: int) -> Process | None:
        """None where there is none any more. Never raises."""
        ...

    def user(self, uid: int) -> str:
        """The user's name; the number where it has none."""
        ...


class ThisMachinesProcesses:
    def process(self, pid: int) -> Process | None:
        try:
            asked = psutil.Process(pid)
            with asked.oneshot():
                return _facts(asked)
        except (psutil.Error, OSError):
            return None

    def user(self, uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)


def _facts(asked: psutil.Process) -> Process:
    return Process(
        pid=asked.pid,
        name=printable(asked.name()),
        command=_command(asked),
        user=asked.username(),
        condition=_CONDITIONS.get(asked.status(), Condition.RUNS),
        parent=asked.ppid(),
    )


def _command(asked: psutil.Process) -> str:
    try:
        return printable(" ".join(masked(asked.cmdline())))
    except psutil.Error:
        return ""  # a zombie has none


def printable(text: str) -> str:
    """On one line and of readable length: a process writes what it likes into its name and its command line."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProcesses:
    """Processes of which only what was written down is left."""

    processes: Mapping[int, Process] = field(default_factory=dict)
    users: Mapping[int, str] = field(default_factory=dict)

    def process(self, pid: int) -> Process | None:
        return self.processes.get(pid)

    def user(self, uid: int) -> str:
        return self.users.get(uid, str(uid))

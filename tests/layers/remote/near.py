"""The agent at the end of two pipes, without ssh: on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pathprobe.layers.remote import Destination, SshMachine
from pathprobe.layers.remote.agent import FLAGS
from pathprobe.layers.remote.line import Line
from pathprobe.layers.remote.machine import BOOT

THERE = Destination(host="web1")

PYTHON = (sys.executable, *FLAGS, BOOT)

#: Seconds; what is to come comes at once, this only bounds a failing test.
PATIENCE = 20.0


def agent(command: Sequence[str] = PYTHON, *, patience: float = PATIENCE, may_sudo: bool = False) -> SshMachine:
    return SshMachine(Line(command, keeps_terminal=False), THERE, patience=patience, may_sudo=may_sudo)

"""How is something changed on this machine: which command reads what, and what does it say?

The only door through which a restore changes rules, so narrow that a test can stand in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Protocol

from pathprobe.layers.system import Said, Unread

#: Seconds after which a command that loads rules is given up; ten thousand rules of iptables take some.
_PATIENCE = 120.0

#: Debian keeps nft and its kind in sbin, which is not always on root's PATH (su without -).
_SBIN = ":/usr/local/sbin:/usr/sbin:/sbin"


class Applier(Protocol):
    """A machine whose rules can be changed."""

    def run(self, command: tuple[str, ...], text: str = "") -> Said | Unread:
        """The command to its end with ``text`` as its input, in the C locale; never raises."""
        ...


class ThisMachine:
    """The machine that this process runs on, in the namespaces that it is in."""

    def run(self, command: tuple[str, ...], text: str = "") -> Said | Unread:
        environment = os.environ | {"PATH": os.environ.get("PATH", os.defpath) + _SBIN, "LC_ALL": "C"}
        program = shutil.which(command[0], path=environment["PATH"])
        if program is None:
            return Unread(reason=f"{command[0]} is not installed", is_missing=True)
        try:
            done = subprocess.run(
                [program, *command[1:]],
                input=text.encode(),
                capture_output=True,
                env=environment,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Unread(reason=f"{command[0]} did not end within {_PATIENCE:.0f} s")
        except OSError as error:
            return Unread(reason=f"{command[0]}: {error.strerror}")
        out, error_text = (octets.decode(errors="replace") for octets in (done.stdout, done.stderr))
        return Said(status=done.returncode, out=out, error=error_text)

"""Which unit does systemd start when somebody comes to this port, and which units have failed?"""

from __future__ import annotations

from pathprobe.core.layers import Evidence
from pathprobe.layers.listening.facts import Activation
from pathprobe.layers.system import System, Unread

LIST_SOCKETS = ("systemctl", "list-sockets", "--all", "--no-legend", "--no-pager")
LIST_FAILED = ("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager")


def read_activations(system: System, port: int) -> tuple[Activation, ...] | Unread:
    said = system.run(*LIST_SOCKETS)
    if isinstance(said, Unread):
        return said
    return parse_activations(said.out, port) if said.worked else Unread(reason=f"systemctl: {said.error.strip()}")


def parse_activations(text: str, port: int) -> tuple[Activation, ...]:
    """Lines ``LISTEN UNIT ACTIVATES``; LISTEN is ``0.0.0.0:22``, ``[::]:22``, ``22`` or a path, a name in words."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0].rpartition(":")[2] == str(port):
            seen = Evidence(source=" ".join(LIST_SOCKETS), text=" ".join(words))
            found.append(Activation(listen=words[0], socket=words[-2], unit=words[-1], seen=seen))
    return tuple(found)


def read_failed(system: System) -> tuple[Evidence, ...] | Unread:
    """``ref`` is the unit. Empty also where there is no systemd: then no unit could fail."""
    said = system.run(*LIST_FAILED)
    if isinstance(said, Unread):
        return () if said.is_missing else said
    return parse_failed(said.out) if said.worked else ()


def parse_failed(text: str) -> tuple[Evidence, ...]:
    """Lines ``UNIT LOAD ACTIVE SUB DESCRIPTION``; without ``--plain`` a mark stands before."""
    rows = (line.replace("●", " ").split() for line in text.splitlines())
    source = " ".join(LIST_FAILED)
    return tuple(Evidence(source=source, ref=row[0], text=" ".join(row)) for row in rows if len(row) >= 4)

"""With which command does a person look at a port's sockets here?

ss where it is installed; else the kernel's own lists, in which ports are hexadecimal.
"""

from __future__ import annotations

from pathprobe.layers.listening.facts import Sockets
from pathprobe.layers.listening.proc_net import FILES


def look(facts: Sockets, *, every: bool = False, more: str = "") -> str:
    """``ss -ltnp 'sport = :8080'``; ``every``: of all ports. ``more``: letters of further options of ss."""
    if not facts.has_ss:
        return _in_proc(facts, every=every)
    options = f"{'lt' if facts.protocol == 'tcp' else 'lu'}n{more or 'p'}"
    return f"ss -{options}" + ("" if every else f" 'sport = :{facts.port}'")


def _in_proc(facts: Sockets, *, every: bool) -> str:
    files = " ".join(f"/proc/net/{FILES[facts.protocol, version]}" for version in (4, 6))
    return f"cat {files}" if every else f"grep -i ':{facts.port:04X} ' {files}"

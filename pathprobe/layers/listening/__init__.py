"""Layer 1: who listens on the port, and can those who come from outside reach it?

``read(system, port, protocol) -> Sockets`` asks the machine, ``judge(facts, ...) -> Layer`` is pure;
``since(sockets)``: from when on.
"""

from pathprobe.layers.listening.facts import Sockets, since
from pathprobe.layers.listening.judge import judge
from pathprobe.layers.listening.reader import read, read_behind

__all__ = ["Sockets", "judge", "read", "read_behind", "since"]

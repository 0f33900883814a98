"""Layer 2, beside the rules: would the kernel itself drop the packet, or be short of room for it?

``read(system) -> Kernel`` reads settings and counters, ``judge(facts, port, protocol, ...) -> Layer`` is pure.
"""

from pathprobe.layers.kernel.facts import Kernel
from pathprobe.layers.kernel.judge import judge
from pathprobe.layers.kernel.reader import read

__all__ = ["Kernel", "judge", "read"]

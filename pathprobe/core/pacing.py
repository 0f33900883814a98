"""How fast may one ask?

Arithmetic only; rates in packets a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: What ``--rate max`` stands for.
UNLIMITED = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the user lets us ask, in probes a second.

    ``rate`` None: start kindly and grow while answers come back. A number is never exceeded; UNLIMITED is no limit at
    all, of any kind. ``per_target`` and ``per_network`` (a /24, in IPv6 a /64) hold for TCP and echo; UDP to one target
    is slower still, for hosts say "port unreachable" about once a second (icmp_ratelimit, icmp(7)).
    """

    rate: float | None = None
    per_target: float = 200.0
    per_network: float = 4000.0

"""What do two captures say of one question beside the verdict?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pathprobe.core.ends.changes import Changed
from pathprobe.core.ends.clocks import Clocks
from pathprobe.core.ends.crossings import Crossing
from pathprobe.core.ends.fate import Fate
from pathprobe.core.ends.lost_octets import LostData
from pathprobe.core.ends.running import Running
from pathprobe.core.ends.strange_resets import StrangeReset
from pathprobe.core.probes import Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class BothEnds:
    """``fate`` is the one that the verdict is about, ``tries`` how many had each.

    ``sent`` and ``arrived`` count the packets that ask, ``answers`` and ``heard`` what the server sent and what of it
    came home. ``seen_as``: flows as they left and as the server saw them, where a NAT rewrote them. Hops are from end
    to end, None where nothing shows them. ``server_frames``: probe id -> frames in the server's capture. ``crossings``:
    every packet of the conversations, at either end.
    """

    fate: Fate
    tries: Mapping[Fate, int]
    sent: int
    arrived: int
    answers: int
    heard: int
    running: Running
    clocks: Clocks | None
    hops_there: int | None
    hops_back: int | None
    seen_as: tuple[tuple[Flow, Flow], ...]
    changes: tuple[Changed, ...]
    lost: tuple[LostData, ...]
    resets: tuple[StrangeReset, ...]
    server_frames: Mapping[int, tuple[int, ...]]
    crossings: tuple[Crossing, ...] = ()

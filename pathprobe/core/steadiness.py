"""Do some tries of a port pass and others die, beyond what the control loses?

Fisher's exact test on the probes that went all the way. Controls that were refused before the target were not lost,
and say nothing of what is lost behind the box that refused them.
"""

from __future__ import annotations

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.outcomes import Answered
from pathprobe.core.statistics import chance_of_split

_Seen = tuple[Observation, ...]


def answered(evidence: Evidence) -> _Seen:
    """The port's own probes that drew its answer, with whatever TTL."""
    return tuple(seen for seen in evidence.tests if isinstance(seen.outcome, Answered))


def silent(evidence: Evidence) -> _Seen:
    """Those that went all the way and came to nothing."""
    return tuple(seen for seen in evidence.tests if seen.probe.is_direct and evidence.is_silent(seen))


def chance_of_luck(evidence: Evidence) -> float:
    """How likely loss that strikes port and control alike leaves the port so few answers; 1.0 without a comparison."""
    heard = sum(seen.probe.is_direct for seen in answered(evidence))
    directs = [seen for seen in evidence.controls if seen.probe.is_direct]
    passed, lost = sum(map(evidence.passes, directs)), sum(map(evidence.is_silent, directs))
    return chance_of_split(heard, heard + len(silent(evidence)), passed, passed + lost)

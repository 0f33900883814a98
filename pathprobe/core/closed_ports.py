"""Would this host have told us, were the silent UDP port closed?

A UDP service that does not like the question says nothing, and neither does a rule that drops it. But most hosts
answer a closed port with port unreachable (RFC 1122 section 4.1.3.1), as many a second as their ICMP limit allows.
So ports that surely nothing listens on are the control: where the host tells of them and not of the tested one,
that one is not closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.outcomes import Rejected
from pathprobe.core.probes import Kind
from pathprobe.core.statistics import ENOUGH, chance_of_split

#: Closed ports asked before a host counts as one that never tells: the first may be lost, or hit a spent limit.
ENOUGH_UNTOLD = 3

#: Closed ports asked at most, and where packets get lost: there no fewer show that a host never tells.
MOST_ASKED, LOSSY_MOST_ASKED = 6, 8

#: From one closed port to the next: a prime, so that no service's neighbours are met.
_STRIDE = 97


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPorts:
    """The control on closed ports. ``chance``: that loss, or the host's ICMP limit, struck the tested port alone."""

    asked: tuple[Observation, ...]
    told: tuple[Observation, ...]
    tests: tuple[Observation, ...]
    lossy: bool

    @property
    def chance(self) -> float:
        return chance_of_split(0, len(self.tests), len(self.told), len(self.asked))

    @property
    def suffices(self) -> bool:
        """More of them would not teach anything."""
        most, untold = (LOSSY_MOST_ASKED, LOSSY_MOST_ASKED) if self.lossy else (MOST_ASKED, ENOUGH_UNTOLD)
        if len(self.asked) >= (most if self.told else untold):
            return True
        return bool(self.told) and self.chance <= ENOUGH


def closed_ports(evidence: Evidence) -> ClosedPorts:
    """What became of the datagrams to closed ports, beside those to the tested one."""
    asked = tuple(seen for seen in evidence.controls if seen.probe.flow.kind is Kind.UDP and seen.probe.is_direct)
    return ClosedPorts(
        asked=asked,
        told=tuple(seen for seen in asked if evidence.from_target(seen) and isinstance(seen.outcome, Rejected)),
        tests=tuple(seen for seen in evidence.tests if seen.probe.is_direct and evidence.is_silent(seen)),
        lossy=evidence.lossy,
    )


def ports_from(first: int, tested: int | None) -> Iterator[int]:
    """High ports to ask, beginning with ``first``; never the tested one."""
    return (port for port in range(first, first + 2 * MOST_ASKED * _STRIDE, _STRIDE) if port != tested)

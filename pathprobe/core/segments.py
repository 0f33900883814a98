"""Which pairs of a first pass fared alike, so that one may stand for all?

A segment: the pairs of one network (IPv4 /24, IPv6 /64) that came to the same end at the same port.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pathprobe.core.pairs import Finding, PairState
from pathprobe.core.probes import Kind

#: Prefix lengths of the networks whose hosts are expected behind one path.
_NETWORK_BITS = {4: 24, 6: 64}

#: A network with more ports than these in one state is one segment: a firewall that drops whatever is not allowed.
_MOST_PORTS = 8


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the pairs of a segment have in common. ``port`` None: several; ``source``: of an answer, "" the target."""

    kind: Kind
    port: int | None
    network: str
    state: PairState
    source: str | None
    message: str | None
    ttl: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Pairs that fared alike, in the order of addresses: the first stands for all.

    ``parted``: it is half of one of which too little could be shown.
    """

    pattern: Pattern
    findings: tuple[Finding, ...]
    parted: bool = False

    @property
    def first(self) -> Finding:
        return self.findings[0]

    def without(self, *others: Finding) -> Segment:
        gone = set(others)
        return replace(self, findings=tuple(one for one in self.findings if one not in gone))

    def halves(self) -> tuple[Segment, ...]:
        """Both halves by address; fewer where there are not two pairs."""
        middle = (len(self.findings) + 1) // 2
        parts = (self.findings[:middle], self.findings[middle:])
        return tuple(replace(self, findings=part, parted=True) for part in parts if part)


def segments_of(findings: Iterable[Finding]) -> list[Segment]:
    """The findings that fared alike, the largest segment first."""
    families: defaultdict[Pattern, list[Finding]] = defaultdict(list)
    for finding in findings:
        families[_pattern(finding, None)].append(finding)
    segments = [one for family, found in families.items() for one in _by_port(family, found)]
    return sorted(segments, key=lambda segment: len(segment.findings), reverse=True)


def _by_port(family: Pattern, findings: list[Finding]) -> Iterator[Segment]:
    """Rules are about ports: each has a segment of its own. A reset tells its maker by its TTL, whatever the port."""
    ports = {finding.pair.port for finding in findings}
    if family.state is PairState.CLOSED or len(ports) > _MOST_PORTS:
        yield Segment(pattern=family, findings=_in_order(findings))
        return
    for port in ports:
        chosen = [finding for finding in findings if finding.pair.port == port]
        yield Segment(pattern=replace(family, port=port), findings=_in_order(chosen))


def _pattern(finding: Finding, port: int | None) -> Pattern:
    pair = finding.pair
    address = ipaddress.ip_address(pair.address)
    network = ipaddress.ip_network((pair.address, _NETWORK_BITS[address.version]), strict=False)
    source = "" if finding.source == pair.address else finding.source
    return Pattern(pair.kind, port, str(network), finding.state, source, finding.message, finding.ttl)


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda one: (int(ipaddress.ip_address(one.pair.address)), one.pair.port)))

"""What is the whole answer about one target, live and offline alike?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pathprobe.core.evidence import Evidence
from pathprobe.core.hops import control_label, hop_rows
from pathprobe.core.host_facts import HostFacts
from pathprobe.core.middleboxes import middleboxes
from pathprobe.core.path_mtu import path_mtu
from pathprobe.core.paths import paths_of
from pathprobe.core.probes import Kind
from pathprobe.core.report import Claim, Fact, Reason, Result, Target, Where
from pathprobe.core.verdict import conclude


def result_of(target: Target, evidence: Evidence, *, started: float, duration: float, mtu: int | None = None) -> Result:
    """Verdict, hop table and observations; ``started`` in Unix time, ``duration`` in seconds.

    ``mtu`` is the interface's, in octets, where the path's own was asked for.
    """
    verdict = conclude(evidence)
    return Result(
        target=target,
        verdict=verdict,
        hops=hop_rows(evidence, verdict),
        control=control_label(evidence),
        source=evidence.source,
        source_port=_sweep_port(evidence),
        observations=evidence.observations,
        middleboxes=middleboxes(evidence),
        started=started,
        duration=duration,
        window=evidence.window,
        mtu=mtu,
        path_mtu=path_mtu(evidence, mtu),
        ports=evidence.ports,
        paths=paths_of(evidence),
    )


def suspects_this_host(result: Result) -> bool:
    """This host's own tables and interfaces may tell why."""
    claims = {reason.claim for reason in result.verdict.reasons}
    return result.verdict.location.where is Where.LOCAL or Claim.OTHER_INTERFACE in claims


def with_host_facts(result: Result, host: HostFacts) -> Result:
    """The same verdict, with the reasons that only this host itself can give."""
    first = result.verdict.reasons[0].probes if result.verdict.reasons else ()
    told = tuple(Reason(claim=claim, probes=first, facts=facts) for claim, facts in _told_by(host))
    return replace(result, host=host, verdict=replace(result.verdict, reasons=result.verdict.reasons + told))


def _told_by(host: HostFacts) -> Iterator[tuple[Claim, dict[str, Fact]]]:
    if host.table_is_full:
        yield Claim.TABLE_FULL, {"entries": host.conntrack_count, "most": host.conntrack_max}
    if host.up is False:
        yield Claim.LINK_OFF, {"interface": host.interface}
    elif host.running is False:
        yield Claim.NO_CARRIER, {"interface": host.interface}
    if host.is_strict:
        yield Claim.REVERSE_PATH, {"interface": host.arrival}


def _sweep_port(evidence: Evidence) -> int | None:
    """The source port of the tested port's own TTL steps; echo has none."""
    stepped = (seen.probe.flow for seen in evidence.tests if not seen.probe.is_direct)
    return next((flow.source_port for flow in stepped if flow.kind is not Kind.ECHO), None)

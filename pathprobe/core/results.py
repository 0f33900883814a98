"""What is the whole answer about one target, live and offline alike?"""

from __future__ import annotations

from pathprobe.core.evidence import Evidence
from pathprobe.core.hops import control_label, hop_rows
from pathprobe.core.middleboxes import middleboxes
from pathprobe.core.path_mtu import path_mtu
from pathprobe.core.probes import Kind
from pathprobe.core.report import Result, Target
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
    )


def _sweep_port(evidence: Evidence) -> int | None:
    """The source port of the tested port's own TTL steps; echo has none."""
    stepped = (seen.probe.flow for seen in evidence.tests if not seen.probe.is_direct)
    return next((flow.source_port for flow in stepped if flow.kind is not Kind.ECHO), None)

"""How do the layers look to a program? Schema ``pathprobe-layers/1``; names are fixed, additions are welcome."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pathprobe import __version__
from pathprobe.core.layers import Layer, LayersReport
from pathprobe.output.json import entry

SCHEMA = "pathprobe-layers/1"


def render(report: LayersReport) -> str:
    """The report as one JSON document."""
    return json.dumps(document(report), indent=2, ensure_ascii=False)


def document(report: LayersReport) -> dict[str, Any]:
    """The report as plain dicts and lists."""
    started = datetime.fromtimestamp(report.started, UTC).isoformat(timespec="milliseconds")
    asked = report.asked
    return {
        "schema": SCHEMA,
        "tool": {"name": "pathprobe", "version": __version__},
        "started": started.replace("+00:00", "Z"),
        "duration_s": round(report.duration, 3),
        "complete": report.complete,
        "target": {
            "given": asked.given,
            "address": asked.address,
            "port": asked.port,
            "protocol": asked.protocol,
            "from": asked.source,
            "version": asked.version,
        },
        "layers": [_layer(layer) for layer in report.layers],
        "conclusion": {
            "layer": report.conclusion.layer,
            "word": report.conclusion.word,
            "summary": report.conclusion.summary,
            "next_steps": list(report.conclusion.next_steps),
        },
        "results": [entry(result) for result in report.results],
        "checklist": [{"topic": one.topic, "mark": str(one.mark), "said": one.said} for one in report.checklist],
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "layer": layer.number,
        "name": str(layer.name),
        "status": str(layer.status),
        "summary": layer.summary,
        "why": layer.why,
        "evidence": [asdict(one) for one in layer.evidence],
        "fix": list(layer.fix),
        "absent": layer.is_absent,
        "silent": layer.is_silent,
        "mistaken": layer.is_mistaken,
    }

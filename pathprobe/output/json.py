"""How does a report look to a program? Schema ``pathprobe/1``; names are fixed, additions are welcome."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pathprobe import __version__
from pathprobe.core.evidence import Observation
from pathprobe.core.outcomes import NotSent, Refusal, Reply, Silent
from pathprobe.core.report import Counted, Device, Hop, Leg, Location, PathMtu, Report, Result, Timing
from pathprobe.output import both_ends_json, files, path_mtu, wording
from pathprobe.output.advice import next_steps
from pathprobe.output.boxes import box_entry, row_facts
from pathprobe.output.claims import claim

SCHEMA = "pathprobe/1"

#: Results up to which the document is laid out for eyes; of a flood it only gets slow and large by that.
_READ_BY_PEOPLE = 1000


def render(report: Report) -> str:
    """The report as one JSON document."""
    indent = 2 if len(report.results) <= _READ_BY_PEOPLE else None
    return json.dumps(document(report), indent=indent, ensure_ascii=False)


def document(report: Report) -> dict[str, Any]:
    """The report as plain dicts and lists."""
    started = datetime.fromtimestamp(report.started, UTC).isoformat(timespec="milliseconds")
    return {
        "schema": SCHEMA,
        "tool": {"name": "pathprobe", "version": __version__},
        "started": started.replace("+00:00", "Z"),
        "duration_s": round(report.duration, 3),
        "timing": _timing(report.timing),
        "engine": report.engine,
        "vantage": {
            "hostname": report.vantage.hostname,
            "interface": report.vantage.interface,
            "source": report.vantage.source,
        },
        "results": [_result(result) for result in report.results],
        "capture": _capture(report),
        "server_capture": _server_capture(report),
        "complete": report.complete,
        "watched": None if report.watched is None else asdict(report.watched),
    }


def entry(result: Result) -> dict[str, Any]:
    """One of the document's results."""
    return _result(result)


def _capture(report: Report) -> dict[str, Any] | None:
    if report.capture_path is None:
        return None
    counts = files.entry(report.file) if report.file else {}
    return {"path": report.capture_path, "packets": report.capture_packets, **counts}


def _server_capture(report: Report) -> dict[str, Any] | None:
    if report.server_capture_path is None or report.server_file is None:
        return None
    return {"path": report.server_capture_path, **files.entry(report.server_file)}


def _timing(timing: Timing | None) -> dict[str, float] | None:
    if timing is None:
        return None
    return {f"{part}_s": round(seconds, 3) for part, seconds in asdict(timing).items()}


def _result(result: Result) -> dict[str, Any]:
    verdict, target = result.verdict, result.target
    return {
        "target": {
            "given": target.given,
            "address": target.address,
            "port": target.port,
            "protocol": target.protocol,
        },
        "state": verdict.state,
        "mechanism": verdict.mechanism,
        "location": _location(verdict.location),
        "confidence": round(verdict.confidence, 6),
        "distance": verdict.distance,
        "summary": wording.summary(result),
        "reasons": [{"claim": claim(one), "kind": one.claim, "probes": list(one.probes)} for one in verdict.reasons],
        "next_steps": list(next_steps(result)),
        "hops": [
            {"ttl": row.ttl, "address": row.address, "test": _leg(row.test), "control": _leg(row.control)}
            | row_facts(row)
            for row in result.hops
        ],
        "paths": _paths(result),
        "middleboxes": [box_entry(box) for box in result.middleboxes],
        "probes": [_probe(seen, result) for seen in result.observations],
        "frames_lost": result.frames_lost,
        "path_mtu": _path_mtu(result.path_mtu),
        "both_ends": both_ends_json.entry(result.both_ends),
        "host": None if result.host is None else asdict(result.host),
        "asked_by": result.source,
        "counted": _counted(result.counted),
    }


def _counted(counted: Counted | None) -> dict[str, int] | None:
    if counted is None:
        return None
    return {
        "attempts": counted.attempts,
        "packets": counted.packets,
        "answered": counted.answered,
        "reset": counted.reset,
        "refused": counted.refused,
        "silent": counted.silent,
        "midway": counted.midway,
    }


def _path_mtu(found: PathMtu | None) -> dict[str, Any] | None:
    return path_mtu.as_json(found, _location(found.location) if found and found.location else None)


def _location(location: Location) -> dict[str, Any]:
    return {
        "where": location.where,
        "direction": location.direction,
        "last_good": _hop(location.last_good),
        "first_bad": _hop(location.first_bad),
        "device": _device(location.device),
    }


def _hop(hop: Hop | None) -> dict[str, Any] | None:
    return None if hop is None else {"ttl": hop.ttl, "address": hop.address}


def _device(device: Device | None) -> dict[str, Any] | None:
    return None if device is None else {"ttl": device.ttl, "address": device.address, "by": list(device.by)}


def _leg(leg: Leg | None) -> dict[str, Any] | None:
    if leg is None:
        return None
    return {
        "sent": leg.sent,
        "answered": leg.answered,
        "addresses": list(leg.addresses),
        "rtt_ms": list(leg.rtt_ms),
        "outcomes": list(leg.outcomes),
    }


def _paths(result: Result) -> list[dict[str, Any]]:
    """The constant flows' paths; null for a hop that was not asked, or did not answer the tested port."""
    if result.paths:
        return [
            {"flow": path.flow, "source_port": path.source_port, "state": path.state, "hops": list(path.hops)}
            for path in result.paths
        ]
    hops = [row.test.addresses[0] if row.test and row.test.addresses else None for row in result.hops]
    return [{"flow": 0, "source_port": result.source_port, "state": result.verdict.state, "hops": hops}]


def _probe(seen: Observation, result: Result) -> dict[str, Any]:
    probe, outcome = seen.probe, seen.outcome
    entry: dict[str, Any] = {
        "id": probe.id,
        "protocol": probe.flow.kind,
        "role": probe.role,
        "flow": probe.flow_number,
        "source_port": None if probe.flow.destination_port == 0 else probe.flow.source_port,
        "port": probe.flow.destination_port or None,
        "ttl": probe.ttl,
        "try": probe.attempt,
        "size": probe.size,
        "sent": None if isinstance(outcome, NotSent) else round(seen.sent, 6),
        "outcome": outcome.name,
        "from": outcome.source if isinstance(outcome, Reply) else None,
        "rtt_ms": round(outcome.rtt * 1000, 3) if isinstance(outcome, Reply) else None,
        "frames": list(result.frames.get(probe.id, ())),
    }
    if result.both_ends:
        entry["server_frames"] = list(result.both_ends.server_frames.get(probe.id, ()))
    if isinstance(outcome, Reply):
        entry["reply_ttl"] = outcome.ttl
    if isinstance(outcome, Refusal):
        entry["message"] = outcome.message.name
    if isinstance(outcome, Silent):
        entry["waited_s"] = round(outcome.waited, 3)
    if isinstance(outcome, NotSent):
        entry["error"] = outcome.error
    return entry

"""How does a comparison look to a program? Schema ``pathprobe-diff/1``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pathprobe import __version__
from pathprobe.core.comparison.changes import ASPECTS, Change, Comparison, Pair
from pathprobe.core.comparison.reported import Account, Finding
from pathprobe.core.comparison.ways import Ways
from pathprobe.core.report import Device, Hop, Location, Middlebox, Target
from pathprobe.output.comparison import Names, conclusion, first_line, sentence

SCHEMA = "pathprobe-diff/1"


def document(found: Comparison, names: Names) -> dict[str, Any]:
    """The comparison as plain dicts and lists."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "pathprobe", "version": __version__},
        "same": found.is_same,
        "summary": first_line(found),
        "a": _account(found.a, names.a),
        "b": _account(found.b, names.b),
        "targets": [_pair_entry(pair, found) for pair in found.pairs],
        "only_a": [_target(target) for target in found.only_a],
        "only_b": [_target(target) for target in found.only_b],
    }


def render(found: Comparison, names: Names) -> str:
    """The comparison as one JSON document."""
    return json.dumps(document(found, names), indent=2, ensure_ascii=False)


def _account(account: Account, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "started": account.started,
        "vantage": {"hostname": account.hostname, "source": account.source},
        "complete": account.complete,
    }


def _pair_entry(pair: Pair, found: Comparison) -> dict[str, Any]:
    return {
        "a": _finding(pair.a),
        "b": _finding(pair.b),
        "same_target": pair.a.key == pair.b.key,
        "same": pair.is_same,
        "summary": conclusion(pair, found),
        "changes": [_change(change) for change in pair.changes if change.counts],
        "remarks": [_change(change) for change in pair.changes if not change.counts],
        "ways": _ways(pair.ways),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "target": _target(finding.target),
        "state": finding.state,
        "mechanism": finding.mechanism,
        "location": _as_json(finding.location),
        "distance": finding.distance,
    }


def _target(target: Target) -> dict[str, Any]:
    return {"given": target.given, "address": target.address, "port": target.port, "protocol": target.protocol}


def _change(change: Change) -> dict[str, Any]:
    return {
        "aspect": ASPECTS[change.what],
        "what": change.what,
        "at": change.at,
        "a": _as_json(change.a),
        "b": _as_json(change.b),
        "relation": change.relation,
        "text": sentence(change),
    }


def _as_json(value: object) -> Any:
    match value:
        case Location():
            ends: Mapping[str, Hop | Device | None] = {
                "last_good": value.last_good,
                "first_bad": value.first_bad,
                "device": value.device,
            }
            return {
                "where": value.where,
                "direction": value.direction,
                **{name: end and {"ttl": end.ttl, "address": end.address} for name, end in ends.items()},
            }
        case Middlebox():
            between = [hop.ttl for hop in value.between], [hop.address for hop in value.between]
            facts = {"what": value.what, "from": value.before, "to": value.after}
            return {"between": between[0], "addresses": between[1], **facts}
        case tuple():
            return list(value)
        case _:
            return value


def _ways(between: Ways | None) -> dict[str, Any] | None:
    if between is None:
        return None
    hops = [{"address": hop.address, "a": hop.a, "b": hop.b} for hop in between.common]
    return {
        "common": hops,
        "joined": between.joined and between.joined.address,
        "parted": between.parted and between.parted.address,
        "break_a": between.break_a,
        "break_b": between.break_b,
    }

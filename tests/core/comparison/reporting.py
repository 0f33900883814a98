"""Reports as JSON documents, from the few facts that a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pathprobe.core.comparison.reported import Account, read_report

TARGET = "10.0.0.5"
WAY = ("10.9.1.1", "10.9.2.2", "10.9.3.2", TARGET)
CLAUSE = "dropped silently between two hops"


def place(ttl: int | None, way: Sequence[str | None]) -> dict[str, Any] | None:
    if ttl is None:
        return None
    return {"ttl": ttl, "address": way[ttl - 1] if 0 < ttl <= len(way) else None}


def leg(address: str | None, sent: int) -> dict[str, Any]:
    return {"sent": sent, "answered": sent if address else 0, "addresses": [address] if address else [], "rtt_ms": []}


def box(what: str, between: tuple[int, int], *, before: str | None = None, after: str | None = None) -> dict[str, Any]:
    addresses = [WAY[ttl - 1] for ttl in between]
    return {"between": list(between), "addresses": addresses, "what": what, "from": before, "to": after}


def result(
    state: str = "open",
    *,
    way: Sequence[str | None] = WAY,
    port: int | None = 8080,
    address: str = TARGET,
    distance: int | None = -1,
    asked: int = 4,
    boxes: Sequence[dict[str, Any]] = (),
    mtu: int | None = None,
    **location: Any,
) -> dict[str, Any]:
    """One result. ``location``: where, direction, and last_good, first_bad and device as TTLs. By default open."""
    mechanism = location.pop("mechanism", {"open": "answer", "closed": "reset"}.get(state, "drop"))
    good, bad, box_at = (location.pop(name, None) for name in ("last_good", "first_bad", "device"))
    device = place(box_at, way)
    return {
        "target": {"given": address, "address": address, "port": port, "protocol": "tcp" if port else "icmp"},
        "state": state,
        "mechanism": mechanism,
        "location": {
            "where": location.pop("where", "target" if state in ("open", "closed") else "path"),
            "direction": location.pop("direction", None),
            "last_good": place(good, way),
            "first_bad": place(bad, way),
            "device": device and {**device, "by": ["icmp-source"]},
        },
        "confidence": 0.99,
        "distance": len(way) if distance == -1 else distance,
        "summary": f"{address} is {state}: {CLAUSE}.",
        "reasons": [{"claim": "...", "kind": kind, "probes": []} for kind in location.pop("kinds", ())],
        "hops": [
            {"ttl": ttl, "address": who, "test": leg(who, asked), "control": None} for ttl, who in enumerate(way, 1)
        ],
        "paths": [{"flow": 0, "source_port": 1, "state": state, "hops": list(way)}],
        "middleboxes": list(boxes),
        "path_mtu": {"largest": mtu} if mtu else None,
        **location,
    }


def document(*results: dict[str, Any], source: str | None = "10.9.1.9", started: int = 0) -> dict[str, Any]:
    return {
        "schema": "pathprobe/1",
        "started": f"2026-11-20T12:00:0{started}.000Z",
        "vantage": {"hostname": None, "interface": None, "source": source},
        "results": list(results),
        "complete": True,
    }


def account(*results: dict[str, Any], **facts: Any) -> Account:
    return read_report(document(*results, **facts))

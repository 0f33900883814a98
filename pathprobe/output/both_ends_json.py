"""How does a program read what two captures show together? The JSON object ``both_ends``; names are fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pathprobe.core.probes import Flow

if TYPE_CHECKING:
    # As in both_ends.
    from pathprobe.core.ends.both_ends import BothEnds
    from pathprobe.core.ends.changes import Changed
    from pathprobe.core.ends.clocks import Clocks, Delays
    from pathprobe.core.ends.lost_octets import LostData


def entry(ends: BothEnds | None) -> dict[str, Any] | None:
    """The JSON object ``both_ends``; times in seconds and milliseconds, null for what was not measured."""
    if ends is None:
        return None
    return {
        "fate": ends.fate,
        "tries": {fate.value: count for fate, count in ends.tries.items()},
        "sent": ends.sent,
        "arrived": ends.arrived,
        "answers": ends.answers,
        "heard": ends.heard,
        "server_capture_ran": ends.running,
        "hops": {"forward": ends.hops_there, "return": ends.hops_back},
        "clock": _clock_entry(ends.clocks),
        "delay_ms": {
            "forward": _delay_entry(ends.clocks.forward if ends.clocks else None),
            "return": _delay_entry(ends.clocks.back if ends.clocks else None),
        },
        "translations": [{"client": _flow_entry(mine), "server": _flow_entry(theirs)} for mine, theirs in ends.seen_as],
        "changes": [_change_entry(one) for one in ends.changes],
        "resets_never_sent": [
            {"to": "client" if one.to_client else "server", "frame": one.frame, "ttl": one.ttl} for one in ends.resets
        ],
        "data_lost": [_lost_entry(one) for one in ends.lost],
    }


def _clock_entry(clocks: Clocks | None) -> dict[str, Any] | None:
    if clocks is None:
        return None
    spans = [
        {
            "since": span.since_ns / 1e9,
            "offset_s": span.offset_ns / 1e9,
            "error_s": None if span.error_ns is None else span.error_ns / 1e9,
            "packets": len(span.pairs),
        }
        for span in clocks.spans
    ]
    main = spans[clocks.spans.index(clocks.main)]
    return {"offset_s": main["offset_s"], "error_s": main["error_s"], "packets": main["packets"], "spans": spans}


def _delay_entry(found: Delays | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "packets": found.packets,
        "min": round(found.least * 1000, 6),
        "median": round(found.median * 1000, 6),
        "max": round(found.most * 1000, 6),
    }


def _flow_entry(flow: Flow) -> dict[str, Any]:
    return {
        "source": flow.source,
        "source_port": flow.source_port,
        "destination": flow.destination,
        "destination_port": flow.destination_port,
    }


def _way(forward: bool) -> str:
    return "forward" if forward else "return"


def _change_entry(one: Changed) -> dict[str, Any]:
    return {
        "what": one.what,
        "direction": _way(one.forward),
        "from": one.before,
        "to": one.after,
        "packets": one.packets,
        "of": one.of,
        "frames": list(one.frames),
    }


def _lost_entry(one: LostData) -> dict[str, Any]:
    return {
        "direction": _way(one.forward),
        "octets": one.octets,
        "of": one.sent,
        "ranges": [list(ends) for ends in one.ranges],
        "tries": one.tries,
        "smallest_lost": one.smallest_lost,
        "largest_passed": one.largest_passed or None,
        "frames": list(one.frames),
    }

"""How does what was watched look to a program? Schema ``pathprobe-layers/1``, with no layer in it: nothing but packets
was looked at. They are under ``arrivals``, each by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pathprobe.core.arrivals.facts import Attempt, Dropped, Watched
from pathprobe.core.arrivals.fate import nothing_listens
from pathprobe.core.layers import Asked, Conclusion, LayersReport
from pathprobe.output import arrival_words, arrivals, layers_json


def document(watched: Watched, capture: Mapping[str, Any] | None) -> dict[str, Any]:
    """As plain dicts and lists; ``capture``: the file that was written, if any."""
    report = LayersReport(
        asked=Asked(given=f"{watched.port}/{watched.protocol}", protocol=watched.protocol, port=watched.port),
        started=watched.started_ns / 1e9,
        duration=watched.seconds,
        layers=(),
        conclusion=Conclusion(
            layer=None,
            word=arrivals.word(watched),
            summary=arrivals.conclusion(watched),
            next_steps=arrivals.next_steps(watched),
        ),
    )
    return layers_json.document(report) | {"arrivals": entry(watched), "capture": capture}


def entry(watched: Watched) -> dict[str, Any]:
    """All of it for programs; the value of ``arrivals``."""
    return {
        "started": _time(watched.started_ns),
        "seconds": round(watched.seconds, 3),
        "complete": watched.complete,
        "attempts": [_attempt_entry(one, watched) for one in watched.attempts],
        "untold": watched.untold,
        "lost": watched.lost,
        "drops_unread": watched.drops_unread or None,
        "drops_missing": watched.drops_missing,
        "rules_traced": watched.rules_unread == "",
        "rules_unread": watched.rules_unread or None,
        "steps_missing": watched.steps_missing,
        "table_left": watched.table_left or None,
        "queues": [asdict(one) for one in watched.queues],
        "ways_back": {source: why or None for source, why in watched.ways_back.items()},
        "summary": arrivals.conclusion(watched),
    }


def _attempt_entry(attempt: Attempt, watched: Watched) -> dict[str, Any]:
    return {
        "time": _time(attempt.tries[0]),
        "source": attempt.source,
        "source_port": attempt.source_port,
        "destination": attempt.destination,
        "port": attempt.port,
        "interface": attempt.interface,
        "fate": attempt.fate,
        "by_rule": attempt.by_rule,
        "nothing_listens": nothing_listens(attempt),
        "tries": [_time(one) for one in attempt.tries],
        "answers": len(attempt.answers),
        "after_ms": None if attempt.after_ms is None else round(attempt.after_ms, 3),
        "icmp": {"from": attempt.refusal.by, "name": attempt.refusal.name} if attempt.refusal else None,
        "drops": [_drop_entry(one) for one in attempt.drops],
        "answer_drops": [_drop_entry(one) for one in attempt.answer_drops],
        "handed_on": _handed_on_entry(attempt),
        "rule": asdict(attempt.deciding) if attempt.deciding else None,
        "steps": [asdict(step) for step in attempt.trace.steps] if attempt.trace else None,
        "answer_steps": [asdict(step) for step in attempt.answer_trace.steps] if attempt.answer_trace else None,
        "hints": arrival_words.hints(attempt, watched),
        "summary": arrival_words.in_short(attempt),
    }


def _drop_entry(one: Dropped) -> dict[str, Any]:
    return {
        "time": _time(one.time_ns),
        "reason": one.reason or None,
        "function": one.function or None,
        "elsewhere": one.elsewhere,
    }


def _handed_on_entry(attempt: Attempt) -> dict[str, Any] | None:
    on = attempt.handed_on
    if on is None:
        return None
    return {"interface": on.interface, "source": on.source, "destination": on.destination, "port": on.port}


def _time(nanoseconds: int) -> str:
    stamp = datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="microseconds")
    return stamp.replace("+00:00", "Z")

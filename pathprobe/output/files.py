"""What became of the frames of a capture that was analyzed, in words and for programs?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathprobe.core.sightings import FileSummary


def lines(file: FileSummary) -> list[str]:
    """A line for the place where the file is cut, and one for frames that were not used; none if there is nothing."""
    found = []
    if file.cut:
        found.append(f"This answer is partial: {file.cut}; before that {_frames(file.frames)} could be read.")
    if unused := _unused(file):
        found.append(f"Of {_frames(file.frames)}, not used: {', '.join(unused)}.")
    if file.snapped:
        found.append(f"Of {_frames(file.snapped)} only the head was captured: what lay behind it is not known.")
    return found


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"


def _unused(file: FileSummary) -> list[str]:
    counts = [
        *((count, what) for what, count in _by_count(file.not_ip)),
        *((count, f"inside {tunnel}") for tunnel, count in _by_count(file.tunnels)),
        (file.malformed, "malformed"),
        (file.fragments, "later fragments"),
        (file.without_time, "without a time"),
    ]
    return [f"{count} {what}" for count, what in counts if count]


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def entry(file: FileSummary) -> dict[str, Any]:
    """The same for programs: beside ``path`` and ``packets`` under ``capture``."""
    return {
        "frames": file.frames,
        "truncated": {"octet": file.cut.offset, "reason": file.cut.reason} if file.cut else None,
        "not_ip": dict(file.not_ip),
        "tunnels": dict(file.tunnels),
        "malformed": file.malformed,
        "snapped": file.snapped,
        "fragments": file.fragments,
        "without_time": file.without_time,
    }

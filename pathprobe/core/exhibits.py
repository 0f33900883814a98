"""What is shown of one packet of the evidence?"""

from __future__ import annotations

from dataclasses import dataclass

from pathprobe.core.sightings import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A packet as it was seen, and what the capture concludes from it."""

    seen: Sighting
    conclusions: tuple[str, ...]

"""How are very many targets asked about, and who is told of them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pathprobe.core.asked import Answer
from pathprobe.core.pacing import Pace
from pathprobe.engine.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to ask. Without ``options.trace`` there is no second look."""

    options: Options
    pace: Pace


class Audience(Protocol):
    """Who wants to know. Many answers come at once: each is told, and then they are shown together."""

    def tell(self, answer: Answer) -> None: ...

    def show(self) -> None: ...

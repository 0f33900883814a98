"""What does the row of a service say?"""

from __future__ import annotations

from pathprobe.core.layers import Layer
from pathprobe.layers.app.ask import ask
from pathprobe.layers.app.judge import judge
from pathprobe.layers.app.target import Question


def look(question: Question, *, now: float) -> Layer:
    """Ask and judge; ``now`` in seconds since 1970. Opens sockets, and raises CannotAsk where there is nothing to ask.

    Of the network nothing raises: what is refused, silent or garbled is in the row.
    """
    return judge(ask(question), now=now)

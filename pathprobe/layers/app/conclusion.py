"""What does the row of the application say by itself, and what is to be done next?"""

from __future__ import annotations

from pathprobe.core.layers import Conclusion, Layer, Status
from pathprobe.layers.app.target import Question
from pathprobe.layers.app.wording import again

_WORDS = {Status.FAIL: "BROKEN", Status.UNKNOWN: "UNKNOWN"}


def conclude(row: Layer, question: Question) -> Conclusion:
    """One sentence, and what to do next."""
    word = "NOT SERVED" if row.is_absent else _WORDS.get(row.status, "HEALTHY")
    if row.status is Status.FAIL:
        summary = f"layer {row.number} ({row.name}): {row.summary}"
        steps = (f"Mend that, then look again: {again(question)}",)
        return Conclusion(layer=row.number, word=word, summary=summary, next_steps=steps)
    if row.status is Status.UNKNOWN:
        summary = f"layer {row.number} ({row.name}) could not be told"
        return Conclusion(layer=None, word=word, summary=summary)
    summary = "nothing in its conversation is wrong"
    if row.status is Status.WARN:
        summary = f"it answers; layer {row.number} ({row.name}) deserves a look"
    return Conclusion(layer=None, word=word, summary=summary)

"""A question to a server of the tests, and the row that comes of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pathprobe.core.layers import Layer
from pathprobe.layers.app import ask, judge, parse
from pathprobe.layers.app.facts import Conversation

#: Seconds: enough for a busy machine where an answer is awaited, little where a silence is.
PATIENCE, SILENCE = 10.0, 0.5
#: What the commands to copy say of it.
PATIENTLY, HASTILY = "--timeout 10", "--timeout 0.5"


def told(target: str, **options: Any) -> Conversation:
    """At 127.0.0.1, whatever the name is."""
    options.setdefault("timeout", PATIENCE)
    options.setdefault("connect_to", "127.0.0.1")
    if isinstance(options.get("authorities"), Path):
        options["authorities"] = str(options["authorities"])
    return ask(replace(parse(target), **options))


def row(target: str, **options: Any) -> Layer:
    return judge(told(target, **options), now=time.time())


def seen(layer: Layer) -> str:
    """All of its evidence."""
    return "\n".join(" | ".join((one.source, one.ref, one.text)) for one in layer.evidence)

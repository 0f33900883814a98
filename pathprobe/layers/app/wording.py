"""How are times, dates and commands written in this layer's sentences?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from pathprobe.layers.app.facts import Conversation, Took
from pathprobe.layers.app.target import USUAL_TIMEOUT, Question, Scheme

_DAY = 86400


def duration(seconds: float) -> str:
    """``0.4 ms``, ``12 ms``, ``2.1 s``."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def patience(question: Question) -> str:
    return f"{question.timeout:g} s"


def times(took: Sequence[Took]) -> str:
    """``resolve 0.1 ms, connect 0.2 ms, first byte 3.1 ms, total 3.4 ms``."""
    parts = [f"{one.step} {duration(one.seconds)}" for one in took]
    return ", ".join((*parts, f"total {duration(sum(one.seconds for one in took))}"))


def day(moment: float) -> str:
    """``2026-11-30``; certificates may hold years that no calendar of ours has."""
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "a day beyond the calendar"


def days(seconds: float) -> str:
    """``12 days``, ``1 day``, ``less than a day``."""
    number = int(abs(seconds) // _DAY)
    return "less than a day" if number == 0 else f"{number} day{'s' if number > 1 else ''}"


def app(target: str, *options: str) -> str:
    """A command to copy."""
    return " ".join(("pathprobe app", shlex.quote(target), *options))


def again(question: Question, *options: str) -> str:
    """The same question with more options."""
    return app(question.given, *_kept(question, options), *options)


def instead(question: Question, scheme: Scheme) -> str:
    """The same place asked by another protocol."""
    return app(question.url(scheme), *_kept(question, ()))


def _kept(question: Question, options: Sequence[str]) -> list[str]:
    """The options that say whom to ask, how long and what to expect; not the headers, which may hold a secret."""
    given = ["--sni " + shlex.quote(question.name)] if question.name else []
    if question.connect_to and question.connect_to != question.host:
        given.append("--connect-to " + shlex.quote(question.connect_to))
    given += ["--ca " + shlex.quote(question.authorities)] if question.authorities else []
    given += ["--expect-status " + ",".join(question.expected)] if question.expected else []
    given += [f"--timeout {question.timeout:g}"] if question.timeout != USUAL_TIMEOUT else []
    given += [f"-{question.family}"] if question.family else []
    return [one for one in given if not _is_replaced(one, options)]


def _is_replaced(option: str, options: Sequence[str]) -> bool:
    return any(option.split()[0] == one.split()[0] for one in options)


def on_the_path(question: Question, *options: str) -> str:
    """The command that says what stops packets on their way."""
    return " ".join(("sudo pathprobe tcp", shlex.quote(question.probed), *options))


def listed(names: Sequence[str], most: int = 4) -> str:
    """``a, b and 3 more``."""
    shown = ", ".join(names[:most])
    left = len(names) - most
    return f"{shown} and {left} more" if left > 0 else shown


def whom(told: Conversation) -> str:
    return told.address or (told.attempts[-1].address if told.attempts else told.question.host)

"""What is a race: on which network, what is asked, by which tools, and what does pathprobe have to show?

Every tool gets the options that make it quick at this question, and none that make it wrong. A tool that gives less
of an answer is in the race too: its questions are in the table.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum

from tests.bench.answers import Answer, Question, Reader
from tests.bench.networks import Network

#: What stands in a command for the name of a file with a line ``address:port`` for each pair.
LIST = "{list}"

OURS = "pathprobe"

PATHPROBE = (sys.executable, "-m", "pathprobe")
SCAPY = (sys.executable, "-m", "tests.bench.scapy_peer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """``questions`` are those that its answer is judged by, none for what only starts; ``rounds``: at most so many,
    for a slow one; ``seconds`` after which it is stopped. ``quick``: also in a short race.
    """

    name: str
    command: tuple[str, ...]
    read: Reader
    questions: tuple[Question, ...]
    rounds: int = 9
    seconds: float = 30
    quick: bool = True


class Measure(StrEnum):
    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"


class How(StrEnum):
    RATIO = "ratio"
    DIFFERENCE = "difference"
    VALUE = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What pathprobe's median has to be, alone (``VALUE``) or beside a peer's in the same round, at most.

    Seconds, MiB, or a number.
    """

    measure: Measure
    how: How
    at_most: float
    peer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """``truth`` is what the network was built to be. ``pairs`` go into the file that LIST stands for."""

    name: str
    what: str
    network: Network
    truth: Answer
    tools: tuple[Tool, ...]
    bounds: tuple[Bound, ...] = ()
    pairs: tuple[str, ...] = ()
    quick: bool = True

"""What was seen of one question that somebody asked?

A question is (kind, host that asked, target, port): all SYNs to one port, all requests to one UDP port, all echo
requests to one host. Of each the packets that asked and that answered are kept, up to a number; the rest is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pathprobe.core.probes import Kind
from pathprobe.core.sightings import Sighting
from pathprobe.core.witness.conversations import Conversation
from pathprobe.core.witness.courses import Course, Fate, Told

#: Packets with this TTL or more are meant to arrive: stacks start with 32 at least (core.evidence), scanners with a
#: random number from 37 on (nmap), and no path is so long.
ARRIVES = 32

#: Sightings kept of one question; what comes later is counted.
MOST_KEPT = 400


class Key(NamedTuple):
    """What is asked of whom by whom; port 0 for echo."""

    kind: Kind
    source: str
    target: str
    port: int


@dataclass(slots=True, eq=False)
class Question:
    """All that was seen of one question; times in nanoseconds since 1970.

    ``attempts``: connections, UDP conversations, echo requests; ``packets`` that asked, those sent again too.
    ``expired``: TTLs that ran out; ``silent`` attempts are what is left. ``midway``: conversations whose beginning is
    missing. ``ttls`` of requests, ``reply_ttls`` of the answers. ``unheard``: source port and sequence of SYNs whose
    answer nobody reacted to. ``ports`` of a traceroute that took a new one with every probe.
    ``refusal``: the first. ``shown``: source port, sequence and frames of the first connection of each course.
    """

    key: Key
    first_ns: int
    last_ns: int
    attempts: int = 0
    packets: int = 0
    answered: int = 0
    reset: int = 0
    refused: int = 0
    expired: int = 0
    midway: int = 0
    last_asked_ns: int = 0
    ttls: set[int] = field(default_factory=set)
    reply_ttls: set[int] = field(default_factory=set)
    kept: list[Sighting] = field(default_factory=list)
    courses: dict[Course, tuple[int, Told]] = field(default_factory=dict)
    shown: dict[Course, tuple[int, int, tuple[int, ...]]] = field(default_factory=dict)
    unheard: set[tuple[int, int]] = field(default_factory=set)
    ports: tuple[int, ...] = ()
    refusal: Sighting | None = None

    @property
    def silent(self) -> int:
        return max(0, self.attempts - self.answered - self.reset - self.refused - self.expired)

    @property
    def is_stepped(self) -> bool:
        """Some requests had a TTL that they could not arrive with: a traceroute."""
        return any(ttl < ARRIVES for ttl in self.ttls)

    @property
    def trouble(self) -> tuple[int, Told] | None:
        """The worst course of its connections, and how many took it."""
        order = (course for course in Course if course in self.courses)
        return next((self.courses[course] for course in order), None)

    def keep(self, one: Sighting) -> None:
        if len(self.kept) < MOST_KEPT:
            self.kept.append(one)

    def asks(self, one: Sighting) -> None:
        """A request, for the first time or again."""
        self.packets += 1
        self.ttls.add(one.packet.ttl)
        self.last_ns = self.last_asked_ns = one.time_ns
        self.keep(one)

    def is_answered(self, one: Sighting) -> None:
        self.last_ns = one.time_ns
        self.reply_ttls.add(one.packet.ttl)
        self.keep(one)

    def closes(self, conversation: Conversation, source_port: int, end: int) -> None:
        """Nothing more will be seen of one of its connections."""
        self.answered += conversation.fate is Fate.ANSWERED
        self.reset += conversation.fate is Fate.RESET
        self.refused += conversation.fate is Fate.REFUSED
        told = conversation.told(end)
        count, first = self.courses.get(told.course, (0, told))
        if conversation.fate is Fate.ANSWERED:
            self.courses[told.course] = (count + 1, first)
        if told.course is not Course.FINE:
            self.shown.setdefault(told.course, (source_port, conversation.initial, conversation.numbers))
        if told.course is Course.UNHEARD:
            self.unheard.add((source_port, conversation.initial))

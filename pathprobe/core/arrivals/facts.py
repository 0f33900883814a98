"""What can be seen of a packet at this machine, and what is told of one attempt to reach its port?

Times are nanoseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pathprobe.core.packets import Packet


class Fate(StrEnum):
    """How an attempt ended, as far as it was seen.

    REFUSED: by an ICMP error. ANSWER_DROPPED: it was answered, and the answer did not leave. HANDED_ON: it left by
    another interface and nothing came back. UNANSWERED: it arrived, and nothing else was seen of it.
    """

    ANSWERED = "answered"
    RESET = "reset"
    REFUSED = "refused"
    DROPPED = "dropped"
    ANSWER_DROPPED = "answer-dropped"
    HANDED_ON = "handed-on"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One packet on an interface. ``looped``: this machine sent it to itself; it comes in, and never goes out."""

    time_ns: int
    packet: Packet
    interface: str
    outgoing: bool
    looped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """The kernel threw a packet away: ``reason`` and ``function`` as its source names them, "" where it does not say.

    ``elsewhere``: in another network namespace of this machine, such as a container's.
    """

    time_ns: int
    packet: Packet
    reason: str
    function: str
    elsewhere: bool = False

    @property
    def by_rule(self) -> bool:
        return self.reason == "NETFILTER_DROP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rule, or a chain's policy, that a traced packet met; ``verdict`` and ``target`` as nft writes them.

    ``handle``: the rule's, None for a policy; ``text``: the rule's own, "" where it is not known.
    """

    family: str
    table: str
    chain: str
    verdict: str
    target: str = ""
    handle: int | None = None
    text: str = ""

    @property
    def place(self) -> str:
        where = f"{self.family} {self.table} {self.chain}"
        return f"{where} policy" if self.handle is None else f"{where} handle {self.handle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A packet's way through the rules, ours left out; ``packet`` as it came to the first of them."""

    packet: Packet
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """It left by another interface, perhaps under other addresses."""

    time_ns: int
    interface: str
    source: str
    destination: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An ICMP error about it left: who made it, and its name (core.icmp)."""

    time_ns: int
    by: str
    name: str
    port_unreachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One SYN with its repetitions, or a flow of UDP datagrams, and what became of it.

    ``tries``: when each arrived. ``answers``, ``resets``: when each left. ``after_ms``: from the try to what ended it,
    None where nothing did. ``trace``: its last way in through the rules, ``answer_trace`` that of its answer.
    """

    protocol: str
    source: str
    source_port: int
    destination: str
    port: int
    interface: str
    fate: Fate
    tries: tuple[int, ...]
    answers: tuple[int, ...] = ()
    resets: tuple[int, ...] = ()
    after_ms: float | None = None
    refusal: Refusal | None = None
    drops: tuple[Dropped, ...] = ()
    answer_drops: tuple[Dropped, ...] = ()
    handed_on: HandedOn | None = None
    trace: Traced | None = None
    answer_trace: Traced | None = None

    @property
    def deciding(self) -> Step | None:
        """The rule or policy that dropped it or its answer; None where no trace says so."""
        for trace in (self.answer_trace, self.trace) if self.fate is Fate.ANSWER_DROPPED else (self.trace,):
            if trace and (found := deciding_step(trace)):
                return found
        return None

    @property
    def by_rule(self) -> bool:
        """A firewall rule ended it, as far as is known: by a drop of its own, or one that goes with an answer."""
        if self.fate in (Fate.RESET, Fate.REFUSED, Fate.DROPPED):
            return any(one.by_rule for one in self.drops) or self.deciding is not None
        if self.fate is Fate.ANSWER_DROPPED:
            return any(one.by_rule for one in self.answer_drops) or self.deciding is not None
        return False


def deciding_step(trace: Traced) -> Step | None:
    """The step that ended a packet; None where the last was none that ends one."""
    return next((step for step in reversed(trace.steps) if step.verdict in ("drop", "queue", "stolen")), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Of a listening socket: connections that the program has not accepted, and for how many there is room."""

    address: str
    waiting: int
    room: int

    @property
    def is_full(self) -> bool:
        """As the kernel sees it (sk_acceptq_is_full): it takes one more than there is room for."""
        return self.waiting > self.room

    def serves(self, address: str) -> bool:
        return self.address in (address, "0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """All that was learnt in one sitting.

    ``started_ns``, ``ended_ns``: while it listened. ``untold``: arrivals beyond those that are told one by one.
    ``lost``: packets that the watcher itself could not take. ``drops_unread``: why the kernel's drops could not be
    seen, "" where they could. ``rules_unread``: the same for the rules, None where nobody asked for them.
    ``drops_missing``, ``steps_missing``: they were read, but for some that found no room. ``table_left``: why a table
    of ours is still there. ``complete``: it was not interrupted.

    Looked at where something was not answered: ``queues`` of who listens; ``ways_back``: source -> why this host would
    not send there, "" where it would.
    """

    protocol: str
    port: int
    started_ns: int
    ended_ns: int
    attempts: tuple[Attempt, ...]
    untold: int = 0
    lost: int = 0
    drops_unread: str = ""
    drops_missing: bool = False
    rules_unread: str | None = None
    steps_missing: bool = False
    table_left: str = ""
    queues: tuple[Queue, ...] = ()
    ways_back: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    @property
    def seconds(self) -> float:
        return (self.ended_ns - self.started_ns) / 1e9

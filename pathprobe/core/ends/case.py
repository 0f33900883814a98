"""What is known of one question from both ends, as far as its verdict needs it?

Its own tries, how the tries of other questions to the same address fared (the control), and when the server's capture
would have shown what did not arrive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from pathprobe.core.ends.changes import hops
from pathprobe.core.ends.clocks import Clocks
from pathprobe.core.ends.fate import Fate
from pathprobe.core.ends.fates import Try
from pathprobe.core.ends.joining import Pair
from pathprobe.core.ends.questions import Question
from pathprobe.core.ends.running import Running, Watch, running
from pathprobe.core.outcomes import TimeExceeded
from pathprobe.core.probes import FULL_TTL, Kind
from pathprobe.core.report import (
    Hop,
)
from pathprobe.core.statistics import (
    ENOUGH,
    chance_of_split,
)

#: Fates in which the client learnt what the server has to say.
LIVING = (Fate.ANSWERED, Fate.REFUSED)

#: A try that was repeated as often and came to nothing was given up; less may be a single lost packet.
REPEATED = 2


def _expired_at(question: Question) -> dict[int, str]:
    """Hop -> who let a packet of this question expire there."""
    return {
        seen.probe.ttl: seen.outcome.source
        for seen in question.observations
        if isinstance(seen.outcome, TimeExceeded) and seen.probe.ttl < FULL_TTL
    }


class Server:
    """An address that the client asked, with all its questions: what one of them shows holds for the others."""

    def __init__(self, asked: Sequence[Question]) -> None:
        self.asked = asked

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(pair for one in self.asked for pair in one.pairs)

    @cached_property
    def tries(self) -> tuple[int, int]:
        """How many tries lived, of how many."""
        tries = [one for each in self.asked for one in each.tries]
        return sum(one.fate in LIVING for one in tries), len(tries)

    @cached_property
    def packets(self) -> tuple[int, int]:
        """How many packets that ask arrived, of how many."""
        tries = [one for each in self.asked for one in each.tries]
        return sum(len(one.arrived) for one in tries), sum(len(one.sent) for one in tries)

    @cached_property
    def hops_there(self) -> int | None:
        return hops(pair for pair in self.pairs if pair.forward)

    @cached_property
    def hops_back(self) -> int | None:
        return hops(pair for pair in self.pairs if not pair.forward)

    @cached_property
    def reply_ttl(self) -> int | None:
        """With which TTL the server's own packets come to the client, most of them."""
        found = Counter(pair.client.packet.ttl for pair in self.pairs if not pair.forward)
        return max(found, key=lambda ttl: found[ttl], default=None)

    @cached_property
    def is_one_way(self) -> bool:
        """The server's capture holds packets of the client, and nothing that the server sent."""
        ends = [one.server for each in self.asked for one in each.joined if one.server]
        return bool(ends) and not any(one.back or one.errors for one in ends)

    @cached_property
    def routers(self) -> dict[int, str]:
        """Hop -> who let a packet with that TTL expire there."""
        return {ttl: address for one in self.asked for ttl, address in _expired_at(one).items()}


class Case:
    """One question with all that the verdict on it needs; ``watch``: when the server's capture ran."""

    def __init__(self, question: Question, server: Server, clocks: Clocks | None, watch: Watch) -> None:
        self.question, self.server, self.clocks, self.watch = question, server, clocks, watch
        kind, self.target, port = question.asked
        self.kind, self.port = kind, None if kind is Kind.ECHO else port

    @cached_property
    def fates(self) -> dict[Fate, tuple[Try, ...]]:
        """The tries by what became of them."""
        found: dict[Fate, list[Try]] = {}
        for one in self.question.tries:
            found.setdefault(one.fate, []).append(one)
        return {fate: tuple(tries) for fate, tries in found.items()}

    @cached_property
    def living(self) -> tuple[Try, ...]:
        return tuple(one for fate, tries in self.fates.items() if fate in LIVING for one in tries)

    @cached_property
    def dead(self) -> tuple[Try, ...]:
        return tuple(one for fate, tries in self.fates.items() if fate not in LIVING for one in tries)

    @cached_property
    def given_up(self) -> tuple[Try, ...]:
        """Tries that came to nothing although they were repeated."""
        return tuple(one for one in self.dead if len(one.sent) >= REPEATED)

    @cached_property
    def fate(self) -> Fate:
        """What the verdict is about: the fate of those that die, if that is more than a lost packet here and there."""
        about = [fate for fate in self.fates if fate in LIVING]
        if not about or self.is_intermittent:
            about = [fate for fate in self.fates if fate not in LIVING]
        return max(about, key=lambda fate: len(self.fates[fate]))

    @property
    def decisive(self) -> tuple[Try, ...]:
        """The tries that the verdict is about."""
        return self.fates[self.fate]

    @cached_property
    def is_intermittent(self) -> bool:
        """Some tries live and others die, and not as the tries of other questions do."""
        told = any(fate in (Fate.FORGED, Fate.REFUSED_ON_THE_WAY) for fate in self.fates)
        if not self.living or not (self.given_up or told):
            return False
        living, of = self.control_tries
        chance = chance_of_split(len(self.living), len(self.question.tries), living, of)
        return not (living < of and chance > ENOUGH)

    @property
    def control_tries(self) -> tuple[int, int]:
        """Of the tries of other questions to the same address: how many lived, of how many."""
        living, of = self.server.tries
        return living - len(self.living), of - len(self.question.tries)

    @property
    def control_packets(self) -> tuple[int, int]:
        """The same in packets that ask: how many arrived, of how many."""
        arrived, of = self.server.packets
        tries = self.question.tries
        return arrived - sum(len(one.arrived) for one in tries), of - sum(len(one.sent) for one in tries)

    @cached_property
    def _ran(self) -> tuple[Running, int]:
        sent = [packet.time_ns for one in self.decisive for packet in one.sent]
        if any(one.arrived for one in self.decisive):
            return Running.SHOWN, len(sent)
        return running(self.watch, self.clocks, sent)

    def has_run(self, time_ns: int) -> bool:
        """The server's capture would have shown what left the server when it was this by the client's clock."""
        return running(self.watch, self.clocks, [time_ns])[1] > 0

    @property
    def running(self) -> Running:
        """How it is known that the server's capture ran when the tries that decide were made."""
        return self._ran[0]

    @property
    def watched(self) -> int:
        """How many of their packets it would have shown."""
        return self._ran[1]

    @cached_property
    def hops_there(self) -> int | None:
        """End to end, by this question's packets or else by those of others to the same address."""
        return hops(pair for pair in self.question.pairs if pair.forward) or self.server.hops_there

    @cached_property
    def hops_back(self) -> int | None:
        return hops(pair for pair in self.question.pairs if not pair.forward) or self.server.hops_back

    @cached_property
    def reached(self) -> int:
        """The farthest hop at which a packet of this question was seen to run out; 0 is the client."""
        return max(_expired_at(self.question), default=0)

    @cached_property
    def first_bad(self) -> Hop | None:
        """The nearest hop after that which packets of other questions reached, at the latest the server."""
        hops = [ttl for ttl in self.server.routers if ttl > self.reached]
        if hops:
            return Hop(ttl=min(hops), address=self.server.routers[min(hops)])
        return self.target_hop

    @property
    def target_hop(self) -> Hop | None:
        return Hop(ttl=self.hops_there, address=self.target) if self.hops_there else None

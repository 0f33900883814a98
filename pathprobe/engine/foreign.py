"""Which verdicts follow from a capture that anybody made?

Streams the packets once; groups what was found into questions; judges each. The plain ones are judged by their counts,
the rest in full, up to a number of them: what can be located is worth its cost, and a flood of refusals is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from pathprobe.core.probes import Kind
from pathprobe.core.report import Result, Watched
from pathprobe.core.sightings import FileSummary, Sighting
from pathprobe.core.witness.plain import Around
from pathprobe.core.witness.questions import ARRIVES, Key, Question
from pathprobe.core.witness.retold import SAME_TIME
from pathprobe.core.witness.standpoint import Witness
from pathprobe.core.witness.traffic import Traffic
from pathprobe.core.witness.urgency import is_told_in_full, urgency
from pathprobe.core.witness.vantage import standing
from pathprobe.core.witness.witnessed import in_full, in_short
from pathprobe.engine.asked_as import with_service
from pathprobe.engine.sightings import open_sightings

#: Questions judged in full because there is something to locate: some milliseconds each.
_MOST_IN_FULL = 200

#: Other questions about the same target that are looked at beside one.
_MOST_BESIDE = 20

#: Steps at either end of a question for which it is remembered that it was heard.
_MOST_STEPS = 60

#: Nanoseconds: what was heard of a target is remembered in steps of this length.
_STEP = SAME_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which questions are of interest; all of them where nothing is said.

    ``targets``: address and port, None for any; ``hosts``: networks of which the asker or the target is one.
    """

    targets: tuple[tuple[str, int | None], ...] = ()
    hosts: tuple[IPv4Network | IPv6Network, ...] = ()

    @property
    def narrows(self) -> bool:
        return bool(self.targets or self.hosts)

    def __call__(self, key: Key) -> bool:
        if self.targets and not any(
            key.target == address and port in (None, key.port) for address, port in self.targets
        ):
            return False
        return not self.hosts or any(self._is_in(network, key) for network in self.hosts)

    def takes(self, result: Result) -> bool:
        """Whether a finished answer is of interest."""
        target = result.target
        return self(Key(Kind(target.protocol), result.source, target.address, target.port or 0))

    @staticmethod
    def _is_in(network: IPv4Network | IPv6Network, key: Key) -> bool:
        return any(ip_address(one.partition("%")[0]) in network for one in (key.source, key.target))


def network_of(text: str) -> IPv4Network | IPv6Network:
    """An address, or a prefix of any host's in it. Raises ValueError."""
    return ip_network(text, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """The verdicts, worst first, and what else the file holds; ``notes`` that pathprobe wrote into it."""

    results: tuple[Result, ...]
    watched: Watched
    file: FileSummary
    notes: tuple[str, ...]


def witness(path: Path, wanted: Wanted | None = None) -> Witnessed:
    """All questions that somebody asked in the file. Raises OSError, and NotACapture when it is no capture."""
    wanted = wanted or Wanted()
    traffic = Traffic(_with_controls(wanted))
    with open_sightings(path) as sightings:
        traffic.take_all(sightings)
        facts = sightings.facts
        results = judge(traffic, wanted, traffic.end_ns if facts.cut else facts.ended_ns)
        watched = Watched(
            packets=traffic.packets,
            passed_over=traffic.passed_over,
            midway=traffic.midway,
            narrowed=wanted.narrows,
        )
        return Witnessed(results=results, watched=watched, file=sightings.summary, notes=tuple(facts.notes))


def _with_controls(wanted: Wanted) -> Callable[[Key], bool]:
    """What else is asked of a wanted target is its control, so it is read as well."""
    hosts = Wanted(hosts=wanted.hosts)
    addresses = {address for address, _ in wanted.targets}
    return lambda key: (not addresses or key.target in addresses) and hosts(key)


def results_of(seen: Iterable[Sighting], wanted: Wanted | None = None) -> tuple[Result, ...]:
    """The verdicts on packets, worst first."""
    wanted = wanted or Wanted()
    traffic = Traffic(_with_controls(wanted))
    traffic.take_all(seen)
    return judge(traffic, wanted)


def judge(traffic: Traffic, wanted: Wanted, ended_ns: int | None = None) -> tuple[Result, ...]:
    """The verdicts on all that was read, worst first. ``ended_ns``: when listening ended, if that is known."""
    witnesses = [one for one in _witnesses(traffic, ended_ns) if wanted(one.question.key)]
    everything = is_told_in_full(len(witnesses), narrowed=wanted.narrows)
    left = _MOST_IN_FULL
    results = []
    for one in witnesses:
        in_detail = everything or (left > 0 and not one.is_plain)
        left -= in_detail
        results.append(with_service(in_full(one)) if in_detail else in_short(one))
    return tuple(sorted(results, key=urgency))


def _witnesses(traffic: Traffic, ended_ns: int | None) -> Iterator[Witness]:
    pairs: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for question in traffic.questions():
        pairs[question.key.source, question.key.target].append(question)
    for (source, target), asked in pairs.items():
        questions = _traces_joined(asked)
        heard = _Heard(questions)
        place = standing(traffic.hosts, Key(Kind.TCP, source, target, 0))
        for question in questions:
            yield Witness(
                question=question,
                others=heard.beside(question),
                around=heard.around(question),
                standing=place,
                last_ns=traffic.end_ns,
                ended_ns=ended_ns,
            )


def _traces_joined(asked: Sequence[Question]) -> list[Question]:
    """A UDP traceroute asks a new port with every probe, and one TTL of each: that is one question, about the first."""
    steps = [
        one
        for one in asked
        if one.key.kind is Kind.UDP and len(one.ttls) == 1 and one.is_stepped and one.attempts == one.packets
    ]
    # The last of its TTLs may be beyond what counts as a step.
    ttls = {ttl for one in steps for ttl in one.ttls}
    if len(steps) < 2 or len(ttls) < 2 or max(ttls) >= ARRIVES:
        return list(asked)
    joined = set(steps)
    return [_joined(steps), *(one for one in asked if one not in joined)]


def _joined(steps: Sequence[Question]) -> Question:
    first = steps[0]
    joined = Question(
        key=first.key, first_ns=first.first_ns, last_ns=max(one.last_ns for one in steps), ports=_ports(steps)
    )
    joined.last_asked_ns = max(one.last_asked_ns for one in steps)
    for one in steps:
        joined.attempts += one.attempts
        joined.packets += one.packets
        joined.answered += one.answered
        joined.refused += one.refused
        joined.refusal = joined.refusal or one.refusal
        joined.expired += one.expired
        joined.ttls |= one.ttls
        joined.reply_ttls |= one.reply_ttls
        for seen in one.kept:
            joined.keep(seen)
    return joined


def _ports(steps: Sequence[Question]) -> tuple[int, ...]:
    return tuple(sorted({one.key.port for one in steps}))


class _Heard:
    """When anything was heard of one target by one host, and of which questions."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._when: dict[int, set[Key]] = defaultdict(set)
        self._ways: dict[int, frozenset[int]] = {}
        self._telling = sorted(questions, key=_tells_most)[: _MOST_BESIDE + 1]
        self._count = len(questions)
        for one in questions:
            if one.answered or one.reset or one.expired:
                for step in _steps_of(one):
                    self._when[step].add(one.key)
                    self._ways[step] = self._ways.get(step, frozenset()) | one.reply_ttls

    def beside(self, question: Question) -> list[Question]:
        """The others that tell most: traces first, then what was answered."""
        return [one for one in self._telling if one is not question][:_MOST_BESIDE]

    def around(self, question: Question) -> Around:
        asked = range(question.first_ns // _STEP - 1, question.last_ns // _STEP + 2)
        steps = [step for step in (asked if len(asked) < len(self._when) else list(self._when)) if step in asked]
        keys = [self._when[step] for step in steps if step in self._when]
        ways = frozenset().union(*(self._ways[step] for step in steps if step in self._ways))
        return Around(
            asked=self._count > 1, heard=any(len(one) > (question.key in one) for one in keys), reply_ttls=ways
        )


def _steps_of(question: Question) -> Iterator[int]:
    """When something was heard of a question; of one that went on for long, or whose clock jumped, only the ends."""
    steps = range(question.first_ns // _STEP, question.last_ns // _STEP + 1)
    yield from steps[:_MOST_STEPS]
    yield from steps[max(_MOST_STEPS, len(steps) - _MOST_STEPS) :]


def _tells_most(question: Question) -> tuple[bool, bool, int]:
    return not question.is_stepped, not (question.answered or question.reset), question.first_ns

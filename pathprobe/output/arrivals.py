"""How is it told what became of the packets that arrived?

A line for each attempt, below it what is known of its end, and one sentence about them all. Many of one kind are told
together: a flood is one thing that happened.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from pathprobe.core.arrivals.facts import Attempt, Fate, Watched
from pathprobe.core.arrivals.fate import is_blocked, nothing_listens
from pathprobe.output import arrival_words as words

#: What is said of each fate when all are summed up, in this order.
_COUNTED = {
    Fate.ANSWERED: "answered",
    Fate.RESET: "reset",
    Fate.REFUSED: "refused by ICMP",
    Fate.DROPPED: "dropped",
    Fate.ANSWER_DROPPED: "answered with the answer dropped on its way out",
    Fate.HANDED_ON: "handed on without an answer coming back",
    Fate.UNANSWERED: "left without an answer",
}
_NO_LISTENER = "found nothing that listens"

#: Seconds that it takes somebody to ask again.
_SHORTEST_AGAIN = 10
#: Attempts of one kind from one address, and addresses of one kind, beyond which they are told together.
_MOST_OF_A_SOURCE, _MOST_SOURCES = 5, 20

_INDENT = " " * 14


def ready(protocol: str, port: int, seconds: float) -> str:
    """The line that says that nothing is missed from now on."""
    return f"watching {protocol}/{port} for {seconds:g} s, Ctrl-C ends it"


def render(watched: Watched, *, zone: tzinfo | None = None) -> str:
    """The whole answer as text; times of day in ``zone``, None for this host's."""
    blocks = ["\n".join(_lines(alike, watched, zone)) for alike in _gathered(watched)]
    blocks.append("\n".join([conclusion(watched), *_shortcomings(watched)]))
    return "\n\n".join(blocks)


# Many of one kind


_Kind = Callable[[Attempt], Hashable]


def _gathered(watched: Watched) -> list[tuple[Attempt, ...]]:
    """Those that are told together, in the order of the first of each."""

    def kind(one: Attempt) -> Hashable:
        return tuple(_told_of_each(one, watched))

    singles = [(one,) for one in watched.attempts]
    by_source = _merged(singles, lambda one: (one.source, kind(one)), _MOST_OF_A_SOURCE)
    return _merged(by_source, kind, _MOST_SOURCES)


def _merged(blocks: Sequence[tuple[Attempt, ...]], kind: _Kind, most: int) -> list[tuple[Attempt, ...]]:
    kinds = [kind(block[0]) for block in blocks]
    alike: dict[Hashable, list[tuple[Attempt, ...]]] = defaultdict(list)
    for block, one in zip(blocks, kinds, strict=True):
        alike[one].append(block)
    found: list[tuple[Attempt, ...]] = []
    for block, one in zip(blocks, kinds, strict=True):
        group = alike[one]
        if len(group) <= most:
            found.append(block)
        elif group[0] is block:
            found.append(tuple(attempt for each in group for attempt in each))
    return found


def _told_of_each(one: Attempt, watched: Watched, source: str = "SOURCE") -> list[str]:
    """Where it went and how it ended, without what differs from one to the next."""
    again = words.repetition(one)
    return [
        f"{words.to(one)}  {words.outcome(replace(one, after_ms=None))}",
        *words.rules(one),
        *words.on_the_way(one),
        *([again] if again else []),
        *words.hints(one, watched, source=source),
    ]


def _lines(alike: tuple[Attempt, ...], watched: Watched, zone: tzinfo | None) -> list[str]:
    first = alike[0]
    if len(alike) == 1:
        told = words.in_short(first)
        more = [*words.rules(first), *words.on_the_way(first), *words.tries(first), *words.hints(first, watched)]
    else:
        sources = {one.source for one in alike}
        head, *rest = _told_of_each(first, watched, first.source if len(sources) == 1 else "SOURCE")
        told, more = f"{_who(alike)} {head}", [_when(alike, zone), *rest]
    return [f"{_time_of_day(first, zone)}  {told}", *(_INDENT + line for line in more)]


def _who(alike: Sequence[Attempt]) -> str:
    sources = {one.source for one in alike}
    ports = {(one.source, one.source_port) for one in alike}
    many = f"{len(alike):,} {'ports' if len(ports) == len(alike) else 'attempts'}"
    return f"{alike[0].source}, {many}" if len(sources) == 1 else f"{len(sources):,} addresses, {many}"


def _when(alike: Sequence[Attempt], zone: tzinfo | None) -> str:
    line = f"first at {_time_of_day(alike[0], zone)}, last at {_time_of_day(alike[-1], zone)}"
    packets = sum(len(one.tries) for one in alike)
    if packets > len(alike):
        line += f", {packets:,} packets in all"
    waits = [one.after_ms for one in alike if one.after_ms is not None]
    return f"{line}; after {min(waits):.2f} to {max(waits):.2f} ms" if waits else line


def _time_of_day(attempt: Attempt, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(attempt.tries[0] / 1e9, zone).strftime("%H:%M:%S.%f")[:-3]


# All of them


def word(watched: Watched) -> str:
    """All of it in one, for a heading."""
    if not watched.attempts:
        return "NOTHING ARRIVED"
    if any(map(is_blocked, watched.attempts)):
        return "BLOCKED"
    if any(map(nothing_listens, watched.attempts)):
        return "NOT SERVED"
    return "ANSWERED" if all(one.fate is Fate.ANSWERED for one in watched.attempts) else "UNKNOWN"


def conclusion(watched: Watched) -> str:
    """One sentence about all that arrived."""
    port, seconds = f"{watched.protocol}/{watched.port}", f"{watched.seconds:.1f} s"
    if not watched.attempts:
        return f"no packet to {port} arrived in {seconds}: either nobody sent one, or it was lost before this host"
    total = len(watched.attempts)
    counts = Counter(_NO_LISTENER if words.finds_no_listener(one) else _COUNTED[one.fate] for one in watched.attempts)
    told = [f"{counts[one]} {one}" for one in (*_COUNTED.values(), _NO_LISTENER) if counts[one]]
    line = f"{total} {'attempt' if total == 1 else 'attempts'} to {port} in {seconds}: {', '.join(told)}"
    if watched.untold:
        line += f"; {watched.untold} more packets arrived and are not told one by one"
    return line


def next_steps(watched: Watched) -> tuple[str, ...]:
    """What to run or to look at next."""
    steps = []
    if not watched.attempts:
        ask = f"pathprobe {watched.protocol} ADDRESS:{watched.port}"
        steps.append(f"Ask from the client meanwhile: {ask} there says where on the way it is lost.")
    if any(map(nothing_listens, watched.attempts)):
        steps.append(f"pathprobe host {watched.port}/{watched.protocol} says who listens, and where.")
    if _wants_a_trace(watched):
        steps.append(f"{_again(watched)} names the rule.")
    told = (line for one in watched.attempts for line in words.hints(one, watched))
    return (*steps, *dict.fromkeys(told))[:_MOST_STEPS]


_MOST_STEPS = 20


def _shortcomings(watched: Watched) -> list[str]:
    lines = []
    if watched.drops_unread:
        lines.append(f"what the kernel dropped could not be read: {watched.drops_unread}")
    if watched.drops_missing:
        lines.append(words.DROPS_MISSING)
    if watched.rules_unread:
        lines.append(f"the rules were not traced: {watched.rules_unread}")
    if watched.steps_missing:
        lines.append("some of the rules' steps are missing here: there were too many")
    if watched.table_left:
        lines.append(watched.table_left)
    if watched.lost:
        lines.append(f"{watched.lost} packets came too fast to be looked at")
    if _wants_a_trace(watched):
        lines.append(f"which rule it was: {_again(watched)}")
    elif _has_unnamed(watched) and watched.rules_unread == "" and not watched.steps_missing:
        is_partial = any(one.deciding for one in watched.attempts)
        lines.append(_TRACED_IN_PART if is_partial else _NOT_TRACED)
    return lines


def _has_unnamed(watched: Watched) -> bool:
    return any(is_blocked(one) and one.by_rule and one.deciding is None for one in watched.attempts)


def _wants_a_trace(watched: Watched) -> bool:
    return watched.rules_unread is None and _has_unnamed(watched)


def _again(watched: Watched) -> str:
    seconds = max(_SHORTEST_AGAIN, round(watched.seconds))
    return f"pathprobe host {watched.port}/{watched.protocol} --watch-arrivals {seconds} --trace-rules"


_TRACED_IN_PART = "so many packets came that not all were traced: an attempt without a rule may have met the same"
_NOT_TRACED = "no nftables rule was seen to do it: iptables-legacy and rules of other namespaces show no trace"

"""By how much do the clocks of the two ends differ, and how long are packets under way?

A packet cannot arrive before it left. So each one that goes to the server says that its clock is ahead by at most the
difference of the two times, and each that comes back, by at least that. The narrowest interval that all of them leave
holds the offset; its middle is the estimate, and half its width, which is half of the fastest round trip, the error
(the clock filter of RFC 5905 section 10; Paxson, On Calibrating Measurements of Packet Transit Times, 1998).

Packets that leave no interval at all show that a clock was set, or has drifted by more than the round trip: there a
new span begins. With packets of one direction only the offset has one bound and no estimate of its error.

Delays are what is left when the offset is taken off. Their sum is true, their difference is only as good as the
assumption behind every such estimate: that the fastest packets took equally long both ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from pathprobe.core.ends.joining import Pair

#: Nanoseconds by which kernels are wrong about when a packet passed; who sets a clock moves it farther (ntpd: 0.128 s).
_JITTER = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time in which one offset explains everything: server's clock minus client's, in nanoseconds.

    ``since_ns`` is when it begins, by the client's clock. ``error_ns`` is None where packets of one direction only
    were seen.
    """

    since_ns: int
    offset_ns: int
    error_ns: int | None
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long packets of one direction were under way, in seconds."""

    packets: int
    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """``spans`` are in the order of time and at least one; delays are None for a direction without packets.

    ``first_ns`` and ``last_ns``: of the packets that both ends saw, by the client's clock.
    """

    spans: tuple[Span, ...]
    first_ns: int
    last_ns: int
    forward: Delays | None
    back: Delays | None

    @property
    def main(self) -> Span:
        """The span with most packets in it."""
        return max(self.spans, key=lambda span: len(span.pairs))

    def at(self, time_ns: int) -> Span:
        """The span that holds at a time of the client's clock."""
        return next((span for span in reversed(self.spans) if span.since_ns <= time_ns), self.spans[0])


def read_clocks(pairs: Iterable[Pair]) -> Clocks | None:
    """What joined packets say of the two clocks; None without any."""
    ordered = sorted(pairs, key=lambda pair: pair.client.number)
    spans = tuple(_spans(ordered))
    if not spans:
        return None
    times = [pair.client.time_ns for pair in ordered]
    there, back = _delays(spans, forward=True), _delays(spans, forward=False)
    return Clocks(spans=spans, first_ns=min(times), last_ns=max(times), forward=there, back=back)


def _spans(pairs: Sequence[Pair]) -> Iterable[Span]:
    """As few spans as explain all: each goes on until a packet would have arrived before it left."""
    held: list[Pair] = []
    least: int | None = None
    most: int | None = None
    for pair in pairs:
        ahead = _ahead(pair)
        low = max(least, ahead) if least is not None and not pair.forward else (least if pair.forward else ahead)
        high = min(most, ahead) if most is not None and pair.forward else (ahead if pair.forward else most)
        if low is not None and high is not None and low > high + _JITTER:
            yield _span(held, least, most)
            held = []
            low, high = (None, ahead) if pair.forward else (ahead, None)
        held.append(pair)
        least, most = low, high
    if held:
        yield _span(held, least, most)


def _span(pairs: Sequence[Pair], least: int | None, most: int | None) -> Span:
    known = [bound for bound in (least, most) if bound is not None]
    error = abs(most - least) // 2 if least is not None and most is not None else None
    return Span(
        since_ns=min(pair.client.time_ns for pair in pairs),
        offset_ns=sum(known) // len(known),
        error_ns=error,
        pairs=tuple(pairs),
    )


def _ahead(pair: Pair) -> int:
    return pair.server.time_ns - pair.client.time_ns


def _delays(spans: Sequence[Span], *, forward: bool) -> Delays | None:
    sign = 1 if forward else -1
    found = [
        sign * (_ahead(pair) - span.offset_ns) / 1e9 for span in spans for pair in span.pairs if pair.forward is forward
    ]
    if not found:
        return None
    return Delays(packets=len(found), least=min(found), median=median(found), most=max(found))

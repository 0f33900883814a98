"""Which size of packet is worth asking about next, and at which hop?

In order, each question only once the one before has its answer:

==========  =======================================================================================
size        the interface's MTU first. What a router says its next link takes is believed and tried, and one
            octet more. Silence: the usual MTUs between what passed and what died, halving; then the octets
hop         the smallest dead size with TTLs between this host and the target, halving (scamper does: Luckie,
            Cho and Owens, "Inferring and debugging path MTU discovery failures", IMC 2005)
other kind  an echo reply is as large as its request, so its way back may be at fault: a padded SYN tells
==========  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pathprobe.core.pauses import LIMITER_REFILL, Pause
from pathprobe.core.probes import FULL_TTL, Kind, Role
from pathprobe.core.situation import Situation, Want
from pathprobe.core.sizes import SizedSteps, Trials, second_opinion, trials_of

#: MTUs that links have: RFC 1191 section 7.1, and since then tunnels (IPv6's least 1280, VPNs 1400 and 1420,
#: PPPoE with L2TP 1454, IP in IP 1480, PPPoE 1492), Ethernet 1500 and jumbo frames 9000.
PLATEAUS = (
    296, 508, 576, 1006, 1280, 1400, 1420, 1454, 1480, 1492, 1500, 2002, 4352, 8166, 9000, 17914, 32000,
)  # fmt: skip

#: A question about sizes costs no more probes than this, in all.
MOST_SIZED = 58

#: How often one size is asked, where loss keeps it undecided.
MOST_TRIES = 10

#: How often one hop is asked: routers answer few of these in a burst.
MOST_TRIES_AT_HOP = 4


def size_pauses(now: Situation) -> Iterator[Pause]:
    """The next large probe, most often with a small one, and when; nothing when all is known or none was asked for."""
    interface = now.question.mtu
    if interface is None or not now.all_settled or len(now.evidence.sized) + 2 > MOST_SIZED:
        return
    trials = trials_of(now.evidence, interface)
    if trials is None:
        return
    pairs = (pause for rule in _RULES for pause in rule(now, trials))
    if first := next(pairs, None):
        yield first


def _sizes(now: Situation, trials: Trials) -> Iterator[Pause]:
    size = next_size(trials)
    if size is None or len(trials.of(size)) >= MOST_TRIES:
        return
    # Once sizes pass, the next one goes alone: if it passes too, there is nothing to compare.
    alone = trials.largest is not None and not trials.of(size)
    yield Pause(0.0, (_want(now, trials, size),)) if alone else _pair(now, trials, size)


def next_size(trials: Trials) -> int | None:
    """The size that tells most: ``None`` when the largest that passes is known."""
    low, high = trials.largest or trials.small, trials.smallest_lost
    if low >= trials.interface:
        return None
    if high is None:
        return trials.interface
    if low + 1 >= high:
        return high if trials.is_stale else None
    told = [mtu for mtu in trials.told_mtus if low < mtu < high]
    if told:
        return max(told)
    if low in trials.told_mtus:
        return low + 1
    return _middle([size for size in PLATEAUS if low < size < high]) or _between(low, high)


def _between(low: int, high: int) -> int:
    """A usual MTU that passes is most likely the link's own: one octet more shows it."""
    return low + 1 if low in PLATEAUS else (low + high) // 2


def _middle(sizes: Sequence[int]) -> int | None:
    return sizes[len(sizes) // 2] if sizes else None


def _hops(now: Situation, trials: Trials) -> Iterator[Pause]:
    if not now.traced or not trials.died_in_silence or trials.largest is None:
        return
    steps = SizedSteps(trials)
    hop = _middle(list(steps.open(MOST_TRIES_AT_HOP)))
    if hop is None:
        return
    again = trials.lost(trials.small, hop)
    # A small one that went unanswered tells that the router has used up its ICMP.
    due = max(seen.sent for seen in again) + LIMITER_REFILL if again else 0.0
    yield _pair(now, trials, steps.size, ttl=hop, due=due)


def _other_kind(now: Situation, trials: Trials) -> Iterator[Pause]:
    steps, other = SizedSteps(trials), second_opinion(trials)
    if other is None or not trials.died_in_silence or trials.largest is None or steps.first_bad != steps.distance:
        return
    passed = any(now.evidence.passes(seen) for seen in other.of(steps.size))
    if not passed and not other.is_dead(steps.size) and len(other.of(steps.size)) < MOST_TRIES_AT_HOP:
        yield _pair(now, other, steps.size)


_RULES = (_sizes, _hops, _other_kind)


def _pair(now: Situation, trials: Trials, size: int, *, ttl: int = FULL_TTL, due: float = 0.0) -> Pause:
    """The large one first: where a router has one answer left, that one tells more."""
    return Pause(due, tuple(_want(now, trials, one, ttl) for one in (size, trials.small)))


def _want(now: Situation, trials: Trials, size: int, ttl: int = FULL_TTL) -> Want:
    kind, port = trials.carrier.kind, trials.carrier.port
    role = Role.TEST if (kind, port) == (now.question.kind, now.question.port) else Role.CONTROL
    # A listener answers no second SYN of a flow while it waits for the end of the first.
    return Want(role=role, kind=kind, port=port, ttl=ttl, fresh=kind is Kind.TCP, size=size)

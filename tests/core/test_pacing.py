"""No more goes than may go, over any stretch of time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.pacing import UNLIMITED, Pace, Pacer
from pathprobe.core.pair_table import PairTable
from pathprobe.core.pairs import Pair
from pathprobe.core.probes import Kind
from pathprobe.core.turns import Turns

deterministic = settings(derandomize=True, deadline=None, max_examples=60)
pauses = st.lists(st.floats(0, 0.5), min_size=1, max_size=200)

#: What adding up floats may err by.
ERROR = 1e-6


def most_in_any_window(sent: list[tuple[float, int]], rate: float) -> float:
    """How far any stretch of time exceeded the rate, in probes; the burst when it kept to it."""
    excess = 0.0
    for start, (begin, _) in enumerate(sent):
        count = 0
        for now, some in sent[start:]:
            count += some
            excess = max(excess, count - rate * (now - begin))
    return excess


@deterministic
@given(st.floats(0.5, 100_000), pauses)
def test_a_given_rate_is_never_exceeded_over_any_window(rate: float, pauses: list[float]) -> None:
    pacer, now, sent = Pacer(Pace(rate=rate), 0.0), 0.0, []
    for pause in pauses:
        now += pause
        pacer.answered(1000, 0, now)  # answers raise no rate that was given
        count = pacer.allowance(now)
        pacer.sent(count)
        sent.append((now, count))
    assert most_in_any_window(sent, rate) <= pacer.burst + ERROR


def pairs(*ports: int, kind: Kind = Kind.TCP, hosts: int = 1) -> list[Pair]:
    return [Pair(kind=kind, address=f"10.0.0.{host}", port=port) for port in ports for host in range(hosts)]


def sent_over_ten_seconds(pace: Pace, asked: list[Pair], step: float) -> list[tuple[float, int]]:
    """Ask whoever may be asked, as fast as it may be."""
    turns, left, sent = Turns(pace, PairTable(asked)), list(range(len(asked))), []
    for turn in range(int(10 / step)):
        now = turn * step
        gone = {index for index in left[:400] if turns.claim(index, now) is None}
        left = [index for index in left if index not in gone]
        sent.append((now, len(gone)))
    return sent


@pytest.mark.parametrize("step", [0.01, 0.7])
@pytest.mark.parametrize(
    ("pace", "asked", "rate", "burst"),
    [
        (Pace(per_target=5), pairs(*range(1, 200)), 5, 16),
        (Pace(per_network=20, per_target=15), pairs(*range(1, 200), hosts=3), 20, 128),
        (Pace(), pairs(*range(1, 40), kind=Kind.UDP), 1, 4),
    ],
    ids=["a target", "a network", "UDP to one target"],
)
def test_each_has_a_rate_of_its_own(pace: Pace, asked: list[Pair], rate: float, burst: int, step: float) -> None:
    sent = sent_over_ten_seconds(pace, asked, step)
    assert most_in_any_window(sent, rate) <= burst + ERROR
    assert sum(count for _, count in sent) >= rate * 10 * 0.9, "and it is used"


def test_without_a_limit_nobody_waits() -> None:
    asked = pairs(*range(1, 400))
    assert sent_over_ten_seconds(Pace(rate=UNLIMITED), asked, 5.0)[0] == (0.0, len(asked))


def test_who_makes_others_wait_says_from_when_on() -> None:
    turns = Turns(Pace(per_target=10), PairTable(pairs(*range(1, 40))))
    blocked = next(claimed for index in range(40) if (claimed := turns.claim(index, 7.0)))
    assert blocked == (turns.next_of(blocked[1]), blocked[1])
    assert blocked[0] == pytest.approx(7.1)
    assert turns.claim(30, blocked[0]) is None


def test_udp_and_tcp_of_one_target_do_not_slow_each_other() -> None:
    turns = Turns(Pace(), PairTable(pairs(*range(1, 9), kind=Kind.UDP) + pairs(80)))
    assert [turns.claim(index, 0.0) is None for index in range(9)] == [True] * 4 + [False] * 4 + [True]


def test_left_to_itself_it_grows_with_answers_alone() -> None:
    pacer = Pacer(Pace(), 0.0)
    kind = pacer.rate
    pacer.allowance(0.01)
    assert pacer.rate == kind
    pacer.answered(50, 0, 0.01)
    assert pacer.rate == 2 * kind


def test_it_halves_where_loss_is_ours_and_grows_slowly_from_then_on() -> None:
    pacer = Pacer(Pace(), 0.0)
    pacer.answered(100, 0, 0.0)
    fast = pacer.rate
    pacer.back_off(0.0)
    assert pacer.rate == fast / 2
    pacer.answered(100, 0, 0.0)
    assert fast / 2 < pacer.rate < 0.6 * fast


def test_what_is_lost_at_once_is_one_loss() -> None:
    pacer = Pacer(Pace(rate=10_000), 0.0)
    fast = pacer.rate
    for now in (1.0, 1.01, 1.05):
        pacer.back_off(now)
    assert pacer.rate == fast / 2
    pacer.back_off(1.2)
    assert pacer.rate < fast / 2


def test_it_does_not_run_far_ahead_of_the_answers() -> None:
    pacer, now = Pacer(Pace(), 0.0), 0.0
    for _ in range(200):
        now += 0.01
        pacer.answered(50, 0, now)
    assert pacer.rate == pytest.approx(4 * 5000)


@pytest.mark.parametrize(("sent_at", "news"), [(0.9, False), (1.0, True), (1.5, True)])
def test_loss_from_before_the_last_change_is_no_news(sent_at: float, news: bool) -> None:
    pacer = Pacer(Pace(), 0.0)
    assert pacer.is_news(sent_at)
    pacer.back_off(1.0)
    assert pacer.is_news(sent_at) is news


def test_many_answers_to_later_tries_mean_haste_and_few_do_not() -> None:
    careful, hasty = Pacer(Pace(), 0.0), Pacer(Pace(), 0.0)
    careful.answered(190, 10, 0.0)
    hasty.answered(150, 50, 0.0)
    assert hasty.rate < careful.rate


def test_without_a_limit_the_paths_own_holds_once_it_shows() -> None:
    pacer = Pacer(Pace(rate=UNLIMITED), 0.0)
    pacer.answered(500, 0, 0.1)
    assert pacer.rate == UNLIMITED
    pacer.answered(100, 400, 0.2)
    assert pacer.rate == 4 * 5000 / 2


def test_however_much_is_lost_it_goes_on() -> None:
    pacer, free = Pacer(Pace(), 0.0), Pacer(Pace(rate=UNLIMITED), 0.0)
    for second in range(100):
        pacer.back_off(second)
        free.back_off(second)
    assert pacer.rate > 0
    assert free.rate == UNLIMITED
    assert 0 < free.allowance(1.0) < Pacer(Pace(rate=UNLIMITED), 0.0).allowance(1.0)


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_no_rate_is_none_at_all(rate: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Pace(rate=rate)


def test_a_batch_is_waited_for_as_long_as_it_takes() -> None:
    pacer = Pacer(Pace(rate=10_000), 0.0)
    wait = pacer.wait_until_batch(0.0, 32)
    assert 0 < wait < 32 / 10_000
    assert pacer.wait_until_batch(wait + ERROR, 32) == 0
    assert pacer.allowance(wait + ERROR) == 32

"""Every pair is asked, asked again while it is silent, and finished once."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from pathprobe.core.pacing import UNLIMITED, Pace
from pathprobe.core.pair_table import PairTable
from pathprobe.core.pairs import Pair
from pathprobe.core.probes import Kind
from pathprobe.core.sweep_schedule import SweepSchedule, interleaved, tries_for
from pathprobe.core.turns import Turns

WINDOW = 0.2
NEVER = float("-inf")


def table(hosts: int = 4, ports: int = 2) -> PairTable:
    return PairTable(
        Pair(kind=Kind.TCP, address=f"10.0.{host >> 8}.{host & 255}", port=port)
        for host in range(hosts)
        for port in range(1, ports + 1)
    )


def schedule(of: PairTable, pace: Pace | None = None) -> SweepSchedule:
    return SweepSchedule(interleaved(of, Random(1)), Turns(pace or Pace(rate=UNLIMITED), of))


def send(asked: SweepSchedule, now: float, most: int = 1000) -> list[int]:
    due = asked.due(now, most)
    asked.sent(due, now)
    return due


def test_the_order_has_everybody_once_and_the_same_seed_gives_it_again() -> None:
    order = interleaved(table(50, 3), Random(7))
    assert sorted(order) == list(range(150))
    assert order == interleaved(table(50, 3), Random(7)) != interleaved(table(50, 3), Random(8))


def test_no_host_is_asked_a_second_port_before_each_was_asked_one() -> None:
    of = table(50, 3)
    order = [of.host[index] for index in interleaved(of, Random(7))]
    assert [sorted(order[at : at + 50]) for at in (0, 50, 100)] == [list(range(50))] * 3


def test_hosts_with_fewer_ports_are_just_finished_earlier() -> None:
    of = PairTable(
        Pair(kind=Kind.TCP, address=address, port=port)
        for address, ports in (("10.0.0.1", 5), ("10.0.0.2", 1))
        for port in range(ports)
    )
    order = [of.host[index] for index in interleaved(of, Random(7))]
    assert Counter(order[:2]) == {0: 1, 1: 1}
    assert order[2:] == [0] * 4


def test_who_answers_is_asked_once() -> None:
    asked = schedule(table())
    for index in send(asked, 0.0):
        asked.answered(index, 0)
    assert asked.unfinished == 0
    assert send(asked, 1.0) == []
    assert list(asked.expire(1.0, WINDOW, NEVER)) == []


def test_who_is_silent_is_asked_three_times_and_then_said_to_be() -> None:
    asked = schedule(table())
    for turn in range(3):
        assert asked.unfinished == 8
        assert sorted(send(asked, turn * WINDOW)) == list(range(8))
        assert list(asked.expire((turn + 0.9) * WINDOW, WINDOW, NEVER)) == []
        silent = list(asked.expire((turn + 1) * WINDOW, WINDOW, NEVER))
    assert sorted(silent) == list(range(8))
    assert (asked.unfinished, asked.retried) == (0, 16)
    assert send(asked, 9.0) == []


def test_later_tries_wait_for_nobody_elses() -> None:
    asked = schedule(table())
    early, late = send(asked, 0.0, most=4), send(asked, 0.1, most=4)
    list(asked.expire(WINDOW, WINDOW, NEVER))
    assert sorted(send(asked, WINDOW)) == sorted(early) != sorted(late)


@pytest.mark.parametrize(("lost_at", "excused"), [(0.05, True), (0.0, True), (-0.05, False)])
def test_a_try_in_whose_window_frames_were_lost_does_not_count(lost_at: float, excused: bool) -> None:
    asked = schedule(table())
    silent: list[int] = []
    for turn in range(3):
        now = turn * WINDOW
        send(asked, now)
        silent += asked.expire(now + WINDOW, WINDOW, now + lost_at)
    assert (silent == []) is excused


def test_a_late_answer_counts_until_silence_is_said() -> None:
    asked = schedule(table(1, 1))
    send(asked, 0.0)
    list(asked.expire(1.0, WINDOW, NEVER))
    assert asked.is_open_question(0)
    assert asked.sent_at(0, 0) == 0.0
    asked.answered(0, 0)
    assert not asked.is_open_question(0)
    assert send(asked, 1.0) == []


def test_an_answer_while_the_next_try_leaves_is_the_last_word() -> None:
    asked = schedule(table(1, 1))
    send(asked, 0.0)
    list(asked.expire(WINDOW, WINDOW, NEVER))
    (index,) = asked.due(WINDOW, 10)
    asked.answered(index, 0)
    asked.sent([index], WINDOW)
    assert not asked.is_open_question(index)
    assert (asked.unfinished, list(asked.expire(9.0, WINDOW, NEVER))) == (0, [])


def test_of_several_tries_the_first_and_the_last_have_their_times() -> None:
    asked = schedule(table(1, 1))
    for turn in range(3):
        send(asked, float(turn))
        list(asked.expire(turn + 1.0, WINDOW, NEVER))
    assert [asked.sent_at(0, attempt) for attempt in range(3)] == [0.0, None, 2.0]


def test_who_could_not_be_sent_is_finished() -> None:
    asked = schedule(table(1, 1))
    (index,) = asked.due(0.0, 10)
    asked.finish(index)
    assert asked.unfinished == 0


def test_a_slow_target_holds_nobody_else_up() -> None:
    of = PairTable(
        [Pair(kind=Kind.TCP, address="10.0.0.1", port=port) for port in range(1, 3000)]
        + [Pair(kind=Kind.TCP, address=f"10.0.1.{host}", port=80) for host in range(100)]
    )
    asked = schedule(of, Pace(per_target=8))
    gone = Counter(of.host[index] for index in send(asked, 0.0, most=5000))
    assert len(gone) == 101
    assert gone[0] == 16


def test_everybody_gets_a_turn_at_the_time_that_is_said() -> None:
    of = table(3, 100)
    asked = schedule(of, Pace(per_target=50, per_network=100))
    now, turns = 0.0, 0
    while asked.unfinished:
        for index in send(asked, now):
            asked.answered(index, 0)
        assert list(asked.expire(now, WINDOW, NEVER)) == []
        assert asked.next_event(WINDOW) > now
        now, turns = asked.next_event(WINDOW) if asked.unfinished else now, turns + 1
        assert turns < 1000
    assert now == pytest.approx((300 - 128) / 100), "what the network bears, and no longer"


def test_what_is_to_happen_next_is_the_end_of_the_oldest_window() -> None:
    asked = schedule(table())
    assert asked.next_event(WINDOW) == NEVER
    send(asked, 1.0)
    send(asked, 1.1)
    assert asked.next_event(WINDOW) == 1.0 + WINDOW


@pytest.mark.parametrize(
    ("late", "answers", "tries"),
    [(0, 0, 3), (0, 8000, 3), (3, 8000, 3), (100, 8000, 3), (800, 8000, 5), (2400, 8000, 8), (9, 9, 8)],
)
def test_where_more_is_lost_more_is_asked(late: int, answers: int, tries: int) -> None:
    assert tries_for(late, answers, 8192) == tries

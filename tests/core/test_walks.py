"""Is each constant flow judged by its own probes, and is loss told from a branch that filters?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.outcomes import Answered, Outcome, Reset
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.walks import MOST_TRIES, TRIES, Walks
from tests.core.factories import SOURCE_PORT, answered, clear_echo, evidence, expired, rejected, reset, silent, syn

FULL = FULL_TTL


def on(flow: int, ttl: int, fate: Outcome) -> Observation:
    """What became of a probe on one of the constant flows."""
    seen = syn(ttl, fate)
    sent_on = replace(seen.probe.flow, source_port=SOURCE_PORT + flow)
    return replace(seen, probe=replace(seen.probe, flow=sent_on))


def flows(*seen: Observation, count: int = 4) -> Evidence:
    return evidence(*seen, *clear_echo(), ports=tuple(range(SOURCE_PORT, SOURCE_PORT + count)))


def numbers(walks: tuple) -> list[int]:
    return [walk.number for walk in walks]


def test_a_flow_that_is_answered_lives_and_one_that_is_silent_often_dies() -> None:
    lived = [on(flow, FULL, answered()) for flow in (0, 1, 2)]
    walks = Walks(flows(*lived, *[on(3, FULL, silent())] * MOST_TRIES))
    assert (numbers(walks.living), numbers(walks.dying)) == ([0, 1, 2], [3])


@pytest.mark.parametrize("tries", range(TRIES))
def test_a_flow_that_is_silent_a_few_times_is_neither(tries: int) -> None:
    walks = Walks(flows(on(0, FULL, answered()), *[on(1, FULL, silent())] * tries))
    assert (numbers(walks.living), numbers(walks.dying)) == ([0], [])


def test_where_packets_are_lost_a_flow_must_be_silent_more_often() -> None:
    clean = [on(flow, FULL, answered()) for flow in range(16)]
    lossy = [on(flow, FULL, silent()) for flow in range(8)]
    assert Walks(flows(*clean, *lossy, count=16)).tries_needed > Walks(flows(*clean, count=16)).tries_needed


def test_a_flow_that_was_lost_once_and_then_answered_lives() -> None:
    walks = Walks(flows(on(0, FULL, answered()), on(1, FULL, silent()), on(1, FULL, answered())))
    assert numbers(walks.living) == [0, 1]


@pytest.mark.parametrize("fate", [reset(back=2), rejected("10.9.2.2")])
def test_a_refusal_where_others_are_answered_is_a_death(fate: Outcome) -> None:
    walks = Walks(flows(on(0, FULL, answered()), on(1, FULL, fate)))
    assert (walks.best, numbers(walks.dying)) == (Answered, [1])


def test_where_nothing_listens_a_reset_is_the_answer() -> None:
    walks = Walks(flows(on(0, FULL, reset()), *[on(1, FULL, silent())] * MOST_TRIES))
    assert (walks.best, numbers(walks.living), numbers(walks.dying)) == (Reset, [0], [1])


def test_where_nobody_is_answered_no_flow_dies_more_than_another() -> None:
    walks = Walks(flows(*[on(flow, FULL, silent()) for flow in (0, 1)] * MOST_TRIES))
    assert (walks.best, walks.living, walks.dying) == (None, (), ())


def test_an_icmp_refusal_alone_makes_no_silent_flow_die() -> None:
    """Routers limit their ICMP: who hears nothing may have been refused as well."""
    walks = Walks(flows(on(0, FULL, rejected("10.9.2.2")), *[on(1, FULL, silent())] * MOST_TRIES))
    assert walks.dying == ()


def test_a_router_that_refuses_is_known_as_crossed_where_it_was_met() -> None:
    walks = Walks(flows(on(0, 2, expired("10.9.102.2")), on(1, FULL, rejected("10.9.102.2"))))
    assert [walks.crossed(walk, 2) for walk in walks.all] == ["10.9.102.2", "10.9.102.2"]
    assert [walks.crossed(walk, 3) for walk in walks.all] == [None, None]


def test_a_walk_knows_how_far_it_got_and_where_it_stopped() -> None:
    walks = Walks(flows(on(0, 1, expired()), on(0, 3, silent()), on(0, FULL, silent()), on(1, 1, expired())))
    assert [(walk.reach, walks.stop(walk)) for walk in walks.all] == [(1, 3), (1, None)]

"""The TTL of a reply says at which hop its sender is, where something is known to compare it with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.locate import of_one_box, origin_of
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.senders import has_forwarded, hop_of_sender, last_hop_passed, not_taken
from tests.core.factories import (
    answered,
    clear_echo,
    echo,
    evidence,
    expired,
    rejected,
    router,
    silent,
    syn,
    unreachable,
)

ELSEWHERE = "10.77.0.1"
R1, R2, R3 = (router(hop) for hop in (1, 2, 3))


def told(ttl: int, back: int, at: str) -> Observation:
    """Echo ran out at a hop, and what says so came back over ``back`` hops."""
    return echo(ttl, expired(at, back=back))


def late(seen: Observation, after: float) -> Observation:
    return replace(seen, outcome=replace(seen.outcome, rtt=after, received=after))


@pytest.mark.parametrize(
    ("known", "reply", "hop"),
    [
        ([], 64, 1),
        ([], 31, 2),
        ([], 253, 3),
        ([], 60, None),
        ([told(1, 1, R1), told(2, 2, R2)], 63, 2),
        ([told(1, 1, R1), told(2, 5, R2)], 60, 2),
        ([told(2, 5, R2)], 59, 3),
        ([told(1, 1, R1), told(2, 5, R2), told(3, 5, R3)], 60, None),
    ],
    ids=[
        "starts with 64",
        "starts with 32",
        "starts with 255",
        "none of them",
        "like its hop",
        "like its hop, a long way back",
        "one beyond a long way back",
        "two hops alike",
    ],
)
def test_a_reply_is_placed_by_its_ttl(known: list[Observation], reply: int, hop: int | None) -> None:
    assert hop_of_sender(evidence(*known), reply, range(1, 4)) == hop


def test_a_hop_whose_errors_come_with_another_ttl_sent_no_error_but_perhaps_a_reset() -> None:
    known = evidence(told(1, 1, R1), told(2, 2, R2))
    assert hop_of_sender(known, 127, range(1, 3)) is None
    assert hop_of_sender(known, 127, range(1, 3), is_error=False) == 2


def test_a_hop_is_taken_by_whoever_the_flow_met_there() -> None:
    own, others = syn(1, expired(R1)), echo(2, expired(R2))
    apart = replace(others.probe, flow=replace(others.probe.flow, source_port=7))
    known = evidence(own, replace(others, probe=apart), syn(2, silent()))
    assert not_taken(known, range(1, 4)) == [3]
    assert not_taken(known, range(1, 4), frozenset({own.probe.flow.source_port})) == [2, 3]


def test_the_farthest_hop_passed_is_that_of_the_same_service() -> None:
    known = evidence(syn(1, expired(R1)), syn(FULL_TTL, rejected(ELSEWHERE)), told(3, 3, R3))
    assert last_hop_passed(known, known.tests[-1]) == 1


def test_flows_that_get_to_the_target_say_nothing_of_the_way_of_those_that_are_refused() -> None:
    living = [syn(3, expired(R3)), syn(FULL_TTL, answered())]
    others = [replace(one, probe=replace(one.probe, flow=replace(one.probe.flow, source_port=7))) for one in living]
    refused = syn(FULL_TTL, rejected(ELSEWHERE))
    assert last_hop_passed(evidence(*others, refused, syn(1, expired(R1))), refused) == 1


@pytest.mark.parametrize(
    ("code", "after", "right"), [((3, 1), 3.0, True), ((3, 1), 0.01, False), ((3, 13), 3.0, False)]
)
def test_who_looked_for_a_neighbour_has_forwarded(code: tuple[int, int], after: float, right: bool) -> None:
    fate = unreachable(ELSEWHERE, code) if code == (3, 1) else rejected(ELSEWHERE, code)
    assert has_forwarded([late(syn(3, fate), after)]) is right


def test_who_looked_for_a_neighbour_is_before_the_first_hop_that_it_answers_for() -> None:
    own = [late(syn(FULL_TTL, unreachable(ELSEWHERE, back=4)), 3.0), late(syn(3, unreachable(ELSEWHERE, back=4)), 3.0)]
    known = evidence(*own, syn(1, expired(R1, back=1)), syn(2, silent()))
    device = origin_of(known, known.tests[:2]).device
    assert device is not None
    assert device.ttl == 2


def test_of_several_machines_at_a_hop_the_one_whose_hop_is_known_is_named() -> None:
    known = evidence(syn(FULL_TTL, rejected(ELSEWHERE)), syn(3, rejected(R2)), *clear_echo())
    assert [seen.outcome.source for seen in of_one_box(known, known.tests)] == [R2]


def test_of_several_machines_at_an_unknown_hop_the_one_that_answered_the_nearest_step_is_named() -> None:
    known = evidence(syn(FULL_TTL, rejected(ELSEWHERE)), syn(2, rejected(R2)), syn(3, rejected(R3)))
    assert [seen.outcome.source for seen in of_one_box(known, known.tests)] == [R2]

"""Do the views on the observations say what the probes showed?"""

from __future__ import annotations

import pytest

from pathprobe.core.evidence import hops_back, kept_back, refusal_of
from pathprobe.core.outcomes import Outcome
from pathprobe.core.probes import FULL_TTL, Role
from tests.core.factories import (
    DISTANCE,
    ME,
    ROUTERS,
    THERE,
    answered,
    clear_echo,
    echo,
    evidence,
    expired,
    not_seen,
    other,
    refused_by_kernel,
    rejected,
    reset,
    router,
    silent,
    steps,
    syn,
    unreachable,
)

R1, R2, R3 = ROUTERS[4]
FULL = FULL_TTL


@pytest.mark.parametrize(
    ("ttl", "hops"),
    [
        *[(64, 1), (63, 2), (61, 4), (33, 32), (32, 1), (30, 3), (1, 32)],
        *[(65, 64), (128, 1), (125, 4), (129, 127), (255, 1), (252, 4)],
    ],
)
def test_a_reply_started_with_the_next_usual_ttl(ttl: int, hops: int) -> None:
    assert hops_back(ttl) == hops


# ---- silence


@pytest.mark.parametrize(("waited", "believed"), [(0.2, True), (0.1995, True), (0.19, False), (0.0, False)])
def test_silence_is_believed_after_the_window_give_or_take_a_millisecond(waited: float, believed: bool) -> None:
    seen = evidence(syn(FULL, silent(waited)), echo(FULL, answered(rtt=0.001)))
    assert seen.window == 0.2
    assert seen.is_silent(seen.tests[0]) is believed


def test_the_window_follows_the_slowest_round_trip_of_any_probe() -> None:
    assert evidence(syn(1, expired(rtt=0.2)), echo(1, expired(rtt=0.1))).window == pytest.approx(0.6)


def test_a_refusal_does_not_lengthen_the_window_for_a_router_may_think_before_it() -> None:
    slow = echo(FULL, unreachable(R3)), echo(FULL, rejected(R3))
    assert evidence(*slow, echo(1, expired(rtt=0.01))).round_trips == (0.01,)


def test_the_users_bound_caps_the_window() -> None:
    assert evidence(echo(1, expired(rtt=0.2)), longest_wait=0.3).window == 0.3


@pytest.mark.parametrize("fate", [answered(), reset(), expired(), rejected(R2), unreachable(R2), not_seen()])
def test_what_was_answered_or_never_sent_is_not_silent(fate: Outcome) -> None:
    seen = evidence(syn(2, fate))
    assert not seen.is_silent(seen.tests[0])


# ---- whose answer


@pytest.mark.parametrize(
    ("fate", "is_targets", "passes", "ends"),
    [
        (answered(), True, True, True),
        (reset(), True, True, True),
        (rejected(THERE), True, True, True),
        (unreachable(THERE), True, False, True),
        (rejected(R2), False, False, True),
        (unreachable(R2), False, False, True),
        # DNAT: the box in front of the target may let a TTL run out under the target's address.
        (expired(THERE), False, False, False),
        (expired(R2), False, False, False),
        (silent(), False, False, False),
        (not_seen(), False, False, False),
    ],
)
def test_an_outcome_is_the_targets_or_passes_or_ends(fate: Outcome, is_targets: bool, passes: bool, ends: bool) -> None:
    seen = evidence(echo(3, fate))
    (one,) = seen.observations
    assert (seen.from_target(one), seen.passes(one), seen.ends(one)) == (is_targets, passes, ends)


@pytest.mark.parametrize(
    ("fate", "refuses", "kept"),
    [
        (rejected(R2), True, False),
        (unreachable(R2), True, False),
        (expired(R2), False, False),
        (reset(), False, False),
        (silent(), False, False),
        (not_seen(), False, True),
        (refused_by_kernel(), False, True),
    ],
)
def test_a_refusal_comes_by_icmp_and_a_probe_kept_back_was_not_sent(fate: Outcome, refuses: bool, kept: bool) -> None:
    assert (refusal_of(fate) is fate) is refuses
    assert kept_back(syn(3, fate)) is kept


@pytest.mark.parametrize(
    ("ttl", "fate", "through"),
    [
        (3, expired(), True),
        (FULL, expired(R1), False),  # a loop
        (3, answered(), True),
        (FULL, reset(), True),
        (FULL, rejected(THERE), True),
        (3, rejected(R3), False),
        (3, unreachable(R3), False),
        (FULL, silent(), False),
    ],
)
def test_a_probe_gets_through_to_where_its_ttl_takes_it(ttl: int, fate: Outcome, through: bool) -> None:
    seen = evidence(echo(ttl, fate))
    assert seen.got_through(seen.controls[0]) is through


# ---- hops


def test_the_distance_is_the_smallest_ttl_that_drew_the_targets_answer_to_a_control() -> None:
    seen = evidence(*steps(echo, 3), echo(5, answered()), echo(4, answered()), echo(FULL, answered()))
    assert seen.distance == DISTANCE


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([echo(FULL, answered())], id="full TTL"),
        pytest.param([syn(4, answered())], id="the tested port: a box may answer in the target's name"),
        pytest.param([echo(4, expired(THERE))], id="an expired TTL is no arrival"),
        pytest.param([echo(2, rejected(R2))], id="a router's refusal"),
        pytest.param([], id="nothing"),
    ],
)
def test_the_distance_is_not_known_from(told: list) -> None:
    assert evidence(*told).distance is None


@pytest.mark.parametrize(("fate", "reaches"), [(rejected(THERE), True), (unreachable(THERE), False)])
def test_a_refusal_by_the_target_shows_its_distance_and_a_reject_that_it_was_reached(
    fate: Outcome, reaches: bool
) -> None:
    seen = evidence(echo(4, fate))
    assert (seen.distance, seen.control_reaches_target, seen.next_control_hop(0)) == (4, reaches, 4)


@pytest.mark.parametrize(
    ("target", "source", "local"),
    [
        (ME, ME, True),
        ("127.0.0.1", ME, True),
        ("127.8.8.8", ME, True),
        ("::1", "::1", True),
        (THERE, ME, False),
        ("fd00::5", "fd00::9", False),
    ],
)
def test_this_host_is_local_and_zero_hops_away(target: str, source: str, local: bool) -> None:
    seen = evidence(target=target, source=source)
    assert (seen.local, seen.distance) == (local, 0 if local else None)


def test_the_ports_own_sweep_names_the_hops_and_the_control_fills_the_gaps() -> None:
    seen = evidence(echo(1, expired()), echo(2, expired("10.7.7.7")), syn(2, expired()), echo(4, answered()))
    assert seen.responders == {1: R1, 2: R2}


def test_an_address_at_two_hops_belongs_to_the_nearer_one() -> None:
    seen = evidence(syn(2, expired(R1)), syn(1, expired(R1)))
    assert (seen.hop_of(R1), seen.hop_of(R2)) == (1, None)


@pytest.mark.parametrize(("ttl", "address"), [(0, None), (1, R1), (2, None), (4, THERE), (5, None)])
def test_an_address_is_known_where_somebody_answered(ttl: int, address: str | None) -> None:
    assert evidence(*clear_echo(without=[2])).address_at(ttl) == address


def test_this_host_has_no_address_as_a_hop() -> None:
    assert evidence(target=ME, source=ME).address_at(0) is None


def test_each_role_reached_as_far_as_its_own_ttls_ran_out() -> None:
    seen = evidence(*steps(syn, 2), syn(3, silent()), *clear_echo())
    assert (seen.reached(Role.TEST), seen.reached(Role.CONTROL)) == (2, 3)
    assert list(seen.expired_at(Role.TEST)) == [1, 2]
    assert evidence().reached(Role.TEST) == 0


@pytest.mark.parametrize(("beyond", "hop"), [(0, 1), (1, 3), (2, 3), (3, 4), (4, None)])
def test_the_next_hop_of_the_control_steps_over_hops_that_answer_nobody(beyond: int, hop: int | None) -> None:
    assert evidence(*clear_echo(without=[2])).next_control_hop(beyond) == hop


def test_the_tested_ports_own_hops_are_no_control() -> None:
    assert evidence(*steps(syn, 3)).next_control_hop(0) is None


def test_controls_that_pass_at_a_ttl_expired_there_or_drew_the_targets_answer() -> None:
    seen = evidence(
        echo(4, answered()),
        other(4, reset()),
        echo(4, expired(router(4))),
        echo(4, silent()),
        echo(4, unreachable(THERE)),
        echo(3, expired()),
        syn(4, reset()),
    )
    assert [one.probe.id for one in seen.control_passes_at(4)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("fate", "reaches"),
    [(answered(), True), (reset(), True), (silent(), False), (rejected(THERE), True), (answered(at=R3), False)],
)
def test_a_control_reaches_the_target_if_the_target_says_so(fate: Outcome, reaches: bool) -> None:
    assert evidence(other(FULL, fate)).control_reaches_target is reaches
    assert not evidence(syn(FULL, fate)).control_reaches_target


def test_roles_and_ttls_sort_the_observations() -> None:
    seen = evidence(syn(1, expired()), echo(1, expired()), syn(2, silent()), syn(1, silent()))
    assert [one.probe.id for one in seen.of(Role.TEST)] == [1, 3, 4]
    assert [one.probe.id for one in seen.of(Role.CONTROL)] == [2]
    assert [one.probe.id for one in seen.at(Role.TEST, 1)] == [1, 4]

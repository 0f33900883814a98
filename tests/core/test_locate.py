"""Is the place where the packets died, or from where the answer came, no more and no less than is proved?"""

from __future__ import annotations

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.locate import locate_silence, origin_of
from pathprobe.core.outcomes import Outcome, Reply, TimeExceeded
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.report import Clue, Device, Direction, Hop, Where
from tests.core.factories import (
    DISTANCE,
    ME,
    ROUTERS,
    STRANGER,
    THERE,
    answered,
    clear_echo,
    echo,
    evidence,
    expired,
    other,
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


def dropped_beyond(hop: int, *, tries: int = 1) -> list[Observation]:
    """The port's own probes: each hop up to ``hop`` is reached, then there is silence."""
    return [*steps(syn, hop), syn(hop + 1, silent()), *[syn(FULL, silent())] * tries]


# ---- silence is an interval


@pytest.mark.parametrize(
    ("last", "where", "direction"),
    [
        (0, Where.PATH, Direction.FORWARD),
        (1, Where.PATH, Direction.FORWARD),
        (2, Where.PATH, Direction.FORWARD),
        (3, Where.TARGET_EDGE, None),
    ],
)
def test_silence_lies_between_the_last_hop_reached_and_the_next_that_a_control_reached(
    last: int, where: Where, direction: Direction | None
) -> None:
    location = locate_silence(evidence(*dropped_beyond(last), *clear_echo())).location
    assert (location.where, location.direction) == (where, direction)
    assert location.last_good == Hop(ttl=last, address=router(last) if last else None)
    assert location.first_bad == Hop(ttl=last + 1, address=THERE if last == 3 else router(last + 1))
    assert location.device is None


@pytest.mark.parametrize(
    ("reached", "mute", "last", "first", "where"),
    [
        pytest.param(1, [2], 1, 3, Where.PATH, id="a silent hop is stepped over"),
        pytest.param(0, [1, 2], 0, 3, Where.PATH, id="two silent hops are stepped over"),
        pytest.param(2, [3], 2, 4, Where.UNKNOWN, id="silent up to the target: path or target cannot be told"),
        pytest.param(0, [1, 2, 3], 0, 4, Where.UNKNOWN, id="no hop shows itself"),
        pytest.param(3, [1, 2], 3, 4, Where.TARGET_EDGE, id="silent hops before the interval do not matter"),
    ],
)
def test_hops_that_answer_nobody_widen_the_interval(
    reached: int, mute: list[int], last: int, first: int, where: Where
) -> None:
    own = [*steps(syn, reached, without=mute), *[syn(ttl, silent()) for ttl in range(reached + 1, 5)]]
    location = locate_silence(evidence(*own, syn(FULL, silent()), *clear_echo(without=mute))).location
    assert location.last_good is not None
    assert location.first_bad is not None
    assert (location.last_good.ttl, location.first_bad.ttl, location.where) == (last, first, where)


def test_a_neighbour_that_is_silent_is_a_silent_edge() -> None:
    location = locate_silence(evidence(syn(1, silent()), syn(FULL, silent()), *clear_echo(distance=1))).location
    assert (location.where, location.first_bad) == (Where.TARGET_EDGE, Hop(ttl=1, address=THERE))


def test_a_break_before_a_target_of_unknown_distance_is_on_the_path() -> None:
    silence = locate_silence(evidence(*dropped_beyond(1), *steps(echo, 3), echo(FULL, silent())))
    assert silence.location.where is Where.PATH
    assert silence.location.first_bad == Hop(ttl=2, address=R2)


@pytest.mark.parametrize("last", [0, 2])
def test_controls_that_went_no_farther_give_no_first_bad_hop(last: int) -> None:
    seen = evidence(*dropped_beyond(last), *steps(echo, last), echo(last + 1, silent()), echo(FULL, silent()))
    silence = locate_silence(seen)
    assert (silence.location.where, silence.location.first_bad) == (Where.UNKNOWN, None)
    assert (silence.chance, silence.controls) == (1.0, ())
    assert {one.probe.ttl for one in silence.tests} == {last + 1, FULL}


def test_a_control_that_passed_untraced_compares_the_full_ttls_and_names_no_hop() -> None:
    own = [*steps(syn, 2), *[syn(FULL, silent())] * 3]
    silence = locate_silence(evidence(*own, *[echo(FULL, answered())] * 3))
    assert silence.location.where is Where.UNKNOWN
    assert silence.location.direction is None
    assert (silence.location.last_good, silence.location.first_bad) == (Hop(ttl=2, address=R2), None)
    assert silence.chance == pytest.approx(1 / 20)


def test_on_this_host_silence_is_local() -> None:
    own = [syn(FULL, silent())] * 3
    silence = locate_silence(evidence(*own, *[echo(FULL, answered(at=ME))] * 3, target=ME))
    assert (silence.location.where, silence.location.last_good) == (Where.LOCAL, Hop(ttl=0))
    assert silence.location.first_bad is None
    assert silence.chance == pytest.approx(1 / 20)


# ---- which probes count


def test_tests_count_from_the_first_bad_hop_on_and_controls_of_kinds_that_pass() -> None:
    seen = evidence(
        syn(1, silent()),  # 1: before the break
        syn(2, expired()),
        syn(3, silent()),  # 3
        syn(3, silent()),  # 4
        syn(3, silent()),  # 5
        syn(FULL, silent()),  # 6
        syn(FULL, silent(0.001)),  # too fresh to be silent
        echo(2, silent()),  # before the break
        echo(3, expired()),  # 9
        echo(3, expired()),  # 10
        echo(3, silent()),  # 11: a control that died there
        echo(4, answered()),  # 12
        echo(FULL, rejected(R3)),  # neither passed nor silent
        other(FULL, silent(), port=443),  # a port that is filtered too is no control
        other(FULL, reset(), port=80),  # 15
    )
    silence = locate_silence(seen)
    assert [one.probe.id for one in silence.tests] == [3, 4, 5, 6]
    assert [one.probe.id for one in silence.controls] == [9, 10, 11, 12, 15]


def test_a_router_that_seldom_answers_is_passed_over_where_the_next_one_shows_more() -> None:
    seldom = [syn(3, silent())] * 3 + [echo(3, silent())] * 4 + [echo(3, expired())]
    beyond = [syn(FULL, silent())] * 4 + [echo(FULL, answered())] * 4
    often = [echo(3, expired())] * 4
    location = locate_silence(evidence(syn(2, expired()), *seldom, *beyond, echo(4, answered()))).location
    assert (location.where, location.first_bad) == (Where.UNKNOWN, Hop(ttl=4, address=THERE))
    location = locate_silence(evidence(syn(2, expired()), *seldom, *beyond, *often, echo(4, answered()))).location
    assert (location.where, location.first_bad) == (Where.PATH, Hop(ttl=3, address=router(3)))


@pytest.mark.parametrize(
    ("tests", "controls", "chance"),
    [
        (1, [True], 1 / 2),
        (3, [True] * 3, 1 / 20),
        (5, [True] * 5, 1 / 252),
        (5, [True] * 4 + [False], 5 / 210),
        (5, [False] * 4 + [True], 5 / 10),
    ],
)
def test_the_chance_at_the_target_is_fishers_over_everything_sent_there(
    tests: int, controls: list[bool], chance: float
) -> None:
    own = [syn(FULL, silent())] * tests
    others = [echo(FULL, answered() if passed else silent()) for passed in controls]
    # The last hop before the target and the target itself, known by other means than these probes.
    edge = [*steps(syn, 3), echo(4, unreachable(THERE))]
    assert locate_silence(evidence(*own, *others, *edge)).chance == pytest.approx(chance)


def test_on_the_way_the_hop_itself_must_tell_test_and_control_apart() -> None:
    """Many silent SYNs show that the port is dropped; one probe a side at hop 3 does not show that it is there."""
    often = [syn(FULL, silent())] * 9
    assert locate_silence(evidence(*dropped_beyond(2), *often, *clear_echo())).chance == pytest.approx(1 / 2)
    again = [syn(3, silent())] * 4 + [echo(3, expired())] * 4
    assert locate_silence(evidence(*dropped_beyond(2), *often, *again, *clear_echo())).chance == pytest.approx(1 / 252)


def test_the_loss_of_all_ttls_beyond_counts_when_it_is_the_weaker_proof() -> None:
    at_hop = [syn(3, silent())] * 4 + [echo(3, expired())] * 4
    lossy = [echo(FULL, silent())] * 20
    few = locate_silence(evidence(*dropped_beyond(2), *at_hop, *clear_echo())).chance
    assert locate_silence(evidence(*dropped_beyond(2), *at_hop, *clear_echo(), *lossy)).chance > 2 * few


# ---- who made an answer in the target's name

#: A closed port of the target itself, compared like with like.
TRUE_RESET = other(FULL, reset())


def forged(hop: int, *, before_routing: bool, start: int = 64) -> list[Observation]:
    """What a box at ``hop`` that forges resets shows of the tested port."""
    first = hop if before_routing else hop + 1
    fate = reset(back=hop, start=start)
    return [syn(FULL, fate), *steps(syn, first - 1), syn(first, fate)]


def resets(*seen: Observation) -> tuple[Observation, ...]:
    return tuple(one for one in seen if isinstance(one.outcome, Reply) and not isinstance(one.outcome, TimeExceeded))


@pytest.mark.parametrize("target_start", [64, 128, 255])
@pytest.mark.parametrize("box_start", [64, 128, 255])
@pytest.mark.parametrize("before_routing", [True, False], ids=["prerouting", "forward"])
@pytest.mark.parametrize("hop", [1, 2, 3])
def test_a_forging_box_is_named_whatever_ttls_the_stacks_begin_with(
    hop: int, before_routing: bool, box_start: int, target_start: int
) -> None:
    own = forged(hop, before_routing=before_routing, start=box_start)
    seen = evidence(*own, *clear_echo(), other(FULL, reset(start=target_start)))
    origin = origin_of(seen, resets(*seen.tests))
    early = hop if before_routing else hop + 1
    clues = (Clue.REPLY_TTL, Clue.FIRST_ANSWERING_TTL) if early < DISTANCE else (Clue.REPLY_TTL,)
    assert origin.by_target is False
    assert origin.device == Device(ttl=hop, address=router(hop), by=clues)
    assert (origin.first_ttl, origin.hops_back) == (early, hop)
    assert [one.outcome for one in origin.comparison] == [reset(start=target_start)]


@pytest.mark.parametrize("before_routing", [True, False], ids=["prerouting", "forward"])
@pytest.mark.parametrize("hop", [1, 2, 3])
def test_a_forging_box_is_named_against_echo_alone(hop: int, before_routing: bool) -> None:
    seen = evidence(*forged(hop, before_routing=before_routing), *clear_echo())
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.by_target, origin.device and origin.device.ttl) == (False, hop)


@pytest.mark.parametrize("echo_start", [64, 128, 255])
@pytest.mark.parametrize("compared", [True, False], ids=["closed port", "echo alone"])
@pytest.mark.parametrize("start", [64, 128, 255])
def test_a_targets_own_reset_is_its_own_whatever_ttls_its_stack_begins_with(
    start: int, compared: bool, echo_start: int
) -> None:
    fate = reset(start=start)
    end = answered(start=echo_start)
    seen = evidence(
        *steps(syn, 3),
        syn(4, fate),
        syn(FULL, fate),
        *steps(echo, 3),
        echo(4, end),
        echo(FULL, end),
        *([other(FULL, reset(start=start))] if compared else []),
    )
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.by_target, origin.device) == (True, None)
    # In one of thirty cases a forger looks as far away, and of four hops only the last one lets TTL 4 answer first.
    assert origin.chance == pytest.approx(1 / 30 / 4)


@pytest.mark.parametrize("back", [2, 3, 6])
def test_an_asymmetric_way_back_convicts_nobody_when_a_true_reset_takes_it_too(back: int) -> None:
    fate = reset(back=back)
    seen = evidence(*steps(syn, 3), syn(4, fate), *clear_echo(), other(FULL, reset(back=back)))
    assert origin_of(seen, resets(*seen.tests)).by_target is True


@pytest.mark.parametrize(("back", "chance"), [(1, 1), (2, 1), (5, 2 / 30)])
def test_a_reply_ttl_unlike_another_kinds_convicts_nobody_by_itself(back: int, chance: float) -> None:
    fate = reset(back=back)
    seen = evidence(*steps(syn, 3), syn(4, fate), syn(FULL, fate), *clear_echo())
    origin = origin_of(seen, resets(*seen.tests))
    assert origin.by_target is True
    # The first answering TTL speaks for the target, and a reply from farther away does too.
    assert origin.chance == pytest.approx(chance / 4)


def test_a_reply_from_nearer_than_one_of_its_own_kind_is_forged_even_if_no_hop_fits() -> None:
    fate = reset(back=1)
    seen = evidence(*steps(syn, 3), syn(4, fate), *clear_echo(), TRUE_RESET)
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.by_target, origin.device) == (False, None)
    assert origin.chance == pytest.approx(1 / 30)


def test_an_answer_that_came_too_early_is_forged_even_if_its_ttl_mimics_the_target() -> None:
    seen = evidence(*steps(syn, 1), syn(2, reset()), *clear_echo(), TRUE_RESET)
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.by_target, origin.device, origin.comparison) == (False, None, ())
    assert origin.chance == pytest.approx(1 / 2)


def test_each_early_answer_more_makes_a_forger_surer() -> None:
    def chance(times: int, *compared: Observation) -> float:
        early = [syn(2, reset(back=2))] * times
        seen = evidence(*steps(syn, 1), *early, *steps(echo, 3), *compared)
        return origin_of(seen, resets(*seen.tests)).chance

    assert [chance(times) for times in (1, 2, 3)] == [1 / 2, 1 / 4, 1 / 8]
    assert chance(1, TRUE_RESET) == pytest.approx(1 / 60)
    assert chance(1, echo(4, answered())) == pytest.approx(1 / 60)


def test_a_nearer_reply_of_another_kind_is_weaker_proof_than_one_of_the_same() -> None:
    own = forged(3, before_routing=False)
    against_echo = evidence(*own, *clear_echo())
    against_reset = evidence(*own, *clear_echo(), TRUE_RESET)
    assert origin_of(against_echo, resets(*against_echo.tests)).chance == pytest.approx(1 / 4)
    assert origin_of(against_reset, resets(*against_reset.tests)).chance == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    ("own", "by_target"),
    [
        pytest.param([syn(FULL, reset(back=2))], True, id="a full TTL alone says nothing against it"),
        pytest.param([*steps(syn, 3), syn(4, reset(back=4))], True, id="as far back as out"),
        pytest.param([*steps(syn, 3), syn(4, reset(back=5))], True, id="farther back than out"),
        pytest.param([*steps(syn, 3), syn(4, reset(back=3))], None, id="from nearer than it went"),
    ],
)
def test_without_a_comparison_a_reply_from_nearer_than_it_went_is_nobodys(
    own: list[Observation], by_target: bool | None
) -> None:
    seen = evidence(*own)
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.by_target, origin.chance, origin.comparison) == (by_target, 1.0, ())


@pytest.mark.parametrize(
    "compared",
    [
        pytest.param([echo(1, answered(back=1)), echo(FULL, answered(back=1))], id="a neighbour"),
        pytest.param([], id="this host"),
    ],
)
def test_nobody_stands_before_a_neighbour_or_this_host_to_forge(compared: list[Observation]) -> None:
    target = THERE if compared else ME
    own = [syn(1, reset(at=target, back=1)), syn(FULL, reset(at=target, back=9))]
    seen = evidence(*own, *compared, target=target)
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.by_target, origin.chance) == (True, 0.0)


def test_most_answers_decide_from_how_far_they_came() -> None:
    mixed = [syn(4, reset(back=9)), syn(4, reset(back=4)), syn(FULL, reset(back=4))]
    seen = evidence(*steps(syn, 3), *mixed, *clear_echo(), other(FULL, reset(back=3)), *[TRUE_RESET] * 2)
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.hops_back, origin.by_target) == (4, True)


# ---- who made an ICMP refusal


@pytest.mark.parametrize("hop", [1, 2, 3])
@pytest.mark.parametrize("before_routing", [True, False], ids=["prerouting", "forward"])
def test_an_icmp_refusal_names_its_sender_and_not_the_ttl_that_was_asked(hop: int, before_routing: bool) -> None:
    first = hop if before_routing else hop + 1
    own = [*steps(syn, first - 1), syn(first, rejected(router(hop))), syn(FULL, rejected(router(hop)))]
    seen = evidence(*own, *clear_echo())
    origin = origin_of(seen, resets(*seen.tests))
    assert (origin.by_target, origin.chance) == (False, 0.0)
    assert origin.device == Device(ttl=hop, address=router(hop), by=(Clue.ICMP_SOURCE,))


@pytest.mark.parametrize(
    ("first", "back", "mute", "hop"),
    [
        pytest.param(2, 2, [2], 2, id="before routing"),
        pytest.param(3, 2, [2], 2, id="behind routing"),
        pytest.param(3, 2, [2, 3], 2, id="behind routing, and nobody else is at the TTL asked"),
        pytest.param(3, 3, [3], 3, id="the way back breaks the tie"),
        pytest.param(3, 7, [], 2, id="odd way back, somebody else is at the TTL asked"),
        pytest.param(3, 7, [3], 3, id="odd way back, nobody else is at the TTL asked"),
        pytest.param(FULL, 2, [2], 2, id="a full TTL: only the way back tells"),
    ],
)
def test_a_sender_that_let_no_ttl_expire_has_its_hop_from_the_ttls(
    first: int, back: int, mute: list[int], hop: int
) -> None:
    own = [syn(first, rejected(STRANGER, back=back))]
    seen = evidence(*own, *clear_echo(without=mute))
    device = origin_of(seen, resets(*seen.tests)).device
    assert device == Device(ttl=hop, address=STRANGER, by=(Clue.ICMP_SOURCE,))


def test_this_hosts_own_refusal_names_no_device() -> None:
    seen = evidence(syn(FULL, unreachable(ME)))
    origin = origin_of(seen, seen.tests)
    assert (origin.by_target, origin.device) == (False, None)


@pytest.mark.parametrize("fate", [rejected(THERE), unreachable(THERE)])
def test_a_refusal_under_the_targets_address_from_as_far_as_its_echo_is_the_targets(fate: Outcome) -> None:
    seen = evidence(*steps(syn, 3), syn(4, fate), syn(FULL, fate), *clear_echo())
    assert origin_of(seen, resets(*seen.tests)).by_target is True

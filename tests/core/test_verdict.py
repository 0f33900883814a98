"""Does every picture the probes can give lead to the verdict that the contract promises for it?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.outcomes import Outcome
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.report import Claim, Clue, Device, Direction, Hop, Mechanism, State, Verdict, Where
from pathprobe.core.verdict import conclude
from tests.core.factories import (
    ME,
    ROUTERS,
    SOURCE,
    STRANGER,
    TARGET,
    THERE,
    Says,
    answered,
    claims,
    clear_echo,
    echo,
    evidence,
    expired,
    not_seen,
    other,
    ping,
    refused_by_kernel,
    rejected,
    reset,
    router,
    said,
    silent,
    steps,
    syn,
    unreachable,
)

R1, R2, R3 = ROUTERS[4]
FULL = FULL_TTL
OPEN, CLOSED, FILTERED, UNREACHABLE = State.OPEN, State.CLOSED, State.FILTERED, State.UNREACHABLE
FORWARD = Direction.FORWARD
TRUE_RESET = other(FULL, reset())

Seen = Sequence[Observation]


def verdict(*seen: Observation, **more: object) -> Verdict:
    return conclude(evidence(*seen, **more))  # type: ignore[arg-type]


def silent_syns(*ttls: int) -> list[Observation]:
    return [syn(ttl, silent()) for ttl in ttls]


# ---- nothing, or not enough


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([], id="nothing was asked"),
        pytest.param([syn(FULL, silent(0.01))], id="too early"),
        pytest.param([echo(FULL, answered())], id="a control alone"),
        pytest.param([*steps(syn, 2), syn(FULL, silent(0.01)), *clear_echo()], id="on its way"),
        pytest.param([syn(FULL, refused_by_kernel()), *steps(syn, 1)], id="some were kept back and some went out"),
    ],
)
def test_what_is_not_finished_is_unknown_and_not_sure_at_all(seen: Seen) -> None:
    given = verdict(*seen)
    assert (given.state, given.mechanism, given.location.where) == (State.UNKNOWN, None, Where.UNKNOWN)
    assert given.confidence == 0.0
    assert claims(given) == [Claim.UNFINISHED]


def test_an_unfinished_verdict_tells_the_distance_if_it_is_known() -> None:
    assert verdict(syn(FULL, silent(0.01)), *clear_echo()).distance == 4


# ---- this host

LOCAL = Where.LOCAL


@pytest.mark.parametrize(
    ("error", "state"),
    [("EPERM", FILTERED), ("ENETUNREACH", UNREACHABLE), ("EHOSTUNREACH", UNREACHABLE), ("EINVAL", UNREACHABLE)],
)
def test_what_the_kernel_refuses_is_a_local_error(error: str, state: State) -> None:
    given = verdict(syn(FULL, refused_by_kernel(error)), echo(FULL, refused_by_kernel(error)))
    assert said(given) == Says(state, Mechanism.LOCAL_ERROR, LOCAL, last_good=0, direction=FORWARD)
    assert given.location.last_good == Hop(ttl=0, address=None)
    assert given.confidence == 1.0  # the kernel's own word
    assert claims(given) == [Claim.NOT_SENT]
    assert given.reasons[0].facts["error"] == error


def test_an_output_rule_for_the_port_is_filtered_although_the_control_passes() -> None:
    given = verdict(syn(FULL, refused_by_kernel()), syn(1, refused_by_kernel()), *clear_echo())
    assert said(given) == Says(FILTERED, Mechanism.LOCAL_ERROR, LOCAL, last_good=0, direction=FORWARD, distance=4)
    assert claims(given) == [Claim.NOT_SENT, Claim.CONTROL_PASSED]


def test_what_left_nobody_while_the_control_left_is_dropped_by_an_egress_rule() -> None:
    given = verdict(*[syn(FULL, not_seen())] * 3, *[echo(FULL, answered())] * 3)
    assert said(given) == Says(FILTERED, Mechanism.DROP, LOCAL, last_good=0, direction=FORWARD)
    assert given.confidence == pytest.approx(1 / (1 + 1 / 20))
    assert claims(given) == [Claim.NOT_SEEN, Claim.CONTROL_PASSED]


def test_a_control_that_left_without_an_answer_shows_an_egress_rule_too() -> None:
    given = verdict(*[syn(FULL, not_seen())] * 3, *[echo(FULL, silent())] * 3)
    assert (given.state, given.mechanism, given.location.where) == (FILTERED, Mechanism.DROP, LOCAL)
    assert claims(given) == [Claim.NOT_SEEN]


@pytest.mark.parametrize("controls", [[], [echo(FULL, not_seen())] * 3])
def test_nothing_that_leaves_has_no_neighbour_to_go_to(controls: Seen) -> None:
    given = verdict(*[syn(FULL, not_seen())] * 3, *controls)
    assert said(given) == Says(UNREACHABLE, Mechanism.DROP, LOCAL, last_good=0, direction=FORWARD)
    assert claims(given) == [Claim.NO_NEIGHBOUR]
    assert given.confidence == pytest.approx(1 / (1 + 1 / 5))


def test_a_control_kept_back_too_makes_an_egress_rule_less_sure() -> None:
    kept, left = echo(FULL, not_seen()), echo(FULL, answered())
    sure = verdict(*[syn(FULL, not_seen())] * 3, left, left, left)
    less = verdict(*[syn(FULL, not_seen())] * 3, left, left, kept)
    assert sure.confidence > less.confidence


@pytest.mark.parametrize("source", [ME])
def test_this_hosts_own_icmp_error_is_local(source: str) -> None:
    given = verdict(syn(FULL, unreachable(source)), echo(FULL, unreachable(source)))
    assert said(given) == Says(UNREACHABLE, Mechanism.NO_ROUTE, LOCAL, last_good=0, direction=FORWARD)
    assert claims(given) == [Claim.GAVE_UP]


def test_a_reject_rule_of_this_host_is_filtered_here() -> None:
    given = verdict(syn(FULL, rejected(ME)), *clear_echo())
    assert said(given) == Says(FILTERED, Mechanism.REJECT, LOCAL, last_good=0, direction=FORWARD, distance=4)


# ---- the target is this host


@pytest.mark.parametrize("target", [ME, "127.0.0.1"])
@pytest.mark.parametrize(
    ("fate", "state", "mechanism"),
    [
        (answered, OPEN, Mechanism.ANSWER),
        (reset, CLOSED, Mechanism.RESET),
        (rejected, FILTERED, Mechanism.REJECT),
    ],
)
def test_on_this_host_the_answer_is_the_targets_at_hop_0(
    fate: object, state: State, mechanism: Mechanism, target: str
) -> None:
    given = verdict(syn(FULL, fate(at=target)), echo(FULL, answered(at=target)), target=target, source=target)
    assert (given.state, given.mechanism, given.location.where) == (state, mechanism, Where.TARGET)
    assert (given.location.last_good, given.distance) == (Hop(ttl=0), 0)
    assert given.confidence > 0.99


def test_on_this_host_a_drop_is_a_local_rule() -> None:
    given = verdict(*[syn(FULL, silent())] * 3, *[echo(FULL, answered(at=ME))] * 3, target=ME)
    assert said(given) == Says(FILTERED, Mechanism.DROP, LOCAL, last_good=0, distance=0)
    assert claims(given)[-1] is Claim.LOCAL_SILENCE
    assert given.confidence == pytest.approx(1 / (1 + 1 / 20))


# ---- open


@pytest.mark.parametrize(
    ("own", "control"),
    [
        pytest.param([syn(FULL, answered())], clear_echo(), id="one answer is enough"),
        pytest.param([*steps(syn, 3), syn(4, answered()), syn(FULL, answered())], clear_echo(), id="traced"),
        pytest.param([*steps(syn, 3), syn(4, silent()), syn(FULL, answered())], clear_echo(), id="a step was lost"),
        pytest.param([*steps(syn, 3), syn(4, answered(start=128))], clear_echo(), id="Windows: echo and TCP at odds"),
        pytest.param([*steps(syn, 3), syn(4, answered())], steps(echo, 3), id="the target answers no echo"),
        pytest.param([*steps(syn, 3), syn(4, answered())], [], id="no control"),
        pytest.param([syn(FULL, answered()), syn(FULL, rejected(R2))], clear_echo(), id="an answer beats a refusal"),
    ],
)
def test_a_syn_ack_from_the_target_is_open(own: Seen, control: Seen) -> None:
    given = verdict(*own, *control)
    assert said(given) == Says(OPEN, Mechanism.ANSWER, Where.TARGET, last_good=4, distance=4)
    assert given.location.last_good == Hop(ttl=4, address=THERE)
    assert given.confidence > 0.999999
    assert claims(given)[0] is Claim.ANSWERED


@pytest.mark.parametrize(
    ("heard", "lost", "controls", "state"),
    [
        (5, 5, 10, State.INTERMITTENT),
        (3, 6, 9, State.INTERMITTENT),
        (1, 1, 2, OPEN),
        (4, 1, 5, OPEN),
        (1, 9, 0, OPEN),
    ],
)
def test_tries_that_die_beyond_what_the_control_loses_make_a_port_intermittent(
    heard: int, lost: int, controls: int, state: State
) -> None:
    own = [syn(FULL, answered())] * heard + [syn(FULL, silent())] * lost
    given = verdict(*own, *[echo(FULL, answered())] * controls)
    assert given.state is state
    assert 0.5 < given.confidence < 1


def test_tries_that_die_as_often_as_the_controls_are_loss() -> None:
    half = [answered(), silent()] * 8
    given = verdict(*[syn(FULL, fate) for fate in half], *[echo(FULL, fate) for fate in half])
    assert given.state is OPEN


def test_untraced_open_knows_no_distance() -> None:
    given = verdict(syn(FULL, answered()), echo(FULL, answered()))
    assert said(given) == Says(OPEN, Mechanism.ANSWER, Where.TARGET)


def test_an_echo_reply_is_open() -> None:
    own = [ping(FULL, answered()), *steps(ping, 3), ping(4, answered())]
    assert said(verdict(*own)) == Says(OPEN, Mechanism.ANSWER, Where.TARGET, last_good=4, distance=4)


@pytest.mark.parametrize("before_routing", [True, False], ids=["prerouting", "forward"])
@pytest.mark.parametrize("hop", [1, 2])
def test_a_syn_ack_from_a_nearer_box_is_open_on_the_path(hop: int, before_routing: bool) -> None:
    first = hop if before_routing else hop + 1
    fate = answered(back=hop)
    given = verdict(syn(FULL, fate), *steps(syn, first - 1), syn(first, fate), *clear_echo())
    expected = Says(
        OPEN, Mechanism.ANSWER, Where.PATH, last_good=hop, first_bad=hop + 1, device=hop, direction=FORWARD, distance=4
    )
    assert said(given) == expected
    assert Claim.EARLY_ANSWER in claims(given)
    assert given.confidence > 0.9


# ---- reset: closed, or forged


@pytest.mark.parametrize("start", [64, 128, 255])
@pytest.mark.parametrize("compared", [[TRUE_RESET], []], ids=["closed port", "echo alone"])
def test_the_targets_reset_is_closed_whatever_ttl_its_stack_begins_with(start: int, compared: Seen) -> None:
    if compared:
        compared = [other(FULL, reset(start=start))]
    fate = reset(start=start)
    given = verdict(syn(FULL, fate), *steps(syn, 3), syn(4, fate), *clear_echo(), *compared)
    assert said(given) == Says(CLOSED, Mechanism.RESET, Where.TARGET, last_good=4, distance=4)
    assert given.confidence == pytest.approx(1 / (1 + 1 / 120))
    assert claims(given) == [Claim.RESET_BY_TARGET, Claim.SAME_DISTANCE]


def test_a_neighbours_reset_is_its_own() -> None:
    given = verdict(syn(FULL, reset(back=1)), syn(1, reset(back=1)), *clear_echo(distance=1))
    assert said(given) == Says(CLOSED, Mechanism.RESET, Where.TARGET, last_good=1, distance=1)
    assert claims(given) == [Claim.RESET_BY_TARGET]


@pytest.mark.parametrize("start", [64, 128, 255])
@pytest.mark.parametrize("compared", [[TRUE_RESET], []], ids=["closed port", "echo alone"])
@pytest.mark.parametrize("before_routing", [True, False], ids=["prerouting", "forward"])
@pytest.mark.parametrize("hop", [1, 2, 3])
def test_a_forged_reset_is_filtered_by_the_box_that_made_it(
    hop: int, before_routing: bool, compared: Seen, start: int
) -> None:
    first = hop if before_routing else hop + 1
    fate = reset(back=hop, start=start)
    given = verdict(syn(FULL, fate), *steps(syn, first - 1), syn(first, fate), *clear_echo(), *compared)
    assert said(given) == Says(
        FILTERED, Mechanism.RESET, Where.PATH, last_good=hop, first_bad=hop + 1, device=hop, direction=FORWARD,
        distance=4,
    )  # fmt: skip
    assert given.location.device is not None
    assert given.location.device.address == router(hop)
    assert given.confidence >= 0.8
    expected = [Claim.EARLY_ANSWER] if first < 4 else []
    assert claims(given) == [*expected, Claim.NEARER_REPLY, Claim.CONTROL_PASSED]


@pytest.mark.parametrize("hop", [1, 2, 3])
def test_a_forged_reset_is_surer_against_a_closed_port_and_when_it_is_seen_again(hop: int) -> None:
    fate = reset(back=hop)
    own = [syn(FULL, fate), *steps(syn, hop - 1), syn(hop, fate)]
    once = verdict(*own, *clear_echo()).confidence
    again = verdict(*own, syn(hop, fate), *clear_echo()).confidence
    assert once < again < 1
    last_routers = [syn(FULL, reset(back=3)), *steps(syn, 3), syn(4, reset(back=3)), *clear_echo()]
    assert verdict(*last_routers).confidence < verdict(*last_routers, TRUE_RESET).confidence


def test_a_forger_that_mimics_the_targets_ttl_is_still_too_early_and_has_no_name() -> None:
    given = verdict(syn(FULL, reset()), *steps(syn, 1), syn(2, reset()), *clear_echo(), TRUE_RESET)
    assert said(given) == Says(
        FILTERED, Mechanism.RESET, Where.PATH, last_good=1, first_bad=2, direction=FORWARD, distance=4
    )
    assert given.location.last_good == Hop(ttl=1, address=R1)
    assert claims(given) == [Claim.EARLY_ANSWER, Claim.CONTROL_PASSED]


def test_a_nameless_forger_is_behind_the_last_hop_that_its_answer_shows_even_if_that_hop_is_mute() -> None:
    given = verdict(syn(FULL, reset()), syn(1, silent()), syn(2, reset()), *clear_echo(without=[1]), TRUE_RESET)
    assert given.location.last_good == Hop(ttl=1, address=None)


def test_a_silent_forger_has_a_hop_and_no_address() -> None:
    fate = reset(back=2)
    given = verdict(syn(FULL, fate), *steps(syn, 1), syn(2, fate), *clear_echo(without=[2]), TRUE_RESET)
    assert given.location.device == Device(ttl=2, address=None, by=(Clue.REPLY_TTL, Clue.FIRST_ANSWERING_TTL))


def test_a_reset_with_nothing_to_compare_is_a_guess() -> None:
    given = verdict(syn(FULL, reset(back=2)))
    assert (given.state, given.location.where, given.confidence) == (CLOSED, Where.TARGET, 0.5)
    assert claims(given) == [Claim.RESET_BY_TARGET, Claim.NO_COMPARISON]


@pytest.mark.parametrize(("fate", "claim"), [(answered(), Claim.ANSWERED), (reset(), Claim.RESET_BY_TARGET)])
def test_without_a_control_an_answer_that_came_back_as_far_as_it_went_says_so(fate: Outcome, claim: Claim) -> None:
    given = verdict(*steps(syn, 3), syn(4, fate), syn(FULL, fate))
    assert claims(given) == [claim, Claim.SAME_BOTH_WAYS]
    assert said(given)[2:4] == (Where.TARGET, 4)


def test_a_reset_from_nearer_than_it_went_and_nothing_to_compare_is_unknown() -> None:
    given = verdict(syn(FULL, reset(back=3)), *steps(syn, 3), syn(4, reset(back=3)))
    assert said(given) == Says(State.UNKNOWN, Mechanism.RESET, Where.UNKNOWN, last_good=3)
    assert given.location.last_good == Hop(ttl=3, address=R3)
    assert given.confidence == 0.5
    assert claims(given) == [Claim.RESET_BY_TARGET, Claim.NO_COMPARISON]


def test_a_reset_that_agrees_with_another_distance_is_surer_than_one_that_does_not() -> None:
    def sure(back: int) -> float:
        return verdict(*steps(syn, 3), syn(4, reset(back=back)), *clear_echo()).confidence

    assert sure(4) > sure(6) > 0.5


def test_disagreeing_ttls_are_not_given_as_a_reason() -> None:
    given = verdict(*steps(syn, 3), syn(4, reset(back=6)), *clear_echo())
    assert claims(given) == [Claim.RESET_BY_TARGET]


# ---- ICMP refusals

REJECTS = {4: [(3, 2), (3, 3), (3, 9), (3, 10), (3, 13)], 6: [(1, 1), (1, 4), (1, 5), (1, 6)]}
NO_ROUTES = {4: [(3, code) for code in (0, 1, 5, 6, 7, 8, 11, 12)], 6: [(1, 0), (1, 2), (1, 3)]}


@pytest.mark.parametrize(("version", "code"), [(version, code) for version in (4, 6) for code in REJECTS[version]])
@pytest.mark.parametrize("before_routing", [True, False], ids=["prerouting", "forward"])
@pytest.mark.parametrize("hop", [1, 2, 3])
def test_reject_from_a_router_names_that_router(
    hop: int, before_routing: bool, version: int, code: tuple[int, int]
) -> None:
    box = router(hop, version)
    first = hop if before_routing else hop + 1
    fate = rejected(box, code, version=version)
    there = answered(at=TARGET[version])
    given = verdict(
        syn(FULL, fate, version=version),
        *steps(syn, first - 1, version=version),
        syn(first, fate, version=version),
        *steps(echo, 3, version=version),
        echo(4, there, version=version),
        version=version,
    )
    assert said(given) == Says(
        FILTERED, Mechanism.REJECT, Where.PATH, last_good=hop, first_bad=hop + 1, device=hop, direction=FORWARD,
        distance=4,
    )  # fmt: skip
    assert given.location.device == Device(ttl=hop, address=box, by=(Clue.ICMP_SOURCE,))
    assert claims(given)[0] is Claim.REFUSED
    assert given.confidence > 0.999999


@pytest.mark.parametrize("code", REJECTS[4])
def test_reject_from_the_target_is_filtered_by_the_target(code: tuple[int, int]) -> None:
    """Port unreachable too: for TCP only a RST says closed."""
    fate = rejected(THERE, code)
    given = verdict(syn(FULL, fate), *steps(syn, 3), syn(4, fate), *clear_echo())
    assert said(given) == Says(
        FILTERED, Mechanism.REJECT, Where.TARGET, last_good=4, device=4, direction=FORWARD, distance=4
    )
    assert given.location.device == Device(ttl=4, address=THERE, by=(Clue.ICMP_SOURCE,))


def test_reject_from_a_target_that_also_answers_nothing_else_has_its_hop_from_the_first_ttl() -> None:
    fate = rejected(THERE)
    given = verdict(*steps(syn, 3), syn(4, fate), syn(FULL, fate), *steps(echo, 3))
    assert said(given) == Says(FILTERED, Mechanism.REJECT, Where.TARGET, 4, None, 4, FORWARD, 4)


@pytest.mark.parametrize("back", [2, 3])
def test_reject_from_the_target_is_the_targets_if_nothing_else_answers_and_the_way_back_is_shorter(back: int) -> None:
    fate = rejected(THERE, back=back)
    given = verdict(*steps(syn, 3), syn(4, fate), syn(FULL, fate), *steps(echo, 3))
    assert said(given) == Says(FILTERED, Mechanism.REJECT, Where.TARGET, 4, None, 4, FORWARD, 4)


def test_an_untraced_reject_from_the_target_names_no_hop() -> None:
    given = verdict(syn(FULL, rejected(THERE)), echo(FULL, answered()))
    assert said(given) == Says(FILTERED, Mechanism.REJECT, Where.TARGET, direction=FORWARD)


def test_a_reject_in_the_targets_name_that_comes_too_early_is_a_routers() -> None:
    fate = rejected(THERE, back=2)
    given = verdict(*steps(syn, 1), syn(2, fate), syn(FULL, fate), *clear_echo())
    assert (given.state, given.location.where) == (FILTERED, Where.PATH)
    assert given.location.device is not None
    assert given.location.device.ttl == 2


def test_a_reject_from_a_box_that_no_ttl_showed_has_its_hop_from_the_way_back() -> None:
    given = verdict(*steps(syn, 1), syn(2, silent()), syn(FULL, rejected(STRANGER, back=2)), *clear_echo(without=[2]))
    assert given.location.device == Device(ttl=2, address=STRANGER, by=(Clue.ICMP_SOURCE,))
    assert said(given) == Says(FILTERED, Mechanism.REJECT, Where.PATH, 2, 3, 2, FORWARD, 4)


@pytest.mark.parametrize("code", NO_ROUTES[4])
def test_no_route_for_everything_is_unreachable(code: tuple[int, int]) -> None:
    fate = unreachable(R2, code)
    given = verdict(syn(FULL, fate), *steps(syn, 2), syn(3, fate), *steps(echo, 2), echo(3, fate), echo(FULL, fate))
    assert said(given) == Says(UNREACHABLE, Mechanism.NO_ROUTE, Where.PATH, 2, None, 2, FORWARD, None)
    assert claims(given) == [Claim.REFUSED, Claim.CONTROL_REFUSED]
    assert given.confidence > 0.999999


@pytest.mark.parametrize("code", NO_ROUTES[6])
def test_no_route_for_everything_is_unreachable_in_ipv6(code: tuple[int, int]) -> None:
    fate = unreachable(ROUTERS[6][1], code, version=6)
    given = verdict(syn(FULL, fate, version=6), echo(FULL, fate, version=6), version=6, source=SOURCE[6])
    assert (given.state, given.mechanism, given.location.where) == (UNREACHABLE, Mechanism.NO_ROUTE, Where.PATH)


def test_no_route_for_the_port_alone_is_somebodys_decision() -> None:
    fate = unreachable(R2)
    given = verdict(syn(FULL, fate), *steps(syn, 2), syn(3, fate), *clear_echo())
    assert said(given) == Says(FILTERED, Mechanism.NO_ROUTE, Where.PATH, 2, 3, 2, FORWARD, 4)
    assert claims(given) == [Claim.REFUSED, Claim.CONTROL_PASSED]


def test_a_prohibition_counts_before_a_missing_route() -> None:
    given = verdict(syn(3, unreachable(R3)), syn(FULL, rejected(R2)), *clear_echo())
    assert (given.mechanism, given.location.device and given.location.device.address) == (Mechanism.REJECT, R2)


def test_of_two_refusing_boxes_the_first_that_spoke_is_named_with_its_own_probes() -> None:
    given = verdict(syn(FULL, rejected(R2)), syn(3, rejected(R3)), syn(4, rejected(R2)), *clear_echo())
    assert given.location.device is not None
    assert given.location.device.address == R2
    assert given.reasons[0].probes == (1, 3)


def test_a_refusal_counts_before_silence() -> None:
    given = verdict(*silent_syns(3, FULL), syn(FULL, rejected(R2)), *clear_echo())
    assert (given.state, given.mechanism) == (FILTERED, Mechanism.REJECT)


def test_a_refusal_that_the_control_heard_too_is_still_the_ports() -> None:
    fate = rejected(R2)
    given = verdict(syn(FULL, fate), syn(3, fate), *steps(syn, 2), *steps(echo, 2), echo(FULL, fate))
    assert (given.state, given.mechanism) == (FILTERED, Mechanism.REJECT)
    assert claims(given) == [Claim.REFUSED, Claim.CONTROL_REFUSED]


# ---- loops


def circling(last: int, times: int = 1) -> list[Observation]:
    """Between r1 and r2, until even a full TTL runs out."""
    own = [syn(ttl, expired(router(2 - ttl % 2))) for ttl in range(1, last + 1)]
    return [*own, *[syn(FULL, expired(R2))] * times]


@pytest.mark.parametrize("controls", [[], [echo(FULL, expired(R2))], [echo(FULL, silent())]])
def test_a_full_ttl_that_runs_out_is_a_loop(controls: Seen) -> None:
    given = verdict(*circling(6), *controls)
    # r2 is the one that sends them back, however often they come round.
    assert said(given) == Says(UNREACHABLE, Mechanism.LOOP, Where.PATH, last_good=2, direction=FORWARD)
    assert given.location.last_good == Hop(ttl=2, address=R2)
    assert claims(given)[0] is Claim.EXPIRED_AT_FULL_TTL


def test_an_untraced_loop_has_no_last_good_hop() -> None:
    given = verdict(syn(FULL, expired(R2)))
    assert said(given) == Says(UNREACHABLE, Mechanism.LOOP, Where.PATH, direction=FORWARD)


def test_each_turn_of_a_loop_makes_it_surer() -> None:
    once, twice, thrice = (verdict(*circling(3, times)).confidence for times in (1, 2, 3))
    assert 0.5 < once < twice < thrice < 1
    assert once == pytest.approx(1 / (1 + 1 / 4))  # one full TTL, and hop 3 is hop 1 again


# ---- silence for the port, while others heard why


def test_controls_that_heard_no_route_explain_the_ports_silence() -> None:
    told = unreachable(R2)
    own = [*steps(syn, 2), *silent_syns(3, FULL)]
    given = verdict(*own, *steps(echo, 2), echo(3, silent()), echo(FULL, told))
    assert said(given) == Says(UNREACHABLE, Mechanism.NO_ROUTE, Where.PATH, 2, None, 2, FORWARD, None)
    assert claims(given) == [Claim.TEST_SILENT, Claim.CONTROL_REFUSED]
    assert given.confidence == pytest.approx(1 / (1 + 1 / 4))


def test_the_hosts_own_word_to_the_control_is_local() -> None:
    given = verdict(*silent_syns(FULL), echo(FULL, unreachable(ME)))
    assert said(given) == Says(UNREACHABLE, Mechanism.NO_ROUTE, LOCAL, 0, None, None, FORWARD, None)


def test_a_missing_route_for_one_control_explains_nothing_if_another_gets_through() -> None:
    own = [*steps(syn, 2), *silent_syns(3, FULL)]
    given = verdict(*own, *clear_echo(), other(FULL, unreachable(R2)))
    assert said(given) == Says(FILTERED, Mechanism.DROP, Where.PATH, 2, 3, None, FORWARD, 4)


def test_a_prohibition_for_the_control_says_nothing_about_routes() -> None:
    own = [*steps(syn, 2), *silent_syns(3, FULL)]
    given = verdict(*own, *steps(echo, 2), echo(3, rejected(R2)), echo(FULL, rejected(R2)))
    assert (given.state, given.mechanism) == (UNREACHABLE, Mechanism.DROP)


def test_what_is_not_silent_yet_is_not_explained() -> None:
    given = verdict(syn(FULL, silent(0.01)), echo(FULL, unreachable(R2)))
    assert given.state is State.UNKNOWN


# ---- silence


@pytest.mark.parametrize(
    ("own", "control", "expected"),
    [
        pytest.param(
            silent_syns(1, FULL), clear_echo(),
            Says(FILTERED, Mechanism.DROP, Where.PATH, 0, 1, None, FORWARD, 4),
            id="before r1",
        ),
        pytest.param(
            [*steps(syn, 1), *silent_syns(2, FULL)], clear_echo(),
            Says(FILTERED, Mechanism.DROP, Where.PATH, 1, 2, None, FORWARD, 4),
            id="behind r1",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, FULL)], clear_echo(),
            Says(FILTERED, Mechanism.DROP, Where.PATH, 2, 3, None, FORWARD, 4),
            id="behind r2",
        ),
        pytest.param(
            [*steps(syn, 3), *silent_syns(4, FULL)], clear_echo(),
            Says(FILTERED, Mechanism.DROP, Where.TARGET_EDGE, 3, 4, None, None, 4),
            id="last router, target or way back",
        ),
        pytest.param(
            silent_syns(1, FULL), clear_echo(distance=1),
            Says(FILTERED, Mechanism.DROP, Where.TARGET_EDGE, 0, 1, None, None, 1),
            id="a neighbour",
        ),
        pytest.param(
            [*steps(syn, 1), *silent_syns(2, 3, FULL)], clear_echo(without=[2]),
            Says(FILTERED, Mechanism.DROP, Where.PATH, 1, 3, None, FORWARD, 4),
            id="a silent hop stepped over",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, 4, FULL)], clear_echo(without=[3]),
            Says(FILTERED, Mechanism.DROP, Where.UNKNOWN, 2, 4, None, None, 4),
            id="silent up to the target",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, FULL)], [*steps(echo, 3), echo(FULL, silent())],
            Says(FILTERED, Mechanism.DROP, Where.PATH, 2, 3, None, FORWARD, None),
            id="the target answers no control, the path does",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, FULL)],
            [echo(FULL, silent()), other(FULL, answered(), port=443), *steps(other, 3, port=443),
             other(4, answered(), port=443)],
            Says(FILTERED, Mechanism.DROP, Where.PATH, 2, 3, None, FORWARD, 4),
            id="another port as control",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, FULL)],
            [echo(FULL, silent()), *[other(ttl, silent()) for ttl in (1, 2, 3)], other(4, reset()),
             other(FULL, reset())],
            Says(FILTERED, Mechanism.DROP, Where.UNKNOWN, 2, 4, None, None, 4),
            id="a closed port as control, silent hops",
        ),
        pytest.param(
            silent_syns(FULL), [echo(FULL, answered())],
            Says(FILTERED, Mechanism.DROP, Where.UNKNOWN, 0),
            id="not traced",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(FULL)], [*steps(echo, 2), echo(FULL, answered())],
            Says(FILTERED, Mechanism.DROP, Where.UNKNOWN, 2),
            id="the trace ended before the target",
        ),
        pytest.param(
            [ping(FULL, silent()), *steps(ping, 2), ping(3, silent())],
            [other(FULL, answered(), port=443), other(3, expired(), port=443), other(4, answered(), port=443)],
            Says(FILTERED, Mechanism.DROP, Where.PATH, 2, 3, None, FORWARD, 4),
            id="echo is the question, another port the control",
        ),
        pytest.param(
            silent_syns(FULL), [],
            Says(FILTERED, Mechanism.DROP, Where.UNKNOWN, 0),
            id="no control at all",
        ),
        pytest.param(
            silent_syns(1, FULL), [echo(1, silent()), echo(FULL, silent())],
            Says(UNREACHABLE, Mechanism.DROP, Where.UNKNOWN, 0),
            id="nothing passes at all",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, FULL)], [*steps(echo, 2), echo(3, silent()), echo(FULL, silent())],
            Says(UNREACHABLE, Mechanism.DROP, Where.UNKNOWN, 2),
            id="everything dies behind r2",
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, FULL)], [echo(1, silent()), echo(FULL, silent())],
            Says(UNREACHABLE, Mechanism.DROP, Where.UNKNOWN, 2),
            id="the port gets farther than the control",
        ),
    ],
)  # fmt: skip
def test_silence_is_placed_by_the_control(own: Seen, control: Seen, expected: Says) -> None:
    given = verdict(*own, *control)
    assert said(given) == expected
    assert 0.5 <= given.confidence < 1
    assert claims(given)[0] is Claim.TEST_SILENT


@pytest.mark.parametrize(
    ("own", "control", "expected"),
    [
        pytest.param(silent_syns(1, FULL), clear_echo(), [Claim.CONTROL_PASSED, Claim.INTERVAL], id="interval"),
        pytest.param(
            [*steps(syn, 3), *silent_syns(4)], clear_echo(), [Claim.CONTROL_PASSED, Claim.TARGET_EDGE], id="edge"
        ),
        pytest.param(
            [*steps(syn, 2), *silent_syns(3, 4)],
            clear_echo(without=[3]),
            [Claim.CONTROL_PASSED, Claim.BROAD_INTERVAL, Claim.SILENT_HOPS],
            id="broad",
        ),
        pytest.param(
            silent_syns(FULL), [echo(FULL, answered())], [Claim.CONTROL_PASSED, Claim.NOT_TRACED], id="not traced"
        ),
        pytest.param(silent_syns(FULL), [], [Claim.NOT_TRACED], id="no control"),
        pytest.param(silent_syns(FULL), [echo(FULL, silent())], [Claim.CONTROL_SILENT], id="nothing passes"),
    ],
)
def test_silence_says_why(own: Seen, control: Seen, expected: list[Claim]) -> None:
    assert claims(verdict(*own, *control)) == [Claim.TEST_SILENT, *expected]


def test_hops_that_answer_nobody_are_named_as_such_and_not_as_loss() -> None:
    given = verdict(*steps(syn, 3, without=[1, 2]), syn(FULL, answered()), *clear_echo(without=[1, 2]))
    reason = given.reasons[-1]
    assert reason.claim is Claim.SILENT_HOPS
    assert (reason.facts["hops"], reason.facts["hop_count"], len(reason.probes)) == ("1, 2", 2, 4)


def test_a_hop_that_one_role_heard_is_not_silent() -> None:
    given = verdict(*steps(syn, 3), syn(FULL, answered()), *clear_echo(without=[2]))
    assert Claim.SILENT_HOPS not in claims(given)


# ---- how sure


def dropped(*, tries: int = 1, control_losses: int = 0) -> Verdict:
    """r2 drops the port; both roles were tried as often at hop 3 and the control lost some of them."""
    at_break = [echo(3, expired())] * (tries - control_losses) + [echo(3, silent())] * control_losses
    others = [*steps(echo, 2), *at_break, echo(4, answered()), echo(FULL, answered())]
    return verdict(*steps(syn, 2), *silent_syns(FULL), *silent_syns(3) * tries, *others)


def test_a_drop_on_the_path_is_as_sure_as_fisher_says() -> None:
    assert dropped(tries=5).confidence == pytest.approx(252 / 253)


def test_each_retry_makes_a_drop_surer() -> None:
    growing = [dropped(tries=tries).confidence for tries in range(1, 7)]
    assert all(before < after < 1 for before, after in pairwise(growing))


def test_each_control_lost_at_the_break_makes_a_drop_less_sure() -> None:
    shrinking = [dropped(tries=5, control_losses=losses).confidence for losses in range(5)]
    assert all(before > after for before, after in pairwise(shrinking))


def test_each_silent_probe_more_makes_it_surer_that_nothing_passes() -> None:
    def sure(times: int) -> float:
        return verdict(*silent_syns(FULL) * times, *[echo(FULL, silent())] * times).confidence

    assert sure(1) < sure(2) < sure(3) < 1
    assert sure(2) == pytest.approx(1 / (1 + 1 / 6))


def test_controls_that_died_before_the_break_do_not_count_against_the_path() -> None:
    at_break = [*steps(syn, 2), *silent_syns(3, FULL), *steps(echo, 2), echo(3, silent())]
    assert verdict(*at_break, echo(1, silent()), echo(2, silent())).confidence == verdict(*at_break).confidence
    assert verdict(*at_break, echo(FULL, silent())).confidence > verdict(*at_break).confidence


@pytest.mark.parametrize(
    "seen",
    [
        [syn(FULL, fate)]
        for fate in (answered(), reset(), expired(R2), rejected(R2), unreachable(ME), silent(), not_seen())
    ],
)
def test_confidence_is_a_share_of_one_and_at_least_even(seen: Seen) -> None:
    for controls in ([], clear_echo(), [echo(FULL, silent())], [echo(FULL, unreachable(R2))]):
        assert 0.5 <= verdict(*seen, *controls).confidence <= 1


# ---- order


ALL_FATES: list[Outcome] = [answered(), reset(back=2), rejected(R2), unreachable(R3), expired(), silent(), not_seen()]


@pytest.mark.parametrize("ttl", [2, FULL])
def test_the_rules_go_from_the_loudest_answer_to_silence(ttl: int) -> None:
    order = [verdict(*[syn(ttl, fate) for fate in ALL_FATES[rank:]], *clear_echo()).mechanism for rank in range(7)]
    # A step that ran out where it should, and others with the same TTL that did not: nothing died beyond.
    loop = Mechanism.LOOP if ttl == FULL else None
    assert order == [
        Mechanism.ANSWER,
        Mechanism.RESET,
        Mechanism.REJECT,
        Mechanism.NO_ROUTE,
        loop,
        Mechanism.DROP,
        Mechanism.DROP,
    ]


def test_reasons_name_the_probes_that_prove_them() -> None:
    given = verdict(*steps(syn, 2), syn(3, silent()), syn(FULL, silent()), *clear_echo())
    proofs = {reason.claim: reason.probes for reason in given.reasons}
    assert proofs[Claim.TEST_SILENT] == (3, 4)
    assert proofs[Claim.CONTROL_PASSED] == (7, 8, 9)
    assert proofs[Claim.INTERVAL] == (3, 4)

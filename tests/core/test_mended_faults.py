"""What was wrong once: each of these failed before it was mended."""

from __future__ import annotations

from collections import Counter

import pytest

from pathprobe.core.ledger import Ledger
from pathprobe.core.outcomes import Outcome
from pathprobe.core.probes import FULL_TTL, Kind, Probe
from pathprobe.core.report import Claim, Mechanism, State, Where
from tests.core.conversation import is_echo, is_test, road, talk
from tests.core.factories import (
    DISTANCE,
    PORT,
    ROUTERS,
    THERE,
    answered,
    claims,
    clear_echo,
    departure,
    echo,
    expired,
    icmp_error,
    not_seen,
    probe,
    refused_by_kernel,
    rejected,
    reset,
    said,
    silent,
    steps,
    syn,
    unreachable,
)
from tests.core.test_session import NETWORKS, asked, lossy, shared_ports, too_busy
from tests.core.test_verdict import verdict

R1, R2, R3 = ROUTERS[4]
FULL = FULL_TTL


def rejecting_host(*, mute: tuple[int, ...] = (), port_dropped: bool = False):
    """firewalld's way: the target itself refuses everything by ICMP, echo too; perhaps the port is dropped."""

    def network(sent: Probe) -> Outcome | None:
        if sent.ttl < DISTANCE:
            return None if sent.ttl in mute else expired()
        return None if port_dropped and is_test(sent) else rejected(THERE, (3, 10))

    return network


# ---- crashes


def test_a_target_that_refuses_echo_behind_a_mute_router_does_not_end_in_a_traceback() -> None:
    # It was: strategy._distance: next() over controls that pass, but evidence.distance may come from a refusal by
    # the target; StopIteration in a generator becomes RuntimeError.
    held = talk(rejecting_host(mute=(3,)))
    assert said(held.verdict)[:3] == (State.FILTERED, Mechanism.REJECT, Where.TARGET)


# ---- wrong verdicts


@pytest.mark.parametrize("lost", [True, False], ids=["with 5 % loss", "with --max-hops 2"])
def test_no_forged_reset_comes_from_hop_63(lost: bool) -> None:
    # It was: verdict._box: max(reached, first_ttl - 1) where only full TTLs drew the reset: last_good is hop 63.
    # One lost step is enough (forged by r3, seed 21).
    clear = road(listening=())

    def network(sent: Probe) -> Outcome | None:
        if sent.flow.destination_port != PORT or sent.ttl < DISTANCE:
            return clear(sent)
        return None if lost and sent.ttl == DISTANCE else reset(back=3)

    held = talk(network, max_hops=30 if lost else 2)
    told = said(held.verdict)
    assert told[:3] == (State.FILTERED, Mechanism.RESET, Where.PATH)
    assert told.last_good is not None
    assert told.last_good <= 3


def test_no_control_heard_why_at_hop_63() -> None:
    # It was: the same line, by way of _control_heard_why, when the target itself tells the control.
    last_good = verdict(syn(FULL, silent()), echo(FULL, unreachable(THERE))).location.last_good
    assert last_good is None or last_good.ttl < FULL - 1


def test_an_egress_rule_for_echo_is_not_a_missing_neighbour() -> None:
    # It was: situation.held_back is true before any other kind was tried, so no other port is asked, and the verdict
    # is "unreachable, no packet of any kind was seen to leave" although only echo is dropped here.
    clear = road()
    held = talk(lambda sent: not_seen() if is_echo(sent) else clear(sent), kind=Kind.ECHO, port=None)
    assert said(held.verdict)[:3] == (State.FILTERED, Mechanism.DROP, Where.LOCAL)


@pytest.mark.parametrize("times", [1, 3])
def test_a_loop_that_only_the_control_heard_of_is_no_drop(times: int) -> None:
    # It was: an expired full TTL of a control counts as a control that passed (evidence.crossing/next_control_hop,
    # hop 64): "filtered, drop", up to 0.95 sure, where nothing gets to the target.
    given = verdict(*steps(syn, 2), *[syn(FULL, silent())] * times, *steps(echo, 3), *[echo(FULL, expired(R1))] * times)
    assert given.state is State.UNREACHABLE


def test_a_port_that_the_target_drops_while_it_refuses_echo_is_filtered() -> None:
    # It was: a refusal by the target itself shows that the control got there, yet only answers in the probe's own
    # protocol count: "unreachable, drop, target-edge", and the reason says that 0 controls died there too.
    given = talk(rejecting_host(port_dropped=True)).verdict
    assert said(given)[:5] == (State.FILTERED, Mechanism.DROP, Where.TARGET_EDGE, 3, 4)
    assert all(reason.probes for reason in given.reasons)


def test_what_the_kernel_refuses_for_the_port_alone_is_not_unreachable() -> None:
    # It was: policy routing by port (ip rule dport ... unreachable): "unreachable" promises that nothing of any kind
    # gets there, and the control does. _refused makes the distinction, _this_host does not.
    given = verdict(syn(FULL, refused_by_kernel("EHOSTUNREACH")), *clear_echo())
    assert (given.state, given.mechanism) == (State.FILTERED, Mechanism.LOCAL_ERROR)


def test_a_loop_for_the_port_alone_is_not_unreachable() -> None:
    # It was: the same for a loop while the control gets through (policy routing again).
    given = verdict(*steps(syn, 3), syn(FULL, expired(R2)), *clear_echo())
    assert (given.state, given.mechanism) == (State.FILTERED, Mechanism.LOOP)


@pytest.mark.parametrize("back", [2, 3])
def test_a_refusal_under_the_targets_own_address_is_the_targets_however_it_came_back(back: int) -> None:
    # It was: nothing else answers, the way back is shorter than the way out: by_target is None ("cannot be told") and
    # is drawn as `path` without a device, 100 % sure. The source address is what places an ICMP error.
    fate = rejected(THERE, back=back)
    given = verdict(*steps(syn, 3), syn(4, fate), syn(FULL, fate), *steps(echo, 3), echo(4, fate), echo(FULL, fate))
    assert said(given)[:3] == (State.FILTERED, Mechanism.REJECT, Where.TARGET)


def test_an_answer_of_unknown_origin_is_not_surely_the_targets() -> None:
    # It was: by_target None (from nearer than it went, nothing to compare): where is `target`, and 100 % sure.
    # A reset in the same case is `unknown`, 50 %.
    given = verdict(*steps(syn, 3), syn(4, answered(back=2)), syn(FULL, answered(back=2)))
    assert given.location.where is Where.UNKNOWN or given.confidence < 0.99


def test_some_tries_open_and_some_silent_beyond_what_the_control_loses_is_intermittent() -> None:
    # It was: the contract's `intermittent` is never given: any one answer is "open", 100 % sure.
    own = [syn(FULL, answered())] * 5 + [syn(FULL, silent())] * 5
    assert verdict(*own, *clear_echo(), *[echo(FULL, answered())] * 9).state is State.INTERMITTENT


def test_the_first_bad_hop_is_not_one_that_the_port_reached() -> None:
    # It was: r2 refuses one try (a rate limit, a branch) while another expired at hop 3: last_good 2, first_bad 3.
    told = said(verdict(*steps(syn, 3), syn(FULL, rejected(R2)), *clear_echo()))
    assert told.device == 2
    assert told.first_bad is None or told.first_bad > 3


def test_a_nearer_reply_makes_closed_less_sure_than_a_farther_one() -> None:
    # It was (weak): RST over 2 hops, echo over 4, first answer at TTL 4: the contrary clue costs nothing,
    # 80 % as if the RST came from beyond the target.
    def sure(back: int) -> float:
        return verdict(*steps(syn, 3), syn(4, reset(back=back)), *clear_echo()).confidence

    assert sure(2) < sure(9)


# ---- wrong reasons


def test_a_loop_has_no_hops_that_packets_pass_all_the_same() -> None:
    # It was: reasons.silent_hops: hop 64 "answered", so every silent step below it is said to let packets pass.
    given = verdict(*steps(syn, 3), syn(4, silent()), syn(5, silent()), syn(FULL, expired(R2)))
    assert Claim.SILENT_HOPS not in claims(given)


def test_no_reason_rests_on_no_probe() -> None:
    # It was: CONTROL_SILENT with count 0 and kinds "" when the controls were refused and not silent.
    given = verdict(*steps(syn, 2), syn(FULL, silent()), *steps(echo, 2), echo(FULL, rejected(R2)))
    assert all(reason.probes for reason in given.reasons)


# ---- the same packets, live and offline


def test_a_probe_without_an_ip_id_is_not_recognised_by_it() -> None:
    # It was: engine.offline rebuilds every probe with identification=0, which _by_identification takes for an IP-ID:
    # offline an IPv6 quote (no IP-ID, read as 0) with a foreign sequence and our ports is believed, live it is not.
    # And an IPv4 quote with a rewritten sequence is believed live and not offline: the verdicts differ.
    ours = probe(version=6, ttl=2, identification=0)
    ledger = Ledger(ours.flow.destination)
    ledger.sent(ours, 0.0)
    ledger.read(departure(ours), 0.0)
    assert ledger.read(icmp_error(ours, word=5), 0.5) is None


# ---- kindness


def circling(sent: Probe) -> Outcome:
    return expired(R1 if sent.ttl % 2 else R2)


def test_a_loop_is_not_walked_to_its_end() -> None:
    # It was: 2 x 30 steps and more, half of them at each of two routers within 0.2 s; then 3 s of patience for a
    # neighbour although the loop is known. An address seen at three hops is enough.
    held = talk(circling)
    assert len(held.sent) < 60
    assert held.ended < 1


def test_the_leader_stops_at_a_distance_that_another_port_showed() -> None:
    # It was: no-echo-drop-r2: each retry's fresh echo unsettles the leader, which then steps 3 TTLs further beyond
    # the target (to 13 of 4) for nothing.
    steps_ = [seen.probe.ttl for seen in asked("no-echo-drop-r2").observations if seen.probe.ttl < FULL]
    assert max(steps_) <= DISTANCE + 4


@pytest.mark.parametrize("scenario", ["no-echo-drop-r2", "no-echo-drop-r2-v6"])
def test_the_control_ports_sweep_counts_towards_the_five(scenario: str) -> None:
    # It was: hop 3 is asked 6 times in half a second: the leader's echo, the port's sweep, 4 retries.
    assert too_busy(asked(scenario).observations, None) == {}


@pytest.mark.parametrize("hop", [3, 4], ids=["dropped by r2", "dropped at the target"])
def test_the_sweep_does_not_send_several_probes_to_the_target_from_one_port(hop: int) -> None:
    # It was: where echo dies at r2 the follower runs GAP hops ahead of the last answer at once: TTLs 4, 5, 6 of one
    # flow; strategy says "at most one step reaches the target". Also with echo and a few per cent of loss:
    # lossy(NETWORKS["dropped at the target"], 0.05, 15).
    held = talk(road(lost=lambda sent, at: (is_echo(sent) and at == 3) or (is_test(sent) and at == hop)))
    assert shared_ports(held) == []


def test_the_port_is_still_traced_when_the_user_waits_a_tenth_of_a_second() -> None:
    # It was: with --wait below `grace` without a round trip (0.5 s) it is over before the leader's silent steps are
    # settled, so the port's own steps are never sent: last_good 0 instead of 2.
    network = road(lost=lambda sent, hop: is_echo(sent) or hop == 3)
    assert said(talk(network).verdict).last_good == 2
    assert said(talk(network, longest_wait=0.1).verdict).last_good == 2


def test_a_port_dropped_on_a_lossy_path_is_judged_within_ten_seconds() -> None:
    # It was: MOST_PAIRS pauses of 1.05 s follow one another at each hop that the test reaches late.
    slow = [talk(lossy(NETWORKS["dropped at 3"], 0.7, seed)).ended for seed in range(60)]
    assert max(slow) < 10


def test_a_lost_comparison_is_asked_again() -> None:
    # It was (weak): the closed port is asked once; lost with the port's early steps, a forged reset passes for closed.
    clear = road(listening=())
    lost = Counter[int]()

    def network(sent: Probe) -> Outcome | None:
        port, first = sent.flow.destination_port, not lost[sent.flow.destination_port]
        lost[port] += sent.ttl < FULL or port != PORT
        if port == PORT and 2 < sent.ttl < DISTANCE:
            return None
        if port not in (0, PORT) and first:
            return None
        return reset(back=2) if port == PORT and sent.ttl > 2 else clear(sent)

    assert talk(network).verdict.state is not State.CLOSED

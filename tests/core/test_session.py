"""Does a session ask enough, kindly, in the right way, and does it always come to an end?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.evidence import Observation
from pathprobe.core.outcomes import NotSent, Outcome, TimeExceeded
from pathprobe.core.packets import Packet
from pathprobe.core.pauses import LONGEST_PATIENCE
from pathprobe.core.probes import FULL_TTL, Kind, Probe, Role
from pathprobe.core.report import Mechanism, Result, State, Where
from pathprobe.core.session import MOST_PROBES
from pathprobe.core.timing import SHORTEST_WINDOW
from pathprobe.lab.ask import ask_simulated
from pathprobe.lab.catalogue import load, names
from tests.core.conversation import Limited, NearTheEnd, Network, Talk, is_echo, is_test, road, talk
from tests.core.factories import (
    CLOSED_PORT,
    DISTANCE,
    ME,
    PORT,
    ROUTERS,
    answered,
    expired,
    not_seen,
    refused_by_kernel,
    rejected,
    reset,
    said,
    unreachable,
)

R1, R2, R3 = ROUTERS[4]
deterministic = settings(derandomize=True, deadline=None, max_examples=60)


# ---- networks


def silence(_: Probe) -> None:
    """Nothing answers at all."""


def everything_answers(_: Probe) -> Outcome:
    """Without end: no TTL ever reaches the target, and nobody else answers a full one."""
    return expired()


def refused_by(box: str, hop: int, fate: Callable[..., Outcome], *, whom: Callable[[Probe], bool] = is_test) -> Network:
    clear = road()

    def network(probe: Probe) -> Outcome | None:
        return fate(box) if whom(probe) and probe.ttl > hop else clear(probe)

    return network


def forging(hop: int, *, before_routing: bool) -> Network:
    clear = road(listening=())

    def network(probe: Probe) -> Outcome | None:
        early = probe.ttl >= hop if before_routing else probe.ttl > hop
        return reset(back=hop) if probe.flow.destination_port == PORT and early else clear(probe)

    return network


def dropped_at(hop: int, **more: object) -> Network:
    """The tested port dies on its way into ``hop``."""
    return road(lost=lambda probe, at: is_test(probe) and at == hop, **more)  # type: ignore[arg-type]


def no_echo_at(hop: int, **more: object) -> Network:
    return road(lost=lambda probe, at: is_echo(probe) and at == hop, **more)  # type: ignore[arg-type]


NETWORKS: dict[str, Network] = {
    "open": road(),
    "closed": road(listening=()),
    "closed, a longer way back": road(listening=(), back=6),
    "open, a shorter way back": road(back=2),
    "far away": road(distance=17),
    "far away and dropped": dropped_at(12, distance=17),
    "dropped at 1": dropped_at(1),
    "dropped at 2": dropped_at(2),
    "dropped at 3": dropped_at(3),
    "dropped at the target": dropped_at(4),
    "a neighbour": road(distance=1),
    "a silent neighbour": dropped_at(1, distance=1),
    "mute routers, open": road(mute=(1, 2, 3)),
    "mute routers, dropped": dropped_at(3, mute=(1, 2, 3)),
    "a mute router, dropped behind it": dropped_at(3, mute=(2,)),
    "no echo, open": no_echo_at(2),
    "no echo, dropped": road(lost=lambda probe, hop: hop == 3 and (is_test(probe) or is_echo(probe)), listening=(443,)),
    "no echo, dropped, a closed port answers": road(
        lost=lambda probe, hop: hop == 3 and (is_test(probe) or is_echo(probe)), listening=()
    ),
    "nothing passes r2": road(lost=lambda _, hop: hop == 3),
    "nothing passes at all": road(lost=lambda _, hop: hop == 1),
    "rejected by r2": refused_by(R2, 2, rejected),
    "no route at r2": refused_by(R2, 2, unreachable, whom=lambda _: True),
    "no route for echo alone": refused_by(R2, 2, unreachable, whom=is_echo),
    "no route at r2, which the port does not hear": lambda probe: (
        (None if is_test(probe) else unreachable(R2)) if probe.ttl > 2 else expired()
    ),
    "forged by r1 in prerouting": forging(1, before_routing=True),
    "forged by r2 in forward": forging(2, before_routing=False),
    "forged by r3 in forward": forging(3, before_routing=False),
    "kept back by the kernel": lambda _: refused_by_kernel(),
    "the port is kept back by the kernel": lambda probe: refused_by_kernel() if is_test(probe) else road()(probe),
    "kept back in silence": lambda _: not_seen(),
    "the port is kept back in silence": lambda probe: not_seen() if is_test(probe) else road()(probe),
}
ALL = pytest.mark.parametrize("name", NETWORKS)


@cache
def conversation(name: str) -> Talk:
    return talk(NETWORKS[name])


# ---- the verdict that a conversation comes to


@pytest.mark.parametrize(
    ("name", "state", "mechanism", "where", "last_good", "first_bad", "distance"),
    [
        ("open", State.OPEN, Mechanism.ANSWER, Where.TARGET, 4, None, 4),
        ("closed", State.CLOSED, Mechanism.RESET, Where.TARGET, 4, None, 4),
        ("closed, a longer way back", State.CLOSED, Mechanism.RESET, Where.TARGET, 4, None, 4),
        ("open, a shorter way back", State.OPEN, Mechanism.ANSWER, Where.TARGET, 4, None, 4),
        ("far away", State.OPEN, Mechanism.ANSWER, Where.TARGET, 17, None, 17),
        ("far away and dropped", State.FILTERED, Mechanism.DROP, Where.PATH, 11, 12, 17),
        ("dropped at 1", State.FILTERED, Mechanism.DROP, Where.PATH, 0, 1, 4),
        ("dropped at 2", State.FILTERED, Mechanism.DROP, Where.PATH, 1, 2, 4),
        ("dropped at 3", State.FILTERED, Mechanism.DROP, Where.PATH, 2, 3, 4),
        ("dropped at the target", State.FILTERED, Mechanism.DROP, Where.TARGET_EDGE, 3, 4, 4),
        ("a neighbour", State.OPEN, Mechanism.ANSWER, Where.TARGET, 1, None, 1),
        ("a silent neighbour", State.FILTERED, Mechanism.DROP, Where.TARGET_EDGE, 0, 1, 1),
        ("mute routers, open", State.OPEN, Mechanism.ANSWER, Where.TARGET, 4, None, 4),
        ("mute routers, dropped", State.FILTERED, Mechanism.DROP, Where.UNKNOWN, 0, 4, 4),
        ("a mute router, dropped behind it", State.FILTERED, Mechanism.DROP, Where.PATH, 1, 3, 4),
        ("no echo, open", State.OPEN, Mechanism.ANSWER, Where.TARGET, 4, None, 4),
        ("no echo, dropped", State.FILTERED, Mechanism.DROP, Where.PATH, 2, 3, 4),
        ("no echo, dropped, a closed port answers", State.FILTERED, Mechanism.DROP, Where.PATH, 2, 3, 4),
        ("nothing passes r2", State.UNREACHABLE, Mechanism.DROP, Where.UNKNOWN, 2, None, None),
        ("nothing passes at all", State.UNREACHABLE, Mechanism.DROP, Where.UNKNOWN, 0, None, None),
        ("rejected by r2", State.FILTERED, Mechanism.REJECT, Where.PATH, 2, 3, 4),
        ("no route at r2", State.UNREACHABLE, Mechanism.NO_ROUTE, Where.PATH, 2, None, None),
        ("no route for echo alone", State.OPEN, Mechanism.ANSWER, Where.TARGET, 4, None, 4),
        (
            "no route at r2, which the port does not hear",
            State.UNREACHABLE,
            Mechanism.NO_ROUTE,
            Where.PATH,
            2,
            None,
            None,
        ),
        ("forged by r1 in prerouting", State.FILTERED, Mechanism.RESET, Where.PATH, 1, 2, 4),
        ("forged by r2 in forward", State.FILTERED, Mechanism.RESET, Where.PATH, 2, 3, 4),
        ("forged by r3 in forward", State.FILTERED, Mechanism.RESET, Where.PATH, 3, 4, 4),
        ("kept back by the kernel", State.FILTERED, Mechanism.LOCAL_ERROR, Where.LOCAL, 0, None, None),
        ("the port is kept back by the kernel", State.FILTERED, Mechanism.LOCAL_ERROR, Where.LOCAL, 0, None, 4),
        ("kept back in silence", State.UNREACHABLE, Mechanism.DROP, Where.LOCAL, 0, None, None),
        ("the port is kept back in silence", State.FILTERED, Mechanism.DROP, Where.LOCAL, 0, None, 4),
    ],
)
def test_a_conversation_comes_to_the_right_verdict(
    name: str, state: State, mechanism: Mechanism, where: Where, last_good: int, first_bad: int | None, distance: int
) -> None:
    told = said(conversation(name).verdict)
    assert told[:5] == (state, mechanism, where, last_good, first_bad)
    assert told.distance == distance


def test_every_network_has_its_verdict_tested() -> None:
    (mark,) = test_a_conversation_comes_to_the_right_verdict.pytestmark  # type: ignore[attr-defined]
    assert [row[0] for row in mark.args[1]] == list(NETWORKS)


# ---- kindness: budget and bursts

#: Packets, and where some get lost, or routers spare their ICMP.
BUDGET, LOSSY_BUDGET = 60, 100
BURST = 5


@ALL
def test_a_conversation_keeps_to_the_budget_and_ends_soon(name: str) -> None:
    held = conversation(name)
    far = 40 if name.startswith("far away") else 0  # two probes a hop more
    assert len(held.sent) < BUDGET + far
    assert held.ended < 6


@cache
def asked(scenario: str) -> Result:
    return ask_simulated(load(scenario))


def of_one_flow() -> list[str]:
    """What more flows cost is in test_branches."""
    return [name for name in names() if load(name).flows == 1]


@pytest.mark.parametrize("scenario", of_one_flow())
def test_a_packaged_scenario_keeps_to_the_budget(scenario: str) -> None:
    result, steady = asked(scenario), load(scenario).is_steady
    assert len(result.observations) < (BUDGET if steady else LOSSY_BUDGET)
    assert result.duration < (6 if steady else LONGEST_PATIENCE + 1)


def busiest_second(times: list[float]) -> int:
    """The most that fell into any one second."""
    return max((sum(start <= time < start + 1 for time in times) for start in times), default=0)


def is_for_all_routers(scenario: str) -> bool:
    """IPv6 routers have an answer to spare ten times a second: one that had none at first is asked again at once."""
    return not scenario.startswith("no-echo-drop-r2") and not (load(scenario).used_up and load(scenario).family == 6)


@pytest.mark.parametrize("scenario", list(filter(is_for_all_routers, of_one_flow())))
def test_no_router_of_a_packaged_scenario_is_asked_more_than_5_times_in_a_second(scenario: str) -> None:
    result = asked(scenario)
    mute = scenario.startswith(("silent", "no-icmp"))
    assert too_busy(result.observations, result.verdict.distance if mute else None) == {}


@ALL
def test_no_router_is_asked_more_than_5_times_in_a_second(name: str) -> None:
    held = conversation(name).evidence
    assert too_busy(held.observations, held.distance if "mute" in name else None) == {}


def too_busy(observations: Iterable[Observation], mute_up_to: int | None) -> dict[int, int]:
    """Hop -> the most that fell into one second, where that was too much.

    A probe costs the hop where its TTL ran out. Where routers are mute, a control's silence before the target
    counts too: it was heard.
    """
    times: dict[int, list[float]] = defaultdict(list)
    for seen in observations:
        mute = seen.probe.role is Role.CONTROL and seen.probe.ttl < (mute_up_to or 0)
        if isinstance(seen.outcome, TimeExceeded) or mute:
            times[seen.probe.ttl].append(seen.sent)
    busiest = {ttl: max(sum(start <= time < start + 1 for time in at) for start in at) for ttl, at in times.items()}
    return {ttl: most for ttl, most in busiest.items() if most > BURST}


# ---- how the probes look


@ALL
def test_sequences_grow_in_the_order_of_sending_by_no_more_than_a_window(name: str) -> None:
    tokens = [probe.token for probe in conversation(name).probes if not is_echo(probe)]
    assert all(1 << 16 <= (after - before) % (1 << 32) < 1 << 17 for before, after in pairwise(tokens))


def test_every_number_stays_within_its_field_where_it_wraps() -> None:
    held = talk(road(), rng=NearTheEnd())
    tokens = [probe.token for probe in held.probes if not is_echo(probe)]
    assert tokens != sorted(tokens)
    assert all(0 <= probe.token < 1 << 32 for probe in held.probes)
    assert all((after - before) % (1 << 32) == (1 << 17) - 1 for before, after in pairwise(tokens))
    marks = [probe.identification for probe in held.probes]
    assert (min(marks), max(marks), len(set(marks))) == (1, 0xFFFF, len(marks))
    assert len({probe.token >> 16 for probe in held.probes if is_echo(probe)}) == 1
    assert held.verdict == conversation("open").verdict


@ALL
def test_each_echo_has_its_own_sequence_under_one_identifier(name: str) -> None:
    echoes = [probe for probe in conversation(name).probes if is_echo(probe)]
    assert len({probe.token for probe in echoes}) == len(echoes)
    assert len({probe.flow for probe in echoes}) <= 1
    assert all(probe.token >> 16 == probe.flow.source_port for probe in echoes)


@ALL
def test_each_probe_has_its_own_number_token_and_ip_id(name: str) -> None:
    probes = conversation(name).probes
    assert [probe.id for probe in probes] == list(range(1, len(probes) + 1))
    assert len({(probe.flow.kind, probe.token) for probe in probes}) == len(probes)
    assert len({probe.identification for probe in probes}) == len(probes)
    assert all(1 <= probe.identification <= 0xFFFF for probe in probes)


@pytest.mark.parametrize("name", [name for name in NETWORKS if not name.startswith("no echo, dropped")])
def test_no_two_probes_that_are_meant_to_reach_the_target_share_a_port(name: str) -> None:
    assert shared_ports(conversation(name)) == []


def shared_ports(held: Talk) -> list[int]:
    """The source ports of more than one probe whose TTL is enough to reach the target."""
    distance = held.evidence.distance or FULL_TTL
    ports = [probe.flow.source_port for probe in held.probes if not is_echo(probe) and probe.ttl >= distance]
    return [port for port, times in Counter(ports).items() if times > 1]


@pytest.mark.parametrize("name", [name for name in NETWORKS if "mute" not in name])
def test_the_ports_own_sweep_keeps_one_flow_and_every_retry_has_a_fresh_one(name: str) -> None:
    own = conversation(name).of(Role.TEST)
    flow = next((probe.flow for probe in own if probe.ttl < FULL_TTL), None)
    sweep = [probe for probe in own if probe.flow == flow]
    fresh = [probe for probe in own if probe.flow != flow]
    assert [probe.ttl for probe in sweep] == list(range(1, len(sweep) + 1))
    assert all(probe.attempt == 1 for probe in sweep)
    assert len({probe.flow.source_port for probe in fresh}) == len(fresh)


@ALL
def test_attempts_count_what_was_asked_before_of_the_same_kind_and_ttl(name: str) -> None:
    before: Counter[tuple] = Counter()
    for probe in conversation(name).probes:
        key = (probe.role, probe.flow.kind, probe.flow.destination_port, probe.ttl)
        before[key] += 1
        assert probe.attempt == before[key]


@ALL
def test_flows_are_numbered_in_the_order_in_which_they_are_first_used(name: str) -> None:
    numbers = {probe.flow: probe.flow_number for probe in reversed(conversation(name).probes)}
    assert sorted(numbers.values()) == list(range(len(numbers)))
    firsts = list(dict.fromkeys(probe.flow_number for probe in conversation(name).probes))
    assert firsts == sorted(firsts)


@ALL
def test_only_reserved_ports_are_used(name: str) -> None:
    sources = {probe.flow.source_port for probe in conversation(name).probes if not is_echo(probe)}
    assert sources <= set(range(40001, 40033))


def test_the_same_seed_sends_the_same_packets_and_another_seed_others() -> None:
    again, other = talk(NETWORKS["dropped at 3"]), talk(NETWORKS["dropped at 3"], seed=2)
    assert again.sent == conversation("dropped at 3").sent
    assert other.probes[0].token != again.probes[0].token
    assert [(one.time, one.probe.ttl) for one in other.sent] == [(one.time, one.probe.ttl) for one in again.sent]


# ---- what is asked


def test_the_question_comes_first_with_a_full_ttl_and_a_port_of_its_own() -> None:
    first, second, *steps = [one for one in conversation("open").sent if one.time == 0]
    assert (first.probe.role, first.probe.ttl, first.probe.flow.destination_port) == (Role.TEST, FULL_TTL, PORT)
    assert (second.probe.role, second.probe.ttl, second.probe.flow.kind) == (Role.CONTROL, FULL_TTL, Kind.ECHO)
    assert [(step.time, step.probe.ttl, step.probe.flow.kind) for step in steps] == [
        (0.0, ttl, Kind.ECHO) for ttl in (1, 2, 3)
    ]


def test_a_silent_port_is_asked_five_times_at_the_break_against_five_controls() -> None:
    held = conversation("dropped at 3")
    assert Counter((probe.role, probe.ttl) for probe in held.probes)[Role.TEST, 3] == 5
    assert Counter((probe.role, probe.ttl) for probe in held.probes)[Role.CONTROL, 3] == 5
    assert [probe.ttl for probe in held.of(Role.TEST)].count(FULL_TTL) == 3


def test_a_port_that_was_silent_just_before_is_believed_a_window_sooner() -> None:
    """What a sweep asked in vain need not be asked again: at the break it is still five against five."""
    usual, again = conversation("dropped at 3"), talk(NETWORKS["dropped at 3"], silent_tries=3)
    counts = Counter((probe.role, probe.ttl) for probe in again.probes)
    assert (counts[Role.TEST, 3], counts[Role.CONTROL, 3], counts[Role.TEST, FULL_TTL]) == (5, 5, 1)
    assert again.ended <= usual.ended - SHORTEST_WINDOW
    assert again.verdict.location == usual.verdict.location
    assert again.verdict.confidence > 0.95


@pytest.mark.parametrize("name", [name for name in NETWORKS if name.startswith("dropped")])
def test_having_been_silent_just_before_changes_no_verdict(name: str) -> None:
    usual, again = conversation(name).verdict, talk(NETWORKS[name], silent_tries=3).verdict
    assert (again.state, again.mechanism, again.location) == (usual.state, usual.mechanism, usual.location)


def test_at_the_edge_of_the_target_the_retries_have_a_full_ttl() -> None:
    assert Counter(probe.ttl for probe in conversation("dropped at the target").of(Role.TEST)) == {
        FULL_TTL: 4, 1: 1, 2: 1, 3: 1, 4: 1
    }  # fmt: skip


def test_where_controls_are_lost_as_well_more_is_asked_until_loss_alone_is_ruled_out() -> None:
    two_of_three = iter([True, True, False] * 40)
    clear = dropped_at(4)
    held = talk(lambda probe: None if probe.ttl == FULL_TTL and is_echo(probe) and next(two_of_three) else clear(probe))
    assert [probe.ttl for probe in held.of(Role.TEST)].count(FULL_TTL) > 4
    assert held.verdict.confidence > 0.95


def test_a_target_whose_answer_was_lost_is_not_thought_to_be_farther_away() -> None:
    lost = iter([True])
    clear = road()
    held = talk(lambda probe: None if is_echo(probe) and probe.ttl == 4 and next(lost, False) else clear(probe))
    assert held.evidence.distance == 4


def test_an_answer_that_seems_to_come_from_far_away_sends_no_flood_after_it() -> None:
    held = talk(road(back=40))
    for moment in {one.time for one in held.sent}:
        assert sum(one.time == moment and is_echo(one.probe) for one in held.sent) <= 10


def test_a_reset_from_another_distance_than_the_echo_is_compared_with_a_closed_ports() -> None:
    clear = road(listening=())
    held = talk(lambda probe: clear(probe) if is_echo(probe) or probe.ttl < DISTANCE else reset(back=6))
    assert [probe.flow.destination_port for probe in held.of(Role.CONTROL, Kind.TCP)] == [CLOSED_PORT]
    assert held.verdict.state is State.CLOSED
    assert held.verdict.confidence > 0.99


@pytest.mark.parametrize("hop", [2, 3])
def test_a_box_that_refuses_the_port_is_not_asked_again_where_its_hop_is_known(hop: int) -> None:
    held = talk(refused_by(ROUTERS[4][hop - 1], hop, rejected))
    assert len(held.of(Role.TEST)) == 1


@pytest.mark.parametrize("tokens", [0, 1])
def test_a_router_that_limits_its_icmp_is_given_time_before_a_hop_is_blamed(tokens: float) -> None:
    """r3 has used up its errors, or has one left which the control gets: the port is dropped behind it all the same."""
    told = said(talk(Limited(dropped_at(4), 3, tokens)).verdict)
    assert told[:5] == (State.FILTERED, Mechanism.DROP, Where.TARGET_EDGE, 3, 4)


@pytest.mark.parametrize("tokens", [0, 1])
def test_a_router_that_limits_its_icmp_before_a_drop_is_found_with_time(tokens: float) -> None:
    told = said(talk(Limited(dropped_at(4, distance=5), 3, tokens)).verdict)
    assert told[:5] == (State.FILTERED, Mechanism.DROP, Where.PATH, 3, 4)


def test_a_limited_router_that_refuses_the_port_is_given_time_to_say_so() -> None:
    told = said(talk(Limited(refused_by(R3, 3, rejected), 3, tokens=0)).verdict)
    assert told[:6] == (State.FILTERED, Mechanism.REJECT, Where.PATH, 3, 4, 3)


def test_a_port_that_never_left_waits_for_no_router() -> None:
    assert conversation("the port is kept back in silence").ended < 2


def test_a_loop_of_the_port_alone_is_not_walked_to_its_end() -> None:
    held = talk(lambda probe: None if is_echo(probe) else expired(R1 if probe.ttl % 2 else R2))
    assert (held.verdict.state, held.verdict.mechanism) == (State.UNREACHABLE, Mechanism.LOOP)
    assert len(held.of(Role.TEST)) < 15


def test_other_ports_are_asked_only_where_echo_does_not_get_through() -> None:
    assert {probe.flow.destination_port for probe in conversation("dropped at 3").of(Role.CONTROL)} == {0}
    asked_for = {probe.flow.destination_port for probe in conversation("no echo, dropped").of(Role.CONTROL)}
    assert asked_for == {0, 443, 80, 22, CLOSED_PORT}


def test_the_tested_port_is_not_its_own_control() -> None:
    ports = [443, 80, 22, CLOSED_PORT]
    for port in ports:
        held = talk(road(lost=lambda _, hop: hop == 3), port=port)
        controls = {probe.flow.destination_port for probe in held.of(Role.CONTROL, Kind.TCP)}
        assert controls == set(ports) - {port}


def test_a_suspicious_reset_is_compared_with_a_closed_ports_and_asked_again() -> None:
    held = conversation("forged by r2 in forward")
    assert [probe.flow.destination_port for probe in held.of(Role.CONTROL, Kind.TCP)] == [CLOSED_PORT]
    assert [probe.ttl for probe in held.of(Role.TEST)].count(FULL_TTL) == 2


def test_a_reset_that_came_from_as_far_as_the_echo_needs_no_comparison() -> None:
    assert conversation("closed").of(Role.CONTROL, Kind.TCP) == []


def test_echo_is_asked_about_with_echo_and_compared_with_ports() -> None:
    held = talk(road(lost=lambda probe, hop: hop == 3 and is_echo(probe), listening=(443,)), kind=Kind.ECHO, port=None)
    assert {probe.flow.kind for probe in held.of(Role.TEST)} == {Kind.ECHO}
    assert {probe.flow.kind for probe in held.of(Role.CONTROL)} == {Kind.TCP}
    assert said(held.verdict)[:5] == (State.FILTERED, Mechanism.DROP, Where.PATH, 2, 3)


def test_open_echo_needs_no_control() -> None:
    held = talk(road(), kind=Kind.ECHO, port=None)
    assert held.of(Role.CONTROL) == []
    assert said(held.verdict)[:4] == (State.OPEN, Mechanism.ANSWER, Where.TARGET, 4)


@pytest.mark.parametrize("target", [ME, "127.0.0.1"])
def test_this_host_is_not_traced(target: str) -> None:
    held = talk(lambda _: answered(at=target, back=1), target=target)
    assert [probe.ttl for probe in held.probes] == [FULL_TTL, FULL_TTL]
    assert held.verdict.state is State.OPEN


# ---- bounds that the user sets


@ALL
def test_without_a_trace_no_ttl_is_stepped(name: str) -> None:
    held = talk(NETWORKS[name], trace=False)
    assert {probe.ttl for probe in held.probes} == {FULL_TTL}
    assert held.ended < 6


@pytest.mark.parametrize("max_hops", [1, 2, 3, 4, 5])
@ALL
def test_no_step_goes_beyond_max_hops(name: str, max_hops: int) -> None:
    held = talk(NETWORKS[name], max_hops=max_hops)
    assert max((probe.ttl for probe in held.probes if probe.ttl < FULL_TTL), default=0) <= max_hops


@pytest.mark.parametrize("name", ["nothing passes at all", "nothing passes r2", "no echo, dropped", "dropped at 3"])
@pytest.mark.parametrize("wait", [0.05, 0.25, 1.0, 3.0])
def test_the_users_wait_caps_every_silence_window(name: str, wait: float) -> None:
    held = talk(NETWORKS[name], longest_wait=wait)
    assert held.evidence.window <= wait
    # Five rounds at most wait for one another: opening, other ports, their steps, two retries.
    assert held.ended <= 5 * wait + 2


def test_without_an_answer_a_neighbours_lookup_is_waited_for_unless_the_user_has_no_time() -> None:
    assert 3.0 < conversation("nothing passes at all").ended < 4.5
    assert talk(silence, longest_wait=1.0).ended < 3.0


@pytest.mark.parametrize("name", ["open", "dropped at 3", "no echo, dropped", "forged by r2 in forward"])
@pytest.mark.parametrize("ports", [0, 1, 2, 5])
def test_a_session_that_has_no_port_left_ends_all_the_same(name: str, ports: int) -> None:
    held = talk(NETWORKS[name], ports=range(40001, 40001 + ports))
    sources = {probe.flow.source_port for probe in held.probes if not is_echo(probe)}
    assert len(sources) <= ports
    assert held.ended < 6


# ---- it always ends


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("round_trip", [0.0001, 0.05, 0.4, 1.2])
@ALL
def test_it_ends_however_far_away_the_answers_are(name: str, round_trip: float, kind: Kind) -> None:
    held = talk(NETWORKS[name], round_trip=round_trip, kind=kind, port=PORT if kind is Kind.TCP else None)
    assert held.ended < 30
    assert len(held.sent) <= MOST_PROBES
    assert held.session.step(held.ended) == []
    assert held.session.done(held.ended)
    assert held.session.done(held.ended + 100)


@pytest.mark.parametrize("network", [silence, everything_answers], ids=["silence", "time exceeded without end"])
@pytest.mark.parametrize("max_hops", [30, 63])
def test_the_most_probes_are_never_exceeded(network: Network, max_hops: int) -> None:
    held = talk(network, max_hops=max_hops)
    assert len(held.sent) <= MOST_PROBES
    assert held.ended < 10


def test_after_an_answer_of_the_port_nothing_else_is_waited_for_long() -> None:
    held = conversation("no echo, open")
    assert held.evidence.window == 0.2
    assert held.ended < 0.15


@deterministic
@given(
    loss=st.sampled_from([0.05, 0.2, 0.5, 0.8, 0.95]),
    seed=st.integers(0, 10_000),
    name=st.sampled_from(["open", "closed", "dropped at 3", "dropped at the target", "no echo, dropped",
                          "forged by r2 in forward", "rejected by r2", "a mute router, dropped behind it"]),
)  # fmt: skip
def test_whatever_answers_are_lost_it_ends_in_time_and_concludes(loss: float, seed: int, name: str) -> None:
    held = talk(lossy(NETWORKS[name], loss, seed))
    assert held.ended < 10
    assert len(held.sent) < 120
    assert 0 <= held.verdict.confidence <= 1
    everybody = [one for one in held.evidence.observations if isinstance(one.outcome, NotSent)]
    assert everybody == []


def lossy(network: Network, loss: float, seed: int) -> Network:
    chance = Random(seed)
    return lambda probe: None if chance.random() < loss else network(probe)


@deterministic
@given(seed=st.integers(0, 10_000), loss=st.sampled_from([0.0, 0.3]), name=st.sampled_from(sorted(NETWORKS)))
def test_the_order_and_number_in_which_answers_of_one_instant_come_change_nothing(
    seed: int, loss: float, name: str
) -> None:
    chance = Random(seed)

    def shuffled(batch: list[Packet]) -> list[Packet]:
        mixed = batch + [packet for packet in batch if chance.random() < 0.5]
        chance.shuffle(mixed)
        return mixed

    plain = talk(lossy(NETWORKS[name], loss, seed))
    mixed = talk(lossy(NETWORKS[name], loss, seed), deliver=shuffled)
    assert mixed.sent == plain.sent
    assert mixed.verdict == plain.verdict


@deterministic
@given(seed=st.integers(0, 10_000), loss=st.sampled_from([0.1, 0.3, 0.6]))
def test_an_open_port_is_never_called_closed_and_a_closed_one_never_open_however_much_is_lost(
    seed: int, loss: float
) -> None:
    assert talk(lossy(road(), loss, seed)).verdict.state is not State.CLOSED
    assert talk(lossy(road(listening=()), loss, seed)).verdict.state is not State.OPEN


# ---- time


def test_probes_are_sent_in_the_order_of_time() -> None:
    for name in NETWORKS:
        times = [one.time for one in conversation(name).sent]
        assert times == sorted(times)


def test_a_hop_is_followed_only_when_the_leader_knows_it() -> None:
    held = conversation("far away")
    known = {one.probe.ttl: one.time + 0.01 for one in held.sent if is_echo(one.probe) and one.probe.ttl < FULL_TTL}
    steps = [one for one in held.sent if is_test(one.probe) and one.probe.ttl < FULL_TTL]
    assert len(steps) == 17
    assert all(step.time >= known[step.probe.ttl] for step in steps)

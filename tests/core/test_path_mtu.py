"""Whole conversations about sizes, on networks that are one function: which MTU, which mechanism, which place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest

from pathprobe.core.outcomes import NotSent, Outcome
from pathprobe.core.path_mtu import path_mtu
from pathprobe.core.probes import FULL_TTL, Kind, Probe, Role
from pathprobe.core.report import Clue, Direction, Loss, PathMtu, State, Where
from pathprobe.core.size_strategy import MOST_SIZED
from tests.core.conversation import Limited, Network, Talk, is_echo, road, talk
from tests.core.factories import DISTANCE, ME, PORT, ROUTERS, rejected, too_big

R1, R2, R3 = ROUTERS[4]
ETHERNET = 1500

#: Where a packet of a size meets its end: its fate in front of hop ``hop``, None to let it pass.
Gate = Callable[[Probe, int], Outcome | str | None]

VANISHES = "vanishes"


def guarded(gate: Gate, **of_road: Any) -> Network:
    """A road on which probes of a size pass ``gate`` on their way into every hop."""
    free = road(**of_road)

    def network(probe: Probe) -> Outcome | None:
        for hop in range(1, min(probe.ttl, of_road.get("distance", DISTANCE)) + 1):
            if probe.size is not None and (fate := gate(probe, hop)):
                return None if isinstance(fate, str) else fate
        return free(probe)

    return network


def hole(into: int, mtu: int) -> Gate:
    """Packets above ``mtu`` octets vanish on their way into a hop."""
    return lambda probe, hop: VANISHES if hop == into and (probe.size or 0) > mtu else None


def narrow(into: int, mtu: int, *, says: int | None = -1) -> Gate:
    """The link into a hop takes ``mtu`` octets, and the router before it says so (or ``says`` another number)."""
    told = mtu if says == -1 else says
    return lambda probe, hop: too_big(ROUTERS[4][into - 2], told) if hop == into and (probe.size or 0) > mtu else None


def ask(network: Network, **more: Any) -> tuple[PathMtu, Talk]:
    told = talk(network, mtu=ETHERNET, ports=range(40001, 40097), **more)
    found = path_mtu(told.evidence, told.session.question.mtu)
    assert found is not None
    return found, told


def sized(told: Talk) -> list[Probe]:
    return [probe for probe in told.probes if probe.size is not None]


def place(found: PathMtu) -> tuple[Any, ...]:
    location = found.location
    assert location is not None
    good, bad = location.last_good, location.first_bad
    return location.where, location.direction, good and good.ttl, bad and bad.ttl


# ---- no problem


def test_where_the_interfaces_size_passes_one_pair_is_enough() -> None:
    found, told = ask(road())
    assert (found.largest, found.smallest_lost, found.mechanism, found.location) == (1500, None, Loss.NONE, None)
    assert [probe.size for probe in sized(told)] == [1500, 68]
    assert found.confidence > 0.999


def test_nothing_is_asked_about_sizes_unless_that_is_wanted() -> None:
    told = talk(road())
    assert sized(told) == []
    assert path_mtu(told.evidence, None) is None


# ---- told


@pytest.mark.parametrize("mtu", [1400, 1492, 1399, 576, 300])
def test_a_router_that_says_its_mtu_is_believed_and_named(mtu: int) -> None:
    found, told = ask(guarded(narrow(3, mtu)))
    assert (found.largest, found.smallest_lost, found.mechanism) == (mtu, mtu + 1, Loss.TOLD)
    assert place(found) == (Where.PATH, Direction.FORWARD, 2, 3)
    assert found.told_by is not None
    assert (found.told_by.ttl, found.told_by.address, found.told_by.mtu) == (2, R2, mtu)
    assert found.location is not None
    assert found.location.device is not None
    assert found.location.device.by == (Clue.ICMP_SOURCE,)
    assert len(sized(told)) == 4, "small, the interface's, the one that was told, and one more octet"


def test_each_of_two_narrow_links_tells_and_the_narrower_one_decides() -> None:
    first, second = narrow(2, 1450), narrow(4, 1300)
    found, _ = ask(guarded(lambda probe, hop: first(probe, hop) or second(probe, hop)))
    assert (found.largest, found.smallest_lost, found.mechanism) == (1300, 1301, Loss.TOLD)
    assert found.told_by is not None
    assert found.told_by.address == R3
    assert not any(one.wrong for one in found.told)


def test_a_router_that_names_no_mtu_leaves_it_to_be_searched() -> None:
    found, _ = ask(guarded(narrow(3, 1400, says=None)))
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.TOLD)
    assert found.told_by is not None
    assert (found.told_by.address, found.told_by.mtu) == (R2, None)


@pytest.mark.parametrize("says", [1500, 9000, 600])
def test_a_router_that_names_a_wrong_mtu_is_found_out(says: int) -> None:
    found, _ = ask(guarded(narrow(3, 1400, says=says)))
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.TOLD)
    assert found.told
    assert all(one.wrong for one in found.told if one.mtu == says)


def test_a_firewall_that_refuses_large_packets_is_named_too() -> None:
    found, _ = ask(
        guarded(lambda probe, hop: rejected(R2) if hop == 3 and (probe.size or 0) > 1000 else None), kind=Kind.ECHO
    )
    assert (found.largest, found.smallest_lost, found.mechanism) == (1000, 1001, Loss.TOLD)
    assert found.told_by is not None
    assert found.told_by.message == "communication administratively prohibited"


def test_a_kernel_that_will_not_send_that_much_tells_it_itself() -> None:
    found, _ = ask(
        guarded(lambda probe, hop: NotSent(error="EMSGSIZE") if hop == 1 and (probe.size or 0) > 1400 else None)
    )
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.TOLD)
    assert place(found) == (Where.LOCAL, Direction.FORWARD, 0, None)


# ---- silent


@pytest.mark.parametrize("mtu", [1400, 1399, 1499, 1420, 700, 68])
@pytest.mark.parametrize("into", [1, 2, 3])
def test_a_black_hole_is_found_to_the_octet_and_to_the_hop(into: int, mtu: int) -> None:
    found, told = ask(guarded(hole(into, mtu)))
    assert (found.largest, found.smallest_lost, found.mechanism) == (mtu, mtu + 1, Loss.SILENT)
    assert place(found) == (Where.PATH, Direction.FORWARD, into - 1, into)
    assert found.told_by is None
    assert 0.9 < found.confidence < 1
    assert len(sized(told)) <= MOST_SIZED


def test_a_black_hole_in_front_of_the_target_may_be_its_own_and_goes_forward_if_a_syn_dies_as_well() -> None:
    found, told = ask(guarded(hole(DISTANCE, 1400)))
    assert place(found) == (Where.TARGET_EDGE, Direction.FORWARD, DISTANCE - 1, DISTANCE)
    assert found.gets_there is None
    assert [probe for probe in sized(told) if probe.flow.kind is Kind.TCP]


def test_where_a_syn_gets_through_the_way_back_of_the_echo_is_in_doubt() -> None:
    found, _ = ask(
        guarded(
            lambda probe, hop: VANISHES if hop == DISTANCE and is_echo(probe) and (probe.size or 0) > 1400 else None
        )
    )
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.SILENT)
    assert found.gets_there == f"tcp/{PORT}"
    assert place(found) == (Where.UNKNOWN, None, DISTANCE, None)


def test_of_an_echo_alone_the_direction_stays_unknown() -> None:
    found, _ = ask(guarded(hole(DISTANCE, 1400)), kind=Kind.ECHO, port=None)
    assert place(found) == (Where.TARGET_EDGE, None, DISTANCE - 1, DISTANCE)


@pytest.mark.parametrize("listening", [(PORT,), ()])
def test_without_echo_a_padded_syn_asks_and_its_answer_is_small(listening: Iterable[int]) -> None:
    free = guarded(hole(3, 1400), listening=listening)
    found, told = ask(lambda probe: None if is_echo(probe) and probe.ttl >= DISTANCE else free(probe))
    assert found.carrier == f"tcp/{PORT}"
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.SILENT)
    assert place(found) == (Where.PATH, Direction.FORWARD, 2, 3)
    ports = [probe.flow.source_port for probe in sized(told)]
    assert len(ports) == len(set(ports)), "a listener answers no second SYN of one flow"


def test_where_padded_echo_is_dropped_a_padded_syn_asks() -> None:
    found, _ = ask(guarded(lambda probe, hop: VANISHES if hop == 2 and is_echo(probe) else None))
    assert (found.carrier, found.largest, found.mechanism) == (f"tcp/{PORT}", 1500, Loss.NONE)


def test_hops_that_answer_nobody_widen_the_interval() -> None:
    found, _ = ask(guarded(hole(3, 1400), mute=(2,)))
    assert place(found) == (Where.PATH, Direction.FORWARD, 1, 3)


def test_a_long_path_costs_no_more_than_the_budget() -> None:
    found, told = ask(guarded(hole(17, 1393), distance=25))
    assert place(found) == (Where.PATH, Direction.FORWARD, 16, 17)
    assert len(sized(told)) <= MOST_SIZED


def test_without_tracing_the_size_is_known_and_the_place_is_not() -> None:
    found, told = ask(guarded(hole(3, 1400)), trace=False, kind=Kind.ECHO, port=None)
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.SILENT)
    assert found.location is not None
    assert found.location.where is Where.UNKNOWN
    assert all(probe.ttl == FULL_TTL for probe in sized(told))


@pytest.mark.parametrize("tokens", [1, 3, 6])
def test_a_router_that_limits_its_icmp_is_given_the_time(tokens: float) -> None:
    found, told = ask(Limited(guarded(hole(3, 1400)), 2, tokens))
    assert (found.largest, found.smallest_lost, found.mechanism) == (1400, 1401, Loss.SILENT)
    location = found.location
    assert location is not None
    assert location.last_good is not None
    assert location.first_bad is not None
    assert location.last_good.ttl <= 2 < 3 <= location.first_bad.ttl
    assert len(sized(told)) <= MOST_SIZED


# ---- loss


@pytest.mark.parametrize("seed", range(40))
def test_loss_alone_is_no_black_hole(seed: int) -> None:
    chance = Random(seed)
    free = road()
    found, told = ask(lambda probe: None if chance.random() < 0.3 and probe.ttl >= 2 else free(probe), seed=seed)
    assert found.mechanism is not Loss.SILENT or found.confidence < 0.9
    assert len(sized(told)) <= MOST_SIZED


def test_a_black_hole_is_found_through_loss() -> None:
    found_at = []
    for seed in range(20):
        chance = Random(seed)
        holed = guarded(hole(3, 1400))
        found, _ = ask(lambda probe, c=chance, n=holed: None if c.random() < 0.1 else n(probe), seed=seed)
        found_at.append((found.largest, found.mechanism))
    assert found_at.count((1400, Loss.SILENT)) >= 15


# ---- the verdict on the port


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(road(), id="open"),
        pytest.param(guarded(hole(3, 1400)), id="black hole"),
        pytest.param(guarded(narrow(3, 1400)), id="told"),
        pytest.param(road(listening=()), id="closed"),
        pytest.param(road(lost=lambda probe, hop: hop == 3 and probe.role is Role.TEST), id="filtered"),
        pytest.param(
            guarded(hole(2, 1400), lost=lambda probe, hop: hop == 3 and probe.role is Role.TEST),
            id="filtered, and a black hole for others",
        ),
    ],
)
def test_the_verdict_on_the_port_is_the_same_with_and_without(network: Network) -> None:
    asked, plain = talk(network, mtu=ETHERNET), talk(network)
    assert asked.verdict.state is plain.verdict.state
    assert asked.verdict.location == plain.verdict.location
    assert sized(asked)
    assert len(asked.probes) - len(sized(asked)) == len(plain.probes), "and it costs no other probe"


def test_a_filtered_port_does_not_hinder_the_question_about_sizes() -> None:
    free = guarded(hole(2, 1400))
    found, told = ask(lambda probe: None if not is_echo(probe) and probe.ttl >= 3 else free(probe))
    assert told.verdict.state is State.FILTERED
    assert (found.carrier, found.largest, found.mechanism) == ("icmp echo", 1400, Loss.SILENT)


def test_where_nobody_answers_there_is_nothing_to_compare() -> None:
    told = talk(lambda _: None, mtu=ETHERNET)
    assert sized(told) == []
    assert path_mtu(told.evidence, ETHERNET) is None


def test_this_host_itself_has_no_path() -> None:
    told = talk(road(distance=1), mtu=ETHERNET, target=ME)
    assert path_mtu(told.evidence, ETHERNET) is None

"""Are all branches found, with no router asked more than it can answer?"""

from __future__ import annotations

import bisect
from collections import Counter

import pytest

from pathprobe.core.again import MOST_IN_BURST
from pathprobe.core.branches import LONGEST_SEARCH, MOST_AT_ONCE, MOST_FLOWS, SUSPECTED
from pathprobe.core.probes import FULL_TTL, Kind
from pathprobe.core.statistics import flows_to_rule_out
from pathprobe.core.walks import Walks
from tests.core.branching import BRANCHING_HOP, address, ask, branching
from tests.core.conversation import Limited, Network, Talk
from tests.core.factories import DISTANCE, router

NETWORKS = {
    "healthy": branching(2),
    "four": branching(4),
    "drop": branching(2, bad=[1], dies_at=3),
    "unseen": branching(2, bad=[1], dies_at=2),
    "all die": branching(1, bad=[0], dies_at=3),
}
EVERY = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def on_flows(held: Talk) -> list[tuple[float, int, int]]:
    """When, on which port and with which TTL was a further constant flow asked?"""
    further = set(held.session.constant[1:])
    return [
        (one.time, one.probe.flow.source_port, one.probe.ttl)
        for one in held.sent
        if one.probe.flow.kind is Kind.TCP and one.probe.flow.source_port in further
    ]


@EVERY
def test_every_flow_asks_the_target(network: Network) -> None:
    held = ask(network)
    asked = {port for _, port, ttl in on_flows(held) if ttl == FULL_TTL}
    assert asked == set(held.session.constant[1:])


def test_one_flow_asks_on_no_other() -> None:
    assert on_flows(ask(branching(1), flows=1)) == []


def test_without_a_trace_flows_ask_only_the_target() -> None:
    held = ask(branching(2, bad=[1], dies_at=3), trace=False)
    assert {ttl for _, _, ttl in on_flows(held)} == {FULL_TTL}


def test_where_no_flow_lives_none_is_stepped_or_asked_again() -> None:
    held = ask(NETWORKS["all die"])
    assert Counter(ttl for _, _, ttl in on_flows(held)) == {FULL_TTL: 15}


@EVERY
def test_no_router_is_asked_more_than_its_limit_allows(network: Network) -> None:
    held = ask(network)
    answers: dict[str, list[float]] = {}
    for one in held.sent:
        fate = network(one.probe)
        if fate is not None and one.probe.ttl < DISTANCE:
            answers.setdefault(getattr(fate, "source", "") or router(one.probe.ttl), []).append(one.time)
    for times in answers.values():
        for number, start in enumerate(times):
            within = bisect.bisect(times, start + 1.0) - number
            assert within <= MOST_IN_BURST + 1


@pytest.mark.parametrize("hop", [1, 3])
def test_a_router_with_linux_s_limit_answers_every_step(hop: int) -> None:
    held = ask(Limited(branching(2), hop, tokens=6))
    steps = {(port, ttl) for _, port, ttl in on_flows(held) if ttl == hop}
    walks = Walks(held.evidence)
    assert len(steps) == sum(bool(walk.address_at(hop)) for walk in walks.all if walk.number)


@EVERY
def test_few_probes_are_out_at_once(network: Network) -> None:
    sent = Counter(time for time, _, _ in on_flows(ask(network)))
    assert max(sent.values()) <= MOST_AT_ONCE


@EVERY
def test_the_search_ends(network: Network) -> None:
    steps = [time for time, _, ttl in on_flows(ask(network)) if ttl < FULL_TTL] or [0.0]
    assert max(steps) - min(steps) <= LONGEST_SEARCH


def test_a_hop_where_all_meet_one_router_is_asked_on_as_many_flows_as_rule_out_a_second() -> None:
    walks = Walks(ask(branching(2)).evidence)
    heard = {ttl: sum(bool(walk.address_at(ttl)) for walk in walks.all) for ttl in range(1, DISTANCE)}
    assert heard == {1: flows_to_rule_out(2), BRANCHING_HOP: 16, 3: flows_to_rule_out(2)}


@pytest.mark.parametrize("branches", [1, 2, 3, 4, 6])
def test_auto_adds_flows_until_no_more_router_can_hide(branches: int) -> None:
    held = ask(branching(branches), flows=None)
    walks = Walks(held.evidence)
    found = walks.addresses_at(BRANCHING_HOP)
    assert len(walks.all) == flows_to_rule_out(max(len(found), 1) + 1)
    assert set(found) == {address(branch) if branches > 1 else address(0) for branch in range(branches)}


def test_auto_has_an_end() -> None:
    held = ask(branching(40), flows=None)
    assert len(Walks(held.evidence).all) == MOST_FLOWS


def test_suspicion_asks_as_many_flows_as_show_a_second_branch() -> None:
    held = next(
        held
        for spread in range(40)
        if len(Walks((held := ask(branching(2, bad=[1], dies_at=3, spread=spread), flows=1)).evidence).all) > 1
    )
    assert len(Walks(held.evidence).all) == SUSPECTED
    assert {ttl for _, _, ttl in on_flows(held)} == {FULL_TTL}


def test_echo_varies_its_identifier() -> None:
    held = ask(branching(1), kind=Kind.ECHO, port=None, flows=4)
    assert {probe.flow.source_port for probe in held.probes} == set(held.session.constant)
    assert len(held.session.constant) == 4
    assert all(probe.token >> 16 == probe.flow.source_port for probe in held.probes)
    assert Walks(held.evidence).distance == DISTANCE

"""Is the branch that is broken found, and no router blamed that living flows cross?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.outcomes import Outcome, TimeExceeded
from pathprobe.core.paths import paths_of, split
from pathprobe.core.probes import Probe, Role
from pathprobe.core.report import Claim, Direction, Hop, Mechanism, State, Verdict, Where
from tests.core.branching import BRANCHING_HOP, address, ask, branching, way_of
from tests.core.conversation import Talk
from tests.core.factories import DISTANCE, THERE, Says, claims, rejected, reset, router, said


def fact(verdict: Verdict, claim: Claim, name: str) -> object:
    return next(reason.facts[name] for reason in verdict.reasons if reason.claim is claim)


def some_die(mechanism: Mechanism = Mechanism.DROP, **place: int) -> Says:
    """Intermittent, with its place on the path."""
    return Says(State.INTERMITTENT, mechanism, Where.PATH, direction=Direction.FORWARD, distance=DISTANCE, **place)


@pytest.mark.parametrize("branches", [2, 3, 4])
def test_a_drop_behind_one_branch_is_placed_behind_that_router(branches: int) -> None:
    verdict = ask(branching(branches, bad=[1], dies_at=BRANCHING_HOP + 1)).verdict
    assert said(verdict) == some_die(last_good=2, first_bad=3)
    assert verdict.location.last_good is not None
    assert verdict.location.last_good.address == address(1)
    assert fact(verdict, Claim.SAME_ROUTER, "router") == address(1)


@pytest.mark.parametrize("branches", [2, 3, 4])
def test_a_drop_before_a_branch_shows_itself_blames_none_of_those_seen(branches: int) -> None:
    verdict = ask(branching(branches, bad=[1], dies_at=BRANCHING_HOP)).verdict
    assert said(verdict) == some_die(last_good=1, first_bad=2)
    assert verdict.location.first_bad is not None
    assert verdict.location.first_bad.address is None
    others = {address(branch) for branch in range(branches)} - {address(1)}
    assert set(str(fact(verdict, Claim.UNSEEN_AT, "routers")).split(", ")) == others


def test_a_reject_on_one_branch_names_its_router() -> None:
    refusal = rejected(address(1), back=2)
    verdict = ask(branching(2, bad=[1], dies_at=3, refusal=refusal)).verdict
    assert said(verdict) == some_die(Mechanism.REJECT, last_good=2, first_bad=3, device=2)
    assert verdict.location.device is not None
    assert verdict.location.device.address == address(1)


def test_a_reset_forged_on_one_branch_names_its_router() -> None:
    verdict = ask(branching(2, bad=[1], dies_at=3, refusal=reset(back=2))).verdict
    assert said(verdict) == some_die(Mechanism.RESET, last_good=2, first_bad=3, device=2)


def test_the_flows_are_counted() -> None:
    held = ask(branching(4, bad=[1], dies_at=3))
    dying = sum(way_of(port, 4) == 1 for port in held.session.constant)
    verdict = held.verdict
    assert 0 < dying < 16
    assert (fact(verdict, Claim.FLOWS_DIE, "died"), fact(verdict, Claim.FLOWS_DIE, "of")) == (dying, 16)


def test_the_verdict_is_surer_the_more_flows_die() -> None:
    few, many = (ask(branching(4, bad=bad, dies_at=3)).verdict.confidence for bad in ([1], [1, 2]))
    assert 0.95 < few < many


def test_healthy_branches_are_listed_and_the_port_is_open() -> None:
    verdict = ask(branching(2)).verdict
    assert said(verdict) == Says(State.OPEN, Mechanism.ANSWER, Where.TARGET, last_good=DISTANCE, distance=DISTANCE)
    assert fact(verdict, Claim.SEVERAL_ROUTERS, "routers") == f"{address(1)}, {address(0)}"


def test_a_port_that_dies_on_every_branch_is_filtered_and_not_intermittent() -> None:
    verdict = ask(branching(2, bad=[0, 1], dies_at=3)).verdict
    assert (verdict.state, verdict.location.where) == (State.FILTERED, Where.PATH)
    assert Claim.FLOWS_DIE not in claims(verdict)


def test_a_router_that_stops_some_source_ports_is_not_called_a_broken_branch() -> None:
    """One path only; half of the source ports die behind hop 2."""
    two = branching(2, bad=[1], dies_at=3)

    def one_path(probe: Probe) -> Outcome | None:
        fate = two(probe)
        return replace(fate, source=router(2)) if isinstance(fate, TimeExceeded) and probe.ttl == 2 else fate

    verdict = ask(one_path).verdict
    assert said(verdict) == some_die(last_good=2, first_bad=3)
    assert Claim.SAME_ROUTER not in claims(verdict)


def test_two_faults_on_two_branches_make_an_interval_that_covers_both() -> None:
    near, far = branching(4, bad=[1], dies_at=2), branching(4, bad=[2], dies_at=3)

    def network(probe: Probe) -> Outcome | None:
        return (near if way_of(probe.flow.source_port, 4) == 1 else far)(probe)

    place = ask(network).verdict.location
    assert (place.last_good, place.first_bad) == (Hop(ttl=1, address=router(1)), Hop(ttl=3))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lost", [0.1, 0.19])
def test_healthy_branches_that_lose_packets_stay_open(lost: float, seed: int) -> None:
    assert ask(branching(2, lost=lost, seed=seed, spread=seed)).verdict.state is State.OPEN


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("dies_at", "last_good"), [(2, 1), (3, 2)])
def test_a_broken_branch_is_found_under_loss(dies_at: int, last_good: int, seed: int) -> None:
    verdict = ask(branching(2, bad=[1], dies_at=dies_at, lost=0.1, seed=seed, spread=seed)).verdict
    assert said(verdict) == some_die(last_good=last_good, first_bad=dies_at)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.sets(st.integers(0, 3), min_size=1, max_size=3), st.integers(0, 1000), st.sampled_from([2, 3]))
def test_no_router_is_blamed_that_living_flows_cross(bad: set[int], spread: int, dies_at: int) -> None:
    held = ask(branching(4, bad=bad, dies_at=dies_at, spread=spread), flows=12)
    found = split(held.evidence)
    ways = {way_of(port, 4, spread) for port in held.session.constant}
    if found is None:
        assert not (ways & bad and ways - bad)
        return
    verdict = held.verdict
    crossed = {walk.address_at(ttl) for walk in found.living for ttl in range(BRANCHING_HOP, DISTANCE)}
    blamed = [verdict.location.last_good, verdict.location.first_bad]
    assert not {place.address for place in blamed if place and place.address} & crossed
    routers = [one.facts["router"] for one in verdict.reasons if one.claim is Claim.SAME_ROUTER]
    assert not set(routers) & crossed
    ends = {one.facts["bad_address"] for one in verdict.reasons if "bad_address" in one.facts}
    assert not (ends - {None}) & crossed


def hops_of(held: Talk) -> dict[State, set[tuple[str | None, ...]]]:
    met: dict[State, set[tuple[str | None, ...]]] = {}
    for path in paths_of(held.evidence):
        met.setdefault(path.state, set()).add(path.hops)
    return met


def test_the_paths_say_what_each_flow_met_and_nothing_that_it_was_not_asked() -> None:
    held = ask(branching(2, bad=[1], dies_at=3))
    asked = {(probe.flow.source_port, probe.ttl) for probe in held.of(Role.TEST)}
    paths = paths_of(held.evidence)
    assert [path.flow for path in paths] == list(range(16))
    assert [path.source_port for path in paths] == list(held.session.constant)
    for path in paths:
        bad = way_of(path.source_port or 0, 2) == 1
        assert path.state is (State.FILTERED if bad else State.OPEN)
        assert path.hops[1] == address(1 if bad else 0)
        assert path.hops[3] == (None if bad else THERE)
        for ttl, hop in enumerate(path.hops[:3], start=1):
            assert hop is None or (path.source_port, ttl) in asked


def test_one_flow_has_no_list_of_paths() -> None:
    assert paths_of(ask(branching(1), flows=1).evidence) == ()


# --- The default run


def default_run(**network: object) -> list[Verdict]:
    """One flow, with forty different hashes."""
    return [
        ask(branching(2, bad=[1], spread=spread, **network), flows=1).verdict  # type: ignore[arg-type]
        for spread in range(40)
    ]


@pytest.mark.parametrize("dies_at", [2, 3])
def test_a_run_of_one_flow_says_that_a_different_source_port_changes_the_answer(dies_at: int) -> None:
    """It knows two source ports: that they are on two branches happens half of the time."""
    verdicts = default_run(dies_at=dies_at)
    told = [verdict for verdict in verdicts if verdict.state is State.INTERMITTENT]
    assert len(told) >= 15
    assert all(Claim.PORTS_DIFFER in claims(verdict) for verdict in told)
    assert all(verdict.location.where is Where.UNKNOWN for verdict in told)


def test_a_healthy_run_of_one_flow_costs_no_probe_more() -> None:
    alone, branched = (ask(branching(branches), flows=1) for branches in (1, 2))
    assert len(alone.sent) == len(branched.sent)

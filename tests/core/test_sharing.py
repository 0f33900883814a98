"""One is traced, the others are held against its place: as pure scenarios.

The network: client - r1 - r2 - r3 - targets 10.0.0.x at hop 4; each test says where which addresses die.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pathprobe.core.outcomes import Outcome
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.probes import FULL_TTL, Kind
from pathprobe.core.report import (
    Claim,
    Direction,
    Hop,
    Location,
    Mechanism,
    Reason,
    Result,
    State,
    Target,
    Verdict,
    Where,
)
from pathprobe.core.segments import Segment, segments_of
from pathprobe.core.sharing import Held, held_against, steps_again, verdict_as
from pathprobe.core.trials import MOST_IN_A_BURST, Asks, Place, Step, Trial, affordable, place_of, steps_for
from tests.core.factories import answered, expired, rejected, router, silent

#: The hop before which an address dies; None: nowhere.
Network = Callable[[str], int | None]


def found(last: int, state: PairState = PairState.SILENT, *, network: str = "10.0.0", port: int = 80) -> Finding:
    return Finding(pair=Pair(kind=Kind.TCP, address=f"{network}.{last}", port=port), state=state)


def segment(*lasts: int, network: str = "10.0.0", port: int = 80) -> Segment:
    (one,) = segments_of([found(last, network=network, port=port) for last in lasts])
    return one


def traced(first: Finding, bad: int) -> Result:
    """A result as a diagnosis has it: dropped behind hop ``bad - 1``."""
    address = first.pair.address
    good = Hop(ttl=bad - 1, address=router(bad - 1))
    there = Hop(ttl=bad, address=router(bad) if bad < 4 else address)
    where = Where.PATH if bad < 4 else Where.TARGET_EDGE
    verdict = Verdict(
        state=State.FILTERED,
        mechanism=Mechanism.DROP,
        location=Location(where=where, direction=Direction.FORWARD, last_good=good, first_bad=there),
        confidence=0.99,
        distance=4,
        reasons=(),
    )
    target = Target(given=address, address=address, port=first.pair.port, protocol="tcp")
    return Result(
        target=target, verdict=verdict, hops=(), control="", source="10.9.1.9", source_port=None, observations=()
    )


def trial(whole: Segment, bad: int, of: Segment | None = None) -> Trial:
    """The rest of a segment against the place of its first; or a segment against that of another one, ``of``."""
    shown = of or whole
    place = Place(traced=traced(shown.first, bad), pattern=shown.pattern, echo_passes=True)
    return Trial(segment=whole if of else whole.without(whole.first), place=place, own=of is None)


def played(trials: list[Trial], dies_before: Network, *, spare: dict[int, int] | None = None) -> dict[Step, Outcome]:
    """What a network says to the steps. ``spare``: how many answers a hop has left, as many as it likes by default."""
    left = dict(spare or {})
    outcomes: dict[Step, Outcome] = {}
    for step in steps_for(trials):
        dies = None if step.kind is Kind.ECHO else dies_before(step.about.address)
        if step.ttl >= FULL_TTL:
            outcomes[step] = answered(at=step.about.address) if dies is None else silent()
        elif (dies is not None and step.ttl >= dies) or left.get(step.ttl, 1) <= 0:
            outcomes[step] = silent()
        else:
            left[step.ttl] = left.get(step.ttl, 1_000_000) - 1
            outcomes[step] = expired(router(step.ttl))
    return outcomes


def held(one: Trial, dies_before: Network, *, spare: dict[int, int] | None = None) -> Held:
    return held_against(one, [one], played([one], dies_before, spare=spare))


def lasts(segments: tuple[Segment, ...]) -> list[int]:
    return sorted(int(one.pair.address.rpartition(".")[2]) for part in segments for one in part.findings)


def test_those_that_die_in_the_same_place_are_told_so() -> None:
    result = held(trial(segment(*range(1, 101)), bad=3), lambda _: 3)
    assert len(result.same) == 99
    assert result.left == ()
    assert all(proof.stepped and proof.passed == proof.sent == 3 for proof in result.same.values())
    assert max(proof.chance for proof in result.same.values()) < 0.06


def test_one_that_gets_past_the_first_bad_hop_is_left_for_another_look() -> None:
    result = held(trial(segment(*range(1, 21)), bad=2), lambda address: 3 if address == "10.0.0.9" else 2)
    assert lasts(result.left) == [9]
    assert len(result.same) == 18


def test_where_the_hop_had_no_answer_left_for_the_controls_silence_shows_nothing() -> None:
    mixed: Network = lambda address: 2 + int(address.rpartition(".")[2]) % 2  # noqa: E731
    result = held(trial(segment(*range(2, 32)), bad=2), mixed, spare={2: 5})
    assert not result.same
    assert [len(half.findings) for half in result.left] == [15, 14]


def test_half_a_segment_of_which_no_more_can_be_shown_has_a_place_that_is_as_wide_as_it_may_be() -> None:
    mixed: Network = lambda address: 2 + int(address.rpartition(".")[2]) % 2  # noqa: E731
    whole = trial(segment(*range(2, 32)), bad=2)
    half = replace(whole, segment=replace(whole.segment, parted=True))
    result = held(half, mixed, spare={2: 5})
    assert len(result.same) == 24
    assert all(proof.blurred for proof in result.same.values())
    finding, proof = next(iter(result.same.items()))
    there = Target(given="x", address=finding.pair.address, port=80, protocol="tcp")
    verdict = verdict_as(half.place, there, finding, proof)
    assert verdict.location.last_good == half.place.good
    assert verdict.location.first_bad == Hop(ttl=4)
    assert verdict.location.where is Where.UNKNOWN
    assert Claim.STEP_UNPROVED in {reason.claim for reason in verdict.reasons}


def test_a_hop_without_an_answer_for_any_control_is_asked_again_a_moment_later() -> None:
    one = trial(segment(*range(1, 21)), bad=3)
    mute = played([one], lambda _: 3, spare={3: 0})
    again = steps_again([one], mute)
    assert {step.asks for step in again} == {Asks.DIES_THERE, Asks.CONTROL}
    assert held_against(one, [one], mute).left
    later = {step: outcome for step, outcome in played([one], lambda _: 3, spare={3: 1}).items() if step in again}
    assert len(held_against(one, [one], {**mute, **later}).same) == 19
    assert steps_again([one], {**mute, **later}) == []


def test_a_hop_that_answered_others_is_not_asked_again() -> None:
    one = trial(segment(*range(1, 21)), bad=2)
    assert steps_again([one], played([one], lambda _: 3, spare={2: 2})) == []


def test_those_that_die_before_the_last_good_hop_are_noticed_where_it_answers_a_control() -> None:
    mixed: Network = lambda address: 3 - int(address.rpartition(".")[2]) % 2  # noqa: E731
    result = held(trial(segment(*range(2, 32)), bad=3), mixed)
    assert not result.same
    assert lasts(result.left) == list(range(3, 32))


def test_a_last_good_hop_that_answers_nobody_any_more_refutes_nothing() -> None:
    result = held(trial(segment(*range(1, 21)), bad=3), lambda _: 3, spare={2: 0})
    assert len(result.same) == 19
    assert not any(proof.reached for proof in result.same.values())


def test_at_the_targets_own_edge_echo_to_each_decides() -> None:
    one = trial(segment(1, 2, 3), bad=4)
    assert {step.asks for step in steps_for([one])} == {Asks.GETS_THERE, Asks.SPARES, Asks.ALIVE}
    outcomes = played([one], lambda _: 4)
    deaf = next(step for step in outcomes if step.asks is Asks.ALIVE and step.about.address == "10.0.0.3")
    result = held_against(one, [one], {**outcomes, deaf: silent()})
    assert lasts(result.left) == [3]
    assert [finding.pair.address for finding in result.same] == ["10.0.0.2"]


def test_another_network_dies_here_only_if_its_own_packets_got_as_far() -> None:
    here, there = segment(1, 2), segment(*range(1, 6), network="10.0.7")
    foreign = trial(there, bad=3, of=here)
    assert len(held(foreign, lambda _: 3).same) == 5
    assert held(foreign, lambda _: 2).left == (there,)
    assert held(foreign, lambda address: 2 if address == "10.0.7.1" else 3, spare={2: 1}).left == (there,)
    assert held(foreign, lambda _: 3, spare={2: 0}).left == (there,)


def test_no_router_is_asked_more_than_a_burst() -> None:
    own = trial(segment(*range(1, 200)), bad=3)
    others = [trial(segment(1, 2, network=f"10.0.{number}"), bad=3, of=segment(1)) for number in range(1, 30)]
    trials = affordable([*others, own])
    assert trials[0] is own
    steps = steps_for(trials)
    asked = sum(step.asks in (Asks.GETS_THERE, Asks.SPARES) for step in steps)
    assert asked <= MOST_IN_A_BURST + 1
    assert sum(step.asks is Asks.CONTROL for step in steps) <= MOST_IN_A_BURST


def test_steps_that_a_router_may_answer_do_not_follow_each_other() -> None:
    """Two segments with a rule elsewhere make the first bad hop answer for nearly all: not all at once."""
    trials = [trial(segment(*range(1, 51), network=network), bad=2) for network in ("10.0.1", "10.0.2")]
    asks = [step.asks for step in steps_for(trials) if step.asks in (Asks.ALIVE, Asks.DIES_THERE)]
    pairs = sum(len(one.segment.findings) for one in trials)
    assert asks == [Asks.ALIVE, Asks.DIES_THERE] * pairs


def test_what_the_last_good_hop_itself_answers_does_not_get_past_it() -> None:
    one = trial(segment(1, 2, 3), bad=3)
    outcomes = played([one], lambda _: 3)
    step = next(step for step in outcomes if step.asks is Asks.DIES_THERE)
    assert not held_against(one, [one], {**outcomes, step: rejected(router(2))}).left
    assert held_against(one, [one], {**outcomes, step: rejected(router(3))}).left


def test_the_silent_ones_die_where_the_traced_one_was_refused() -> None:
    whole = segment(1, 2)
    refusal = Reason(claim=Claim.REFUSED, facts={"message": "host unreachable", "source": router(2)})
    result = traced(whole.first, bad=3)
    told = replace(result, verdict=replace(result.verdict, mechanism=Mechanism.REJECT, reasons=(refusal,)))
    place = place_of(told, whole)
    assert place
    one = Trial(segment=whole.without(whole.first), place=replace(place, echo_passes=True))
    ((finding, proof),) = held(one, lambda _: 3).same.items()
    verdict = verdict_as(one.place, Target(given="x", address="10.0.0.2", port=80, protocol="tcp"), finding, proof)
    assert verdict.mechanism is Mechanism.REJECT
    assert [reason.facts["message"] for reason in verdict.reasons if "message" in reason.facts] == ["host unreachable"]
    assert Claim.REFUSED not in {reason.claim for reason in verdict.reasons}


@pytest.mark.parametrize(("state", "mechanism"), [(State.OPEN, Mechanism.ANSWER), (State.INTERMITTENT, Mechanism.DROP)])
def test_what_another_look_may_change_is_nobody_elses_verdict(state: State, mechanism: Mechanism) -> None:
    whole = segment(1, 2)
    result = traced(whole.first, bad=3)
    other = replace(result, verdict=replace(result.verdict, state=state, mechanism=mechanism))
    assert place_of(result, whole)
    assert place_of(other, whole) is None
    assert place_of(replace(result, complete=False), whole) is None


def test_the_verdict_moves_to_the_target_it_is_for() -> None:
    one = trial(segment(1, 2), bad=4)
    (finding,) = one.segment.findings
    (proof,) = held(one, lambda _: 4).same.values()
    target = Target(given="x", address="10.0.0.2", port=80, protocol="tcp")
    verdict = verdict_as(one.place, target, finding, proof)
    assert verdict.location.first_bad == Hop(ttl=4, address="10.0.0.2")
    assert verdict.confidence < one.place.traced.verdict.confidence
    assert Claim.AS_TRACED in {reason.claim for reason in verdict.reasons}


def test_the_same_refusal_from_the_same_box_needs_no_further_question() -> None:
    told = {"source": "10.9.2.2", "message": "host unreachable", "ttl": 63}
    refused = [replace(found(last, PairState.REFUSED), **told) for last in (1, 2, 3)]
    (whole,) = segments_of(refused)
    one = trial(whole, bad=3)
    assert steps_for([one]) == []
    assert len(held_against(one, [one], {}).same) == 2


@pytest.mark.parametrize(
    ("findings", "sizes"),
    [
        ([found(last) for last in range(5)], [5]),
        ([found(1), found(2, network="10.0.1")], [1, 1]),
        ([found(1, port=port) for port in range(1, 9)], [1] * 8),
        ([found(1, port=port) for port in range(1, 100)], [99]),
        ([found(1), found(2, PairState.CLOSED)], [1, 1]),
        ([replace(found(1, PairState.CLOSED, port=port), ttl=61, source="10.0.0.1") for port in (1, 2)], [2]),
        ([replace(found(1, PairState.CLOSED, port=port), ttl=60 + port) for port in (1, 2)], [1, 1]),
    ],
)
def test_what_fared_alike_in_one_network_is_one_segment(findings: list[Finding], sizes: list[int]) -> None:
    assert sorted(len(one.findings) for one in segments_of(findings)) == sorted(sizes)

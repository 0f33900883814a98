"""Does a verdict keep the contract's promises whatever the probes saw, be it ever so odd?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.evidence import Evidence, Observation, kept_back
from pathprobe.core.hops import control_label, hop_rows
from pathprobe.core.outcomes import Outcome, Reply
from pathprobe.core.probes import FULL_TTL, Role
from pathprobe.core.report import Direction, Hop, Mechanism, State, Where
from pathprobe.core.verdict import conclude
from tests.core.factories import (
    ME,
    ROUTERS,
    STRANGER,
    THERE,
    answered,
    echo,
    evidence,
    expired,
    not_seen,
    other,
    ping,
    refused_by_kernel,
    rejected,
    reset,
    said,
    silent,
    syn,
    unreachable,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=300)

boxes = st.sampled_from([*ROUTERS[4], STRANGER, THERE, ME])
backs = st.integers(1, 7)
starts = st.sampled_from([64, 128, 255])


def fates() -> st.SearchStrategy[Outcome]:
    """Everything that can become of a probe, likely or not."""
    return st.one_of(
        st.builds(silent, st.sampled_from([0.01, 5.0])),
        st.builds(expired, st.one_of(st.just(""), boxes)),
        st.builds(answered, back=backs, start=starts),
        st.builds(reset, back=backs, start=starts),
        st.builds(rejected, boxes, back=backs),
        st.builds(unreachable, boxes, back=backs),
        st.just(not_seen()),
        st.builds(refused_by_kernel, st.sampled_from(["EPERM", "ENETUNREACH"])),
    )


def observations(makers: list[Any], ttls: list[int], outcomes: st.SearchStrategy[Outcome]) -> st.SearchStrategy[Any]:
    one = st.builds(lambda make, ttl, fate: make(ttl, fate), st.sampled_from(makers), st.sampled_from(ttls), outcomes)
    return st.lists(one, max_size=12)


ANY_TTL = [1, 2, 3, 4, 5, FULL_TTL]

#: Silence and expired TTLs only, so that the rules for silence have their share.
quiet = observations([syn, echo], ANY_TTL, st.sampled_from([silent(), expired()]))


def pictures() -> st.SearchStrategy[Evidence]:
    seen = st.one_of(
        observations([syn, echo, other], ANY_TTL, fates()), observations([ping, other], ANY_TTL, fates()), quiet
    )
    targets = st.sampled_from([THERE, THERE, THERE, ME, "127.0.0.1"])
    return st.builds(lambda seen, target: evidence(*_answered_by(target, seen), target=target), seen, targets)


def _answered_by(target: str, seen: list[Observation]) -> list[Observation]:
    """What the target of the pictures said, said by this one: the ledger believes no other."""
    return [
        replace(one, outcome=replace(one.outcome, source=target))
        if isinstance(one.outcome, Reply) and one.outcome.source == THERE
        else one
        for one in seen
    ]


@deterministic
@given(pictures())
def test_a_verdict_never_contradicts_itself(seen: Evidence) -> None:
    verdict = conclude(seen)
    place = verdict.location
    assert 0 <= verdict.confidence <= 1
    for hop in (place.last_good, place.first_bad, place.device):
        assert hop is None or 0 <= hop.ttl < FULL_TTL
    if place.last_good and place.first_bad:
        assert place.last_good.ttl < place.first_bad.ttl
    if place.first_bad:
        assert seen.reached(Role.TEST) < place.first_bad.ttl
    if place.last_good and place.last_good.ttl == 0:
        assert place.last_good == Hop(ttl=0)
    if place.device:
        assert verdict.mechanism in (Mechanism.ANSWER, Mechanism.RESET, Mechanism.REJECT, Mechanism.NO_ROUTE)
    if place.where is Where.LOCAL:
        assert place.last_good == Hop(ttl=0)
    assert place.direction in (Direction.FORWARD, None)


@deterministic
@given(pictures())
def test_a_state_is_given_only_with_what_the_contract_asks_for(seen: Evidence) -> None:
    verdict = conclude(seen)
    if verdict.state is State.CLOSED:
        assert (verdict.mechanism, verdict.location.where) == (Mechanism.RESET, Where.TARGET)
    if verdict.state is State.OPEN:
        assert verdict.mechanism is Mechanism.ANSWER
    if verdict.state is State.UNREACHABLE:
        assert not seen.control_reaches_target
    if verdict.mechanism is Mechanism.LOCAL_ERROR:
        assert all(kept_back(one) for one in seen.tests)
    if verdict.mechanism is None:
        assert verdict.state is State.UNKNOWN


@deterministic
@given(pictures())
def test_every_reason_rests_on_probes_that_were_sent(seen: Evidence) -> None:
    sent = {one.probe.id for one in seen.observations}
    for reason in conclude(seen).reasons:
        assert set(reason.probes) <= sent
        assert reason.facts["count"] == len(reason.probes)
        assert reason.probes or not seen.tests


@deterministic
@given(pictures())
def test_the_hop_table_can_be_drawn_and_counts_right(seen: Evidence) -> None:
    verdict = conclude(seen)
    rows = hop_rows(seen, verdict)
    assert [row.ttl for row in rows] == list(range(1, len(rows) + 1))
    for leg in (leg for row in rows for leg in (row.test, row.control) if leg):
        assert 0 <= leg.answered == len(leg.rtt_ms) <= leg.sent
        assert len(leg.addresses) <= leg.answered
    assert isinstance(control_label(seen), str)


@deterministic
@given(quiet, st.randoms(use_true_random=False))
def test_the_order_in_which_silent_and_expired_probes_were_sent_says_nothing(
    seen: list[Observation], chance: Any
) -> None:
    mixed = list(seen)
    chance.shuffle(mixed)
    first, second = conclude(evidence(*seen)), conclude(evidence(*mixed))
    assert said(first) == said(second)
    assert first.confidence == second.confidence

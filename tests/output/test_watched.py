"""What only watching shows is said first where it is the trouble, and every trouble has a next step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.report import (
    Claim,
    Counted,
    Direction,
    Fact,
    Location,
    Mechanism,
    Reason,
    Result,
    State,
    Verdict,
    Where,
)
from pathprobe.core.witness.urgency import trouble_of
from pathprobe.output.advice import next_steps
from pathprobe.output.wording import finding, summary
from tests.output.reports import result
from tests.output.test_wording import FACTS, assert_whole

TROUBLES = [
    Claim.STALLED,
    Claim.LARGE_STALLED,
    Claim.CUT,
    Claim.RESET_BY_BOX,
    Claim.RESET_MIDWAY,
    Claim.REQUEST_UNANSWERED,
    Claim.ANSWER_REPEATED,
    Claim.ANSWER_UNHEARD,
    Claim.WINDOW_SHUT,
]


def troubled(claim: Claim, **facts: Fact) -> Result:
    """An open port whose connections fail."""
    opened = result("open")
    reason = Reason(claim=claim, facts={**FACTS, "count": 2, "of": 2, **facts})
    return replace(opened, verdict=replace(opened.verdict, reasons=(reason, *opened.verdict.reasons)))


def watched(state: State, location: Location) -> Result:
    verdict = Verdict(
        state=state, mechanism=Mechanism.DROP, location=location, confidence=0.8, distance=None, reasons=()
    )
    counted = Counted(attempts=1, packets=3, answered=0, reset=0, refused=0, silent=1)
    return replace(result("open"), verdict=verdict, counted=counted)


@pytest.mark.parametrize("claim", TROUBLES)
def test_the_summary_of_an_open_port_leads_with_its_trouble(claim: Claim) -> None:
    found = troubled(claim)
    assert trouble_of(found) is claim
    assert_whole(summary(found))
    assert ", but it fails: " in summary(found)
    assert "the target answers (" not in finding(found)


@pytest.mark.parametrize("claim", TROUBLES)
def test_every_trouble_has_a_next_step(claim: Claim) -> None:
    (step,) = next_steps(troubled(claim))
    assert_whole(step)
    assert "The network is fine" not in step


def test_a_trouble_of_some_connections_says_of_how_many() -> None:
    assert finding(troubled(Claim.STALLED, of=7)).endswith("(in 2 of 7 connections)")


@pytest.mark.parametrize("claim", [Claim.LARGE_STALLED, Claim.CUT, Claim.STALLED])
def test_what_may_be_the_path_mtu_is_asked_with_mtu(claim: Claim) -> None:
    (step,) = next_steps(troubled(claim))
    assert "pathprobe tcp 10.0.0.5:8080 --mtu" in step


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (Location(where=Where.PATH, direction=Direction.RETURN), "lost on the way back"),
        (Location(where=Where.TARGET), "arrives at the target, which gives no answer"),
        (Location(where=Where.UNKNOWN), "no telling where it is lost"),
    ],
)
def test_what_was_watched_from_elsewhere_names_no_hop(location: Location, words: str) -> None:
    seen = watched(State.FILTERED, location)
    text = summary(seen)
    assert_whole(text)
    step, *_ = next_steps(seen)
    assert_whole(step)
    assert "hop" not in step
    assert words in text
    assert "hop" not in text


def test_where_the_server_is_silent_its_own_half_is_named() -> None:
    *_, last = next_steps(watched(State.FILTERED, Location(where=Where.TARGET)))
    assert last.startswith("On 10.0.0.5, all of that in one: sudo pathprobe host 8080/tcp")

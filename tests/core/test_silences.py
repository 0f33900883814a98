"""Is each ``*`` explained by what it is?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.report import Claim
from pathprobe.core.silences import explain_silences
from tests.core.factories import (
    DISTANCE,
    answered,
    clear_echo,
    echo,
    evidence,
    expired,
    other,
    ping,
    reset,
    silent,
    steps,
    syn,
)

FULL = 64


def another(seen: Observation) -> Observation:
    """The same on another source port."""
    flow = replace(seen.probe.flow, source_port=seen.probe.flow.source_port + 1)
    return replace(seen, probe=replace(seen.probe, flow=flow))


@pytest.mark.parametrize(
    ("seen", "right"),
    [
        pytest.param([], [], id="all answered"),
        pytest.param([echo(3, silent())], [(Claim.SPARING_HOPS, "3")], id="a hop that answered only once"),
        pytest.param([syn(2, silent()), syn(3, expired())], [(Claim.SPARING_HOPS, "2")], id="to the tested port"),
        pytest.param([syn(2, silent()), syn(3, silent())], [], id="the break is no sparing hop"),
        pytest.param([syn(3, expired()), another(syn(3, silent()))], [], id="another flow may die where one passes"),
        pytest.param([echo(FULL, silent())], [(Claim.LOSS, None)], id="a control that did not arrive"),
        pytest.param([echo(3, silent()), echo(DISTANCE, silent())], [(Claim.LOSS, None)], id="loss explains both"),
        pytest.param([other(FULL, silent(), port=443)], [], id="a port that is filtered as well is no loss"),
        pytest.param([echo(3, silent(0.001))], [], id="a silence too fresh to be one"),
    ],
)
def test_a_silence_is_explained_by_what_else_was_seen(
    seen: list[Observation], right: list[tuple[Claim, str | None]]
) -> None:
    told = explain_silences(evidence(*seen, *clear_echo(), other(FULL, reset())))
    assert [(one.claim, one.facts.get("hops")) for one in told] == right


def test_pings_that_are_the_question_tell_of_loss_themselves() -> None:
    pings = [*steps(ping, 3), ping(2, silent()), ping(DISTANCE, answered()), ping(DISTANCE, silent())]
    (told,) = explain_silences(evidence(*pings))
    assert (told.claim, told.facts) == (Claim.LOSS, {"count": 1, "sent": 2, "what": "echo requests"} | told.facts)


def test_a_hop_that_never_answers_is_mute() -> None:
    told = explain_silences(evidence(*steps(syn, 3, without=[2]), *clear_echo(without=[2]), syn(FULL, answered())))
    assert [(one.claim, one.facts["hops"]) for one in told] == [(Claim.SILENT_HOPS, "2")]


def test_loss_is_counted() -> None:
    (told,) = explain_silences(evidence(*clear_echo(), *[echo(FULL, silent())] * 3))
    assert (told.facts["count"], told.facts["sent"]) == (3, 5)

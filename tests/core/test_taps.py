"""A box that listens in and answers first: what is said of the port's own probes?"""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.outcomes import Answered
from pathprobe.core.report import Claim, Hop, State
from pathprobe.core.verdict import conclude
from tests.core.factories import DISTANCE, THERE, answered, claims, clear_echo, evidence, other, reset, steps, syn

FORGED = reset(back=2)


def tapped(*also: Answered) -> list[object]:
    return [replace(syn(ttl, FORGED), also=also) for ttl in (3, 64, 64)]


def test_a_probe_that_the_target_answered_too_got_there() -> None:
    verdict = conclude(evidence(*steps(syn, 2), *tapped(answered()), *clear_echo(), other(64, reset())))  # type: ignore[arg-type]
    assert verdict.state is State.FILTERED
    assert verdict.location.last_good == Hop(ttl=DISTANCE, address=THERE)
    assert verdict.location.first_bad is None
    assert verdict.location.device is not None
    assert verdict.location.device.ttl == 2
    assert Claim.TAPPED in claims(verdict)


def test_a_probe_that_only_the_forger_answered_got_no_farther() -> None:
    verdict = conclude(evidence(*steps(syn, 2), *tapped(), *clear_echo(), other(64, reset())))  # type: ignore[arg-type]
    assert verdict.location.last_good is not None
    assert verdict.location.last_good.ttl == 2
    assert Claim.TAPPED not in claims(verdict)

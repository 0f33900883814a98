"""A TTL that runs out at the target itself is no arrival: the port is handed on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pathprobe.core.forwarding import behind, forwards_at
from pathprobe.core.hops import hop_rows
from pathprobe.core.outcomes import Outcome
from pathprobe.core.probes import FULL_TTL, Probe
from pathprobe.core.report import Claim, Mechanism, State, Where
from pathprobe.core.verdict import conclude
from tests.core.conversation import is_echo, talk
from tests.core.factories import (
    THERE,
    Says,
    answered,
    claims,
    echo,
    evidence,
    expired,
    other,
    reset,
    said,
    silent,
    steps,
    syn,
    unreachable,
)

FULL = FULL_TTL
#: The target is three hops away, what it forwards to one more.
AT = 3
ECHO = [*steps(echo, 2), echo(AT, answered(back=AT)), echo(FULL, answered(back=AT))]
EXPIRED_THERE = [*steps(syn, 2), syn(AT, expired(THERE, back=AT))]


def test_a_step_that_runs_out_at_the_target_shows_that_it_forwards() -> None:
    seen = evidence(*EXPIRED_THERE, *ECHO)
    assert (forwards_at(seen), behind(seen)) == (3, 4)


def test_what_a_nat_lets_every_box_behind_it_say_in_the_targets_name_lies_behind_it() -> None:
    seen = evidence(*EXPIRED_THERE, syn(4, expired(THERE)), syn(5, answered(back=5)), *ECHO)
    assert (forwards_at(seen), behind(seen)) == (3, 5)


def test_a_target_to_which_everything_is_forwarded_lies_behind_that_hop_itself() -> None:
    one_to_one = [*steps(echo, 2), echo(3, expired(THERE)), echo(4, answered(back=4))]
    seen = evidence(*EXPIRED_THERE, syn(4, answered(back=4)), *one_to_one)
    assert (forwards_at(seen), behind(seen)) == (None, None)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (answered(back=4), Says(State.OPEN, Mechanism.ANSWER, Where.TARGET, 3, distance=3)),
        (reset(back=4), Says(State.CLOSED, Mechanism.RESET, Where.TARGET, 3, distance=3)),
        (silent(), Says(State.FILTERED, Mechanism.DROP, Where.TARGET_EDGE, 3, distance=3)),
    ],
)
def test_what_comes_from_behind_the_target_is_said_in_its_name(end: Outcome, told: Says) -> None:
    given = conclude(evidence(*EXPIRED_THERE, syn(4, end), syn(FULL, end), *ECHO, other(FULL, reset(back=AT))))
    assert said(given) == told
    assert Claim.FORWARDED in claims(given)


def test_a_host_behind_that_is_down_is_told_by_the_target() -> None:
    given = conclude(evidence(*EXPIRED_THERE, syn(FULL, unreachable(THERE, back=AT)), *ECHO))
    assert said(given)[:3] == (State.FILTERED, Mechanism.NO_ROUTE, Where.TARGET)
    assert Claim.FORWARDED in claims(given)


def test_the_distance_is_the_targets_also_where_it_answers_no_echo() -> None:
    given = conclude(evidence(*EXPIRED_THERE, syn(4, answered(back=4)), syn(FULL, answered(back=4))))
    assert said(given) == Says(State.OPEN, Mechanism.ANSWER, Where.TARGET, 3, distance=3)


def test_the_hop_table_shows_what_stands_behind() -> None:
    seen = evidence(*EXPIRED_THERE, syn(4, answered(back=4)), syn(FULL, answered(back=4)), *ECHO)
    rows = hop_rows(seen, conclude(seen))
    assert [(row.ttl, row.address) for row in rows][2:] == [(3, THERE), (4, None)]
    assert rows[2].test is not None
    assert rows[3].test is not None
    assert rows[2].test.outcomes == ("time-exceeded",)
    assert (rows[3].test.sent, rows[3].test.outcomes) == (2, ("answer",))


def forwarding(end: Outcome | None) -> Callable[[Probe], Outcome | None]:
    def network(probe: Probe) -> Outcome | None:
        if probe.ttl < AT:
            return expired()
        if is_echo(probe):
            return answered(back=AT)
        if probe.flow.destination_port != 8080:
            return reset(back=AT)
        return expired(THERE, back=AT) if probe.ttl == AT else end

    return network


@pytest.mark.parametrize("end", [answered(back=4), reset(back=4), None])
def test_the_port_is_followed_behind_the_target_and_not_for_long(end: Outcome | None) -> None:
    held = talk(forwarding(end))
    assert Claim.FORWARDED in claims(held.verdict)
    assert max(probe.ttl for probe in held.probes if not probe.is_direct) == (4 if end else 7)
    assert len(held.sent) < 30

"""Which hops circle is read from expired TTLs, also where answers are missing or a router has two addresses."""

from __future__ import annotations

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.loops import find_circle
from pathprobe.core.outcomes import Outcome
from pathprobe.core.probes import FULL_TTL, Probe
from pathprobe.core.report import Claim, Hop, Mechanism, State, Where
from pathprobe.core.verdict import conclude
from tests.core.conversation import is_echo, road, talk
from tests.core.factories import ROUTERS, TARGET, claims, clear_echo, echo, evidence, expired, silent, syn

R1, R2, R3 = ROUTERS[4]
#: r1's address on the link to r2: what it answers from when a packet comes back from there.
R1_INSIDE = "10.9.2.1"
FULL = FULL_TTL


def walk(*addresses: str | None, of: object = syn) -> list[Observation]:
    """The steps of a port, each expired at an address; None was silent."""
    backs = {R1: 1, R1_INSIDE: 1, R2: 2, R3: 3}
    return [
        of(ttl, expired(at, back=backs.get(at, 4)) if at else silent())  # type: ignore[operator]
        for ttl, at in enumerate(addresses, start=1)
    ]


@pytest.mark.parametrize(
    ("addresses", "ttls", "period"),
    [
        pytest.param([R1, R2, R1, R2], [1, 2], 2, id="two routers"),
        pytest.param([R1, R2, R3, R2, R3], [2, 3], 2, id="two routers farther away"),
        pytest.param([R1, R2, R3, R1, R2], [1, 2, 3], 3, id="three routers"),
        pytest.param([R1, None, R1, None, R1], [1], 2, id="one of two is mute"),
        pytest.param([R1, R2, None, None, R1, R2], [1, 2], 4, id="two of four are mute"),
        pytest.param([None, R2, R1, R2], [1, 2], 2, id="the first answers on the second round"),
        pytest.param([R1, R2, None, None, None, R2, R1], [1, 2], 2, id="whole rounds are missing"),
        pytest.param([R1, R2, R1_INSIDE, R2, R1_INSIDE], [1, 2], 2, id="the first has another address inside"),
        pytest.param([R1, None, R1_INSIDE, None, R1_INSIDE], [1], 2, id="the same, and the second is mute"),
    ],
)
def test_a_round_is_told_by_what_comes_again(addresses: list[str | None], ttls: list[int], period: int) -> None:
    circle = find_circle(evidence(*walk(*addresses)))
    assert circle is not None
    assert circle.period == period
    assert [hop.ttl for hop in circle.hops] == ttls


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param([R1, R2, R3], id="nothing comes again"),
        pytest.param([R1, R1, R2], id="a router that lets a packet pass whose TTL has run out"),
        pytest.param([R1, R2, R1, R1], id="no one distance fits"),
        pytest.param([R1, R2, TARGET[4], None, TARGET[4]], id="what a forwarding target hides"),
        pytest.param([], id="nothing was asked"),
    ],
)
def test_what_is_no_round_is_no_circle(addresses: list[str | None]) -> None:
    assert find_circle(evidence(*walk(*addresses))) is None


def test_a_control_that_gets_through_has_no_part_in_the_ports_loop() -> None:
    circle = find_circle(evidence(*walk(R1, None, R1), *clear_echo()))
    assert circle is not None
    assert circle.hops == (Hop(ttl=1, address=R1),)


def test_without_a_control_that_gets_through_its_steps_count_too() -> None:
    circle = find_circle(evidence(*walk(R1, None, R1), *walk(None, R2, of=echo)))
    assert circle is not None
    assert circle.hops == (Hop(ttl=1, address=R1), Hop(ttl=2, address=R2))


def test_two_addresses_that_come_again_are_a_loop_though_no_full_ttl_was_seen_to_run_out() -> None:
    given = conclude(evidence(*walk(R1, R2, R1, R2), syn(FULL, silent()), echo(FULL, silent())))
    assert (given.state, given.mechanism, given.location.where) == (State.UNREACHABLE, Mechanism.LOOP, Where.PATH)
    assert claims(given)[:2] == [Claim.TEST_SILENT, Claim.CIRCLE]


def test_one_address_that_comes_again_is_not_enough_without_a_full_ttl() -> None:
    given = conclude(evidence(*walk(R1, R2, R1), syn(FULL, silent()), echo(FULL, silent())))
    assert given.mechanism is Mechanism.DROP


def test_a_probe_that_came_back_to_this_host_is_a_loop() -> None:
    back = Observation(probe=syn(FULL, silent()).probe, sent=0.0, outcome=silent(), returned=True)
    given = conclude(evidence(back, echo(FULL, silent())))
    assert (given.state, given.mechanism, given.location.where) == (State.UNREACHABLE, Mechanism.LOOP, Where.PATH)
    assert claims(given)[0] is Claim.CAME_BACK


def turned_back(mute: str) -> object:
    """r2 sends the port's packets back to r1, and lets others pass; ``mute`` answers nobody."""

    def network(probe: Probe) -> Outcome | None:
        if is_echo(probe):
            return road(mute=[1] if mute == R1 else [2])(probe)
        at = R1 if probe.ttl % 2 else R2
        return None if at == mute else expired(at)

    return network


@pytest.mark.parametrize(("mute", "last_good"), [(R1, Hop(ttl=2, address=R2)), (R2, Hop(ttl=1, address=R1))])
def test_a_loop_of_the_port_alone_is_followed_beyond_the_target(mute: str, last_good: Hop) -> None:
    held = talk(turned_back(mute))  # type: ignore[arg-type]
    assert (held.verdict.state, held.verdict.mechanism) == (State.FILTERED, Mechanism.LOOP)
    assert held.verdict.location.last_good == last_good
    assert len(held.sent) < 30


@pytest.mark.parametrize(("back_of_first", "last_good"), [(1, 4), (3, 6)])
def test_a_box_seen_on_a_later_round_only_is_as_far_as_its_answer_where_ways_home_are_straight(
    back_of_first: int, last_good: int
) -> None:
    stranger = "10.9.4.2"
    steps = [syn(1, expired(R1, back=back_of_first)), *(syn(ttl, silent()) for ttl in (2, 3, 4, 5))]
    verdict = conclude(evidence(*steps, syn(6, expired(stranger, back=4)), syn(FULL, expired("10.9.9.9", back=4))))
    assert (verdict.mechanism, verdict.location.last_good and verdict.location.last_good.ttl) == (
        Mechanism.LOOP,
        last_good,
    )

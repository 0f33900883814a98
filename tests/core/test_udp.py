"""Is a UDP port open, closed or filtered, and what may be said of one that is silent?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from pathprobe.core.closed_ports import ENOUGH_UNTOLD, MOST_ASKED, ports_from
from pathprobe.core.outcomes import Outcome
from pathprobe.core.packets import Packet
from pathprobe.core.probes import Kind, Probe, Role
from pathprobe.core.report import Claim, Direction, Mechanism, State, Where
from pathprobe.core.statistics import ENOUGH
from tests.core.conversation import Limited, Network, Talk, is_test, road, talk
from tests.core.factories import DISTANCE, ME, PORT, THERE, Says, answered, claims, rejected, said, udp_answer

EDGE = {"where": Where.TARGET_EDGE, "last_good": DISTANCE - 1, "first_bad": DISTANCE, "distance": DISTANCE}
REFUSED = {
    "where": Where.TARGET,
    "last_good": DISTANCE,
    "device": DISTANCE,
    "direction": Direction.FORWARD,
    "distance": DISTANCE,
}


def ask(network: Network, **more: object) -> Talk:
    return talk(network, kind=Kind.UDP, **more)


def mute(network: Network, of: Callable[[Probe], bool] = is_test, *, beyond: int = DISTANCE) -> Network:
    """The same network, but what these probes ask is not answered from hop ``beyond`` on."""

    def quieter(probe: Probe) -> Outcome | None:
        return None if of(probe) and probe.ttl >= beyond else network(probe)

    return quieter


def is_udp(probe: Probe) -> bool:
    return probe.flow.kind is Kind.UDP


def everything(probe: Probe) -> bool:  # noqa: ARG001
    return True


def refuses_tests(at: str, code: tuple[int, int], hop: int) -> Network:
    inner = road()
    return lambda probe: rejected(at, code) if is_test(probe) and probe.ttl > hop else inner(probe)


@pytest.mark.parametrize(
    ("network", "right"),
    [
        (road(), Says(State.OPEN, Mechanism.ANSWER, Where.TARGET, DISTANCE, distance=DISTANCE)),
        (road(listening=()), Says(State.CLOSED, Mechanism.REJECT, **REFUSED)),
        (mute(road()), Says(State.OPEN_FILTERED, None, **EDGE)),
        (mute(road(), is_udp), Says(State.UNKNOWN, None, **EDGE)),
        (mute(road(), everything), Says(State.UNREACHABLE, Mechanism.DROP, Where.UNKNOWN, DISTANCE - 1)),
        (
            mute(road(), beyond=3),
            Says(State.FILTERED, Mechanism.DROP, Where.PATH, 2, 3, direction=Direction.FORWARD, distance=DISTANCE),
        ),
        (
            refuses_tests("10.9.2.2", (3, 3), 2),
            Says(State.FILTERED, Mechanism.REJECT, Where.PATH, 2, 3, 2, Direction.FORWARD, DISTANCE),
        ),
        (
            refuses_tests(THERE, (3, 13), DISTANCE - 1),
            Says(State.FILTERED, Mechanism.REJECT, **REFUSED),
        ),
    ],
    ids=[
        "answers",
        "closed",
        "silent",
        "host never tells",
        "nothing answers",
        "dropped",
        "refused on the way",
        "refused",
    ],
)
def test_what_a_udp_port_shows_decides(network: Network, right: Says) -> None:
    assert said(ask(network).verdict) == right


def test_closed_is_ruled_out_by_a_host_that_tells_of_closed_ports() -> None:
    told = ask(mute(road()))
    assert Claim.CLOSED_PORTS_TOLD in claims(told.verdict)
    assert told.verdict.confidence >= 1 / (1 + ENOUGH)


def test_nothing_is_ruled_out_by_a_host_that_never_tells() -> None:
    told = ask(mute(road(), is_udp))
    assert Claim.CLOSED_PORTS_SILENT in claims(told.verdict)
    closed = [probe for probe in told.of(Role.CONTROL, Kind.UDP) if probe.is_direct]
    assert len({probe.flow.destination_port for probe in closed}) == len(closed) == ENOUGH_UNTOLD


def test_closed_ports_are_asked_about_once_a_second() -> None:
    asked = [one for one in ask(mute(road(), is_udp)).sent if is_udp(one.probe) and not is_test(one.probe)]
    assert all(later.time - earlier.time >= 1 for earlier, later in pairwise(asked))


@pytest.mark.parametrize("tokens", [0.0, 0.5, 1, 2, 6])
def test_a_host_that_has_used_up_its_icmp_still_tells_that_the_port_is_closed(tokens: float) -> None:
    assert ask(Limited(road(listening=()), DISTANCE, tokens)).verdict.state is State.CLOSED


@pytest.mark.parametrize("tokens", [0.0, 1, 6])
def test_a_host_that_has_used_up_its_icmp_still_tells_of_closed_ports(tokens: float) -> None:
    assert said(ask(Limited(mute(road()), DISTANCE, tokens)).verdict) == Says(State.OPEN_FILTERED, None, **EDGE)


def test_an_answer_from_another_port_of_the_target_counts() -> None:
    def moved(batch: list[Packet]) -> list[Packet]:
        ports = [getattr(one.body, "destination_port", 0) for one in batch]
        return [
            udp_answer(probes[port], source_port=69) if port in probes else one
            for port, one in zip(ports, batch, strict=True)
        ]

    probes: dict[int, Probe] = {}

    def network(probe: Probe) -> Outcome | None:
        if is_udp(probe):
            probes[probe.flow.source_port] = probe
        return road()(probe)

    assert ask(network, deliver=moved).verdict.state is State.OPEN


def test_an_answer_from_another_host_does_not_count() -> None:
    stranger = answered(at="10.0.0.6")
    assert ask(lambda probe: stranger if is_udp(probe) else road()(probe)).verdict.state is not State.OPEN


def test_a_port_unreachable_from_nearer_than_the_target_is_a_forgery() -> None:
    def network(probe: Probe) -> Outcome | None:
        if is_udp(probe) and probe.flow.destination_port == PORT and probe.ttl >= 2:
            return rejected(THERE, (3, 3), back=2)
        return road()(probe)

    verdict = ask(network).verdict
    assert (verdict.state, verdict.mechanism, verdict.location.where) == (State.FILTERED, Mechanism.REJECT, Where.PATH)
    assert verdict.location.device is not None
    assert verdict.location.device.ttl == 2


def test_this_host_s_own_silent_port_is_open_or_filtered() -> None:
    def network(probe: Probe) -> Outcome | None:
        return None if is_test(probe) else rejected(ME, (3, 3), back=1) if is_udp(probe) else answered(back=1, at=ME)

    verdict = ask(network, target=ME).verdict
    assert (verdict.state, verdict.location.where) == (State.OPEN_FILTERED, Where.LOCAL)


def test_a_payload_without_room_for_a_token_has_a_port_of_its_own_in_ipv6() -> None:
    steps = [probe for probe in ask(road(), marked=False, target="fd00::5").of(Role.TEST) if not probe.is_direct]
    assert len({probe.flow.source_port for probe in steps}) == len(steps)


def test_datagrams_of_a_sweep_keep_their_port() -> None:
    steps = [probe for probe in ask(mute(road())).of(Role.TEST) if not probe.is_direct and probe.attempt == 1]
    assert len(steps) >= DISTANCE - 1
    assert len({probe.flow.source_port for probe in steps}) == 1


def test_the_tested_port_is_no_closed_one() -> None:
    ports = list(ports_from(PORT, PORT))
    assert PORT not in ports
    assert len(ports) >= MOST_ASKED

"""Does the verdict stay when answers of one instant come in another order, twice, or with forgeries before them?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathprobe.core.ledger import Ledger, Match
from pathprobe.core.outcomes import Answered, Outcome, Silent
from pathprobe.core.packets import IcmpError, Packet, Quote
from pathprobe.core.probes import Kind, Probe
from pathprobe.core.report import Mechanism, State
from tests.core.conversation import Network, is_echo, road, talk
from tests.core.factories import (
    STRANGER,
    THERE,
    TIME_EXCEEDED,
    departure,
    expired,
    packet,
    probe,
    rejected,
    reset,
    router,
    said,
    udp_answer,
)
from tests.core.quoting import given_back, left, patched

ASKED = pytest.mark.parametrize("kind", list(Kind))


def twice(batch: list[Packet]) -> Iterable[Packet]:
    return (one for one in batch for _ in range(2))


def backwards(batch: list[Packet]) -> Iterable[Packet]:
    return reversed(batch)


def dies_at(hop: int) -> Callable[[Probe, int], bool]:
    return lambda probe, at: not is_echo(probe) and at == hop


def refuses_at(hop: int, fate: Callable[[], Outcome]) -> Network:
    def network(probe: Probe) -> Outcome | None:
        return fate() if not is_echo(probe) and probe.ttl > hop else road()(probe)

    return network


NETWORKS: dict[str, Network] = {
    "open": road(),
    "closed": road(listening=()),
    "dropped": road(lost=dies_at(3)),
    "refused": refuses_at(2, lambda: rejected(router(2))),
    "forged": refuses_at(2, lambda: reset(back=2)),
    "long way": road(distance=9),
    "circle": lambda probe: expired(router(2 + probe.ttl % 2)) if probe.ttl > 1 else expired(),
    **{f"open, mute {mute}": road(mute=mute) for mute in ([1], [3], [2, 3])},
    **{f"dropped, mute {mute}": road(mute=mute, lost=dies_at(4)) for mute in ([1], [3], [2, 3])},
}


@ASKED
@pytest.mark.parametrize("deliver", [twice, backwards])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_verdict_stays_when_answers_come(name: str, deliver: Callable[..., Iterable[Packet]], kind: Kind) -> None:
    network, port = NETWORKS[name], None if kind is Kind.ECHO else 8080
    as_it_was = talk(network, kind=kind, port=port)
    assert said(talk(network, kind=kind, port=port, deliver=deliver).verdict) == said(as_it_was.verdict)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.sampled_from(list(NETWORKS)), st.sampled_from(list(Kind)), st.randoms(use_true_random=False))
def test_the_verdict_stays_in_whatever_order_and_number_answers_come(name: str, kind: Kind, chance: Random) -> None:
    def any_order(batch: list[Packet]) -> Iterable[Packet]:
        mixed = [one for one in batch for _ in range(chance.randint(1, 3))]
        chance.shuffle(mixed)
        return mixed

    network, port = NETWORKS[name], None if kind is Kind.ECHO else 8080
    as_it_was = talk(network, kind=kind, port=port)
    assert said(talk(network, kind=kind, port=port, deliver=any_order).verdict) == said(as_it_was.verdict)


# ---- UDP: an answer has no more than a port


def sweep(*ttls: int) -> tuple[Ledger, list[Probe]]:
    """Datagrams of one flow, a second apart, all seen to leave."""
    probes = [probe(kind=Kind.UDP, id=number, ttl=ttl) for number, ttl in enumerate(ttls, start=1)]
    ledger = Ledger(THERE)
    for number, one in enumerate(probes):
        ledger.sent(one, number)
        ledger.read(departure(one), number)
    return ledger, probes


def fates(ledger: Ledger, now: float = 9.0) -> list[type]:
    return [type(seen.outcome) for seen in ledger.observations(now)]


def test_a_udp_answer_that_comes_twice_answers_one_datagram() -> None:
    ledger, probes = sweep(3, 4)
    for time in (2.0, 2.1):
        ledger.read(udp_answer(probes[1]), time)
    assert fates(ledger) == [Silent, Answered]


def test_a_udp_answer_in_two_parts_answers_one_datagram() -> None:
    ledger, probes = sweep(3, 4)
    ledger.read(udp_answer(probes[1], payload=b"first"), 2.0)
    second = ledger.read(udp_answer(probes[1], payload=b"second"), 2.1)
    assert isinstance(second, Match)
    assert (second.probe, second.duplicate) == (probes[1], True)


def test_two_datagrams_that_go_equally_far_are_both_answered_late() -> None:
    ledger, probes = sweep(64, 64)
    for time in (2.0, 2.1):
        ledger.read(udp_answer(probes[0]), time)
    assert fates(ledger) == [Answered, Answered]


def test_a_datagram_that_was_sent_after_an_answer_can_have_one_of_its_own() -> None:
    ledger, _ = sweep(4)
    ledger.read(udp_answer(probe(kind=Kind.UDP)), 0.5)
    later = probe(kind=Kind.UDP, id=2, ttl=5)
    ledger.sent(later, 1.0)
    ledger.read(departure(later), 1.0)
    ledger.read(udp_answer(later), 1.5)
    assert fates(ledger) == [Answered, Answered]


# ---- packets that only look like ours


UDP4, UDP6 = probe(kind=Kind.UDP, ttl=3), probe(kind=Kind.UDP, ttl=3, version=6)
OTHER_CHECKSUM, OTHER_PAYLOAD = {6: b"\xde\xad"}, {8: b"stranger's words"}


@pytest.mark.parametrize(
    ("ours", "changes", "more", "believed"),
    [
        pytest.param(UDP4, OTHER_CHECKSUM, {"identification": 9}, False, id="v4: ports alone"),
        pytest.param(UDP4, OTHER_CHECKSUM, {}, True, id="v4: ports and IP-ID"),
        pytest.param(UDP4, {}, {"identification": 9}, True, id="v4: ports and checksum"),
        pytest.param(UDP6, OTHER_CHECKSUM | OTHER_PAYLOAD, {}, False, id="v6: ports alone"),
        pytest.param(UDP6, OTHER_PAYLOAD, {}, True, id="v6: ports and checksum"),
        pytest.param(UDP6, OTHER_CHECKSUM, {}, True, id="v6: ports and what was carried"),
    ],
)
def test_a_quoted_datagram_is_ours_if_more_than_its_ports_is(
    ours: Probe, changes: dict[int, bytes], more: dict[str, int], believed: bool
) -> None:
    ledger = Ledger(ours.flow.destination)
    ledger.sent(ours, 0.0)
    ledger.read(left(ours), 0.0)
    transport = left(ours).transport
    for offset, octets in changes.items():
        transport = patched(transport, offset, octets)
    quote = given_back(ours, transport=transport, **more)
    assert isinstance(ledger.read(_told(ours, quote), 0.5), Match) is believed


def _told(ours: Probe, quote: Quote) -> Packet:
    type_, code = TIME_EXCEEDED[ours.flow.version]
    return packet(IcmpError(type=type_, code=code, quote=quote), source=STRANGER, destination=ours.flow.source)


@pytest.mark.parametrize(("payload", "came_back"), [(b"", True), (b"another program's", False)])
def test_only_what_left_has_come_back(payload: bytes, came_back: bool) -> None:
    ours = left(UDP4)
    ledger = Ledger(THERE)
    ledger.sent(UDP4, 0.0)
    ledger.read(ours, 0.0)
    ledger.read(replace(ours, ttl=1, transport=payload or ours.transport), 0.1)
    assert [seen.returned for seen in ledger.observations(1.0)] == [came_back]


# ---- who spends a router's last words


def test_a_port_that_was_overtaken_by_its_controls_still_hears_why() -> None:
    """The router has two answers to spare, and the echoes get there first."""
    spent: list[Probe] = []

    def network(probe: Probe) -> Outcome | None:
        if is_echo(probe) and len(spent) < 2:
            spent.append(probe)
            return rejected(router(1))
        rested = len(spent) == 2 and not is_echo(probe) and probe.is_direct and probe.attempt > 1
        return rejected(router(1)) if rested else None

    verdict = talk(network).verdict
    assert (verdict.state, verdict.mechanism) == (State.FILTERED, Mechanism.REJECT)
    assert verdict.location.device
    assert verdict.location.device.address == router(1)


def test_a_silent_port_is_asked_once_more_where_controls_are_refused_and_no_more() -> None:
    asked = talk(lambda probe: rejected(router(1)) if is_echo(probe) else None)
    assert len([one for one in asked.probes if one.role == "test" and one.is_direct]) == 2
    assert asked.ended < 6

"""Is a quote still ours when boxes rewrote what a probe is found by, and a stranger's still nobody's?"""

from __future__ import annotations

from typing import Any

import pytest

from pathprobe.core.ledger import Departure, Ledger, Match
from pathprobe.core.packets import IcmpError, Quote
from pathprobe.core.probes import Kind, Probe
from tests.core.factories import ME, STRANGER, TIME_EXCEEDED, packet, probe, router
from tests.core.quoting import given_back, left, patched

SYN, ECHO = probe(ttl=3), probe(ttl=3, kind=Kind.ECHO)
SYN6, ECHO6 = probe(ttl=3, version=6), probe(ttl=3, version=6, kind=Kind.ECHO)

SEQUENCE, IDENTIFIER, STAMP, PAYLOAD = 4, 4, 28, 8


def recognised(of: Probe, quote: Quote, *others: Probe, departed: bool = True) -> Probe | None:
    """The probe that a ledger finds in the quote, which saw all of them leave."""
    ledger = Ledger(of.flow.destination)
    for one in (of, *others):
        ledger.sent(one, 0.0)
        if departed:
            assert ledger.read(left(one), 0.0) == Departure(probe=one)
    version = of.flow.version
    type_, code = TIME_EXCEEDED[version]
    told = packet(IcmpError(type=type_, code=code, quote=quote), source=router(2, version), destination=of.flow.source)
    found = ledger.read(told, 0.5)
    return found.probe if isinstance(found, Match) else None


def damaged(of: Probe, changes: dict[int, bytes], octets: int | None = None, **more: Any) -> Quote:
    transport = left(of).transport
    for offset, value in changes.items():
        transport = patched(transport, offset, value)
    return given_back(of, transport=transport, octets=octets, **more)


SOURCE_PORT, DESTINATION_PORT = {0: b"\x04\x00"}, {2: b"\x00\x50"}
NEW_SEQUENCE, NEW_STAMP = {SEQUENCE: b"\x00\x00\x30\x39"}, {STAMP: b"\xff\xff\xff\xff"}


@pytest.mark.parametrize(
    ("changes", "more", "ours"),
    [
        pytest.param(SOURCE_PORT, {"source": "192.0.2.1"}, True, id="source NAT"),
        pytest.param(DESTINATION_PORT, {"destination": "192.0.2.5"}, True, id="destination NAT"),
        pytest.param(
            SOURCE_PORT | DESTINATION_PORT, {"source": "192.0.2.1", "destination": "192.0.2.5"}, True, id="both NATs"
        ),
        pytest.param(NEW_SEQUENCE, {}, True, id="sequence"),
        pytest.param(NEW_SEQUENCE | SOURCE_PORT, {"source": "192.0.2.1"}, True, id="sequence and source NAT"),
        pytest.param(NEW_SEQUENCE | DESTINATION_PORT, {"destination": "192.0.2.5"}, True, id="sequence and DNAT"),
        pytest.param(NEW_SEQUENCE | SOURCE_PORT | NEW_STAMP, {}, False, id="sequence, port and timestamp"),
        pytest.param(NEW_SEQUENCE | SOURCE_PORT, {"identification": 9}, False, id="sequence, port and IP-ID"),
        pytest.param(NEW_SEQUENCE, {"identification": 9}, False, id="sequence and IP-ID"),
        pytest.param({}, {"identification": 9}, True, id="IP-ID"),
    ],
)
def test_a_syn_is_known_by_what_the_boxes_left(changes: dict[int, bytes], more: dict[str, Any], ours: bool) -> None:
    assert (recognised(SYN, damaged(SYN, changes, **more)) == SYN) is ours


def test_eight_octets_hold_no_timestamp_to_know_a_syn_by() -> None:
    assert recognised(SYN, damaged(SYN, NEW_SEQUENCE | SOURCE_PORT, octets=8)) is None
    assert recognised(SYN, damaged(SYN, NEW_SEQUENCE, octets=8)) == SYN


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        pytest.param(NEW_SEQUENCE, True, id="sequence"),
        pytest.param(NEW_SEQUENCE | NEW_STAMP, False, id="sequence and timestamp"),
        pytest.param(NEW_SEQUENCE | SOURCE_PORT, False, id="sequence and source port"),
    ],
)
def test_in_ipv6_a_syn_is_known_by_the_ports_of_its_own_flow(changes: dict[int, bytes], ours: bool) -> None:
    assert (recognised(SYN6, damaged(SYN6, changes)) == SYN6) is ours


def test_in_ipv6_two_probes_of_one_flow_can_not_be_told_apart_without_their_sequence() -> None:
    assert recognised(SYN6, damaged(SYN6, NEW_SEQUENCE), probe(id=2, ttl=4, version=6)) is None
    elsewhere = probe(id=2, ttl=4, version=6, source_port=40002)
    assert recognised(SYN6, damaged(SYN6, NEW_SEQUENCE), elsewhere) == SYN6


NEW_IDENTIFIER = {IDENTIFIER: b"\x12\x34"}


@pytest.mark.parametrize(
    ("changes", "more", "ours"),
    [
        pytest.param(NEW_IDENTIFIER, {"source": "192.0.2.1"}, True, id="identifier"),
        pytest.param(NEW_IDENTIFIER, {"identification": 9}, False, id="identifier and IP-ID"),
        pytest.param(NEW_IDENTIFIER | {6: b"\x00\x09"}, {}, False, id="identifier and sequence"),
        pytest.param(NEW_IDENTIFIER, {"octets": 8}, True, id="identifier, of 8 octets"),
    ],
)
def test_an_echo_is_known_by_its_sequence_and_ip_id(
    changes: dict[int, bytes], more: dict[str, Any], ours: bool
) -> None:
    other = probe(id=2, ttl=4, kind=Kind.ECHO)
    assert (recognised(ECHO, damaged(ECHO, changes, **more), other) == ECHO) is ours


@pytest.mark.parametrize(
    ("changes", "more", "ours"),
    [
        pytest.param(NEW_IDENTIFIER, {}, True, id="identifier"),
        pytest.param(NEW_IDENTIFIER, {"octets": 8}, False, id="identifier, of 8 octets"),
        pytest.param(NEW_IDENTIFIER, {"octets": 8 + 16}, True, id="identifier, with enough of the payload"),
        pytest.param(NEW_IDENTIFIER | {PAYLOAD + 4: b"PING"}, {}, False, id="a stranger's echo"),
        pytest.param(NEW_IDENTIFIER, {"destination": "2001:db8::9"}, False, id="an echo to somebody else"),
    ],
)
def test_in_ipv6_an_echo_is_known_by_what_it_carries(
    changes: dict[int, bytes], more: dict[str, Any], ours: bool
) -> None:
    other = probe(id=2, ttl=4, version=6, kind=Kind.ECHO)
    assert (recognised(ECHO6, damaged(ECHO6, changes, **more), other) == ECHO6) is ours


@pytest.mark.parametrize("of", [SYN6, ECHO6, ECHO])
def test_what_nobody_saw_leave_is_not_guessed_at(of: Probe) -> None:
    changes = NEW_SEQUENCE if of.flow.kind is Kind.TCP else NEW_IDENTIFIER
    assert recognised(of, damaged(of, changes), departed=False) is None


def test_another_programs_syn_to_the_same_port_is_nobodys() -> None:
    """As a client of the same service sends it, which is refused like ours and quoted like ours."""
    theirs = damaged(SYN, NEW_SEQUENCE | SOURCE_PORT | NEW_STAMP, source=ME, identification=4711)
    assert recognised(SYN, theirs) is None
    assert recognised(SYN, damaged(SYN, NEW_SEQUENCE | SOURCE_PORT | NEW_STAMP, source=STRANGER)) is None

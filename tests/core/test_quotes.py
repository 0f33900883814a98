"""Is a difference between a quote and the packet that left seen, and nothing else taken for one?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pathprobe.core.probes import Kind, Probe
from pathprobe.core.quotes import Change, compare
from tests.core.factories import probe
from tests.core.quoting import given_back, left, patched, rewritten

SYN, ECHO, SYN6, ECHO6 = (
    probe(ttl=3),
    probe(ttl=3, kind=Kind.ECHO),
    probe(ttl=3, version=6),
    probe(ttl=3, version=6, kind=Kind.ECHO),
)
EVERY = pytest.mark.parametrize("of", [SYN, ECHO, SYN6, ECHO6], ids=["syn", "echo", "syn v6", "echo v6"])

MSS, SACK, STAMP, SCALE = 20, 24, 26, 37  # offsets in Crafter's SYN


def differences(of: Probe, *, expired: bool = True, **changes: Any) -> dict[Change, tuple[str | None, str | None]]:
    compared = compare(left(of), given_back(of, **changes), expired=expired)
    changed = [compared.fields[name] for name in compared.changed]
    return {one.change: (one.before, one.after) for one in changed}


@EVERY
def test_a_probe_given_back_as_it_left_differs_in_nothing(of: Probe) -> None:
    assert differences(of) == {}


@EVERY
def test_a_quote_cut_anywhere_differs_in_nothing(of: Probe) -> None:
    for octets in range(len(left(of).transport)):
        assert differences(of, octets=octets) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"identification": 77}, {Change.IDENTIFICATION: ("1", "77")}),
        ({"total_length": 64}, {Change.LENGTH: ("60", "64")}),
        ({"traffic_class": 0x48}, {Change.DSCP: ("0", "18 (AF21)")}),
        ({"traffic_class": 46 << 2}, {Change.DSCP: ("0", "46 (EF)")}),
        ({"traffic_class": 8 << 2}, {Change.DSCP: ("0", "8 (CS1)")}),
        ({"traffic_class": 5 << 2}, {Change.DSCP: ("0", "5")}),
        ({"traffic_class": 0x02}, {Change.ECN: ("not ECT", "ECT(0)")}),
        ({"traffic_class": 0x4B}, {Change.DSCP: ("0", "18 (AF21)"), Change.ECN: ("not ECT", "CE")}),
        ({"transport": rewritten(SYN, 0, b"\x04\x00")}, {Change.SOURCE_PORT: ("40001", "1024")}),
        ({"transport": rewritten(SYN, 2, b"\x00\x50")}, {Change.DESTINATION_PORT: ("8080", "80")}),
        ({"transport": rewritten(SYN, 4, b"\x00\x00\x30\x39")}, {Change.SEQUENCE: ("1000001", "12345")}),
        ({"transport": rewritten(SYN, 13, b"\xc2")}, {Change.TCP_FLAGS: ("SYN", "SYN|ECE|CWR")}),
        ({"transport": rewritten(SYN, 14, b"\x04\x00")}, {Change.WINDOW: ("64240", "1024")}),
        ({"transport": rewritten(SYN, MSS + 2, b"\x04\xb0")}, {Change.MSS: ("1460", "1200")}),
        ({"transport": rewritten(SYN, SACK, b"\x01\x01")}, {Change.OPTION_REMOVED: ("SACK permitted", None)}),
        ({"transport": rewritten(SYN, SCALE + 2, b"\x02")}, {Change.OPTION: ("window scale 7", "window scale 2")}),
        (
            {"transport": rewritten(SYN, STAMP + 2, bytes(8))},
            {Change.OPTION: ("timestamps 0000beef00000000", "timestamps 0000000000000000")},
        ),
        (
            {"transport": rewritten(SYN, SACK, b"\x1e\x02")},
            {Change.OPTION_REMOVED: ("SACK permitted", None), Change.OPTION_ADDED: (None, "multipath TCP")},
        ),
    ],
)
def test_what_a_box_changed_in_a_syn_is_named(
    changes: dict[str, Any], expected: dict[Change, tuple[str | None, str | None]]
) -> None:
    assert differences(SYN, **changes) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"transport": rewritten(ECHO, 4, b"\x00\x07")}, {Change.ECHO_IDENTIFIER: ("40001", "7")}),
        ({"transport": rewritten(ECHO, 6, b"\x00\x07")}, {Change.ECHO_SEQUENCE: ("1", "7")}),
        ({"transport": rewritten(ECHO, 12, b"XX")}, {Change.PAYLOAD: ("61746870726f6265", "58586870726f6265")}),
    ],
)
def test_what_a_box_changed_in_an_echo_is_named(
    changes: dict[str, Any], expected: dict[Change, tuple[str | None, str | None]]
) -> None:
    assert differences(ECHO, **changes) == expected


@pytest.mark.parametrize("of", [SYN, SYN6])
def test_a_rewritten_address_is_named_and_its_checksum_fits(of: Probe) -> None:
    version = of.flow.version
    elsewhere = {4: "192.0.2.1", 6: "2001:db8::1"}[version]
    # What the box subtracted from the checksum, it added to the address.
    before = compare(left(of), given_back(of, source=elsewhere), expired=True).fields
    wanted = int(before[Change.HIDDEN].before.removeprefix("checksum "), 16)  # type: ignore[union-attr]
    transport = patched(left(of).transport, 16, wanted.to_bytes(2, "big"))
    assert differences(of, source=elsewhere, transport=transport) == {
        Change.SOURCE_ADDRESS: (of.flow.source, elsewhere)
    }


def test_the_arithmetic_of_the_checksum_is_that_of_rfc_1624() -> None:
    """10.9.1.9 -> 192.0.2.1: the words grow by 0xB5F7 and 0x00F8, and ~(~HC + ~m + m') follows from that."""
    checksum = int.from_bytes(left(SYN).transport[16:18], "big")
    total = (checksum ^ 0xFFFF) + (0x0A09 ^ 0xFFFF) + 0xC000 + (0x0109 ^ 0xFFFF) + 0x0201
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    transport = patched(left(SYN).transport, 16, (total ^ 0xFFFF).to_bytes(2, "big"))
    assert Change.HIDDEN not in differences(SYN, source="192.0.2.1", transport=transport)


@EVERY
@pytest.mark.parametrize("octets", [None, 18])
def test_a_checksum_that_fits_nothing_quoted_shows_what_the_quote_hides(of: Probe, octets: int | None) -> None:
    offset = 16 if of.flow.kind is Kind.TCP else 2
    checksum = int.from_bytes(left(of).transport[offset : offset + 2], "big")
    other = patched(left(of).transport, offset, ((checksum + 0x1234) % 0xFFFF).to_bytes(2, "big"))
    assert list(differences(of, transport=other, octets=octets)) == [Change.HIDDEN]


def test_a_datagrams_28_octets_are_enough_to_show_what_the_quote_hides() -> None:
    of = probe(kind=Kind.UDP, ttl=3)
    sent = left(of)
    other = patched(sent.transport, 6, ((of.token + 0x1234) % 0xFFFF).to_bytes(2, "big"))
    assert differences(of, octets=8) == {}
    assert list(differences(of, transport=other, octets=8)) == [Change.HIDDEN]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"total_length": 60 << 8}, id="BSD: length byte-swapped"),
        pytest.param({"total_length": 40}, id="BSD: length without the header"),
        pytest.param({"total_length": 40 << 8}, id="BSD: both"),
        pytest.param({"transport": patched(left(SYN).transport, 16, bytes(2))}, id="no checksum"),
        pytest.param({"traffic_class": None}, id="nothing known of the traffic class"),
        pytest.param({"ttl": 0}, id="TTL counted down to 0"),
    ],
)
def test_what_means_nothing_is_no_difference(changes: dict[str, Any]) -> None:
    assert differences(SYN, **changes) == {}


def test_congestion_experienced_on_a_packet_that_allows_it_is_no_change() -> None:
    capable = replace(left(SYN), traffic_class=2)
    marked = given_back(SYN, traffic_class=3)
    assert compare(capable, marked, expired=True).changed == ()
    bleached = compare(capable, given_back(SYN, traffic_class=0), expired=True)
    assert bleached.changed == (Change.ECN,)


@pytest.mark.parametrize(
    ("expired", "quoted", "says"),
    [
        (True, 0, "as sent"),
        (True, 1, "as sent"),
        (True, 2, "nothing"),  # a router in an MPLS tunnel
        (True, 3, "nothing"),
        (True, 4, "rewritten"),
        (False, 0, "nothing"),
        (False, 2, "nothing"),
        (False, 3, "nothing"),
        (False, 63, "rewritten"),
    ],
)
def test_a_ttl_is_rewritten_when_more_is_quoted_than_was_sent(expired: bool, quoted: int, says: str) -> None:
    found = compare(left(SYN), given_back(SYN, ttl=quoted), expired=expired).at(Change.TTL)
    assert ("nothing" if found is None else "rewritten" if found.is_one else "as sent") == says


def test_an_option_that_neither_has_is_equal_only_where_both_could_have_shown_it() -> None:
    whole = compare(left(SYN), given_back(SYN), expired=True).at("option 30")
    cut = compare(left(SYN), given_back(SYN, octets=8), expired=True).at("option 30")
    assert whole is not None
    assert not whole.is_one
    assert cut is None


def test_a_packet_whose_checksum_the_network_card_was_to_make_proves_nothing() -> None:
    sent = left(SYN)
    partial = replace(sent, transport=patched(sent.transport, 16, b"\x12\x34"))
    assert compare(partial, given_back(SYN), expired=True).at(Change.HIDDEN) is None

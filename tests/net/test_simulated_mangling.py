"""A rewritten packet is the one that was asked for, and its checksums are right, or as wrong as before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

from pathprobe.net.actions import Mangling, SetField, StripOption
from pathprobe.net.simulated_mangling import mangled, readdressed
from pathprobe.net.simulated_packets import Datagram, read
from tests.net.test_simulated import FAMILIES, parsed

OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 7)]
SOURCES = {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")}
OTHERS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}


def packet(family: int, body: Any, **fields: int) -> Datagram:
    source, destination = SOURCES[family]
    return read(bytes((IP if family == 4 else IPv6)(src=source, dst=destination, **fields) / body))


def syn(family: int, options: list[tuple[str, Any]] | None = None) -> Datagram:
    return packet(family, TCP(sport=1, dport=2, seq=3, options=OPTIONS if options is None else options))


def has_right_checksums(octets: bytes) -> bool:
    """scapy writes every checksum anew, and nothing changes."""
    again = parsed(octets)
    for layer in (again, again.payload):
        for name in ("chksum", "cksum"):
            if name in layer.fields:
                delattr(layer, name)
    return bytes(again) == octets


BODIES = {
    "tcp": lambda _: TCP(sport=1, dport=2, options=OPTIONS),
    "udp": lambda _: UDP(sport=1, dport=2) / Raw(b"hello"),
    "icmp": lambda family: ICMP(id=7) if family == 4 else ICMPv6EchoRequest(id=7),
}


@FAMILIES
@pytest.mark.parametrize("body", BODIES)
def test_addresses_and_ports_change_and_the_checksums_with_them(body: str, family: int) -> None:
    source, destination = OTHERS[family]
    before = packet(family, BODIES[body](family))
    after = read(readdressed(before.octets, (source, 81), (destination, 82)))

    assert (after.source, after.destination) == (source, destination)
    assert after.ports in (None, (81, 82))
    assert has_right_checksums(after.octets)


@FAMILIES
@settings(derandomize=True, deadline=None)
@given(cut=st.integers(0, 40), body=st.sampled_from(sorted(BODIES)))
def test_there_and_back_is_the_same_also_for_a_packet_that_is_cut_short(family: int, cut: int, body: str) -> None:
    octets = packet(family, BODIES[body](family)).octets
    octets = octets[: max(len(octets) - cut, (20 if family == 4 else 40) + 4)]
    there = readdressed(octets, (OTHERS[family][0], 81), (OTHERS[family][1], 82))

    assert readdressed(there, (SOURCES[family][0], 1), (SOURCES[family][1], 2)) == octets


def test_udp_without_a_checksum_gets_none() -> None:
    before = packet(4, UDP(sport=1, dport=2, chksum=0) / Raw(b"hello"))

    assert parsed(readdressed(before.octets, ("192.0.2.1", 1), ("192.0.2.2", 2))).payload.chksum == 0


@FAMILIES
def test_a_wrong_checksum_stays_wrong(family: int) -> None:
    before = packet(family, TCP(sport=1, dport=2, chksum=0x1234, options=OPTIONS))

    assert not has_right_checksums(mangled(before, SetField(field="mss", value=500)).octets)


@FAMILIES
@pytest.mark.parametrize(
    ("action", "ttl", "traffic_class"),
    [
        (SetField(field="ttl", value=200), 200, 0xB9),
        (SetField(field="dscp", value=8), 9, 0x21),
        (SetField(field="ecn", value=2), 9, 0xBA),
    ],
)
def test_a_field_of_the_ip_header_is_set(action: Mangling, ttl: int, traffic_class: int, family: int) -> None:
    fields = {"ttl": 9, "tos": 0xB9} if family == 4 else {"hlim": 9, "tc": 0xB9, "fl": 0xABCDE}
    after = mangled(packet(family, TCP(), **fields), action)

    assert (after.ttl, after.traffic_class) == (ttl, traffic_class)
    assert family == 4 or parsed(after.octets).fl == 0xABCDE
    assert has_right_checksums(after.octets)


@FAMILIES
@pytest.mark.parametrize(("value", "expected"), [(1000, 1000), (1460, 1460), (9000, 1460)])
@pytest.mark.parametrize("before", [[], [("NOP", None)]])
def test_the_mss_is_only_ever_lowered(before: list[tuple[str, Any]], value: int, expected: int, family: int) -> None:
    after = mangled(syn(family, [*before, *OPTIONS]), SetField(field="mss", value=value))

    assert dict(parsed(after.octets).payload.options)["MSS"] == expected
    assert has_right_checksums(after.octets)


@FAMILIES
@pytest.mark.parametrize(
    ("option", "name"), [("maxseg", "MSS"), ("sack-perm", "SAckOK"), ("timestamp", "Timestamp"), ("window", "WScale")]
)
def test_a_stripped_option_leaves_nops_and_the_others(option: str, name: str, family: int) -> None:
    after = mangled(syn(family), StripOption(option=option))
    left = [(kind, value) for kind, value in parsed(after.octets).payload.options if kind != "NOP"]

    assert left == [(kind, value) for kind, value in OPTIONS if kind not in (name, "NOP")]
    assert len(after.octets) == len(syn(family).octets)
    assert has_right_checksums(after.octets)


@pytest.mark.parametrize("action", [SetField(field="mss", value=500), StripOption(option="sack-perm")])
@pytest.mark.parametrize("body", [TCP(), UDP(), ICMP(), TCP(options=[("EOL", None)]), Raw(b"\0" * 3)])
def test_a_packet_without_the_option_stays_as_it_is(body: Any, action: Mangling) -> None:
    before = packet(4, body)

    assert mangled(before, action) == before


@settings(derandomize=True, deadline=None)
@example(options=b"\x08\t\x00\x00\x00\x00\x00\x00")  # longer than there is room
@given(options=st.binary(max_size=40).filter(lambda octets: len(octets) % 4 == 0))
def test_no_options_are_too_strange(options: bytes) -> None:
    tcp = bytes(TCP(dataofs=5 + len(options) // 4)) + options
    for action in (SetField(field="mss", value=1), StripOption(option="timestamp")):
        before = packet(4, Raw(tcp), proto=6)
        assert len(mangled(before, action).octets) == len(before.octets)

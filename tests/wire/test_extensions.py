"""Is what routers append to an ICMP error read as it was written, and never believed where it does not fit?"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, ICMPExtension_Header, ICMPExtension_InterfaceInformation
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6TimeExceeded, IPv6
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Raw

from pathprobe.core.packets import Extension, IcmpError, InterfaceInfo, InterfaceRole, MplsLabel, Packet
from pathprobe.wire.dissect import dissect
from pathprobe.wire.extensions import find_extension, read_extensions

deterministic = settings(derandomize=True, deadline=None, max_examples=300)

ADDRESS = {4: "10.9.2.2", 6: "2001:db8:2::2"}
PROBE = {
    4: bytes(IP(src="10.9.1.9", dst="10.0.0.5", ttl=1) / TCP(sport=40001, dport=8080, seq=7)),
    6: bytes(IPv6(src="2001:db8:1::2", dst="2001:db8:9::5", hlim=1) / TCP(sport=40001, dport=8080, seq=7)),
}

# Which messages may be extended, where their length octet lies and what it counts in: RFC 4884 section 4.
EXTENDED = [(4, 3, 5, 4), (4, 11, 5, 4), (4, 12, 5, 4), (6, 1, 4, 8), (6, 3, 4, 8)]

LABELS = ICMPExtension_MPLS(stack=[MPLS(label=16001, cos=5, s=0, ttl=1), MPLS(label=24, cos=0, s=1, ttl=254)])
STACK = (
    MplsLabel(label=16001, traffic_class=5, bottom=False, ttl=1),
    MplsLabel(label=24, traffic_class=0, bottom=True, ttl=254),
)


def interface(role: int = 0, **parts: Any) -> ScapyPacket:
    """scapy counts a name without its length octet, which RFC 5837 section 4.3 counts too."""
    fields: dict[str, Any] = {"classtype": role}
    for part in ("ifindex", "mtu"):
        if part in parts:
            fields |= {f"has_{part}": 1, part: parts[part]}
    if address := parts.get("address"):
        version = 6 if ":" in address else 4
        fields |= {"has_ipaddr": 1, "afi": {4: 1, 6: 2}[version], f"ip{version}": address}
    if name := parts.get("name"):
        padded = name.encode() + bytes(-(len(name) + 1) % 4)
        fields |= {"has_ifname": 1, "ifname": padded, "ifname_len": len(padded) + 1}
    return ICMPExtension_InterfaceInformation(**fields)


def structure(*objects: ScapyPacket | bytes, **header: Any) -> bytes:
    """The header and the objects behind it, with scapy's checksum."""
    return bytes(ICMPExtension_Header(**header) / Raw(b"".join(map(bytes, objects))))


def message(octets: bytes, *, version: int = 4, type_: int = 0, length: int | None = None, quote: bytes = b"") -> bytes:
    """An ICMP message with the extension behind a quote of 128 octets; ``length`` is its own word for that."""
    type_ = type_ or {4: 11, 6: 3}[version]
    position, unit = next((position, unit) for v, t, position, unit in EXTENDED if (v, t) == (version, type_))
    head = bytearray([type_, 0, 0, 0, 0, 0, 0, 0])
    head[position] = 128 // unit if length is None else length
    return bytes(head) + (quote or PROBE[version]).ljust(128, b"\0") + octets


def told(octets: bytes, version: int = 4, type_: int = 0) -> tuple[Extension, ...]:
    return read_extensions(octets, find_extension(octets, version, type_ or {4: 11, 6: 3}[version]))


def packet(octets: bytes, version: int = 4) -> IcmpError:
    header = IP(src=ADDRESS[4], dst="10.9.1.9", proto=1) if version == 4 else IPv6(src=ADDRESS[6], nh=58)
    found = dissect(bytes(header / Raw(octets)))
    assert isinstance(found, Packet)
    assert isinstance(found.body, IcmpError)
    return found.body


@pytest.mark.parametrize(("version", "type_"), [(version, type_) for version, type_, _, _ in EXTENDED])
def test_labels_are_read_from_every_message_that_may_carry_them(version: int, type_: int) -> None:
    octets = message(structure(LABELS), version=version, type_=type_)
    error = packet(octets, version)
    assert error.extensions == STACK
    assert error.quote is not None
    assert error.quote.transport == PROBE[version][{4: 20, 6: 40}[version] :]


def test_scapys_own_message_is_read() -> None:
    """The whole error from scapy, padding and all; it leaves the length 0, as routers before RFC 4884 do."""
    error = ICMP(type=11, ext=ICMPExtension_Header() / LABELS) / Raw(PROBE[4])
    assert packet(bytes(error)).extensions == STACK


@pytest.mark.parametrize("role", list(InterfaceRole))
def test_an_interface_says_what_it_is_to_the_packet(role: InterfaceRole) -> None:
    number = list(InterfaceRole).index(role)
    assert told(message(structure(interface(number, ifindex=3)))) == (InterfaceInfo(role=role, index=3),)


@pytest.mark.parametrize("index", [None, 7])
@pytest.mark.parametrize("address", [None, ADDRESS[4], ADDRESS[6]])
@pytest.mark.parametrize("name", [None, "eth1", "GigabitEthernet0/1"])
@pytest.mark.parametrize("mtu", [None, 9000])
def test_an_interface_is_read_part_by_part(
    index: int | None, address: str | None, name: str | None, mtu: int | None
) -> None:
    parts = {"ifindex": index, "address": address, "name": name, "mtu": mtu}
    octets = message(structure(interface(**{part: value for part, value in parts.items() if value is not None})))
    assert told(octets) == (
        InterfaceInfo(role=InterfaceRole.INCOMING, index=index, address=address, name=name, mtu=mtu),
    )


def test_objects_stand_in_their_order_and_foreign_ones_are_stepped_over() -> None:
    foreign = struct.pack("!HBB4s", 8, 247, 9, b"what")
    octets = message(structure(interface(ifindex=2), foreign, LABELS, interface(2, ifindex=5)))
    assert told(octets) == (
        InterfaceInfo(role=InterfaceRole.INCOMING, index=2),
        *STACK,
        InterfaceInfo(role=InterfaceRole.OUTGOING, index=5),
    )


def test_a_checksum_of_zero_was_not_computed() -> None:
    octets = bytearray(message(structure(LABELS)))
    octets[8 + 128 + 2 : 8 + 128 + 4] = bytes(2)
    assert told(bytes(octets)) == STACK


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({0: 0x10}, id="another version"),
        pytest.param({2: 0x12}, id="a checksum that does not fit"),
        pytest.param({5: 0x09}, id="an object that was changed"),
    ],
)
@pytest.mark.parametrize("length", [0, 32])
def test_what_does_not_fit_is_not_believed(damage: dict[int, int], length: int) -> None:
    octets = bytearray(message(structure(LABELS), length=length))
    for offset, value in damage.items():
        octets[8 + 128 + offset] = value
    assert told(bytes(octets)) == ()


def test_without_a_length_only_a_checksum_makes_it_an_extension() -> None:
    with_checksum = message(structure(LABELS), length=0)
    assert told(with_checksum) == STACK
    without = bytearray(with_checksum)
    without[8 + 128 + 2 : 8 + 128 + 4] = bytes(2)
    assert told(bytes(without)) == ()


def test_an_old_routers_extension_is_no_part_of_a_long_quote() -> None:
    long_probe = bytes(IP(src="10.9.1.9", dst="10.0.0.5") / TCP(sport=7) / Raw(b"x" * 400))
    error = packet(message(structure(LABELS), length=0, quote=long_probe[:128]))
    assert error.quote is not None
    assert (error.quote.transport, error.extensions) == (long_probe[20:128], STACK)


@pytest.mark.parametrize(("version", "type_"), [(4, 4), (4, 5), (6, 2), (6, 4)])
def test_messages_that_rfc_4884_does_not_name_are_not_extended(version: int, type_: int) -> None:
    octets = message(structure(LABELS), version=version)
    assert find_extension(octets, version, type_) is None


@pytest.mark.parametrize(
    ("object_", "expected"),
    [
        pytest.param(
            struct.pack("!HBBI", 8, 2, 0x0C, 3), InterfaceInfo(role=InterfaceRole.INCOMING, index=3), id="cut"
        ),
        pytest.param(
            struct.pack("!HBBHHI", 12, 2, 0x05, 99, 0, 1500), InterfaceInfo(role=InterfaceRole.INCOMING), id="family"
        ),
        pytest.param(struct.pack("!HBBB3s", 8, 2, 0x02, 0, b"eth"), InterfaceInfo(role=InterfaceRole.INCOMING), id="0"),
        pytest.param(
            struct.pack("!HBBB67sI", 76, 2, 0x03, 68, b"e" * 67, 9000),
            InterfaceInfo(role=InterfaceRole.INCOMING),
            id="name too long",
        ),
    ],
)
def test_behind_a_broken_part_nothing_is_read(object_: bytes, expected: InterfaceInfo) -> None:
    assert told(message(structure(object_))) == (expected,)


@pytest.mark.parametrize("length", [0, 3, 9, 0xFFFF])
def test_an_object_whose_length_makes_no_sense_ends_the_reading(length: int) -> None:
    broken = struct.pack("!HBBI", length, 1, 1, 0)
    assert told(message(structure(LABELS, broken))) == STACK


def test_a_name_can_not_write_on_the_terminal() -> None:
    (found,) = told(message(structure(interface(name="e\x1b[2Jth0"))))
    assert isinstance(found, InterfaceInfo)
    assert found.name == "e\\x1b[2Jth0"


def test_a_label_stack_cut_short_keeps_its_whole_entries() -> None:
    body = bytes(LABELS)[4:] + b"\x01\x02"
    assert told(message(structure(struct.pack("!HBB", 4 + len(body), 1, 1) + body))) == STACK


@pytest.mark.parametrize("version", [4, 6])
@deterministic
@given(octets=st.binary(max_size=120), length=st.integers(0, 255), sound=st.booleans())
def test_no_octets_make_the_reader_raise(version: int, octets: bytes, length: int, sound: bool) -> None:
    tail = structure(octets) if sound else octets
    error = packet(message(tail, version=version, length=length), version)
    assert all(isinstance(one, MplsLabel | InterfaceInfo) for one in error.extensions)


@pytest.mark.parametrize("kind", [ICMPv6TimeExceeded, ICMPv6DestUnreach])
def test_a_message_cut_anywhere_gives_a_beginning_of_its_facts(kind: type) -> None:
    type_ = kind().type
    octets = message(structure(LABELS, interface(ifindex=4, name="eth1")), version=6, type_=type_)
    octets = octets[: 8 + 128 + 2] + bytes(2) + octets[8 + 128 + 4 :]
    whole = told(octets, 6, type_)
    for end in range(len(octets)):
        cut = told(octets[:end], 6, type_)
        assert cut == whole[: len(cut)]

"""A look at a few octets says the same as reading them all."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrFragment,
)
from scapy.packet import Packet, Raw

from pathprobe.core.pair_table import KINDS, key_of
from pathprobe.core.pairs import PairState
from pathprobe.core.probes import Kind
from pathprobe.wire.glance import LONGEST_LOOK, Glance, glance

deterministic = settings(derandomize=True, deadline=None, max_examples=300)
TARGET, ROUTER, ME = {4: "10.0.0.5", 6: "fd00::5"}, {4: "10.9.1.1", 6: "fd00:9::1"}, {4: "10.9.1.9", 6: "fd00:9::9"}
SEQUENCE, OUR_PORT, PORT, LEFT = 0xDEADBEEF, 40_001, 8080, 61

versions = pytest.mark.parametrize("version", [4, 6])


def ip(version: int, source: str, destination: str, **fields: object) -> Packet:
    if version == 4:
        return IP(src=source, dst=destination, ttl=LEFT, **fields)
    return IPv6(src=source, dst=destination, hlim=LEFT, **fields)


def from_target(version: int, body: Packet, **fields: object) -> bytes:
    return bytes(ip(version, TARGET[version], ME[version], **fields) / body)


def key(version: int, kind: Kind, port: int = PORT) -> int:
    return key_of(version, KINDS.index(kind), int(ip_address(TARGET[version])), port)


def error(version: int, maker: str, probe: Packet, message: Packet) -> bytes:
    return bytes(
        ip(version, maker, ME[version]) / message / Raw(bytes(ip(version, ME[version], TARGET[version]) / probe))
    )


SYN = TCP(sport=OUR_PORT, dport=PORT, seq=SEQUENCE, flags="S")
DATAGRAM = UDP(sport=OUR_PORT, dport=PORT, chksum=0xBEEF) / b"who?"
PROHIBITED = {4: ICMP(type=3, code=13), 6: ICMPv6DestUnreach(code=1)}
NO_PORT = {4: ICMP(type=3, code=3), 6: ICMPv6DestUnreach(code=4)}
EXPIRED = {4: ICMP(type=11, code=0), 6: ICMPv6TimeExceeded(code=0)}
TOO_BIG = {4: ICMP(type=3, code=4, nexthopmtu=1400), 6: ICMPv6PacketTooBig(mtu=1400)}
ECHO_REQUEST = {4: ICMP(type=8, id=7, seq=9), 6: ICMPv6EchoRequest(id=7, seq=9)}
ECHO_REPLY = {4: ICMP(type=0, id=7, seq=9), 6: ICMPv6EchoReply(id=7, seq=9)}


@versions
@pytest.mark.parametrize(
    ("flags", "state"), [("SA", PairState.OPEN), ("RA", PairState.CLOSED), ("SAE", PairState.OPEN)]
)
def test_what_acknowledges_a_syn_is_an_answer(version: int, flags: str, state: PairState) -> None:
    octets = from_target(version, TCP(sport=PORT, dport=OUR_PORT, ack=SEQUENCE + 1, flags=flags))
    assert glance(octets) == Glance(key(version, Kind.TCP), state, OUR_PORT, SEQUENCE, LEFT)


def test_a_sequence_number_may_wrap() -> None:
    seen = glance(from_target(4, TCP(sport=PORT, dport=OUR_PORT, ack=0, flags="SA")))
    assert seen is not None
    assert seen.word == 0xFFFFFFFF


def test_ip_options_are_stepped_over() -> None:
    octets = from_target(4, TCP(sport=PORT, dport=OUR_PORT, ack=1, flags="RA"), options=[IPOption_NOP()] * 8)
    assert glance(octets) == Glance(key(4, Kind.TCP), PairState.CLOSED, OUR_PORT, 0, LEFT)


@versions
@pytest.mark.parametrize("flags", ["S", "R", "A", "PA", "FA"])
def test_what_acknowledges_no_syn_is_none(version: int, flags: str) -> None:
    assert glance(from_target(version, TCP(sport=PORT, dport=OUR_PORT, ack=SEQUENCE + 1, flags=flags))) is None


@versions
def test_a_datagram_and_an_echo_reply_are_answers(version: int) -> None:
    datagram = glance(from_target(version, UDP(sport=PORT, dport=OUR_PORT) / b"me"))
    assert datagram == Glance(key(version, Kind.UDP), PairState.OPEN, OUR_PORT, None, LEFT)
    reply = glance(from_target(version, ECHO_REPLY[version]))
    assert reply == Glance(key(version, Kind.ECHO, 0), PairState.OPEN, None, 7 << 16 | 9, LEFT)


@versions
@pytest.mark.parametrize(
    ("kind", "probe", "port", "word"),
    [(Kind.TCP, SYN, OUR_PORT, SEQUENCE), (Kind.UDP, DATAGRAM, OUR_PORT, 0xBEEF), (Kind.ECHO, None, None, 7 << 16 | 9)],
)
def test_an_error_names_who_refused_what(
    version: int, kind: Kind, probe: Packet | None, port: int | None, word: int
) -> None:
    asked = probe or ECHO_REQUEST[version]
    seen = glance(error(version, ROUTER[version], asked, PROHIBITED[version])[:LONGEST_LOOK])
    of = key(version, kind, 0 if kind is Kind.ECHO else PORT)
    message = "communication administratively prohibited"
    assert seen == Glance(of, PairState.REFUSED, port, word, LEFT, ROUTER[version], message)


@versions
@pytest.mark.parametrize(
    ("maker", "probe", "state"),
    [
        (TARGET, DATAGRAM, PairState.CLOSED),
        (ROUTER, DATAGRAM, PairState.REFUSED),
        (TARGET, SYN, PairState.REFUSED),
    ],
    ids=["UDP by the target", "UDP by a router", "TCP by the target"],
)
def test_port_unreachable_closes_a_udp_port_when_the_target_says_it(
    version: int, maker: dict[int, str], probe: Packet, state: PairState
) -> None:
    seen = glance(error(version, maker[version], probe, NO_PORT[version]))
    assert seen is not None
    assert (seen.state, seen.source) == (state, maker[version])
    assert seen.message == (None if state is PairState.CLOSED else "port unreachable")


@versions
def test_who_circles_is_refused_and_who_is_too_big_is_not(version: int) -> None:
    expired = glance(error(version, ROUTER[version], SYN, EXPIRED[version]))
    assert expired is not None
    assert expired.state is PairState.REFUSED
    assert glance(error(version, ROUTER[version], SYN, TOO_BIG[version])) is None


def test_later_fragments_are_no_answers() -> None:
    segment = TCP(sport=PORT, dport=OUR_PORT, ack=SEQUENCE + 1, flags="SA")
    assert glance(from_target(4, segment, frag=1)) is None
    assert glance(from_target(4, segment, frag=0x100)) is None
    fragment = IPv6(src=TARGET[6], dst=ME[6]) / IPv6ExtHdrFragment(offset=1) / segment
    assert glance(bytes(fragment)) is None


@deterministic
@given(st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    for first in (b"", b"\x45", b"\x60", b"\x4f"):
        glance(first + octets)


@versions
@pytest.mark.parametrize("message", [PROHIBITED, NO_PORT, EXPIRED])
def test_an_error_cut_anywhere_raises_nothing_and_invents_nothing(version: int, message: dict[int, Packet]) -> None:
    whole = error(version, ROUTER[version], SYN, message[version])
    assert {glance(whole[:size]) for size in range(len(whole))} <= {None, glance(whole)}

"""What nftables tells of a packet, octet by octet (linux/netfilter/nf_tables.h)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from pathprobe.core.packets import Packet, Tcp
from pathprobe.net.nftrace import TraceMessage, read_messages
from pathprobe.wire.dissect import dissect

TABLE, CHAIN, HANDLE, TYPE, VERDICT, ID, NETWORK, TRANSPORT, POLICY = 1, 2, 3, 4, 5, 6, 8, 9, 16
CODE, JUMP_TO = 1, 2
INET, NESTED = 1, 0x8000


def attribute(kind: int, octets: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(octets), kind) + octets + bytes(-len(octets) % 4)


def number(kind: int, value: int, size: int = 4) -> bytes:
    return attribute(kind, value.to_bytes(size, "big", signed=value < 0))


def message(*attributes: bytes, family: int = INET, kind: int = 10 << 8 | 17) -> bytes:
    body = bytes([family, 0, 0, 0]) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def verdict(code: int, chain: str = "") -> bytes:
    inner = number(CODE, code) + (attribute(JUMP_TO, chain.encode() + b"\0") if chain else b"")
    return attribute(VERDICT | NESTED, inner)


NAMES = attribute(TABLE, b"filter\0") + attribute(CHAIN, b"input\0") + number(ID, 77)


def only(octets: bytes) -> TraceMessage:
    (one,) = read_messages(octets)
    return one


@pytest.mark.parametrize(
    ("code", "chain", "word"),
    [
        (0, "", "drop"),
        (1, "", "accept"),
        (3 | 5 << 16, "", "queue"),
        (-1, "", "continue"),
        (-3, "knocks", "jump"),
        (-4, "knocks", "goto"),
        (-5, "", "return"),
    ],
)
def test_a_rule_is_told_by_its_handle_and_verdict(code: int, chain: str, word: str) -> None:
    one = only(message(NAMES, number(TYPE, 3), number(HANDLE, 9, 8), verdict(code, chain)))
    assert (one.id, one.family, one.table, one.chain) == (77, "inet", "filter", "input")
    assert (one.kind, one.handle, one.verdict, one.target) == ("rule", 9, word, chain)


def test_a_policy_has_no_handle() -> None:
    one = only(message(NAMES, number(TYPE, 1), number(POLICY, 0)))
    assert (one.kind, one.handle, one.verdict) == ("policy", None, "drop")


@pytest.mark.parametrize(
    "octets",
    [
        bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=40001, dport=8080, seq=7, options=[("MSS", 1460)])),
        bytes(IPv6(src="fd00::1", dst="fd00::2") / TCP(sport=40001, dport=8080, seq=7, options=[("MSS", 1460)])),
    ],
)
def test_the_headers_are_those_of_the_packet(octets: bytes) -> None:
    size = 20 if octets[0] >> 4 == 4 else 40
    # The kernel tells of 40 octets from the IP header on, whatever is in them, and of 20 of the transport header.
    one = only(message(NAMES, attribute(NETWORK, octets[:40]), attribute(TRANSPORT, octets[size : size + 20])))
    assert one.octets is not None
    packet = dissect(one.octets)
    assert isinstance(packet, Packet)
    assert isinstance(packet.body, Tcp)
    assert (packet.body.source_port, packet.body.destination_port, packet.body.sequence) == (40001, 8080, 7)


def test_several_messages_come_in_one_datagram_and_others_are_passed_over() -> None:
    octets = message(NAMES, verdict(0)) + message(NAMES, kind=10 << 8 | 6) + message(NAMES, verdict(1))
    assert [one.verdict for one in read_messages(octets)] == ["drop", "accept"]


@given(st.binary(max_size=200))
def test_no_octets_raise(octets: bytes) -> None:
    list(read_messages(octets))
    list(read_messages(message(octets)))

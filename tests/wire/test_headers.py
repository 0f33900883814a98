"""Are the kept octets those that scapy builds?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet as ScapyPacket

from pathprobe.core.probes import Flow, Kind
from pathprobe.wire.headers import (
    ECHO_TEMPLATES,
    IP_TEMPLATES,
    RESET_TEMPLATE,
    SYN_TEMPLATE,
    UDP_SIZE,
    checksum,
    datagram,
    reset,
    udp,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=100)

OPTIONS = [("MSS", 0), ("SAckOK", b""), ("Timestamp", (0, 0)), ("NOP", None), ("WScale", 0)]
PLACES = {4: ("10.9.1.9", "10.0.0.5"), 6: ("fd00:9:1::9", "fd00::5")}

ports = st.integers(0, 0xFFFF)
versions = pytest.mark.parametrize("version", [4, 6])


@pytest.mark.parametrize(
    ("template", "packet"),
    [
        (IP_TEMPLATES[4], IP(src="0.0.0.0", dst="0.0.0.0", len=0, id=0, flags="DF", ttl=0, proto=0, chksum=0)),
        (IP_TEMPLATES[6], IPv6(src="::", dst="::", plen=0, nh=0, hlim=0, fl=0)),
        (SYN_TEMPLATE, TCP(sport=0, dport=0, flags="S", window=0, chksum=0, options=OPTIONS)),
        (RESET_TEMPLATE, TCP(sport=0, dport=0, flags="R", window=0, chksum=0)),
        (bytes(UDP_SIZE), UDP(sport=0, dport=0, len=0, chksum=0)),
        (ECHO_TEMPLATES[4], ICMP(type="echo-request", chksum=0)),
        (ECHO_TEMPLATES[6], ICMPv6EchoRequest(cksum=0)),
    ],
    ids=["IPv4", "IPv6", "SYN", "RST", "UDP", "echo", "echo of IPv6"],
)
def test_each_template_is_scapy_s(template: bytes, packet: ScapyPacket) -> None:
    assert template == bytes(packet)


def flow(kind: Kind, version: int, source_port: int, destination_port: int) -> Flow:
    source, destination = PLACES[version]
    return Flow(
        kind=kind, source=source, destination=destination, source_port=source_port, destination_port=destination_port
    )


def scapy_ip(of: Flow, ttl: int, label: int) -> ScapyPacket:
    if of.version == 4:
        return IP(src=of.source, dst=of.destination, ttl=ttl, id=0, flags="DF")
    return IPv6(src=of.source, dst=of.destination, hlim=ttl, fl=label)


@versions
@deterministic
@given(
    source_port=ports,
    destination_port=ports,
    sequence=st.integers(0, 0xFFFFFFFF),
    window=ports,
    ttl=st.integers(0, 255),
    label=st.integers(0, 0xFFFFF),
)
def test_a_reset_is_the_one_scapy_builds(
    version: int, source_port: int, destination_port: int, sequence: int, window: int, ttl: int, label: int
) -> None:
    of = flow(Kind.TCP, version, source_port, destination_port)
    built = TCP(sport=source_port, dport=destination_port, flags="R", seq=sequence, window=window)
    octets = datagram(of, reset(of, sequence=sequence, window=window), ttl=ttl, label=label)
    assert octets == bytes(scapy_ip(of, ttl, label) / built)


@versions
@deterministic
@given(source_port=ports, destination_port=ports, payload=st.binary(max_size=60))
def test_a_udp_datagram_is_the_one_scapy_builds(
    version: int, source_port: int, destination_port: int, payload: bytes
) -> None:
    of = flow(Kind.UDP, version, source_port, destination_port)
    built = scapy_ip(of, 3, 7) / UDP(sport=source_port, dport=destination_port) / payload
    assert datagram(of, udp(of, payload), ttl=3, label=7) == bytes(built)


@versions
def test_a_udp_checksum_is_never_0_which_would_mean_none(version: int) -> None:
    of = flow(Kind.UDP, version, 40001, 53)
    before = datagram(of, udp(of, bytes(2)), ttl=3, label=0)
    balance = before[-UDP_SIZE + 4 : -2]
    octets = datagram(of, udp(of, balance), ttl=3, label=0)
    assert octets[-4:-2] == b"\xff\xff"
    assert octets == bytes(scapy_ip(of, 3, 0) / UDP(sport=40001, dport=53) / balance)


def test_the_checksum_is_that_of_rfc_1071() -> None:
    # Section 3: the words sum up to 0xddf2.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert checksum(b"\x01") == 0xFFFF - 0x0100

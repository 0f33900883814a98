"""Are patched templates the octets that scapy would have built?"""

from __future__ import annotations

import socket
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet as ScapyPacket

from pathprobe.core.packets import Echo, Packet, Tcp, Udp
from pathprobe.core.probes import FULL_TTL, Flow, Kind, Probe, Role
from pathprobe.wire.craft import Crafter
from pathprobe.wire.dissect import dissect
from pathprobe.wire.payloads import Payload, payload_for
from pathprobe.wire.templates import Template

deterministic = settings(derandomize=True, deadline=None, max_examples=25)

SOURCE = {4: "10.9.1.2", 6: "2001:db8:1::2"}
#: Where the two free octets of a datagram are: at an even offset, at an odd one, nowhere.
PAYLOADS = (payload_for(53), payload_for(9), payload_for(1434))

versions = pytest.mark.parametrize("version", [4, 6])
numbers = st.integers(0, (1 << 128) - 1)
ports = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
tokens, checksums = st.integers(0, 0xFFFFFFFF), st.integers(1, 0xFFFF)


def patched(kind: Kind, version: int, number: int, ends: tuple[int, int], token: int, checksum: int = 1) -> bytes:
    return patch(template(kind, version), version, number, ends, token, checksum)


@cache
def template(kind: Kind, version: int, payload: Payload | None = None) -> Template:
    return Template(kind, SOURCE[version], mtu=1500, timestamp=7, payload=payload)


def patch(copied: Template, version: int, number: int, ends: tuple[int, int], token: int, checksum: int) -> bytes:
    """A probe in the second of three slots: nothing beside it may change."""
    size = len(copied.octets)
    buffer = bytearray(copied.octets * 3)
    copied.patch(buffer, size, address_of(version, number), ends, token, checksum)
    assert buffer[:size] == buffer[2 * size :] == copied.octets
    return bytes(buffer[size : 2 * size])


def address_of(version: int, number: int) -> int:
    return number % (1 << (32 if version == 4 else 128))


def text_of(version: int, number: int) -> str:
    octets = address_of(version, number).to_bytes(4 if version == 4 else 16, "big")
    return socket.inet_ntop(socket.AF_INET if version == 4 else socket.AF_INET6, octets)


def with_scapys_checksums(octets: bytes, version: int, *layers: type[ScapyPacket]) -> bytes:
    packet: ScapyPacket = IP(octets) if version == 4 else IPv6(octets)
    if version == 4:
        del packet.chksum
    for layer in layers:
        part = packet[layer]
        delattr(part, "cksum" if layer is ICMPv6EchoRequest else "chksum")
    return bytes(packet)


def fields(octets: bytes) -> Packet:
    packet = dissect(octets)
    assert isinstance(packet, Packet)
    return packet


@versions
@deterministic
@given(numbers, ports, tokens)
@example(number=0, ends=(0, 0), token=0)
@example(number=(1 << 128) - 1, ends=(0xFFFF, 0xFFFF), token=0xFFFFFFFF)
def test_a_syn_is_what_was_asked_for(version: int, number: int, ends: tuple[int, int], token: int) -> None:
    octets = patched(Kind.TCP, version, number, ends, token)
    packet = fields(octets)
    assert isinstance(packet.body, Tcp)
    assert (packet.source, packet.destination) == (SOURCE[version], text_of(version, number))
    assert (packet.body.source_port, packet.body.destination_port, packet.body.sequence) == (*ends, token)
    assert octets == with_scapys_checksums(octets, version, TCP)


@deterministic
@given(numbers, ports, tokens)
def test_a_syn_is_to_the_octet_the_one_of_a_single_diagnosis(number: int, ends: tuple[int, int], token: int) -> None:
    source_port, destination_port = ends
    flow = Flow(
        kind=Kind.TCP,
        source=SOURCE[4],
        destination=text_of(4, number),
        source_port=source_port,
        destination_port=destination_port,
    )
    octets = patched(Kind.TCP, 4, number, ends, token)
    identification = int.from_bytes(octets[4:6], "big")
    assert identification > 0
    probe = Probe(
        id=1,
        role=Role.TEST,
        flow=flow,
        flow_number=0,
        ttl=FULL_TTL,
        attempt=1,
        token=token,
        identification=identification,
    )
    assert IP(octets) == IP(Crafter(1500, timestamp=7).craft(probe))


@versions
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.service)
@deterministic
@given(numbers, ports, tokens, checksums)
def test_a_datagram_is_what_was_asked_for(
    version: int, payload: Payload, number: int, ends: tuple[int, int], token: int, checksum: int
) -> None:
    copied = template(Kind.UDP, version, payload)
    octets = patch(copied, version, number, ends, token, checksum)
    packet = fields(octets)
    assert isinstance(packet.body, Udp)
    assert (packet.destination, packet.body.source_port, packet.body.destination_port) == (
        text_of(version, number),
        *ends,
    )
    assert octets == with_scapys_checksums(octets, version, UDP)
    if payload.nonce_at is not None:
        assert packet.body.checksum == checksum
    assert without_nonce(packet.body.payload, payload) == without_nonce(payload.octets, payload)


def without_nonce(octets: bytes, payload: Payload) -> bytes:
    at = payload.nonce_at
    return octets if at is None else octets[:at] + octets[at + 2 :]


@versions
@deterministic
@given(numbers, tokens)
def test_an_echo_is_what_was_asked_for(version: int, number: int, token: int) -> None:
    octets = patched(Kind.ECHO, version, number, (40_001, 0), token)
    packet = fields(octets)
    assert isinstance(packet.body, Echo)
    assert packet.destination == text_of(version, number)
    assert packet.body.identifier << 16 | packet.body.sequence == token
    assert octets == with_scapys_checksums(octets, version, ICMP if version == 4 else ICMPv6EchoRequest)


def test_ipv6_probes_of_one_try_and_another_have_labels_of_their_own() -> None:
    """Routers may choose among parallel ways by the flow label alone (RFC 6438)."""
    labels = {patched(Kind.TCP, 6, 5, (40_001, 80), token)[1:4] for token in range(20)}
    assert len(labels) == 20
    assert bytes(3) not in labels

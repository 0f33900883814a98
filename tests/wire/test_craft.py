"""Are the patched copies the octets scapy would have built?"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet as ScapyPacket

from pathprobe.core.ledger import FAREWELL_WINDOW
from pathprobe.core.packets import Echo, EchoKind, Packet, Tcp, TcpFlags
from pathprobe.core.probes import NATURAL_SIZE, Flow, Kind, Probe, Role
from pathprobe.wire.craft import ECHO_TEXT, Crafter, flow_label
from pathprobe.wire.dissect import dissect
from pathprobe.wire.payloads import Payload

deterministic = settings(derandomize=True, deadline=None, max_examples=150)

CLIENT = {4: "10.9.1.2", 6: "2001:db8:1::2"}
SERVER = {4: "10.0.0.5", 6: "2001:db8:9::5"}

ports = st.integers(0, 0xFFFF)
versions = pytest.mark.parametrize("version", [4, 6])
kinds = pytest.mark.parametrize("kind", list(Kind))


def flow(version: int = 4, kind: Kind = Kind.TCP, source_port: int = 40001) -> Flow:
    return Flow(
        kind=kind,
        source=CLIENT[version],
        destination=SERVER[version],
        source_port=source_port,
        destination_port=0 if kind is Kind.ECHO else 8080,
    )


def probe(of: Flow, ttl: int = 3, token: int | None = None, identification: int = 7) -> Probe:
    if token is None:
        token = {Kind.TCP: 0xDEADBEEF, Kind.UDP: 0xBEEF, Kind.ECHO: of.source_port << 16 | 1}[of.kind]
    return Probe(
        id=1, role=Role.TEST, flow=of, flow_number=0, ttl=ttl, attempt=1, token=token, identification=identification
    )


def other_token(of: Flow, number: int) -> int:
    return number if of.kind is Kind.UDP else of.source_port << 16 | number


def by_scapy(asked: Probe, mtu: int = 1500, timestamp: int = 1) -> ScapyPacket:
    """The same datagram, each one built from nothing."""
    of = asked.flow
    header: ScapyPacket
    if of.version == 4:
        header = IP(src=of.source, dst=of.destination, ttl=asked.ttl, id=asked.identification, flags="DF")
    else:
        header = IPv6(src=of.source, dst=of.destination, hlim=asked.ttl, fl=flow_label(of))
    if of.kind is Kind.ECHO:
        sequence = asked.token & 0xFFFF
        payload = (0xFFFF - sequence).to_bytes(2, "big") + ECHO_TEXT
        if of.version == 4:
            return header / ICMP(type=8, id=of.source_port, seq=sequence) / payload
        return header / ICMPv6EchoRequest(id=of.source_port, seq=sequence, data=payload)
    segment_size = mtu - (40 if of.version == 4 else 60)
    options = [("MSS", segment_size), ("SAckOK", b""), ("Timestamp", (timestamp, 0)), ("NOP", None), ("WScale", 7)]
    return header / TCP(
        sport=of.source_port,
        dport=of.destination_port,
        seq=asked.token,
        flags="S",
        window=65535 // segment_size * segment_size,
        options=options,
    )


def checksum(octets: bytes, of: Flow) -> int:
    at = (20 if of.version == 4 else 40) + (16 if of.kind is Kind.TCP else 2)
    return int.from_bytes(octets[at : at + 2], "big")


def recomputed(octets: bytes, of: Flow) -> bytes:
    """The same octets after scapy filled in every checksum anew."""
    read = IP(octets) if of.version == 4 else IPv6(octets)
    layers = (IP, "chksum"), (TCP, "chksum"), (UDP, "chksum"), (ICMP, "chksum"), (ICMPv6EchoRequest, "cksum")
    for layer, field in layers:
        if layer in read:
            delattr(read[layer], field)
    return bytes(read)


@versions
@deterministic
@given(
    source_port=ports,
    token=st.integers(0, 0xFFFFFFFF),
    ttl=st.integers(1, 255),
    identification=ports,
    mtu=st.sampled_from([1280, 1400, 1500, 9000, 65535]),
    timestamp=st.integers(0, 0xFFFFFFFF),
)
def test_a_syn_is_the_one_scapy_builds(
    version: int, source_port: int, token: int, ttl: int, identification: int, mtu: int, timestamp: int
) -> None:
    asked = probe(flow(version, source_port=source_port), ttl=ttl, token=token, identification=identification)
    octets = Crafter(mtu=mtu, timestamp=timestamp).craft(asked)
    assert octets == bytes(by_scapy(asked, mtu=mtu, timestamp=timestamp))
    assert octets == recomputed(octets, asked.flow)


@versions
@deterministic
@given(identifier=ports, sequence=ports, ttl=st.integers(1, 255), identification=ports)
def test_an_echo_is_the_one_scapy_builds(
    version: int, identifier: int, sequence: int, ttl: int, identification: int
) -> None:
    asked = probe(
        flow(version, Kind.ECHO, identifier),
        ttl=ttl,
        token=identifier << 16 | sequence,
        identification=identification,
    )
    octets = Crafter().craft(asked)
    assert octets == bytes(by_scapy(asked))
    assert octets == recomputed(octets, asked.flow)


@versions
@deterministic
@given(
    token=st.integers(1, 0xFFFE),
    ttl=st.integers(1, 255),
    before=st.binary(max_size=33),
    behind=st.binary(max_size=33),
    nonce=st.binary(min_size=2, max_size=2),
)
def test_the_checksum_of_a_datagram_is_its_token_and_right(
    version: int, token: int, ttl: int, before: bytes, behind: bytes, nonce: bytes
) -> None:
    payload = Payload(service="any", octets=before + nonce + behind, nonce_at=len(before))
    asked = probe(flow(version, Kind.UDP), ttl=ttl, token=token)
    octets = Crafter(payloads={8080: payload}).craft(asked)
    assert octets == recomputed(octets, asked.flow)
    start = (20 if version == 4 else 40) + 8
    assert int.from_bytes(octets[start - 2 : start], "big") == token
    assert octets[start:].startswith(before)
    assert octets.endswith(behind)


@versions
def test_a_given_payload_is_sent_as_it_is(version: int) -> None:
    asked = probe(flow(version, Kind.UDP))
    octets = Crafter(payloads={8080: Payload.given(b"exactly this")}).craft(asked)
    assert octets == recomputed(octets, asked.flow)
    assert octets.endswith(b"exactly this")


@versions
def test_the_checksum_of_an_echo_is_the_same_for_every_sequence(version: int) -> None:
    crafter, of = Crafter(), flow(version, Kind.ECHO)
    tokens = (of.source_port << 16 | sequence for sequence in range(0x10000))
    assert len({checksum(crafter.craft(probe(of, token=token)), of) for token in tokens}) == 1


@kinds
@versions
def test_the_order_of_the_probes_leaves_no_trace(version: int, kind: Kind) -> None:
    crafter, of = Crafter(), flow(version, kind)
    first = crafter.craft(probe(of, ttl=1))
    crafter.craft(probe(of, ttl=64, token=other_token(of, 0xFFFE), identification=0xFFFF))
    assert crafter.craft(probe(of, ttl=1)) == first


@kinds
@versions
def test_what_routers_hash_on_stays_the_same_in_a_sweep(version: int, kind: Kind) -> None:
    crafter, of = Crafter(), flow(version, kind)
    sweep = [crafter.craft(probe(of, ttl=ttl, token=other_token(of, ttl))) for ttl in range(1, 65)]
    start = 20 if version == 4 else 40
    assert len({octets[start : start + 4] for octets in sweep}) == 1  # ports, or type, code and checksum
    assert version == 4 or len({octets[:4] for octets in sweep}) == 1  # traffic class and flow label


@pytest.mark.parametrize("crc", [0, 0xFFFFE, 0xFFFFF, 0x100000, 0xFFFFFFFF])
def test_a_flow_label_fits_twenty_bits_and_is_never_zero(crc: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zlib.crc32", lambda _: crc)
    assert 0 < flow_label(flow(6)) < 1 << 20


def test_every_flow_has_a_flow_label_of_its_own_that_lasts() -> None:
    flows = [flow(6, kind, source_port) for kind in Kind for source_port in range(40000, 40100)]
    assert len({flow_label(of) for of in flows}) == len(flows)
    assert flow_label(flow(6)) == 0x5FC25


@versions
def test_a_syn_is_dissected_to_what_was_asked(version: int) -> None:
    found = dissect(Crafter().craft(probe(flow(version))))
    assert isinstance(found, Packet)
    assert (found.version, found.source, found.destination, found.ttl) == (version, CLIENT[version], SERVER[version], 3)
    assert found.identification == (7 if version == 4 else None)
    assert found.total_length == {4: 60, 6: 80}[version]
    body = found.body
    assert isinstance(body, Tcp)
    assert (body.source_port, body.destination_port, body.sequence) == (40001, 8080, 0xDEADBEEF)
    assert (body.flags, body.acknowledgement) == (TcpFlags.SYN, 0)


@versions
def test_an_echo_says_who_asks_and_is_as_long_as_a_syn(version: int) -> None:
    octets = Crafter().craft(probe(flow(version, Kind.ECHO)))
    found = dissect(octets)
    assert isinstance(found, Packet)
    body = found.body
    assert isinstance(body, Echo)
    assert (body.kind, body.identifier, body.sequence) == (EchoKind.REQUEST, 40001, 1)
    assert len(body.payload) == 32
    assert b"pathprobe reachability check" in body.payload
    assert version == 6 or len(octets) == len(Crafter().craft(probe(flow(4))))


# Read off the wire from connect() under Linux 6.18 at these MTUs; its timestamp and scale were its own.
@pytest.mark.parametrize(
    ("version", "mtu", "window", "segment_size"),
    [
        (4, 1500, 64240, 1460),
        (6, 1500, 64800, 1440),
        (4, 9000, 62720, 8960),
        (6, 9000, 62580, 8940),
        (4, 65536, 65495, 65495),
        (6, 65536, 65476, 65476),
    ],
)
def test_a_syn_offers_what_linux_offers(version: int, mtu: int, window: int, segment_size: int) -> None:
    found = dissect(Crafter(mtu=mtu, timestamp=0x01020304).craft(probe(flow(version))))
    assert isinstance(found, Packet)
    assert isinstance(found.body, Tcp)
    expected = b"\x02\x04" + segment_size.to_bytes(2, "big") + bytes.fromhex("0402080a010203040000000001030307")
    assert (found.body.window, found.body.options) == (window, expected)


def test_an_echo_token_of_another_flow_is_the_callers_mistake() -> None:
    of = flow(kind=Kind.ECHO)
    with pytest.raises(ValueError, match=r"use flow\.source_port << 16"):
        Crafter().craft(probe(of, token=1 << 16))


def test_two_flows_do_not_share_a_template() -> None:
    crafter, of = Crafter(), flow()
    other = replace(of, destination="10.0.0.6")
    assert crafter.craft(probe(other)) == Crafter().craft(probe(other)) != crafter.craft(probe(of))


def test_importing_craft_loads_no_scapy() -> None:
    program = "import sys, pathprobe.wire.craft; sys.exit('scapy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@kinds
@versions
def test_scapy_is_never_asked_for_a_route(version: int, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    from scapy.config import conf

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("scapy looked for a route")

    monkeypatch.setattr(type(conf.route), "route", refuse)
    monkeypatch.setattr(type(conf.route6), "route", refuse)
    Crafter().craft(probe(flow(version, kind)))


@pytest.mark.parametrize("version", [4, 6])
def test_a_farewell_is_a_bare_reset_that_the_kernel_s_own_is_told_from(version: int) -> None:
    source, target = ("10.9.1.9", "10.0.0.5") if version == 4 else ("fd00:9:1::9", "fd00::5")
    flow = Flow(kind=Kind.TCP, source=source, destination=target, source_port=40001, destination_port=8080)
    probe = Probe(
        id=1, role=Role.TEST, flow=flow, flow_number=0, ttl=3, attempt=1, token=(1 << 32) - 1, identification=7
    )
    packet = dissect(Crafter().farewell(probe))
    assert isinstance(packet, Packet)
    assert isinstance(packet.body, Tcp)
    assert (packet.source, packet.destination, packet.ttl) == (source, target, 64)
    # The sequence after ours, around the end of its space.
    assert (packet.body.sequence, packet.body.flags, packet.body.window) == (0, TcpFlags.RST, FAREWELL_WINDOW)
    assert (packet.body.source_port, packet.body.destination_port) == (40001, 8080)


PADDED = pytest.mark.parametrize("kind", [Kind.TCP, Kind.ECHO])


@versions
@PADDED
def test_the_natural_size_is_that_of_a_probe_without_padding(version: int, kind: Kind) -> None:
    assert len(Crafter().craft(probe(flow(version, kind)))) == NATURAL_SIZE[version]


@deterministic
@given(st.sampled_from([4, 6]), st.sampled_from([Kind.TCP, Kind.ECHO]), st.integers(88, 9000))
def test_a_padded_probe_has_its_size_and_right_checksums(version: int, kind: Kind, size: int) -> None:
    octets = Crafter().craft(replace(probe(flow(version, kind)), size=size))
    assert len(octets) == size
    read = dissect(octets)
    assert isinstance(read, Packet)
    assert read.total_length == size
    again = (IP if version == 4 else IPv6)(octets)
    for layer in (again, again.payload):
        for name in ("chksum", "cksum"):
            if name in layer.fields:
                delattr(layer, name)
    assert bytes(again) == octets


@versions
def test_routers_that_hash_on_an_echos_checksum_send_every_size_the_same_way(version: int) -> None:
    crafter, of = Crafter(), flow(version, Kind.ECHO)
    start = (20 if version == 4 else 40) + 2
    checksums = {
        crafter.craft(replace(probe(of, token=other_token(of, number)), size=size))[start : start + 2]
        for number, size in enumerate((None, 88, 1280, 1401, 1500, 9000), start=1)
    }
    assert len(checksums) == 1


@versions
def test_the_size_of_a_probe_leaves_its_head_as_it_was(version: int) -> None:
    crafter, of = Crafter(), flow(version)
    small, large = crafter.craft(probe(of)), crafter.craft(replace(probe(of), size=1500))
    transport = 20 if version == 4 else 40
    assert large[transport : transport + 16] == small[transport : transport + 16]
    assert large[len(small) :] == bytes(1500 - len(small))
    assert crafter.craft(probe(of)) == small, "one size leaves the other's template alone"


@versions
@PADDED
def test_no_probe_can_be_smaller_than_it_is(version: int, kind: Kind) -> None:
    with pytest.raises(ValueError, match="without any padding"):
        Crafter().craft(replace(probe(flow(version, kind)), size=NATURAL_SIZE[version] - 1))

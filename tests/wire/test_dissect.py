"""Are the facts those of the octets, and only those?"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Timestamp
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_RA,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Raw

from pathprobe.core.packets import (
    Echo,
    EchoKind,
    IcmpError,
    Malformed,
    OtherPayload,
    Packet,
    Quote,
    Tcp,
    TcpFlags,
    Udp,
)
from pathprobe.core.probes import Flow, Kind, Probe, Role
from pathprobe.wire.craft import Crafter
from pathprobe.wire.dissect import dissect

deterministic = settings(derandomize=True, deadline=None, max_examples=150)

CLIENT = {4: "10.9.1.2", 6: "2001:db8:1::2"}
SERVER = {4: "10.0.0.5", 6: "2001:db8:9::5"}
ROUTER = {4: "10.9.2.2", 6: "2001:db8:2::2"}
SEQUENCE, IDENTIFICATION, SOURCE_PORT = 0xDEADBEEF, 0x1234, 40001

# Every error the kernel knows: type, codes.
ERRORS = [(4, 3, code) for code in range(16)] + [(4, 11, 0), (4, 11, 1), (4, 12, 0), (4, 4, 0), (4, 5, 1)]
ERRORS += [(6, 1, code) for code in range(8)] + [(6, 2, 0), (6, 3, 0), (6, 3, 1), (6, 4, 0)]

ports = st.integers(0, 0xFFFF)
words = st.integers(0, 0xFFFFFFFF)
versions = pytest.mark.parametrize("version", [4, 6])


def ip(version: int, source: str = "", ttl: int = 61, **fields: Any) -> ScapyPacket:
    """An answer's IP header, towards the client."""
    source = source or SERVER[version]
    if version == 4:
        return IP(src=source, dst=CLIENT[4], ttl=ttl, **fields)
    return IPv6(src=source, dst=CLIENT[6], hlim=ttl, **fields)


def crafted(version: int, kind: Kind = Kind.TCP, ttl: int = 1) -> bytes:
    """One of our own probes, as a router would see it."""
    destination_port = 8080 if kind is Kind.TCP else 0
    flow = Flow(
        kind=kind,
        source=CLIENT[version],
        destination=SERVER[version],
        source_port=SOURCE_PORT,
        destination_port=destination_port,
    )
    token = SEQUENCE if kind is Kind.TCP else SOURCE_PORT << 16 | 7
    probe = Probe(
        id=1,
        role=Role.TEST,
        flow=flow,
        flow_number=0,
        ttl=ttl,
        attempt=1,
        token=token,
        identification=IDENTIFICATION,
    )
    return Crafter().craft(probe)


def error_header(version: int, type_: int, code: int) -> ScapyPacket:
    if version == 4:
        return ICMP(type=type_, code=code)
    kinds = {1: ICMPv6DestUnreach, 2: ICMPv6PacketTooBig, 3: ICMPv6TimeExceeded, 4: ICMPv6ParamProblem}
    return kinds[type_](code=code)


def error(version: int, type_: int, code: int, quoted: bytes) -> bytes:
    return bytes(ip(version, ROUTER[version], ttl=254) / error_header(version, type_, code) / Raw(quoted))


def time_exceeded(version: int, quoted: bytes) -> bytes:
    return error(version, {4: 11, 6: 3}[version], 0, quoted)


def packet(octets: bytes) -> Packet:
    found = dissect(octets)
    assert isinstance(found, Packet), found
    return found


def quote(octets: bytes) -> Quote:
    body = packet(octets).body
    assert isinstance(body, IcmpError)
    assert body.quote is not None
    return body.quote


@versions
@deterministic
@given(
    sport=ports,
    dport=ports,
    seq=words,
    ack=words,
    flags=st.integers(0, 255),
    window=ports,
    mss=st.none() | ports,
    ttl=st.integers(0, 255),
    payload=st.binary(max_size=8),
)
def test_a_tcp_answer_reads_as_scapy_wrote_it(
    version: int,
    sport: int,
    dport: int,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    mss: int | None,
    ttl: int,
    payload: bytes,
) -> None:
    options = [] if mss is None else [("MSS", mss), ("NOP", None), ("NOP", None), ("SAckOK", b"")]
    written = TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags, window=window, options=options)
    octets = bytes(ip(version, ttl=ttl) / written / Raw(payload))
    raw_options = b"" if mss is None else b"\x02\x04" + mss.to_bytes(2, "big") + b"\x01\x01\x04\x02"
    assert packet(octets) == Packet(
        version=version,
        source=SERVER[version],
        destination=CLIENT[version],
        ttl=ttl,
        identification=1 if version == 4 else None,
        total_length=len(octets),
        body=Tcp(
            source_port=sport,
            destination_port=dport,
            sequence=seq,
            acknowledgement=ack,
            flags=TcpFlags(flags),
            window=window,
            options=raw_options,
        ),
        transport=octets[{4: 20, 6: 40}[version] :],
    )


@versions
@deterministic
@given(identifier=ports, sequence=ports, payload=st.binary(max_size=40), kind=st.sampled_from(EchoKind))
def test_an_echo_reads_as_scapy_wrote_it(
    version: int, identifier: int, sequence: int, payload: bytes, kind: EchoKind
) -> None:
    written: ScapyPacket
    if version == 4:
        written = ICMP(type=8 if kind is EchoKind.REQUEST else 0, id=identifier, seq=sequence) / Raw(payload)
    else:
        echo = ICMPv6EchoRequest if kind is EchoKind.REQUEST else ICMPv6EchoReply
        written = echo(id=identifier, seq=sequence, data=payload)
    expected = Echo(kind=kind, identifier=identifier, sequence=sequence, payload=payload)
    assert packet(bytes(ip(version) / written)).body == expected


@versions
@deterministic
@given(sport=ports, dport=ports, payload=st.binary(max_size=40))
def test_a_datagram_reads_as_scapy_wrote_it(version: int, sport: int, dport: int, payload: bytes) -> None:
    octets = bytes(ip(version) / UDP(sport=sport, dport=dport) / Raw(payload))
    checksum = ip(version).__class__(octets)[UDP].chksum
    assert packet(octets).body == Udp(source_port=sport, destination_port=dport, payload=payload, checksum=checksum)


@pytest.mark.parametrize(("version", "tos"), [(4, {"tos": 0x2E}), (6, {"tc": 0x2E, "fl": 0xFFFFF})])
def test_the_traffic_class_is_all_eight_bits(version: int, tos: dict[str, Any]) -> None:
    assert packet(bytes(ip(version, **tos) / TCP())).traffic_class == 0x2E


@pytest.mark.parametrize(("version", "type_", "code"), ERRORS)
def test_every_icmp_error_gives_back_the_quoted_syn(version: int, type_: int, code: int) -> None:
    probe = crafted(version)
    found = packet(error(version, type_, code, probe))
    body = found.body
    assert isinstance(body, IcmpError)
    assert (found.source, found.ttl, body.type, body.code) == (ROUTER[version], 254, type_, code)
    header_size = 20 if version == 4 else 40
    assert body.quote == Quote(
        version=version,
        source=CLIENT[version],
        destination=SERVER[version],
        ttl=1,
        protocol=6,
        identification=IDENTIFICATION if version == 4 else None,
        total_length=len(probe),
        traffic_class=0,
        first=SOURCE_PORT,
        second=8080,
        word=SEQUENCE,
        transport=probe[header_size:],
    )


@versions
def test_a_quoted_echo_has_its_identifier_and_sequence_in_one_word(version: int) -> None:
    found = quote(time_exceeded(version, crafted(version, Kind.ECHO)))
    assert found.word == SOURCE_PORT << 16 | 7
    assert found.first == {4: 0x0800, 6: 0x8000}[version]


@versions
def test_a_quote_cut_anywhere_has_none_for_what_is_not_there(version: int) -> None:
    probe, header_size = crafted(version), {4: 20, 6: 40}[version]
    whole = quote(time_exceeded(version, probe))
    for length in range(len(probe)):
        body = packet(time_exceeded(version, probe[:length])).body
        assert isinstance(body, IcmpError)
        if length < header_size:
            assert body.quote is None
            continue
        there, found = length - header_size, body.quote
        assert found is not None
        assert found.transport == probe[header_size:length]
        assert found.first == (whole.first if there >= 2 else None)
        assert found.second == (whole.second if there >= 4 else None)
        assert found.word == (whole.word if there >= 8 else None)
        assert (found.source, found.identification) == (whole.source, whole.identification)


@versions
def test_an_answer_cut_anywhere_is_malformed_or_holds_only_octets_that_are_there(version: int) -> None:
    syn_ack = bytes(ip(version) / TCP(flags="SA", options=[("MSS", 1460)]))
    for octets in (syn_ack, time_exceeded(version, crafted(version)), bytes(ip(version) / UDP() / Raw(b"12345678"))):
        for length in range(len(octets)):
            match dissect(octets[:length]):
                case Packet(body=IcmpError(quote=Quote(transport=read))) | Packet(body=Udp(payload=read)):
                    assert octets[:length].endswith(read)
                case Packet(version=version, body=Tcp()):
                    assert length >= {4: 20, 6: 40}[version] + 20
                case Packet() | Malformed():
                    pass


@deterministic
@given(octets=st.binary(max_size=120))
def test_arbitrary_octets_give_a_value(octets: bytes) -> None:
    assert isinstance(dissect(octets), Packet | Malformed)


@settings(deterministic, max_examples=400)
@given(flips=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), min_size=1, max_size=6), which=st.data())
def test_a_damaged_answer_gives_a_value(flips: list[tuple[int, int]], which: st.DataObject) -> None:
    version = which.draw(st.sampled_from([4, 6]))
    octets = bytearray(time_exceeded(version, crafted(version)))
    for position, value in flips:
        octets[position % len(octets)] = value
    assert isinstance(dissect(bytes(octets)), Packet | Malformed)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "no octets"),
        (b"\x50" + bytes(40), "IP version 5"),
        (b"\x45" + bytes(10), "IPv4 header does not fit"),
        (b"\x44" + bytes(40), "IPv4 header length 16"),
        (b"\x4f" + bytes(40), "IPv4 header length 60"),
        (b"\x45" + bytes(40), "total length 0 ends inside the IP header"),
        (b"\x60" + bytes(30), "IPv6 header does not fit"),
        (bytes(ip(6) / IPv6ExtHdrHopByHop(len=9) / TCP()), "IPv6 extension header 0 does not fit"),
        (bytes(ip(4) / TCP(dataofs=4)), "TCP header length 16"),
        (bytes(ip(4) / TCP(dataofs=6)), "TCP header length 24"),
        (bytes(ip(4, proto=6) / Raw(bytes(19))), "TCP header does not fit"),
        (bytes(ip(4, proto=17) / Raw(bytes(7))), "UDP header does not fit"),
        (bytes(ip(4) / UDP(len=7)), "UDP length 7"),
        (bytes(ip(4, proto=1) / Raw(bytes(7))), "ICMP header does not fit"),
    ],
)
def test_octets_that_are_no_packet_say_why(octets: bytes, reason: str) -> None:
    found = dissect(octets)
    assert isinstance(found, Malformed)
    assert found.reason == reason


@versions
def test_link_padding_is_not_payload(version: int) -> None:
    octets = bytes(ip(version) / UDP(sport=1, dport=2) / Raw(b"abc"))
    assert packet(octets + bytes(18)) == packet(octets)


@versions
def test_what_a_card_is_to_segment_has_no_length_and_ends_with_its_octets(version: int) -> None:
    octets = bytearray(bytes(ip(version) / TCP(sport=7) / Raw(bytes(3000))))
    at = {4: 2, 6: 4}[version]
    octets[at : at + 2] = bytes(2)
    found = packet(bytes(octets))
    assert (found.total_length, len(found.transport)) == (len(octets), 20 + 3000)


@versions
def test_a_snap_length_that_cuts_tcp_options_leaves_the_rest_of_the_header(version: int) -> None:
    octets = bytes(ip(version) / TCP(sport=7, flags="S", options=[("MSS", 1460), ("SAckOK", b"")]))
    found = packet(octets[:-5])
    assert isinstance(found.body, Tcp)
    assert (found.body.source_port, found.body.flags, found.body.options) == (7, TcpFlags.SYN, b"\x02\x04\x05")
    assert found.total_length == len(octets)


def test_udp_ends_where_its_own_length_says() -> None:
    octets = bytes(ip(4) / UDP(sport=1, dport=2, len=10, chksum=7) / Raw(b"abc"))
    assert packet(octets).body == Udp(source_port=1, destination_port=2, payload=b"ab", checksum=7)


def test_ipv4_options_are_stepped_over() -> None:
    octets = bytes(ip(4, options=[IPOption_Timestamp()]) / TCP(sport=7))
    body = packet(octets).body
    assert isinstance(body, Tcp)
    assert body.source_port == 7


@pytest.mark.parametrize(
    "octets",
    [
        bytes(ip(4, frag=1) / TCP()),
        bytes(ip(4, frag=0x1000) / TCP()),
        bytes(ip(6) / IPv6ExtHdrFragment(offset=1) / TCP()),
        bytes(ip(6) / IPv6ExtHdrFragment(offset=0x1000) / TCP()),
        bytes(ip(6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(offset=181) / TCP()),
    ],
)
def test_a_later_fragment_has_no_ports(octets: bytes) -> None:
    assert packet(octets).body == OtherPayload(protocol=6, later_fragment=True)


@pytest.mark.parametrize("octets", [bytes(ip(4, flags="MF") / TCP()), bytes(ip(6) / IPv6ExtHdrFragment(m=1) / TCP())])
def test_a_first_fragment_has_its_ports(octets: bytes) -> None:
    assert isinstance(packet(octets).body, Tcp)


EXTENSIONS = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(options=[]) / IPv6ExtHdrRouting() / IPv6ExtHdrFragment()


def test_ipv6_extension_headers_are_walked() -> None:
    body = packet(bytes(ip(6) / EXTENSIONS / TCP(sport=7))).body
    assert isinstance(body, Tcp)
    assert body.source_port == 7


def test_ipv6_extension_headers_in_a_quote_are_walked() -> None:
    quoted = bytes(IPv6(src=CLIENT[6], dst=SERVER[6]) / EXTENSIONS / TCP(sport=7, dport=9, seq=SEQUENCE))
    found = quote(time_exceeded(6, quoted))
    assert (found.protocol, found.first, found.second, found.word) == (6, 7, 9, SEQUENCE)


def test_a_quote_cut_inside_its_extension_headers_claims_no_ports() -> None:
    destination_options = b"\x06\x02" + bytes(22)
    quoted = bytes(IPv6(src=CLIENT[6], dst=SERVER[6], nh=60) / Raw(destination_options) / TCP())
    found = quote(time_exceeded(6, quoted[:52]))
    assert (found.protocol, found.first, found.transport) == (60, None, b"")


def test_an_endless_chain_of_extension_headers_is_malformed() -> None:
    octets = bytes(ip(6, nh=60) / Raw((b"\x3c" + bytes(7)) * 100))
    assert isinstance(dissect(octets), Malformed)


def test_a_quoted_later_fragment_claims_no_ports() -> None:
    found = quote(time_exceeded(4, bytes(IP(src=CLIENT[4], dst=SERVER[4], frag=185) / TCP())))
    assert (found.protocol, found.first, found.transport) == (6, None, b"")


def test_a_quote_of_the_other_ip_version_is_none() -> None:
    body = packet(time_exceeded(4, crafted(6))).body
    assert body == IcmpError(type=11, code=0, quote=None)


@pytest.mark.parametrize(("given_mtu", "read"), [(1400, 1400), (0, None)])
def test_fragmentation_needed_names_the_mtu_if_the_router_does(given_mtu: int, read: int | None) -> None:
    octets = bytes(ip(4) / ICMP(type=3, code=4, nexthopmtu=given_mtu) / Raw(crafted(4)))
    body = packet(octets).body
    assert isinstance(body, IcmpError)
    assert body.next_hop_mtu == read


def test_packet_too_big_names_the_mtu() -> None:
    body = packet(bytes(ip(6) / ICMPv6PacketTooBig(mtu=70000) / Raw(crafted(6)))).body
    assert isinstance(body, IcmpError)
    assert body.next_hop_mtu == 70000


def test_only_too_big_has_an_mtu() -> None:
    octets = bytes(ip(4) / ICMP(type=3, code=1, unused=0x0578) / Raw(crafted(4)))
    body = packet(octets).body
    assert isinstance(body, IcmpError)
    assert body.next_hop_mtu is None


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(bytes(ip(4) / ICMP(type=13, ts_ori=0, ts_rx=0, ts_tx=0)), id="a timestamp request"),
        pytest.param(bytes(ip(6) / ICMPv6ND_RA()), id="a router advertisement"),
        pytest.param(bytes(ip(4, proto=89)), id="OSPF"),
    ],
)
def test_what_no_probe_draws_is_other_payload(octets: bytes) -> None:
    assert isinstance(packet(octets).body, OtherPayload)


# Which messages say how long their quote is, at which octet and in which unit: RFC 4884 section 4.
RFC4884 = [(4, 3, 5, 4), (4, 11, 5, 4), (4, 12, 5, 4), (6, 1, 4, 8), (6, 3, 4, 8)]
MPLS_EXTENSION = struct.pack("!BBHHBB", 0x20, 0, 0, 8, 1, 1) + bytes(MPLS(label=16001, ttl=1))


@pytest.mark.parametrize(("version", "type_", "position", "unit"), RFC4884)
def test_mpls_labels_do_not_leak_into_the_quote(version: int, type_: int, position: int, unit: int) -> None:
    """A router that quotes 128 octets of a longer packet: only RFC 4884's length tells where the labels begin."""
    header = IP(src=CLIENT[4], dst=SERVER[4]) if version == 4 else IPv6(src=CLIENT[6], dst=SERVER[6])
    long_probe = bytes(header / TCP(sport=7) / Raw(b"x" * 400))
    octets = bytearray(error(version, type_, 0, long_probe[:128] + MPLS_EXTENSION))
    octets[{4: 20, 6: 40}[version] + position] = 128 // unit
    assert quote(bytes(octets)).transport == long_probe[len(header) : 128]


@versions
def test_padding_and_labels_behind_a_short_probe_do_not_leak_into_the_quote(version: int) -> None:
    """Without RFC 4884's length, as routers older than it send them; the probe's own length is enough."""
    probe = crafted(version)
    octets = time_exceeded(version, probe.ljust(128, b"\0") + MPLS_EXTENSION)
    assert quote(octets).transport == probe[{4: 20, 6: 40}[version] :]


@pytest.mark.parametrize("length_octet", [1, 5, 255])
def test_a_length_that_would_cut_into_the_ports_is_not_believed(length_octet: int) -> None:
    octets = bytearray(time_exceeded(4, crafted(4)))
    octets[20 + 5] = length_octet
    assert quote(bytes(octets)).transport == crafted(4)[20:]


def test_a_quoted_total_length_that_ends_before_the_ports_is_not_believed() -> None:
    quoted = bytearray(crafted(4))
    quoted[2:4] = bytes(2)
    found = quote(time_exceeded(4, bytes(quoted)))
    assert (found.total_length, found.word) == (0, SEQUENCE)

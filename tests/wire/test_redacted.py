"""Is a redacted datagram still whole, the same packet to the verdict, and silent about what nobody shall read?"""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPExtension_Header, ICMPExtension_InterfaceInformation, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.packet import Packet as ScapyPacket
from scapy.packet import Raw

from pathprobe.core.packets import IcmpError, InterfaceInfo, Packet, Tcp, Udp
from pathprobe.core.probes import Flow, Kind, Probe, Role
from pathprobe.core.quotes import Change, compare
from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms
from pathprobe.wire.craft import Crafter
from pathprobe.wire.dissect import dissect
from pathprobe.wire.payloads import Payload, payload_for
from pathprobe.wire.redacted import Redactor

deterministic = settings(derandomize=True, deadline=None, max_examples=300)

PSEUDONYMS = Pseudonyms(b"k" * KEY_SIZE)
CLIENT = {4: "10.9.1.2", 6: "2001:db8:1::2"}
SERVER = {4: "10.0.0.5", 6: "2001:db8:9::5"}
ROUTER = {4: "10.9.2.2", 6: "2001:db8:2::2"}
SECRET = b"the password is swordfish"
versions = pytest.mark.parametrize("version", [4, 6])


def redacted(*datagrams: bytes) -> list[bytes]:
    """All of them in their order, by one redactor."""
    redactor = Redactor(PSEUDONYMS)
    done = [redactor.datagram(octets) for octets in datagrams]
    assert [len(one) for one in done] == [len(one) for one in datagrams]
    return done


def ip(version: int, source: str, destination: str) -> ScapyPacket:
    if version == 4:
        return IP(src=source, dst=destination, id=0x1234, ttl=9)
    return IPv6(src=source, dst=destination, fl=0x12345, hlim=9)


def outgoing(version: int, body: ScapyPacket) -> bytes:
    return bytes(ip(version, CLIENT[version], SERVER[version]) / body)


def error(version: int, quote: bytes) -> bytes:
    message = ICMP(type=11, code=0) if version == 4 else ICMPv6TimeExceeded()
    return bytes(ip(version, ROUTER[version], CLIENT[version]) / message / Raw(quote))


def read(octets: bytes) -> Packet:
    packet = dissect(octets)
    assert isinstance(packet, Packet)
    return packet


def assert_checksums_are_right(octets: bytes) -> None:
    """scapy computes them anew where they are deleted."""
    version = octets[0] >> 4
    packet = (IP if version == 4 else IPv6)(octets)
    for layer in packet.layers():
        for name in ("chksum", "cksum"):
            if name in packet[layer].fields and not packet.haslayer("IP in ICMP"):
                del packet[layer].fields[name]
    assert bytes(packet) == octets


BODIES = [
    TCP(sport=40001, dport=8080, seq=7, options=[("MSS", 1460), ("Timestamp", (5, 0))]),
    TCP(sport=40001, dport=8080, seq=7) / SECRET,
    UDP(sport=40001, dport=9) / SECRET,
    UDP(sport=40001, dport=9) / SECRET[:-1],
    UDP(sport=40001, dport=9),
]


@versions
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_checksums_are_right_afterwards_and_nothing_can_be_read(version: int, body: ScapyPacket) -> None:
    before = outgoing(version, body)
    (after,) = redacted(before)
    assert_checksums_are_right(after)
    assert not any(word in after for word in SECRET.split())
    for address in (CLIENT[version], SERVER[version]):
        assert ip_address(address).packed not in after
    assert read(after).source == PSEUDONYMS.address(CLIENT[version])
    assert read(after).total_length == read(before).total_length


@versions
def test_an_echo_of_others_is_blanked_and_ours_stays(version: int) -> None:
    message = ICMP(id=1, seq=2) / SECRET if version == 4 else ICMPv6EchoRequest(id=1, seq=2, data=SECRET)
    (after,) = redacted(outgoing(version, message))
    assert_checksums_are_right(after)
    assert SECRET[4:] not in after
    crafted = Crafter().craft(probe(version, Kind.ECHO, 0))
    (after,) = redacted(crafted)
    assert_checksums_are_right(after)
    assert read(after).transport[4:] == read(crafted).transport[4:]


def probe(version: int, kind: Kind, port: int, token: int = 0) -> Probe:
    flow = Flow(
        kind=kind, source=CLIENT[version], destination=SERVER[version], source_port=40001, destination_port=port
    )
    token = token or 40001 << 16 | 3
    return Probe(
        id=1, role=Role.TEST, flow=flow, flow_number=0, ttl=3, attempt=1, token=token, identification=0x1234
    )  # fmt: skip


@versions
def test_what_a_known_service_was_asked_can_still_be_recognised(version: int) -> None:
    crafted = Crafter().craft(probe(version, Kind.UDP, 53, token=0xBEEF))
    (after,) = redacted(crafted)
    assert_checksums_are_right(after)
    body = read(after).body
    assert isinstance(body, Udp)
    assert len(body.payload) == len(payload_for(53).octets)
    assert body.payload[2:] == payload_for(53).octets[2:]


@versions
@pytest.mark.parametrize("kept", [8, 20, 1000], ids=["RFC 792", "part of the data", "all"])
@pytest.mark.parametrize("kind", [Kind.TCP, Kind.UDP, Kind.ECHO])
def test_a_quote_differs_in_nothing_from_its_packet(version: int, kept: int, kind: Kind) -> None:
    given_payload = Crafter(payloads={9: Payload.given(SECRET)})
    sent = given_payload.craft(probe(version, kind, 0 if kind is Kind.ECHO else 9))
    header = 20 if version == 4 else 40
    told = error(version, sent[: header + kept])
    before, after = [read(sent), read(told)], list(map(read, redacted(sent, told)))
    assert SECRET[4:] not in after[0].transport
    for departed, answer in (before, after):
        assert isinstance(answer.body, IcmpError)
        assert answer.body.quote is not None
        assert answer.body.quote.source == departed.source
        assert compare(departed, answer.body.quote, expired=False).changed == ()


def test_what_a_box_changed_is_changed_still() -> None:
    sent = outgoing(4, UDP(sport=40001, dport=9) / SECRET)
    changed = bytearray(sent)
    changed[40] ^= 0x55
    rewritten = IP(bytes(changed))
    rewritten.src = "192.0.2.77"
    del rewritten.chksum
    departed, answer = map(read, redacted(sent, error(4, bytes(rewritten))))
    assert isinstance(answer.body, IcmpError)
    assert answer.body.quote is not None
    assert {Change.SOURCE_ADDRESS, Change.PAYLOAD} <= {*compare(departed, answer.body.quote, expired=False).changed}
    assert answer.body.quote.source == PSEUDONYMS.address("192.0.2.77")


def test_the_checksum_of_an_icmp_error_is_mended() -> None:
    for version, message in ((4, ICMP(type=3, code=13)), (6, ICMPv6DestUnreach(code=1))):
        sent = outgoing(version, UDP(sport=40001, dport=9) / SECRET)
        (after,) = redacted(bytes(ip(version, ROUTER[version], CLIENT[version]) / message / Raw(sent)))
        packet = (IP if version == 4 else IPv6)(after)
        layer = packet[ICMP] if version == 4 else packet[ICMPv6DestUnreach]
        name = "chksum" if version == 4 else "cksum"
        found = layer.fields[name]
        del layer.fields[name]
        assert (IP if version == 4 else IPv6)(bytes(packet))[type(layer)].fields[name] == found


def test_the_address_that_a_router_tells_of_its_interface_is_replaced_and_its_name_stays() -> None:
    told = ICMPExtension_InterfaceInformation(
        has_ifindex=1,
        ifindex=7,
        has_ipaddr=1,
        afi=1,
        ip4="10.77.0.1",
        has_ifname=1,
        ifname="\x05eth1",
        has_mtu=1,
        mtu=9000,
    )
    quote = outgoing(4, TCP(sport=40001, dport=8080, seq=7)).ljust(128, b"\0")
    octets = bytes(
        ip(4, ROUTER[4], CLIENT[4]) / ICMP(type=11, length=32) / Raw(quote + bytes(ICMPExtension_Header() / told))
    )
    (before,), (after,) = extensions(octets), extensions(*redacted(octets))
    assert isinstance(before, InterfaceInfo)
    assert before.address == "10.77.0.1"
    assert isinstance(after, InterfaceInfo)
    assert after.address == PSEUDONYMS.address("10.77.0.1")
    assert (after.name, after.index, after.mtu) == (before.name, before.index, before.mtu)


def extensions(octets: bytes) -> tuple[object, ...]:
    body = read(octets).body
    assert isinstance(body, IcmpError)
    return body.extensions


def test_tcp_options_that_may_tell_of_hosts_are_blanked_and_the_others_stay() -> None:
    options = [("MSS", 1400), ("WScale", 7), (30, b"\x03\x10" + bytes([10, 1, 2, 3])), (34, b"cookie88"), ("NOP", None)]
    (after,) = redacted(outgoing(4, TCP(sport=1, dport=2, options=options)))
    assert_checksums_are_right(after)
    body = read(after).body
    assert isinstance(body, Tcp)
    assert body.options[:7] == bytes.fromhex("02040578030307")
    assert bytes([10, 1, 2, 3]) not in after
    assert b"cookie88" not in after


def test_routes_in_ip_headers_are_replaced() -> None:
    packet = IP(src=CLIENT[4], dst=SERVER[4], options=[IPOption_RR(pointer=8, routers=["10.1.1.1", "10.1.1.2"])])
    (after,) = redacted(bytes(packet / TCP(sport=1, dport=2)))
    assert_checksums_are_right(after)
    assert IP(after).options[0].routers == [PSEUDONYMS.address(one) for one in ("10.1.1.1", "10.1.1.2")]


def test_extension_headers_of_ipv6_lose_what_they_carry() -> None:
    packet = IPv6(src=CLIENT[6], dst=SERVER[6]) / IPv6ExtHdrRouting(addresses=["2001:db8:7::7"], segleft=0)
    packet /= IPv6ExtHdrDestOpt(options=[PadN(optdata=b"abcd")])
    (after,) = redacted(bytes(packet / TCP(sport=1, dport=8080)))
    assert ip_address(PSEUDONYMS.address("2001:db8:7::7")).packed in after
    assert b"abcd" not in after
    body = read(after).body
    assert isinstance(body, Tcp)
    assert body.destination_port == 8080


def test_a_later_fragment_and_what_is_padded_behind_a_datagram_cannot_be_read() -> None:
    fragment = bytes(IP(src=CLIENT[4], dst=SERVER[4], frag=20, proto=17) / Raw(SECRET))
    fragment6 = bytes(IPv6(src=CLIENT[6], dst=SERVER[6]) / IPv6ExtHdrFragment(offset=20, nh=17) / Raw(SECRET))
    padded = outgoing(4, TCP(sport=1, dport=2)) + SECRET
    for after in redacted(fragment, fragment6, padded):
        assert SECRET[4:] not in after


def test_a_flow_label_is_replaced_for_it_may_be_made_of_the_addresses() -> None:
    first, second = redacted(*[outgoing(6, TCP(sport=1, dport=2))] * 2)
    assert first == second
    assert IPv6(first).fl not in (0, 0x12345)


@deterministic
@given(st.binary(max_size=120), st.sampled_from([b"", b"\x45", b"\x60", b"\x46\x00\x00\x50"]))
def test_any_octets_are_redacted_to_as_many(octets: bytes, start: bytes) -> None:
    redacted(start + octets)


@deterministic
@given(st.sampled_from([4, 6]), st.sampled_from(BODIES), st.integers(0, 140))
def test_a_datagram_that_is_cut_anywhere_gives_nothing_away(version: int, body: ScapyPacket, length: int) -> None:
    (after,) = redacted(outgoing(version, body)[:length])
    assert ip_address(CLIENT[version]).packed not in after
    assert SECRET[8:16] not in after

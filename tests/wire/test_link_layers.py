"""Is the IP datagram found behind every link header, and is what is none named?"""

from __future__ import annotations

from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether, Loopback
from scapy.layers.ppp import PPP, PPPoE, PPPoED
from scapy.packet import Packet as ScapyPacket

from pathprobe.wire.link_layers import Datagram, NotIp, unwrap
from tests.wire.test_captures import pcap, shown_by_tshark, shown_by_us

V4 = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP())
V6 = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP())
ETHERNET = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


def frame(layers: ScapyPacket, datagram: bytes = V4) -> bytes:
    return bytes(layers / (IP(datagram) if datagram is V4 else IPv6(datagram)))


def cooked(packet_type: int, datagram: bytes = V4, ethertype: str = "0800") -> bytes:
    return (
        packet_type.to_bytes(2, "big")
        + bytes.fromhex("0001 0006 020000000001 0000")
        + bytes.fromhex(ethertype)
        + datagram
    )


def cooked_v2(packet_type: int, datagram: bytes = V4, ethertype: str = "0800") -> bytes:
    head = bytes.fromhex(ethertype) + bytes.fromhex("0000 00000003 0001")
    return head + bytes([packet_type, 6]) + bytes.fromhex("020000000001 0000") + datagram


FOUND = [
    (1, frame(ETHERNET), V4, None),
    (1, frame(ETHERNET, V6), V6, None),
    (1, frame(ETHERNET / Dot1Q(vlan=7)), V4, None),
    (1, frame(ETHERNET / Dot1AD(vlan=7) / Dot1Q(vlan=8), V6), V6, None),
    (1, frame(ETHERNET / Dot1Q(vlan=7) / Dot1Q(vlan=8)), V4, None),
    (1, frame(ETHERNET / PPPoE(sessionid=5) / PPP(proto=0x21)), V4, None),
    (1, frame(ETHERNET / PPPoE(sessionid=5) / PPP(proto=0x57), V6), V6, None),
    (0, frame(Loopback(type=2)), V4, None),
    (0, b"\x02\x00\x00\x00" + V4, V4, None),
    (0, b"\x1e\x00\x00\x00" + V6, V6, None),
    (0, b"\x00\x00\x00\x18" + V6, V6, None),
    (108, b"\x00\x00\x00\x02" + V4, V4, None),
    (9, b"\xff\x03\x00\x21" + V4, V4, None),
    (12, V4, V4, None),
    (14, V6, V6, None),
    (101, V6, V6, None),
    (228, V4, V4, None),
    (229, V6, V6, None),
    (113, cooked(0), V4, False),
    (113, cooked(1), V4, False),
    (113, cooked(2, V6, "86dd"), V6, False),
    (113, cooked(3), V4, None),
    (113, cooked(4, V6, "86dd"), V6, True),
    (113, cooked(4, bytes.fromhex("00070800") + V4, "8100"), V4, True),
    (276, cooked_v2(0), V4, False),
    (276, cooked_v2(4, V6, "86dd"), V6, True),
    (276, cooked_v2(4, bytes.fromhex("000786dd") + V6, "8100"), V6, True),
]


@pytest.mark.parametrize(("linktype", "octets", "datagram", "outgoing"), FOUND)
def test_the_datagram_is_found_and_the_direction_if_it_is_told(
    linktype: int, octets: bytes, datagram: bytes, outgoing: bool | None
) -> None:
    assert unwrap(linktype, octets) == Datagram(datagram, outgoing)


@pytest.mark.parametrize(
    ("linktype", "octets", "what"),
    [
        (1, bytes(12) + b"\x08\x06" + bytes(28), "ARP"),
        (1, bytes(12) + b"\x81\x00\x00\x07\x08\x06" + bytes(28), "ARP"),
        (1, bytes(12) + b"\x88\xcc" + bytes(28), "LLDP"),
        (1, bytes(12) + b"\x88\x47" + bytes(28), "MPLS"),
        (1, bytes(12) + b"\x00\x26\x42\x42\x03" + bytes(35), "802.3"),
        (1, bytes(12) + b"\x12\x34", "EtherType 0x1234"),
        (1, bytes(ETHERNET / PPPoED()), "PPPoE discovery"),
        (1, bytes(ETHERNET / PPPoE() / PPP(proto=0xC021)), "PPP control"),
        (1, bytes(13), "cut in the link header"),
        (1, bytes(12) + b"\x81\x00", "802.3"),
        (113, cooked(0, ethertype="0806"), "ARP"),
        (113, bytes(15), "cut in the link header"),
        (276, bytes(19), "cut in the link header"),
        (0, b"\x00\x00\x00\x07", "address family 7"),
        (0, b"", "address family 0"),
        (127, V4, "802.11"),
        (147, V4, "link type 147"),
    ],
)
def test_what_is_no_ip_is_named(linktype: int, octets: bytes, what: str) -> None:
    assert unwrap(linktype, octets) == NotIp(what)


@pytest.mark.tools
@pytest.mark.parametrize("linktype", sorted({linktype for linktype, *_ in FOUND} - {12, 14}))
def test_wireshark_finds_the_same_datagrams_behind_each_link_header(linktype: int, tmp_path: Path) -> None:
    path = tmp_path / "it.pcap"
    path.write_bytes(pcap(*(octets for known, octets, *_ in FOUND if known == linktype), linktype=linktype))
    assert shown_by_us(path) == shown_by_tshark(path)
    assert shown_by_us(path)

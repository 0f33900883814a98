"""Is every frame of a file either handed on or counted?"""

from __future__ import annotations

import io

import pytest
from scapy.layers.inet import GRE, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN

from pathprobe.core.packets import Tcp
from pathprobe.core.sightings import Cut, FileSummary, Sighting
from pathprobe.engine.sightings import Sightings
from pathprobe.wire.captures import Capture
from tests.wire.test_captures import SECOND, pcap
from tests.wire.test_link_layers import cooked
from tests.wire.test_pcapng import block, enhanced, interface, option, section

ETHERNET = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
HOSTS = IP(src="10.0.0.1", dst="10.0.0.2")
SYN = bytes(ETHERNET / HOSTS / TCP(sport=40001, dport=8080, flags="S", options=[("MSS", 1460)]))


def read(octets: bytes, *, with_tunnels: bool = False) -> tuple[list[Sighting], FileSummary]:
    with Sightings(Capture(io.BytesIO(octets)), with_tunnels=with_tunnels) as sightings:
        return list(sightings), sightings.summary


def test_frames_keep_the_numbers_that_wireshark_gives_them() -> None:
    arp = bytes(ETHERNET / ARP())
    found, summary = read(pcap(arp, SYN, arp, SYN))
    assert [(one.number, one.time_ns // 10**9) for one in found] == [(2, SECOND + 1), (4, SECOND + 3)]
    assert summary == FileSummary(frames=4, not_ip={"ARP": 2})


GRE_PACKET = bytes(ETHERNET / HOSTS / GRE() / HOSTS / TCP())
VXLAN_PACKET = bytes(ETHERNET / HOSTS / UDP(sport=50000, dport=4789) / VXLAN(vni=7) / ETHERNET / HOSTS / TCP())


@pytest.mark.parametrize("with_tunnels", [False, True])
def test_tunnels_are_counted_and_handed_on_only_if_asked_for(with_tunnels: bool) -> None:
    found, summary = read(pcap(GRE_PACKET, SYN, VXLAN_PACKET), with_tunnels=with_tunnels)
    assert [one.number for one in found] == ([1, 2, 3] if with_tunnels else [2])
    assert summary.tunnels == {"GRE": 1, "VXLAN": 1}


def test_malformed_packets_and_later_fragments_are_counted() -> None:
    later = bytes(ETHERNET / IP(src="10.0.0.1", dst="10.0.0.2", frag=100) / TCP())
    found, summary = read(pcap(bytes(ETHERNET / HOSTS)[:20], later, SYN))
    assert [one.number for one in found] == [2, 3]
    assert (summary.malformed, summary.fragments) == (1, 1)


def test_a_syn_of_which_the_capture_kept_64_octets_has_its_ports_and_is_counted() -> None:
    (one,), summary = read(pcap(SYN, snap=54))
    assert isinstance(one.packet.body, Tcp)
    assert (one.packet.body.destination_port, one.packet.total_length, summary.snapped) == (8080, 44, 1)


def test_what_ethernet_pads_a_short_packet_with_is_no_payload() -> None:
    ack = bytes(ETHERNET / HOSTS / TCP(flags="A"))
    (one,), _ = read(pcap(ack + bytes(60 - len(ack))))
    assert len(one.packet.transport) == 20


def test_the_direction_is_the_files_or_else_the_link_layers() -> None:
    syn = SYN[14:]
    cooked_file = pcap(cooked(0, syn), cooked(4, syn), cooked(3, syn), linktype=113)
    assert [one.outgoing for one in read(cooked_file)[0]] == [False, True, None]
    inbound = option("<", 2, b"\1\0\0\0")
    described = section("<") + interface("<", option("<", 2, b"any"), linktype=113)
    told = described + enhanced("<", 0, inbound, octets=cooked(4, syn))
    assert [(one.outgoing, one.interface) for one in read(told)[0]] == [(False, "any")]


def test_a_file_that_is_cut_says_where_and_frames_without_a_time_are_counted() -> None:
    simple = block("<", 3, b"\4\0\0\0none")
    octets = section("<") + interface("<", linktype=1) + simple + enhanced("<", 0, octets=SYN)
    found, summary = read(octets + b"\6\0\0")
    assert [one.number for one in found] == [2]
    assert summary == FileSummary(
        frames=2, without_time=1, cut=Cut(offset=len(octets), reason="the file ends inside a block")
    )

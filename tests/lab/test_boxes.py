"""A box rewrites what it is about and nothing else, and what it writes has right checksums."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6TimeExceeded, IPv6
from scapy.packet import Raw, raw

from pathprobe.lab.boxes import Crossing, Rewriter, rewriter
from pathprobe.lab.network import Lab
from pathprobe.net.graph import Graph
from pathprobe.net.scenario import Box, BoxKind, Scenario, read
from tests.lab.kernel_probes import answer, chain, expired_at, is_silent

FAMILIES = pytest.mark.parametrize("family", [4, 6])


def at_r2_r3(kind: str | None, scenario: Scenario, **fields: Any) -> Rewriter:
    (link,) = (link for link in Graph(scenario).links if link.ends.name == "r2-r3")
    return rewriter(Box(on="r2-r3", kind=BoxKind(kind), **fields) if kind else None, link)


def ip(source: str, destination: str) -> Any:
    return IPv6(src=source, dst=destination) if ":" in source else IP(src=source, dst=destination, id=0xFFFF)


def parsed(octets: bytes) -> Any:
    return IPv6(octets) if octets[0] >> 4 == 6 else IP(octets)


def computed_anew(octets: bytes) -> bytes:
    """The packet with lengths and checksums by scapy."""
    packet = parsed(octets)
    body = packet.payload
    for layer, names in ((packet, ("len", "plen", "chksum")), (body, ("chksum", "cksum"))):
        for name in names:
            if name in layer.fields:
                del layer.fields[name]
    return raw(packet)


def segment(scenario: Scenario, flags: str, *, outwards: bool = True, sport: int = 40000, **fields: Any) -> bytes:
    client, target = scenario.link_address(0, "left"), scenario.destination_address
    near, far = (client, target) if outwards else (target, client)
    ports = {"sport": sport, "dport": 8080} if outwards else {"sport": 8080, "dport": sport}
    return raw(ip(near, far) / TCP(**ports, flags=flags, **fields))


def time_exceeded(scenario: Scenario, hop: int) -> bytes:
    client = scenario.link_address(0, "left")
    error = ICMPv6TimeExceeded() if scenario.family == 6 else ICMP(type=11)
    return raw(ip(scenario.hop_address(hop), client) / error / Raw(segment(scenario, "S", seq=1000)))


@FAMILIES
def test_without_a_box_everything_passes_as_it_is(family: int) -> None:
    scenario = chain(family=family)
    crossing = Crossing(segment(scenario, "S"), outwards=True)
    assert at_r2_r3(None, scenario)(crossing) == (crossing,)


MPLS_OBJECT = struct.pack("!HBB", 8, 1, 1) + bytes.fromhex("03e81101")
INTERFACE_OBJECT = struct.pack("!HBB", 16, 2, 0b00001010) + struct.pack("!LB7s", 2, 8, b"eth1")


@FAMILIES
@pytest.mark.parametrize(("kind", "expected"), [("mpls", MPLS_OBJECT), ("interface-names", INTERFACE_OBJECT)])
def test_the_router_behind_the_link_says_more_when_a_ttl_ends(kind: str, expected: bytes, family: int) -> None:
    scenario = chain(family=family)
    before = time_exceeded(scenario, 3)
    (crossing,) = at_r2_r3(kind, scenario)(Crossing(before, outwards=False))
    message = crossing.octets[20 if family == 4 else 40 :]
    quote, extension = message[8 : 8 + 128], message[8 + 128 :]
    sent = segment(scenario, "S", seq=1000)

    assert not crossing.outwards
    assert message[5] * 4 == 128 if family == 4 else message[4] * 8 == 128
    assert quote == sent + bytes(128 - len(sent))
    assert extension[:2] == b"\x20\x00"
    assert ones_complement_sum(extension) == 0xFFFF
    assert extension[4:] == expected
    assert crossing.octets == computed_anew(crossing.octets)


def ones_complement_sum(octets: bytes) -> int:
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    return (total & 0xFFFF) + (total >> 16)


@FAMILIES
@pytest.mark.parametrize("kind", ["mpls", "interface-names"])
def test_what_other_routers_say_stays_as_it_is(kind: str, family: int) -> None:
    scenario = chain(family=family)
    for octets, outwards in ((time_exceeded(scenario, 2), False), (segment(scenario, "S"), True)):
        assert at_r2_r3(kind, scenario)(Crossing(octets, outwards)) == (Crossing(octets, outwards),)


@FAMILIES
@pytest.mark.parametrize("sequence", [0, 1000, 0xFFFFFFFF])
def test_a_connection_has_other_sequence_numbers_behind_the_firewall(sequence: int, family: int) -> None:
    scenario = chain(family=family)
    firewall = at_r2_r3("sequence", scenario)
    (syn,) = firewall(Crossing(segment(scenario, "S", seq=sequence), outwards=True))
    shifted = parsed(syn.octets)[TCP].seq
    back = segment(scenario, "SA", outwards=False, seq=5, ack=(shifted + 1) % 2**32)
    (syn_ack,) = firewall(Crossing(back, outwards=False))

    assert shifted != sequence
    assert parsed(syn_ack.octets)[TCP].ack == (sequence + 1) % 2**32
    assert parsed(syn_ack.octets)[TCP].seq == 5
    assert syn.octets == computed_anew(syn.octets)
    assert syn_ack.octets == computed_anew(syn_ack.octets)


@FAMILIES
def test_each_flow_has_its_own_shift_and_keeps_it(family: int) -> None:
    scenario = chain(family=family)
    firewall = at_r2_r3("sequence", scenario)

    def shift(port: int, sequence: int) -> int:
        (syn,) = firewall(Crossing(segment(scenario, "S", sport=port, seq=sequence), outwards=True))
        return int(parsed(syn.octets)[TCP].seq - sequence) % 2**32

    assert shift(40000, 1) == shift(40000, 77)
    assert len({shift(port, 1) for port in range(40000, 40010)}) == 10


@FAMILIES
def test_the_firewall_does_not_look_into_icmp(family: int) -> None:
    scenario = chain(family=family)
    crossing = Crossing(time_exceeded(scenario, 3), outwards=False)
    assert at_r2_r3("sequence", scenario)(crossing) == (crossing,)


@FAMILIES
def test_a_tap_answers_a_syn_and_lets_it_pass(family: int) -> None:
    scenario = chain(family=family)
    syn = Crossing(segment(scenario, "S", seq=1000), outwards=True)
    passed, forged = at_r2_r3("forge-rst-race", scenario, port=8080)(syn)
    answered = parsed(forged.octets)

    assert passed == syn
    assert not forged.outwards
    assert (answered.src, answered.dst) == (scenario.destination_address, scenario.link_address(0, "left"))
    assert (str(answered[TCP].flags), answered[TCP].ack) == ("RA", 1001)
    assert forged.octets == computed_anew(forged.octets)


def test_a_tap_leaves_everything_else_alone() -> None:
    scenario = chain()
    for flags, outwards, port in (("S", True, 22), ("A", True, 8080), ("SA", False, 8080), ("S", False, 8080)):
        crossing = Crossing(segment(scenario, flags, outwards=outwards), outwards)
        assert at_r2_r3("forge-rst-race", scenario, port=port)(crossing) == (crossing,)


def test_identifications_are_others_on_the_way_out() -> None:
    scenario = chain()
    box = at_r2_r3("mangle-ipid", scenario)
    before = segment(scenario, "S")
    (crossing,) = box(Crossing(before, outwards=True))
    assert parsed(crossing.octets).id != parsed(before).id
    assert crossing.octets == computed_anew(crossing.octets)
    assert box(Crossing(before, outwards=False)) == (Crossing(before, outwards=False),)


def test_ipv6_has_no_identification() -> None:
    scenario = chain(family=6)
    crossing = Crossing(segment(scenario, "S"), outwards=True)
    assert at_r2_r3("mangle-ipid", scenario)(crossing) == (crossing,)


# --- In namespaces


def with_box(kind: str, family: int, **fields: Any) -> Scenario:
    return chain(family=family, boxes=(Box(on="r2-r3", kind=BoxKind(kind), **fields),))


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@FAMILIES
@pytest.mark.parametrize("kind", ["mpls", "interface-names", "mangle-ipid"])
def test_the_kernel_gets_along_with_a_box(kind: str, family: int) -> None:
    scenario = with_box(kind, family)
    with Lab(scenario) as lab, lab.inside("client"):
        assert answer(scenario, 3) == expired_at(scenario, 3)
        assert answer(scenario) == "syn-ack"
        assert answer(scenario, port=9) == "reset"
        assert answer(scenario, port=None) == "echo-reply"


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@FAMILIES
def test_connections_work_through_the_firewall_and_its_foreign_quotes_are_not_believed(family: int) -> None:
    scenario = with_box("sequence", family)
    with Lab(scenario) as lab, lab.inside("client"):
        assert answer(scenario) == "syn-ack"
        assert answer(scenario, port=9) == "reset"
        assert answer(scenario, 2) == expired_at(scenario, 2)
        # tcp_v4_err drops an error about a sequence number that was never sent.
        assert is_silent(scenario, 3)


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
@FAMILIES
def test_a_forged_reset_is_faster_than_the_target(family: int) -> None:
    scenario = with_box("forge-rst-race", family, port=8080)
    with Lab(scenario) as lab, lab.inside("client"):
        assert answer(scenario, 2) == expired_at(scenario, 2)
        assert answer(scenario) == "reset"


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
def test_an_extension_comes_home_whole() -> None:
    scenario = with_box("mpls", 4)
    with (
        Lab(scenario) as lab,
        lab.inside("client"),
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as listening,
    ):
        listening.settimeout(5.0)
        assert answer(scenario, 3) == expired_at(scenario, 3)
        assert listening.recv(2048).endswith(MPLS_OBJECT)


# --- In files


def test_a_network_with_a_box_can_not_be_simulated() -> None:
    text = 'summary = ""\n[[box]]\non = "r2-r3"\nkind = "mpls"\n[expect]\nstate = "open"\n'
    (scenario,) = read("x", text)
    assert scenario.boxes == (Box(on="r2-r3", kind=BoxKind.MPLS),)
    assert not scenario.is_simulable
    with pytest.raises(ValueError, match="one box on a link"):
        chain(boxes=scenario.boxes * 2)
    with pytest.raises(ValueError, match="no link 'r2-r4'"):
        chain(boxes=(Box(on="r2-r4", kind=BoxKind.MPLS),))

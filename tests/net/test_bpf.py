"""The kernel hands over what a probe can meet, and nothing else."""

from __future__ import annotations

import re
import socket
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.packet import Packet, Raw

from pathprobe.net import bpf

TARGET, ME, STRANGER = "10.0.0.5", "10.9.1.9", "10.0.0.6"
TARGET6, ME6, STRANGER6 = "fd00::5", "fd00:9:1::9", "fd00::6"

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806

# Linux: classic instructions (linux/bpf_common.h), and where a filter finds the EtherType (linux/filter.h).
_LOADS = {0x30: "!B", 0x28: "!H", 0x20: "!I"}
_INDEXED_LOADS = {0x50: "!B", 0x48: "!H"}
_LOAD_INDEX, _LOAD_HEADER_SIZE = 0x01, 0xB1
_JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _JUMP_IF_SET, _RETURN = 0x15, 0x35, 0x45, 0x06
_ETHERTYPE = 0xFFFFF000


def taken(program: bytes, packet: bytes, ethertype: int) -> int:
    """How many octets of a packet the kernel would hand over: bpf_prog_run in a few lines."""
    steps = list(struct.iter_unpack("HBBI", program))
    accumulator, index, at = 0, 0, 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == _RETURN:
            return min(value, len(packet))
        if code == _JUMP_IF_EQUAL:
            at += if_true if accumulator == value else if_false
        elif code == _JUMP_IF_AT_LEAST:
            at += if_true if accumulator >= value else if_false
        elif code == _JUMP_IF_SET:
            at += if_true if accumulator & value else if_false
        elif code == _LOAD_INDEX:
            index = value
        elif code == _LOAD_HEADER_SIZE:
            index = (packet[value] & 0x0F) * 4
        elif value == _ETHERTYPE:
            accumulator = ethertype
        else:
            layout = _LOADS.get(code) or _INDEXED_LOADS[code]
            value += index if code in _INDEXED_LOADS else 0
            if value + struct.calcsize(layout) > len(packet):
                return 0  # a load beyond the packet ends the program
            (accumulator,) = struct.unpack_from(layout, packet, value)


def v4(body: Packet, *, source: str = TARGET, destination: str = ME, **fields: object) -> bytes:
    return bytes(IP(src=source, dst=destination, **fields) / body)


def v6(body: Packet, *, source: str = TARGET6, destination: str = ME6) -> bytes:
    return bytes(IPv6(src=source, dst=destination) / body)


SYN, UDP_PACKET = TCP(sport=40001, dport=8080, flags="S"), UDP(sport=53, dport=53)
QUOTE = Raw(bytes(28))

V4 = {
    "a SYN to the target": (v4(SYN, source=ME, destination=TARGET), True),
    "TCP from the target": (v4(SYN), True),
    "TCP from the target with IP options": (v4(SYN, options=[IPOption_NOP()] * 4), True),
    "TCP from a stranger": (v4(SYN, source=STRANGER), False),
    "TCP to a stranger": (v4(SYN, source=ME, destination=STRANGER), False),
    "TCP between neighbours in number": (v4(SYN, source="10.0.0.4", destination="10.0.0.7"), False),
    "an echo reply of the target": (v4(ICMP(type=0)), True),
    "an echo request to the target": (v4(ICMP(type=8), source=ME, destination=TARGET), True),
    "a time exceeded from a router": (v4(ICMP(type=11) / QUOTE, source="10.9.2.2"), True),
    "an unreachable from a stranger": (v4(ICMP(type=3, code=13) / QUOTE, source=STRANGER), True),
    "UDP from the target": (v4(UDP_PACKET), True),
    "UDP of a stranger": (v4(UDP_PACKET, source=STRANGER), False),
    "a header without its addresses": (v4(SYN)[:14], False),
    "a header without its protocol": (v4(SYN)[:9], False),
    "nothing": (b"", False),
}

V6 = {
    "a SYN to the target": (v6(SYN, source=ME6, destination=TARGET6), True),
    "TCP from the target": (v6(SYN), True),
    "TCP from a stranger": (v6(SYN, source=STRANGER6), False),
    "TCP to a stranger": (v6(SYN, source=ME6, destination=STRANGER6), False),
    "TCP from an address that ends like the target's": (v6(SYN, source="fd01::5"), False),
    "TCP from an address that begins like the target's": (v6(SYN, source="fd00::1:5"), False),
    "an echo reply of the target": (v6(ICMPv6EchoReply()), True),
    "an echo request to the target": (v6(ICMPv6EchoRequest(), source=ME6, destination=TARGET6), True),
    "a time exceeded from a router": (v6(ICMPv6TimeExceeded() / QUOTE, source="fd00:9:2::2"), True),
    "an unreachable from a router": (v6(ICMPv6DestUnreach() / QUOTE, source="fd00:9:2::2"), True),
    "a packet too big from a router": (v6(ICMPv6PacketTooBig() / QUOTE, source="fd00:9:2::2"), True),
    "a parameter problem from a router": (v6(ICMPv6ParamProblem() / QUOTE, source="fd00:9:2::2"), True),
    "a neighbour solicitation": (v6(ICMPv6ND_NS(tgt=ME6)), False),
    "a neighbour advertisement": (v6(ICMPv6ND_NA(tgt=TARGET6)), False),
    "a multicast listener report": (v6(ICMPv6MLReport(), source=STRANGER6), False),
    "TCP of the target behind hop-by-hop options": (v6(IPv6ExtHdrHopByHop() / SYN), True),
    "TCP of the target behind destination options": (v6(IPv6ExtHdrDestOpt() / SYN), True),
    "a fragment of the target": (v6(IPv6ExtHdrFragment() / SYN), True),
    "options and TCP of a stranger": (v6(IPv6ExtHdrDestOpt() / SYN, source=STRANGER6), False),
    "UDP of a stranger": (v6(UDP_PACKET, source=STRANGER6), False),
    "a header without its addresses": (v6(SYN)[:20], False),
    "nothing": (b"", False),
}


@pytest.mark.parametrize("what", V4)
def test_of_ipv4_it_takes_icmp_and_the_target_s_tcp(what: str) -> None:
    packet, wanted = V4[what]
    assert taken(bpf.program(TARGET), packet, IPV4) == (len(packet) if wanted else 0)


@pytest.mark.parametrize("what", V6)
def test_of_ipv6_it_takes_icmp_about_probes_and_the_target_s_tcp(what: str) -> None:
    packet, wanted = V6[what]
    assert taken(bpf.program(TARGET6), packet, IPV6) == (len(packet) if wanted else 0)


@pytest.mark.parametrize(
    ("target", "ethertype", "packet"),
    [
        (TARGET, IPV6, v6(SYN)),
        (TARGET, IPV6, v4(SYN)),
        (TARGET, ARP, bytes(28)),
        (TARGET6, IPV4, v4(SYN)),
        (TARGET6, IPV4, v6(SYN)),
        (TARGET6, ARP, bytes(28)),
    ],
)
def test_other_ethertypes_are_dropped_whatever_is_in_them(target: str, ethertype: int, packet: bytes) -> None:
    assert taken(bpf.program(target), packet, ethertype) == 0


def test_a_whole_jumbo_packet_is_handed_over() -> None:
    packet = v4(SYN / Raw(bytes(65000)))
    assert taken(bpf.program(TARGET), packet, IPV4) == len(packet)


@pytest.mark.parametrize("target", [TARGET, TARGET6, "0.0.0.0", "255.255.255.255", "::", "fd00:1:2:3:4:5:6:7"])
def test_every_jump_leads_into_the_program_and_every_end_returns(target: str) -> None:
    steps = list(struct.iter_unpack("HBBI", bpf.program(target)))
    assert steps[-1][0] == steps[-2][0] == _RETURN
    for at, (code, if_true, if_false, _) in enumerate(steps):
        if code == _JUMP_IF_EQUAL:
            assert at + 1 + max(if_true, if_false) < len(steps)
        else:
            assert (if_true, if_false) == (0, 0)


@pytest.mark.parametrize("target", [TARGET, TARGET6])
def test_the_kernel_accepts_the_program(target: str) -> None:
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    with ours, theirs:
        bpf.attach(ours, bpf.program(target))
        # What comes over a Unix socket has no EtherType at all, so nothing of it passes.
        theirs.send(v4(SYN))
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(100)


def test_the_kernel_refuses_a_program_that_does_not_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(OSError, match="Invalid argument"):
        bpf.attach(ours, bpf.program(TARGET)[:-16])


PORTS = range(40_000, 40_064)
FIRST, LAST, ABOVE = (UDP(sport=53, dport=port) for port in (40_000, 40_063, 40_064))
ANSWERS = {
    "TCP to the first of our ports, from anybody": (v4(TCP(dport=40_000), source=STRANGER), True),
    "UDP to the last": (v4(LAST), True),
    "behind IP options": (v4(FIRST, options=[IPOption_NOP()] * 4), True),
    "to the port above": (v4(ABOVE), False),
    "to the port below": (v4(TCP(dport=39_999)), False),
    "from one of our ports": (v4(TCP(sport=40_000, dport=80)), False),
    "an echo reply": (v4(ICMP(type=0)), True),
    "an echo request": (v4(ICMP(type=8)), False),
    "unreachable": (v4(ICMP(type=3) / QUOTE), True),
    "time exceeded": (v4(ICMP(type=11) / QUOTE), True),
    "another protocol": (v4(Raw(bytes(20)), proto=89), False),
    "IPv6 to the first": (v6(TCP(dport=40_000)), True),
    "IPv6 to the port above": (v6(ABOVE), False),
    "an IPv6 echo reply": (v6(ICMPv6EchoReply()), True),
    "an IPv6 echo request": (v6(ICMPv6EchoRequest()), False),
    "IPv6 unreachable": (v6(ICMPv6DestUnreach() / QUOTE), True),
    "IPv6 time exceeded": (v6(ICMPv6TimeExceeded() / QUOTE), True),
    "a neighbour solicitation": (v6(ICMPv6ND_NS()), False),
    "an IPv6 extension header": (v6(IPv6ExtHdrDestOpt() / FIRST), False),
}


@pytest.mark.parametrize(("packet", "wanted"), ANSWERS.values(), ids=ANSWERS)
def test_of_very_many_pairs_the_answers_pass(packet: bytes, wanted: bool) -> None:
    ethertype = IPV6 if packet[0] >> 4 == 6 else IPV4
    assert (taken(bpf.answers_program(PORTS, 1000), packet, ethertype) > 0) is wanted
    assert taken(bpf.answers_program(PORTS, 1000), packet, ARP) == 0


def test_only_the_first_octets_are_handed_over() -> None:
    assert taken(bpf.answers_program(PORTS, 30), v4(FIRST / bytes(100)), IPV4) == 30


def behind(packet: Packet, *, version: int) -> bytes:
    """Behind a header that is longer than usual, where there is such a one."""
    return v4(packet, source=STRANGER, options=[IPOption_NOP()] * 4) if version == 4 else v6(packet)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("layer", [TCP, UDP])
@pytest.mark.parametrize(
    ("ports", "wanted"), [((PORTS[0], 80), True), ((80, PORTS[0]), True), ((PORTS[1], 80), False), ((80, 81), False)]
)
def test_for_many_targets_it_takes_what_goes_to_a_port_of_ours_or_left_it(
    version: int, layer: type[Packet], ports: tuple[int, int], wanted: bool
) -> None:
    packet = behind(layer(sport=ports[0], dport=ports[1]), version=version)
    program = bpf.port_program(version, PORTS[0])
    assert (taken(program, packet, IPV4 if version == 4 else IPV6) > 0) is wanted
    assert taken(program, packet, IPV6 if version == 4 else IPV4) == 0


@pytest.mark.parametrize(
    "what", [name for name in (*V4, *V6) if re.search("echo|exceeded|unreachable|neighbour s", name)]
)
def test_for_many_targets_it_takes_the_same_icmp(what: str) -> None:
    version, (packet, wanted) = (4, V4[what]) if what in V4 else (6, V6[what])
    assert (taken(bpf.port_program(version, PORTS[0]), packet, IPV4 if version == 4 else IPV6) > 0) is wanted


# ---- who knocks at a port, and what is said to it

KNOCK, ELSEWHERE = TCP(sport=40001, dport=8080, flags="S"), TCP(sport=40001, dport=80, flags="S")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (KNOCK, True),
        (TCP(sport=8080, dport=40001, flags="SA"), True),
        (TCP(sport=8080, dport=40001, flags="RA"), True),
        (TCP(sport=40001, dport=8080, flags="R"), True),
        (ELSEWHERE, True),
        (TCP(sport=80, dport=40001, flags="RA"), False),
        (TCP(sport=40001, dport=8080, flags="A") / Raw(b"data"), False),
        (TCP(sport=8080, dport=40001, flags="FA"), False),
        (UDP(sport=40001, dport=8080), True),
        (UDP(sport=8080, dport=40001), True),
        (UDP(sport=53, dport=53), False),
    ],
)
def test_an_arrival_filter_lets_beginnings_and_ends_through(body: Packet, expected: bool) -> None:
    program = bpf.arrivals_program(8080)
    assert bool(taken(program, v4(body), IPV4)) is expected
    assert bool(taken(program, v4(body, options=[IPOption_NOP()] * 4), IPV4)) is expected
    assert bool(taken(program, v6(body), IPV6)) is expected


@pytest.mark.parametrize(
    ("packet", "ethertype", "expected"),
    [
        (v4(ICMP(type=3, code=13) / QUOTE), IPV4, True),
        (v4(ICMP(type=8)), IPV4, True),
        (v6(ICMPv6DestUnreach() / QUOTE), IPV6, True),
        (v6(ICMPv6EchoRequest()), IPV6, True),
        (v6(ICMPv6ND_NS()), IPV6, False),
        (v4(KNOCK, frag=10), IPV4, False),
        (v4(KNOCK, flags="MF"), IPV4, True),
        (bytes(28), ARP, False),
    ],
)
def test_an_arrival_filter_lets_errors_and_echo_through(packet: bytes, ethertype: int, expected: bool) -> None:
    assert bool(taken(bpf.arrivals_program(8080), packet, ethertype)) is expected

"""The simulated network does what Linux 6.18 did with the same packets in real namespaces."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

from pathprobe.net.base import Frame
from pathprobe.net.scenario import Delay, Expectation, Hook, Match, Route, Rule, Scenario
from pathprobe.net.simulated import SimulatedNetwork

TO_THE_PORT = {"protocol": "tcp", "destination_port": 8080}
FROM_THE_PORT = {"protocol": "tcp", "source_port": 8080}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def scenario(*rules: Rule, family: int = 4, **changes: Any) -> Scenario:
    return Scenario(name="x", summary="", family=family, expect=Expectation(state="open"), rules=rules, **changes)


def rule(at: str, hook: str, action: str, **match: Any) -> Rule:
    return Rule(at=at, hook=Hook(hook), match=Match(**match or TO_THE_PORT), action=action)


def header(place: Scenario, ttl: int) -> Any:
    destination = place.destination_address
    source = destination if place.destination == "loopback" else place.link_address(0, "left")
    if place.family == 6:
        return IPv6(src=source, dst=destination, hlim=ttl)
    return IP(src=source, dst=destination, ttl=ttl, id=77, flags="DF")


def syn(place: Scenario, *, ttl: int = 64, port: int = 8080, sequence: int = 1000, content: bytes = b"") -> bytes:
    return bytes(header(place, ttl) / TCP(sport=40001, dport=port, seq=sequence, flags="S") / Raw(content))


def echo(place: Scenario, *, ttl: int = 64) -> bytes:
    request = ICMPv6EchoRequest(id=7, seq=3, data=b"abc") if place.family == 6 else ICMP(id=7, seq=3) / Raw(b"abc")
    return bytes(header(place, ttl) / request)


def conversation(place: Scenario, *probes: bytes, gap: float = 0.0, seconds: float = 10.0) -> list[Frame]:
    """What the client sees when it sends these probes, ``gap`` seconds apart, and then waits."""
    network = SimulatedNetwork(place)
    for probe in probes:
        network.advance(network.now + gap)
        network.send(probe)
    network.advance(network.now + seconds)
    return list(network.receive())


def answers(place: Scenario, *probes: bytes, **timing: float) -> list[str]:
    return [spoken(frame.octets) for frame in conversation(place, *probes, **timing) if not frame.outgoing]


def parsed(octets: bytes) -> Any:
    return IPv6(octets) if octets[0] >> 4 == 6 else IP(octets)


def spoken(octets: bytes) -> str:
    """One packet in words: ``10.9.2.2 11/0 ttl 63``, ``10.0.0.5 RA ttl 61``."""
    packet = parsed(octets)
    body = packet.payload
    if isinstance(body, TCP):
        what = str(body.flags)
    else:
        what = f"UDP from {body.sport}" if isinstance(body, UDP) else f"{body.type}/{body.code}"
    return f"{packet.src} {what} ttl {packet.hlim if packet.version == 6 else packet.ttl}"


def quoted_ttl(octets: bytes) -> int:
    return octets[40 + 8 + 7] if octets[0] >> 4 == 6 else octets[20 + 8 + 8]


# --- The path without a fault


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (4, ["10.9.1.1 11/0 ttl 64", "10.9.2.2 11/0 ttl 63", "10.9.3.2 11/0 ttl 62", "10.0.0.5 SA ttl 61"]),
        (6, ["fd00:9:1::1 3/0 ttl 64", "fd00:9:2::2 3/0 ttl 63", "fd00:9:3::2 3/0 ttl 62", "fd00::5 SA ttl 61"]),
    ],
)
def test_every_hop_answers_from_the_address_that_faces_the_client(family: int, expected: list[str]) -> None:
    place = scenario(family=family)

    assert answers(place, *(syn(place, ttl=ttl) for ttl in (1, 2, 3, 4))) == expected


@FAMILIES
def test_an_open_port_answers_and_the_clients_kernel_resets_what_it_did_not_open(family: int) -> None:
    place = scenario(family=family)
    frames = conversation(place, syn(place, sequence=0xFFFFFFFF))
    segments = [parsed(frame.octets)[TCP] for frame in frames]

    assert [frame.outgoing for frame in frames] == [True, False, True]
    assert [str(segment.flags) for segment in segments] == ["S", "SA", "R"]
    assert segments[1].ack == 0
    assert segments[1].options == [("MSS", 1460 if family == 4 else 1440)]
    assert segments[2].seq == segments[1].ack


@FAMILIES
@pytest.mark.parametrize(("sequence", "content", "acknowledged"), [(1000, b"", 1001), (0xFFFFFFFF, b"xyz", 3)])
def test_a_closed_port_resets(family: int, sequence: int, content: bytes, acknowledged: int) -> None:
    place = scenario(family=family)
    _, answer = conversation(place, syn(place, port=81, sequence=sequence, content=content))
    segment = parsed(answer.octets)[TCP]

    assert (str(segment.flags), segment.seq, segment.ack) == ("RA", 0, acknowledged)


@FAMILIES
def test_an_echo_comes_back_with_what_was_in_it(family: int) -> None:
    place = scenario(family=family)
    request, reply = conversation(place, echo(place))

    assert bytes(parsed(reply.octets).payload)[4:] == bytes(parsed(request.octets).payload)[4:]
    assert spoken(reply.octets) == f"{place.destination_address} {'0/0' if family == 4 else '129/0'} ttl 61"


@pytest.mark.parametrize(
    ("destination", "expected"),
    [("target", "10.0.0.5 SA ttl 61"), ("r2", "10.9.2.2 SA ttl 63"), ("r1", "10.9.1.1 SA ttl 64")],
)
def test_any_node_can_be_the_destination(destination: str, expected: str) -> None:
    place = scenario(destination=destination)

    assert answers(place, syn(place)) == [expected]


def test_without_routers_the_target_is_the_first_hop() -> None:
    place = scenario(routers=0)

    assert answers(place, syn(place, ttl=1)) == ["10.0.0.5 SA ttl 64"]


# --- Rules


@FAMILIES
@pytest.mark.parametrize(
    ("at", "hook", "answering"),
    [
        ("r2", "prerouting", {1}),
        ("r2", "forward", {1, 2}),
        ("r2", "postrouting", {1, 2}),
        ("r2", "egress", {1, 2}),
        ("r2", "input", {1, 2, 3, 64}),
        ("r2", "output", {1, 2, 3, 64}),
        ("target", "prerouting", {1, 2, 3}),
        ("target", "input", {1, 2, 3}),
    ],
)
def test_a_drop_silences_the_ttls_that_pass_its_hook(family: int, at: str, hook: str, answering: set[int]) -> None:
    place = scenario(rule(at, hook, "drop"), family=family)

    assert {ttl for ttl in (1, 2, 3, 64) if answers(place, syn(place, ttl=ttl))} == answering


@pytest.mark.parametrize(
    ("family", "name", "message"),
    [
        (4, "net-unreachable", "3/0"),
        (4, "host-unreachable", "3/1"),
        (4, "prot-unreachable", "3/2"),
        (4, "port-unreachable", "3/3"),
        (4, "net-prohibited", "3/9"),
        (4, "host-prohibited", "3/10"),
        (4, "admin-prohibited", "3/13"),
        (6, "no-route", "1/0"),
        (6, "admin-prohibited", "1/1"),
        (6, "addr-unreachable", "1/3"),
        (6, "port-unreachable", "1/4"),
        (6, "policy-fail", "1/5"),
        (6, "reject-route", "1/6"),
    ],
)
def test_a_reject_from_a_router_names_that_router(family: int, name: str, message: str) -> None:
    place = scenario(rule("r2", "forward", f"reject {name}"), family=family)

    assert answers(place, syn(place)) == [f"{place.hop_address(2)} {message} ttl 63"]


@FAMILIES
@pytest.mark.parametrize(
    ("at", "hook", "ttl", "quoted"),
    [
        ("r2", "prerouting", 64, 63),
        ("r2", "prerouting", 2, 1),
        ("r2", "forward", 64, 62),
        ("r2", "forward", 2, 1),  # died before the rule: time exceeded
        ("r2", "forward", 3, 1),
        ("target", "input", 64, 61),
    ],
)
def test_an_error_quotes_the_ttl_that_the_packet_had_there(
    family: int, at: str, hook: str, ttl: int, quoted: int
) -> None:
    place = scenario(rule(at, hook, "reject admin-prohibited"), family=family)
    _, answer = conversation(place, syn(place, ttl=ttl))

    assert quoted_ttl(answer.octets) == quoted


@pytest.mark.parametrize(("family", "most"), [(4, 576), (6, 1280)])
def test_an_error_quotes_all_that_fits(family: int, most: int) -> None:
    place = scenario(family=family)
    headers = 28 if family == 4 else 48
    short, long = syn(place, ttl=2), syn(place, ttl=2, content=b"x" * 1400)

    assert [len(frame.octets) for frame in conversation(place, short, long) if not frame.outgoing] == [
        headers + len(short),
        most,
    ]


@FAMILIES
@pytest.mark.parametrize(
    ("at", "hook", "ttl"), [("r2", "forward", 63), ("r2", "prerouting", 63), ("target", "input", 61)]
)
def test_a_forged_reset_bears_the_targets_address_and_the_forgers_distance(
    family: int, at: str, hook: str, ttl: int
) -> None:
    place = scenario(rule(at, hook, "reset"), family=family)
    _, answer = conversation(place, syn(place))

    assert spoken(answer.octets) == f"{place.destination_address} RA ttl {ttl}"
    assert parsed(answer.octets)[TCP].ack == 1001


def test_a_reset_rule_without_a_match_is_about_tcp_only() -> None:
    place = scenario(Rule(at="r2", hook=Hook.FORWARD, match=Match(), action="reset"))

    assert answers(place, echo(place), syn(place)) == ["10.0.0.5 RA ttl 63", "10.0.0.5 0/0 ttl 61"]


@FAMILIES
@pytest.mark.parametrize("action", ["drop", "reset", "reject admin-prohibited"])
@pytest.mark.parametrize("hook", ["prerouting", "forward"])
def test_what_stops_the_answer_on_its_way_back_stops_nothing_else(family: int, action: str, hook: str) -> None:
    place = scenario(rule("r2", hook, action, **FROM_THE_PORT), family=family)

    assert answers(place, syn(place)) == []
    assert len(answers(place, syn(place, ttl=3), syn(place, port=81), echo(place))) == 3


@FAMILIES
def test_icmp_names_mean_the_familys_own_types(family: int) -> None:
    silent_r2 = scenario(rule("r2", "output", "drop", protocol="icmp", icmp="time-exceeded"), family=family)
    no_ping = scenario(rule("target", "input", "drop", protocol="icmp", icmp="echo-request"), family=family)

    assert [len(answers(silent_r2, syn(silent_r2, ttl=ttl))) for ttl in (1, 2, 3, 64)] == [1, 0, 1, 1]
    assert answers(no_ping, echo(no_ping)) == []
    assert len(answers(no_ping, syn(no_ping))) == 1


@FAMILIES
def test_nobody_answers_an_error_with_an_error(family: int) -> None:
    place = scenario(rule("r1", "forward", "reject admin-prohibited", icmp="time-exceeded"), family=family)

    assert answers(place, syn(place, ttl=2)) == []


def test_the_simulation_knows_no_connections() -> None:
    place = scenario(rule("r2", "forward", "drop", ct_state="new"))

    assert answers(place, syn(place)) == ["10.0.0.5 SA ttl 61"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (rule("r2", "forward", "reject no-route"), "no-route"),
        (rule("r2", "forward", "accept"), "accept"),
        (rule("r2", "postrouting", "reset"), "only drop"),
        (rule("r2", "forward", "drop", protocol="sctp"), "sctp"),
    ],
)
def test_a_rule_that_nft_would_not_take_is_refused(wrong: Rule, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SimulatedNetwork(scenario(wrong))


# --- Routes and neighbours


@pytest.mark.parametrize(
    ("family", "kind", "message"),
    [
        (4, "none", "3/0"),
        (4, "unreachable", "3/1"),
        (4, "prohibit", "3/13"),
        (6, "none", "1/0"),
        (6, "unreachable", "1/0"),  # ip6_pkt_discard says "no route" for both
        (6, "prohibit", "1/1"),
    ],
)
@pytest.mark.parametrize("ttl", [2, 64])
def test_a_bad_route_is_reported_before_the_ttl_is_looked_at(family: int, kind: str, message: str, ttl: int) -> None:
    place = scenario(family=family, routes=(Route(at="r2", kind=kind),))

    assert answers(place, syn(place, ttl=ttl)) == [f"{place.hop_address(2)} {message} ttl 63"]


@FAMILIES
def test_a_blackhole_route_swallows_also_what_would_have_died_there(family: int) -> None:
    place = scenario(family=family, routes=(Route(at="r2", kind="blackhole"),))

    assert [len(answers(place, syn(place, ttl=ttl))) for ttl in (1, 2, 3, 64)] == [1, 0, 0, 0]


@FAMILIES
@pytest.mark.parametrize(
    ("kind", "error"),
    [("none", "ENETUNREACH"), ("unreachable", "EHOSTUNREACH"), ("prohibit", "EACCES"), ("blackhole", "EINVAL")],
)
@pytest.mark.parametrize("routers", [0, 3])
def test_a_bad_route_of_the_client_is_an_error_of_send(family: int, kind: str, error: str, routers: int) -> None:
    place = scenario(family=family, routers=routers, routes=(Route(at="client", kind=kind),))
    network = SimulatedNetwork(place)

    assert network.send(syn(place)) == error
    assert network.next_event() is None


@FAMILIES
def test_a_host_that_is_down_is_reported_by_the_last_router_after_three_seconds(family: int) -> None:
    place = scenario(family=family, target_up=False)
    frames = conversation(place, syn(place), echo(place), syn(place, ttl=3), gap=0.5)
    message = f"{place.hop_address(3)} {'3/1' if family == 4 else '1/3'} ttl 62"
    time_exceeded, *unreachable = [frame for frame in frames if not frame.outgoing]

    assert "/0 ttl 62" in spoken(time_exceeded.octets)
    assert [spoken(frame.octets) for frame in unreachable] == [message, message]
    assert [frame.time for frame in unreachable] == [pytest.approx(3.5003), pytest.approx(3.5003)]
    assert quoted_ttl(unreachable[0].octets) == 61


@FAMILIES
def test_a_neighbour_that_is_down_is_reported_by_the_client_to_itself(family: int) -> None:
    place = scenario(family=family, target_up=False, routers=0)
    frames = conversation(place, *[syn(place)] * 10)
    own = place.link_address(0, "left")

    assert len(frames) == 10  # the probes never left, and the limit is not about loopback
    assert {(frame.interface, frame.outgoing, frame.time) for frame in frames} == {("lo", False, 3.0)}
    assert {spoken(frame.octets) for frame in frames} == {f"{own} {'3/1' if family == 4 else '1/3'} ttl 64"}


def test_a_neighbour_is_asked_again_after_it_was_given_up() -> None:
    place = scenario(target_up=False)
    frames = conversation(place, syn(place), syn(place), gap=4.0)

    assert [frame.time for frame in frames if not frame.outgoing] == [pytest.approx(7.0003), pytest.approx(11.0003)]


# --- The kernel's limit for ICMP errors


@pytest.mark.parametrize(
    ("family", "gap", "expected"),
    [(4, 0.0, 6), (4, 0.02, 6), (4, 0.1, 8), (4, 1.0, 30), (6, 0.0, 6), (6, 0.02, 11), (6, 0.1, 30)],
)
def test_thirty_probes_to_one_router_draw_as_many_errors_as_on_linux(family: int, gap: float, expected: int) -> None:
    place = scenario(family=family)

    assert len(answers(place, *[syn(place, ttl=2)] * 30, gap=gap)) == expected


@pytest.mark.parametrize(("gap", "probes", "expected"), [(0.0, 6, 2), (0.5, 10, 3), (1.0, 8, 4)])
def test_errors_about_a_route_pay_twice_in_ipv4(gap: float, probes: int, expected: int) -> None:
    place = scenario(routes=(Route(at="r3", kind="none"),))

    assert len(answers(place, *[syn(place)] * probes, gap=gap)) == expected


@FAMILIES
def test_the_limit_is_shared_by_the_kinds_of_error_and_not_by_the_routers(family: int) -> None:
    place = scenario(rule("r2", "forward", "reject admin-prohibited"), family=family)
    probes = [syn(place, ttl=2), syn(place)] * 5

    assert len(answers(place, *probes)) == 6
    assert len(answers(place, *probes, *[syn(place, ttl=1)] * 5)) == 11


@FAMILIES
def test_an_error_that_the_routers_own_output_drops_has_been_paid_for(family: int) -> None:
    place = scenario(
        rule("r2", "output", "drop", icmp="time-exceeded"),
        rule("r2", "forward", "reject admin-prohibited"),
        family=family,
    )

    assert len(answers(place, *[syn(place, ttl=2)] * 5, *[syn(place)] * 4)) == 1


@FAMILIES
def test_resets_and_echo_replies_have_no_limit(family: int) -> None:
    place = scenario(rule("r2", "forward", "reset"), family=family)

    assert len(answers(place, *[syn(place), syn(place, port=81), echo(place)] * 10)) == 30


# --- The client


@FAMILIES
@pytest.mark.parametrize(("hook", "error"), [("output", "EPERM"), ("postrouting", "EPERM"), ("egress", None)])
def test_what_the_client_drops_does_not_go_out(family: int, hook: str, error: str | None) -> None:
    place = scenario(rule("client", hook, "drop"), family=family)
    network = SimulatedNetwork(place)

    assert network.send(syn(place)) == error
    assert network.next_event() is None
    assert network.send(syn(place, port=81)) is None
    assert [frame.outgoing for frame in network.receive()] == [True]


@pytest.mark.parametrize(
    ("action", "expected"),
    [("reject admin-prohibited", "10.9.1.9 3/13 ttl 64"), ("reset", "10.0.0.5 RA ttl 64")],
)
def test_what_the_client_refuses_itself_is_said_over_loopback(action: str, expected: str) -> None:
    place = scenario(rule("client", "output", action))
    network = SimulatedNetwork(place)

    assert network.send(syn(place)) == "EPERM"
    (frame,) = network.receive()
    assert (frame.interface, frame.outgoing, spoken(frame.octets)) == ("lo", False, expected)


@FAMILIES
@pytest.mark.parametrize("hook", ["prerouting", "input"])
def test_the_clients_input_rules_hide_nothing_from_the_packet_socket(family: int, hook: str) -> None:
    place = scenario(rule("client", hook, "drop", **FROM_THE_PORT), family=family)
    frames = conversation(place, syn(place))

    assert [spoken(frame.octets).split()[1] for frame in frames] == ["S", "SA"]  # no RST: TCP never saw the SYN-ACK


@FAMILIES
@pytest.mark.parametrize("destination", ["client", "loopback"])
def test_the_client_itself_answers_over_loopback_and_each_packet_is_seen_once(family: int, destination: str) -> None:
    place = scenario(family=family, destination=destination)
    frames = conversation(place, syn(place, ttl=1), syn(place, port=81))

    assert {frame.interface for frame in frames} == {"lo"}
    assert {parsed(frame.octets).src for frame in frames} == {place.destination_address}
    assert [(str(parsed(frame.octets)[TCP].flags), frame.outgoing) for frame in frames] == [
        ("S", True),
        ("S", True),
        ("SA", False),
        ("RA", False),
        ("R", False),
    ]


@pytest.mark.parametrize(
    ("hook", "error", "seen"),
    [("output", "EPERM", 0), ("postrouting", "EPERM", 0), ("prerouting", None, 1), ("input", None, 1)],
)
def test_loopback_passes_the_clients_rules(hook: str, error: str | None, seen: int) -> None:
    place = scenario(rule("client", hook, "drop"), destination="loopback")
    network = SimulatedNetwork(place)

    assert network.send(syn(place)) == error
    network.advance(1.0)
    assert len(list(network.receive())) == seen


@pytest.mark.parametrize(("link", "interface"), [("veth", "eth0"), ("tun", "tun0")])
def test_the_interface_is_named_after_the_link(link: str, interface: str) -> None:
    place = scenario(link=link)

    assert {frame.interface for frame in conversation(place, syn(place))} == {interface}


@settings(derandomize=True, deadline=None)
@given(octets=st.binary(max_size=60))
def test_the_network_survives_any_octets(octets: bytes) -> None:
    network = SimulatedNetwork(scenario())

    assert network.send(octets) in {"EINVAL", "ENETUNREACH", None}


@settings(derandomize=True, deadline=None)
@given(family=st.sampled_from([4, 6]), position=st.integers(min_value=0), value=st.integers(0, 255))
def test_the_network_survives_a_probe_with_any_octet_changed(family: int, position: int, value: int) -> None:
    place = scenario(rule("r2", "forward", "reset"), family=family)
    octets = bytearray(syn(place))
    octets[position % len(octets)] = value

    conversation(place, bytes(octets))


# --- Time


def test_each_link_costs_its_delay() -> None:
    place = scenario()
    frames = [frame for ttl in (1, 4) for frame in conversation(place, syn(place, ttl=ttl)) if not frame.outgoing]

    assert [frame.time for frame in frames] == [pytest.approx(100e-6), pytest.approx(400e-6)]


def test_the_clock_moves_only_when_told() -> None:
    place = scenario()
    network = SimulatedNetwork(place)
    network.send(syn(place))

    assert len(list(network.receive())) == 1
    assert list(network.receive()) == []
    assert network.now == 0.0
    network.advance(1.0)
    network.advance(0.5)
    assert network.now == 1.0


def test_next_event_is_the_time_of_the_next_frame_and_asking_changes_nothing() -> None:
    place = scenario(target_up=False)
    network = SimulatedNetwork(place, jitter=1e-3)
    probes = [syn(place, ttl=ttl) for ttl in (1, 2, 3, 64)]
    for probe in probes:
        network.send(probe)

    foretold = []
    while (upcoming := network.next_event()) is not None:
        assert network.next_event() == upcoming
        network.advance(upcoming)
        foretold += [(upcoming, frame.octets) for frame in network.receive()]

    unasked = SimulatedNetwork(place, jitter=1e-3)
    for probe in probes:
        unasked.send(probe)
    unasked.advance(10.0)
    assert foretold == [(frame.time, frame.octets) for frame in unasked.receive()]


def test_frames_come_in_the_order_of_their_times_and_jitter_follows_from_the_seed() -> None:
    place = scenario()

    def times(seed: int) -> list[float]:
        network = SimulatedNetwork(place, jitter=1e-3, seed=seed)
        for ttl in (1, 2, 3, 64):
            network.send(syn(place, ttl=ttl))
        network.advance(1.0)
        return [frame.time for frame in network.receive()]

    assert times(1) == times(1) != times(2)
    assert all(earlier <= later for earlier, later in pairwise(times(1)))


# --- Every octet of it


@FAMILIES
@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({}, ()),
        ({"destination": "loopback"}, ()),
        ({"target_up": False}, ()),
        ({"routes": (Route(at="r2", kind="prohibit"),)}, ()),
        ({}, (rule("r2", "forward", "reset"),)),
        ({}, (rule("r1", "prerouting", "reject admin-prohibited"),)),
        ({}, (rule("client", "input", "reject port-unreachable", **FROM_THE_PORT),)),
    ],
)
def test_every_checksum_and_length_is_what_scapy_makes_of_it(
    family: int, changes: dict[str, Any], rules: tuple[Rule, ...]
) -> None:
    place = scenario(*rules, family=family, **changes)
    ttls = (1, 2, 3, 4, 64)
    probes = [syn(place, ttl=ttl, content=b"x" * ttl) for ttl in ttls] + [echo(place, ttl=ttl) for ttl in ttls]
    frames = conversation(place, *probes, syn(place, ttl=2, content=b"x" * 1301), syn(place, port=81))

    assert len(frames) > len(probes)
    assert [frame.octets for frame in frames] == [_with_scapys_checksums(frame.octets) for frame in frames]


def _with_scapys_checksums(octets: bytes) -> bytes:
    packet = parsed(octets)
    for name in ("len", "chksum") if packet.version == 4 else ("plen",):
        packet.delfieldval(name)
    packet.payload.delfieldval("cksum" if packet.version == 6 and packet.nh == 58 else "chksum")
    return bytes(packet)


# --- Slow links


@FAMILIES
def test_a_slow_link_takes_its_delay_in_each_direction(family: int) -> None:
    place = scenario(family=family, delays=(Delay(on="client-r1", delay_ms=150),))
    sent, answered = conversation(place, syn(place, ttl=1))

    assert answered.time - sent.time == pytest.approx(0.3, abs=1e-3)


def test_jitter_is_each_packets_own_and_within_its_bound() -> None:
    place = scenario(delays=(Delay(on="r1-r2", delay_ms=100, jitter_ms=50),))
    round_trips = []
    for seed in range(50):
        network = SimulatedNetwork(place, link_delay=0, seed=seed)
        network.send(syn(place))
        network.advance(10.0)
        sent, answered, *_ = network.receive()
        round_trips.append(answered.time - sent.time)

    assert 0.2 <= min(round_trips) < max(round_trips) <= 0.3
    assert len(set(round_trips)) == 50


def test_a_link_that_is_not_there_has_no_delay() -> None:
    with pytest.raises(ValueError, match="no link 'r1-r3'; there are client-r1, r1-r2, r2-r3, r3-target"):
        scenario(delays=(Delay(on="r1-r3", delay_ms=1),))

"""A translated flow goes, comes back, and is complained of, with the addresses that each side knows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6TimeExceeded, IPv6

from pathprobe.net.scenario import Hook
from pathprobe.net.simulated_nat import Flow, Translations
from pathprobe.net.simulated_packets import Datagram, read
from tests.net.test_simulated import FAMILIES, answers, rule, scenario, syn
from tests.net.test_simulated_mangling import has_right_checksums

CLIENT, PUBLIC, SERVER, ROUTER = ({4: f"10.0.{number}.1", 6: f"fd00:{number}::1"} for number in range(1, 5))


def segment(family: int, source: str, destination: str, ports: tuple[int, int] = (1, 80)) -> Datagram:
    ip = IP if family == 4 else IPv6
    return read(bytes(ip(src=source, dst=destination) / TCP(sport=ports[0], dport=ports[1])))


def time_exceeded(about: Datagram, source: str) -> Datagram:
    if about.version == 4:
        return read(bytes(IP(src=source, dst=about.source) / ICMP(type=11) / IP(about.octets)))
    return read(bytes(IPv6(src=source, dst=about.source) / ICMPv6TimeExceeded() / IPv6(about.octets)))


def to_server(family: int) -> Translations:
    """A router that has passed a flow to PUBLIC on to SERVER."""
    nat = Translations()
    going = segment(family, CLIENT[family], PUBLIC[family])
    arrived = nat.apply(Hook.PREROUTING, going, lambda flow: replace(flow, destination=(SERVER[family], 8080)))
    nat.apply(Hook.POSTROUTING, arrived, unchanged)
    return nat


def as_router(family: int) -> Translations:
    """A router that has written its own address over CLIENT's."""
    nat = Translations()
    going = nat.apply(Hook.PREROUTING, segment(family, CLIENT[family], SERVER[family]), unchanged)
    nat.apply(Hook.POSTROUTING, going, lambda flow: replace(flow, source=(ROUTER[family], flow.source[1])))
    return nat


def unchanged(flow: Flow) -> Flow:
    return flow


def refuse(flow: Flow) -> Flow:
    raise AssertionError(f"{flow} is not new")


def through(nat: Translations, packet: Datagram) -> Datagram:
    """A packet of a known flow behind both hooks."""
    return nat.apply(Hook.POSTROUTING, nat.apply(Hook.PREROUTING, packet, refuse), refuse)


def ends(packet: Datagram) -> tuple[str, str]:
    return packet.source, packet.destination


@FAMILIES
def test_a_decision_holds_for_the_flow(family: int) -> None:
    for nat, expected in (
        (to_server(family), (CLIENT[family], SERVER[family])),
        (as_router(family), (ROUTER[family], SERVER[family])),
    ):
        public = PUBLIC if expected[0] == CLIENT[family] else SERVER
        again = through(nat, segment(family, CLIENT[family], public[family]))
        assert ends(again) == expected
        assert has_right_checksums(again.octets)


@FAMILIES
def test_the_answer_comes_from_whom_the_client_asked(family: int) -> None:
    answer = through(to_server(family), segment(family, SERVER[family], CLIENT[family], (8080, 1)))

    assert ends(answer) == (PUBLIC[family], CLIENT[family])
    assert answer.ports == (80, 1)
    assert has_right_checksums(answer.octets)


@FAMILIES
def test_the_answer_goes_to_whom_the_router_speaks_for(family: int) -> None:
    answer = through(as_router(family), segment(family, SERVER[family], ROUTER[family], (80, 1)))

    assert ends(answer) == (SERVER[family], CLIENT[family])


@FAMILIES
def test_an_error_quotes_the_packet_that_the_client_sent(family: int) -> None:
    translated = segment(family, CLIENT[family], SERVER[family], (1, 8080))
    error = through(to_server(family), time_exceeded(translated, ROUTER[family]))

    # Whoever it was behind the router, it answers in the name of whom the client asked.
    assert ends(error) == (PUBLIC[family], CLIENT[family])
    assert error.payload[8:] == segment(family, CLIENT[family], PUBLIC[family]).octets
    assert has_right_checksums(error.octets)


@FAMILIES
def test_an_error_behind_a_source_nat_keeps_its_sender(family: int) -> None:
    translated = segment(family, ROUTER[family], SERVER[family])
    error = through(as_router(family), time_exceeded(translated, PUBLIC[family]))

    assert ends(error) == (PUBLIC[family], CLIENT[family])
    assert error.payload[8:] == segment(family, CLIENT[family], SERVER[family]).octets


@FAMILIES
def test_an_error_about_nothing_known_is_left_alone(family: int) -> None:
    about_another_port = segment(family, CLIENT[family], SERVER[family], (1, 81))
    error = time_exceeded(about_another_port, ROUTER[family])

    assert through(to_server(family), error) == error


def test_a_copy_learns_for_itself() -> None:
    nat = Translations()
    packet = segment(4, CLIENT[4], PUBLIC[4])
    nat.copy().apply(Hook.PREROUTING, packet, unchanged)

    assert nat.decided == {}


@pytest.mark.parametrize(("at", "hops"), [("r1", 3), ("r2", 2)])
def test_all_hops_behind_a_destination_nat_have_the_address_that_was_asked(at: str, hops: int) -> None:
    place = scenario(rule(at, "prerouting", "dnat target:8080"), destination=at, served_by="target")
    said = answers(place, *(syn(place, ttl=ttl) for ttl in (1, 2, 3, 4)))

    assert [line.split()[0] for line in said[-hops:]] == [place.destination_address] * hops


@FAMILIES
def test_a_router_that_translates_says_itself_that_its_neighbour_is_gone(family: int) -> None:
    masquerade = rule("r3", "postrouting", "masquerade", protocol=None)
    place = scenario(masquerade, family=family, target_up=False)
    expired, gone = answers(place, syn(place, ttl=3), syn(place))

    assert gone.split()[0] == place.link_address(3, "left")
    assert gone.split()[-1] == expired.split()[-1]

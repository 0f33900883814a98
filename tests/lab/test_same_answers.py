"""Of the same probes a simulated and a real network make the same answers, down to the octets that an error quotes."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import TCP, UDP
from scapy.packet import Raw

from pathprobe.lab.network import Lab
from pathprobe.net.base import Frame
from pathprobe.net.raw import RawNetwork
from pathprobe.net.scenario import Route, Scenario, Service, ServiceKind
from pathprobe.net.simulated import SimulatedNetwork
from tests.net.test_simulated import FAMILIES, echo, header, parsed, rule, scenario, spoken, syn

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: Seconds. Nothing here takes long; it only bounds the wait of a failing test.
PATIENCE = 5.0

#: Neighbour discovery and multicast listener reports, which the simulation leaves out.
_BACKGROUND = {130, 131, 132, 133, 134, 135, 136, 137, 143}


def datagram(place: Scenario, *, ttl: int = 64, content: bytes = b"hello") -> bytes:
    return bytes(header(place, ttl) / UDP(sport=40001, dport=place.port) / Raw(content))


def full_syn(place: Scenario, *, ttl: int = 64) -> bytes:
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 7)]
    return bytes(header(place, ttl) / TCP(sport=40002, dport=8080, seq=1000, flags="S", options=options))


def told(octets: bytes) -> tuple[str, bytes]:
    """An answer in words, and what it quotes."""
    body = parsed(octets).payload
    is_error = octets[9 if octets[0] >> 4 == 4 else 6] in (1, 58) and body.type not in (0, 129)
    start = 20 if octets[0] >> 4 == 4 else 40
    return spoken(octets), octets[start + 8 :] if is_error else b""


@contextmanager
def raw_client(place: Scenario) -> Iterator[RawNetwork]:
    with Lab(place) as lab, lab.inside("client"):
        network = RawNetwork(place.destination_address)
        try:
            yield network
        finally:
            network.close()


def answers_of(network: RawNetwork, number: int) -> list[tuple[str, bytes]]:
    """The next ``number`` answers that arrive."""
    poll, found = select.poll(), list[tuple[str, bytes]]()
    poll.register(network.fileno(), select.POLLIN)
    while len(found) < number:
        assert poll.poll(PATIENCE * 1000), f"{len(found)} of {number} answers"
        found += [told(frame.octets) for frame in network.receive() if not frame.outgoing and not _is_background(frame)]
    return found


def _is_background(frame: Frame) -> bool:
    return frame.octets[0] >> 4 == 6 and (
        frame.octets[6] == 0 or (frame.octets[6] == 58 and frame.octets[40] in _BACKGROUND)
    )


def simulated_answers(network: SimulatedNetwork, probe: bytes) -> list[tuple[str, bytes]]:
    network.send(probe)
    network.advance(network.now + 1)
    return [told(frame.octets) for frame in network.receive() if not frame.outgoing]


def compare(place: Scenario, *probes: bytes) -> None:
    """Each probe draws the same on both; a silence on the simulated one has to be shown by what follows it."""
    simulated = SimulatedNetwork(place)
    with raw_client(place) as real:
        for probe in probes:
            expected = simulated_answers(simulated, probe)
            real.send(probe)
            assert answers_of(real, len(expected)) == expected
        # Nothing is left over: the first answer to come is that to this last probe.
        last = echo(place, ttl=1)
        real.send(last)
        assert answers_of(real, 1) == simulated_answers(simulated, last)


def tcp(place: Scenario) -> list[bytes]:
    return [*(syn(place, ttl=ttl) for ttl in (1, 2, 3, 4)), syn(place, port=81), echo(place), echo(place, ttl=2)]


@FAMILIES
@pytest.mark.parametrize(
    ("at", "hook", "action"),
    [
        ("r1", "postrouting", "snat r1"),
        ("r1", "postrouting", "masquerade"),
        ("r2", "postrouting", "masquerade"),
        ("r2", "forward", "set dscp 8"),
        ("r2", "prerouting", "set ecn 3"),
        ("r2", "forward", "set ttl 64"),
        ("r2", "prerouting", "set ttl 9"),
        ("r1", "postrouting", "set dscp 63"),
    ],
)
def test_what_r_does_to_every_packet(at: str, hook: str, action: str, family: int) -> None:
    place = scenario(rule(at, hook, action, protocol=None), family=family)
    compare(place, *tcp(place))


@FAMILIES
@pytest.mark.parametrize("action", ["set mss 1000", "set mss 65000", "strip sack-perm", "strip timestamp"])
def test_what_r1_does_to_tcp_options_shows_in_what_r2_quotes(action: str, family: int) -> None:
    place = scenario(rule("r1", "forward", action), family=family)
    compare(place, full_syn(place, ttl=2), full_syn(place, ttl=3))


@FAMILIES
@pytest.mark.parametrize("at", ["r1", "r2", "r3"])
def test_a_destination_that_passes_the_port_on_speaks_for_all_behind_it(at: str, family: int) -> None:
    passing_on = rule(at, "prerouting", "dnat target:8080")
    place = scenario(passing_on, family=family, destination=at, served_by="target")
    compare(place, *(syn(place, ttl=ttl) for ttl in (1, 2, 3, 4)), syn(place, port=81), echo(place))


@FAMILIES
def test_a_port_may_be_passed_on_to_another_one(family: int) -> None:
    passing_on = rule("r2", "prerouting", "dnat target:81")
    place = scenario(passing_on, family=family, destination="r2", served_by="target", listen=(81,))
    compare(place, syn(place, ttl=3), syn(place), syn(place, port=81))


@FAMILIES
def test_both_ends_of_a_flow_may_be_translated(family: int) -> None:
    rules = rule("r1", "prerouting", "dnat target:8080"), rule("r2", "postrouting", "masquerade", protocol=None)
    place = scenario(*rules, family=family, destination="r1", served_by="target")
    compare(place, *(syn(place, ttl=ttl) for ttl in (1, 2, 3, 4)))


@FAMILIES
@pytest.mark.parametrize("action", ["reset", "reject admin-prohibited", "drop"])
def test_every_packet_that_a_node_makes_starts_with_its_own_ttl(action: str, family: int) -> None:
    refusing = rule("r3", "forward", action, protocol="tcp", destination_port=82)
    services = (Service(port=5353, kind=ServiceKind.ANSWERS),)
    ttl = {"r1": 32, "r2": 128, "r3": 255, "target": 100}
    place = scenario(refusing, family=family, services=services, port=5353, ttl=ttl)
    compare(place, *tcp(place), syn(place, port=82), datagram(place))


@FAMILIES
@pytest.mark.parametrize("kind", ServiceKind)
def test_a_udp_service_answers_in_its_way(kind: ServiceKind, family: int) -> None:
    place = scenario(family=family, port=5353, services=(Service(port=5353, kind=kind),))
    query = bytes(DNS(id=7, qd=DNSQR(qname="example.com")))
    compare(place, datagram(place, ttl=3), datagram(place), datagram(place, content=query))


@FAMILIES
def test_a_udp_port_without_a_service_is_told_of(family: int) -> None:
    place = scenario(family=family, port=5353)
    compare(place, datagram(place, ttl=3), datagram(place))


@FAMILIES
@pytest.mark.parametrize("at", ["r2", "r3"])
def test_a_loop_is_walked_until_the_ttl_dies(at: str, family: int) -> None:
    place = scenario(routes=(Route(at=at, kind="back"),), family=family)
    compare(place, *(syn(place, ttl=ttl) for ttl in (1, 2, 3, 4, 5, 6, 64, 63)))


def test_a_syn_proxy_answers_in_the_target_s_name() -> None:
    place = scenario(rule("r2", "forward", "synproxy"), target_up=False)
    compare(place, syn(place, ttl=2), syn(place, ttl=3), syn(place))


@FAMILIES
def test_only_long_packets_may_be_stopped(family: int) -> None:
    longest = len(syn(scenario(family=family), content=bytes(100)))
    place = scenario(rule("r2", "forward", "reject admin-prohibited", length_over=longest), family=family)
    compare(place, syn(place, port=81, content=bytes(100)), syn(place, port=82, content=bytes(101)))


def test_a_sysctl_of_the_scenario_is_written() -> None:
    name = "net/ipv4/ip_default_ttl"
    place = scenario(sysctl={"r1": {name: "99"}})
    with Lab(place) as lab:
        assert lab.run("r1", ["grep", "-qx", "99", f"/proc/sys/{name}"]) == 0
        assert lab.run("r2", ["grep", "-qx", "64", f"/proc/sys/{name}"]) == 0

"""Linux spreads flows, takes another way back and measures packets, in the networks that say so."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pathprobe.lab.network import Lab
from pathprobe.net.graph import Graph
from pathprobe.net.layout import Branch, WayBack
from pathprobe.net.scenario import Hook, Match, Rule, Scenario
from tests.lab.kernel_probes import FAMILY, FULL_TTL, IcmpError, answer, chain, expired_at, is_silent, raw_tcp

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

FAMILIES = pytest.mark.parametrize("family", [4, 6])
PORTS = range(40000, 40024)


def end_icmp_limits(lab: Lab) -> None:
    """Routers say as often as they are asked that a TTL expired."""
    for node in lab.scenario.nodes:
        with lab.inside(node):
            Path("/proc/sys/net/ipv4/icmp_ratelimit").write_text("0")
            if lab.scenario.family == 6:
                Path("/proc/sys/net/ipv6/icmp/ratelimit").write_text("0")


def source(scenario: Scenario, ttl: int, port: int | None, source_port: int) -> str:
    """Who says that the TTL expired."""
    error = answer(scenario, ttl, port, source_port)
    assert isinstance(error, IcmpError)
    return error.source


@FAMILIES
@pytest.mark.parametrize("hop", [2, 3])
def test_flows_spread_over_the_branches_and_stick_to_them(family: int, hop: int) -> None:
    scenario = chain(family=family, branches=(Branch(at=f"r{hop}", width=3),))
    with Lab(scenario) as lab:
        end_icmp_limits(lab)
        with lab.inside("client"):
            first = [source(scenario, hop, 8080, port) for port in PORTS]
            assert set(first) == Graph(scenario).hop_addresses(hop)
            assert [source(scenario, hop, 8080, port) for port in PORTS[:12]] == first[:12]
            assert {answer(scenario, source_port=port) for port in PORTS} == {"syn-ack"}


@FAMILIES
def test_echo_takes_one_branch_whatever_its_identifier(family: int) -> None:
    scenario = chain(family=family, branches=(Branch(at="r2", width=4),))
    with Lab(scenario) as lab:
        end_icmp_limits(lab)
        with lab.inside("client"):
            assert len({source(scenario, 2, None, identifier) for identifier in PORTS}) == 1


def test_two_branches_choose_independently_of_each_other() -> None:
    scenario = chain(routers=5, branches=(Branch(at="r2"), Branch(at="r4")))
    with Lab(scenario) as lab:
        end_icmp_limits(lab)
        with lab.inside("client"):
            pairs = {tuple(source(scenario, ttl, 8080, port) for ttl in (2, 4)) for port in PORTS}
    assert len(pairs) == 4


@FAMILIES
@pytest.mark.parametrize("both_ways", [False, True])
def test_the_hop_behind_a_branch_has_one_name(family: int, both_ways: bool) -> None:
    scenario = chain(family=family, branches=(Branch(at="r2", both_ways=both_ways),))
    with Lab(scenario) as lab:
        end_icmp_limits(lab)
        with lab.inside("client"):
            assert {source(scenario, 3, 8080, port) for port in PORTS} == {scenario.hop_address(3)}


@FAMILIES
def test_answers_from_beyond_take_the_other_way_back(family: int) -> None:
    deaf = Rule(at="b2", hook=Hook.FORWARD, match=Match(), action="drop")
    scenario = chain(family=family, way_back=WayBack(leaves="r3", joins="r1", routers=3), rules=(deaf,))
    with Lab(scenario) as lab, lab.inside("client"):
        assert answer(scenario, 2) == expired_at(scenario, 2)
        for ttl in (3, FULL_TTL):
            assert is_silent(scenario, ttl, control_ttl=1)


def test_an_answer_has_come_as_far_as_its_way_back_is_long() -> None:
    with (
        Lab(chain(way_back=WayBack(leaves="r3", joins="r1", routers=3))) as lab,
        lab.inside("client"),
        raw_tcp(4) as listening,
    ):
        assert answer(lab.scenario) == "syn-ack"
        assert answer(lab.scenario, 3) == expired_at(lab.scenario, 3)
        ttl_byte = 8
        assert listening.recv(1024)[ttl_byte] == FULL_TTL - len(("r3", "b3", "b2", "b1", "r1"))


NARROW = {"r2-r3": 1400}
#: A UDP datagram's headers, octets.
HEADERS = {4: 20 + 8, 6: 40 + 8}
# <linux/in.h>, <linux/in6.h>; Python 3.11 does not name them.
PATH_MTU = {4: (socket.IPPROTO_IP, 14), 6: (socket.IPPROTO_IPV6, 24)}
DISCOVER = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
DO = 2


@contextmanager
def big_datagram(scenario: Scenario) -> Iterator[socket.socket]:
    """A socket that has sent 1500 octets, not to be fragmented."""
    with socket.socket(FAMILY[scenario.family], socket.SOCK_DGRAM) as asking:
        asking.setsockopt(*DISCOVER[scenario.family], DO)
        asking.connect((scenario.destination_address, 9))
        asking.send(bytes(1500 - HEADERS[scenario.family]))
        yield asking


@FAMILIES
def test_the_sender_of_a_packet_that_is_too_big_is_told(family: int) -> None:
    scenario = chain(family=family, mtu=NARROW)
    with Lab(scenario) as lab, lab.inside("client"), big_datagram(scenario) as asking:
        poll = select.poll()
        poll.register(asking, select.POLLERR)
        assert poll.poll(5000)
        assert asking.getsockopt(*PATH_MTU[family]) == 1400


@FAMILIES
def test_in_a_black_hole_nobody_is_told(family: int) -> None:
    dumb = Rule(at="r2", hook=Hook.OUTPUT, match=Match(protocol="icmp", icmp="too-big"), action="drop")
    scenario = chain(family=family, mtu=NARROW, rules=(dumb,))
    with Lab(scenario) as lab, lab.inside("client"), big_datagram(scenario) as asking:
        assert answer(scenario, 2) == expired_at(scenario, 2)
        assert answer(scenario) == "syn-ack"
        assert asking.getsockopt(*PATH_MTU[family]) == 1500

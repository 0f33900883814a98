"""A machine that has used up its ICMP has none to spare, on a real network as on the simulated one."""

from __future__ import annotations

import pytest

from pathprobe.lab.network import Lab
from pathprobe.net.raw import RawNetwork
from pathprobe.net.simulated import SimulatedNetwork
from tests.lab.test_same_answers import answers_of
from tests.net.test_simulated import FAMILIES, echo, scenario, spoken, syn


@FAMILIES
def test_a_simulated_router_that_was_asked_a_moment_ago_says_nothing(family: int) -> None:
    place = scenario(used_up=("r2",), family=family)
    network = SimulatedNetwork(place)
    for ttl in (1, 2, 3):
        network.send(syn(place, ttl=ttl))
    network.advance(network.now + 0.05)
    heard = [frame for frame in network.receive() if not frame.outgoing]
    assert [spoken(frame.octets).split()[0] for frame in heard] == [place.hop_address(1), place.hop_address(3)]


@FAMILIES
def test_it_has_one_to_spare_when_its_limit_gives_one_back(family: int) -> None:
    place = scenario(used_up=("r2",), family=family)
    network = SimulatedNetwork(place)
    network.advance(network.now + 1.01)
    network.send(syn(place, ttl=2))
    network.advance(network.now + 0.01)
    assert [frame for frame in network.receive() if not frame.outgoing] != []


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
def test_a_real_router_that_was_asked_a_moment_ago_says_nothing() -> None:
    # Of IPv4, whose limit gives one back after a whole second.
    place = scenario(used_up=("r2",))
    with Lab(place) as lab, lab.inside("client"):
        network = RawNetwork(place.destination_address)
        try:
            network.send(syn(place, ttl=2))
            network.send(syn(place, ttl=3))
            network.send(echo(place))
            heard = [words for words, _ in answers_of(network, 2)]
        finally:
            network.close()
    assert heard == ["10.9.3.2 11/0 ttl 62", "10.0.0.5 0/0 ttl 61"]


def test_a_machine_off_the_chain_is_not_asked() -> None:
    with pytest.raises(ValueError, match="'client' is not on the chain"):
        scenario(used_up=("client",))

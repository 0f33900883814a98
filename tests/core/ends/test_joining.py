"""Is every packet joined with itself at the other end, and with no other?"""

from __future__ import annotations

import pytest

from pathprobe.core.ends.conversations import conversations
from pathprobe.core.ends.joining import Joined, join
from tests.core.ends.two_ends import (
    ACK,
    ISN,
    Box,
    Network,
    after_another,
    answer_to,
    datagram,
    destination_nat,
    sequence_shift,
    source_nat,
    syn,
    tcp,
)


def joined(network: Network) -> tuple[Joined, ...]:
    return join(conversations(network.client), conversations(network.server))


def numbers(network: Network) -> list[tuple[int, int]]:
    """Which packet of the client's capture is which of the server's."""
    pairs = (pair for one in joined(network) for pair in one.pairs)
    return sorted((pair.client.number, pair.server.number) for pair in pairs)


@pytest.mark.parametrize(
    "box",
    [
        source_nat(),
        source_nat(port=1025),
        destination_nat(),
        sequence_shift(),
        sequence_shift(0xFFFF_FFFF - ISN),  # wraps
        after_another(source_nat(), sequence_shift()),
        after_another(source_nat(port=1025), destination_nat()),
        after_another(source_nat(), destination_nat(), sequence_shift()),
    ],
)
def test_packets_are_joined_through_boxes(box: Box) -> None:
    network = Network(box=box)
    network.handshake(identification=40)
    network.there(tcp(ACK, sequence=ISN + 1, identification=41, octets=10))
    assert numbers(network) == [(1, 1), (2, 2), (3, 3)]


def test_connections_of_the_same_millisecond_are_told_apart() -> None:
    network = Network(box=source_nat())
    for port in (8080, 8081, 8082):
        network.there(syn(ports=(40000 + port, port), sequence=ISN + port, identification=port), lost=port == 8081)
    assert numbers(network) == [(1, 1), (3, 2)]


def test_a_scanner_that_gives_all_its_syns_one_number_is_joined_by_port() -> None:
    network = Network(box=source_nat())
    for port in range(1, 40):
        network.there(syn(ports=(50000, port), clock=None, identification=7), lost=port % 3 == 0)
    ports = {
        (one.client.flow.destination_port, one.server.flow.destination_port)
        for one in joined(network)
        if one.client and one.server
    }
    assert ports == {(port, port) for port in range(1, 40) if port % 3}


def test_repetitions_are_told_apart_by_their_ip_id() -> None:
    network = Network()
    for number, lost in enumerate((True, False, True, False)):
        network.there(syn(identification=10 + number, clock=None), lost=lost)
        network.wait(1)
    assert numbers(network) == [(2, 1), (4, 2)]


def test_the_same_ports_at_another_time_are_another_conversation() -> None:
    network, later = Network(), Network()
    network.there(syn(identification=1))
    later.there(syn(sequence=ISN + 99, identification=2, clock=9999))
    later.there(tcp(ACK, sequence=ISN + 100, identification=3))
    network.server = later.server
    assert numbers(network) == []


def test_datagrams_with_nothing_to_tell_them_by_are_joined_in_their_order() -> None:
    network = Network()
    for _ in range(3):
        network.there(datagram(b"", identification=0))
        network.wait(1)
    assert numbers(network) == [(1, 1), (2, 2), (3, 3)]


def test_a_packet_that_a_bridge_and_its_port_both_show_is_one() -> None:
    network = Network()
    arrived = network.there(syn(identification=9))
    again = network.server[-1]
    network.server.append(type(again)(number=2, time_ns=again.time_ns + 1000, packet=arrived, interface="br0"))
    (conversation,) = conversations(network.server)
    assert len(conversation.there) == 1


def test_who_sent_the_syn_asked_whatever_the_ports_are() -> None:
    network = Network()
    network.handshake(ports=(80, 60000))
    (conversation,) = conversations(network.client)
    assert (conversation.flow.source_port, conversation.flow.destination_port) == (80, 60000)


def test_without_a_handshake_the_ephemeral_port_asked() -> None:
    network = Network()
    network.home(answer_to(syn(), ACK))
    (conversation,) = conversations(network.client)
    assert conversation.flow.destination_port == 8080

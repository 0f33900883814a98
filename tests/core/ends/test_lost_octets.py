"""Which data never arrived, and is it its size?"""

from __future__ import annotations

import pytest

from pathprobe.core.ends.conversations import conversations
from pathprobe.core.ends.joining import join
from pathprobe.core.ends.lost_octets import LostData, lost_data
from pathprobe.core.packets import Packet
from pathprobe.core.report import Claim, State
from tests.core.ends.two_ends import (
    ACK,
    CLIENT,
    ISN,
    PORT,
    SERVER,
    SERVERS_ISN,
    SOURCE_PORT,
    Box,
    Network,
    sequence_shift,
    tcp,
    unchanged,
)


def established(isn: int = ISN, box: Box = unchanged) -> Network:
    network = Network(box=box)
    network.handshake(sequence=isn)
    return network


def data(start: int, octets: int, *, isn: int = ISN, identification: int = 0, back: bool = False) -> Packet:
    """Octets of a connection, from ``start`` on."""
    ends = {"source": SERVER, "destination": CLIENT, "ports": (PORT, SOURCE_PORT)} if back else {}
    sequence = (SERVERS_ISN if back else isn) + 1 + start & 0xFFFFFFFF
    return tcp(ACK, sequence=sequence, octets=octets, identification=identification, **ends)


def found(network: Network) -> list[LostData]:
    joined = join(conversations(network.client), conversations(network.server))
    return [one for each in joined for one in lost_data(each)]


def test_data_that_arrives_at_last_is_not_lost() -> None:
    network = established()
    network.there(data(0, 1000, identification=1), lost=True)
    network.there(data(0, 1000, identification=2))
    assert found(network) == []


@pytest.mark.parametrize("isn", [ISN, 0xFFFF_FFFF - 500])
@pytest.mark.parametrize("box", [unchanged, sequence_shift()])
def test_octets_that_were_repeated_and_never_arrived_are_lost(isn: int, box: Box) -> None:
    network = established(isn, box)
    network.there(data(0, 100, isn=isn, identification=1))
    for number in range(3):
        network.there(data(100, 1400, isn=isn, identification=2 + number), lost=True)
    (lost,) = found(network)
    assert (lost.forward, lost.octets, lost.ranges, lost.tries) == (True, 1400, ((100, 1500),), 3)
    assert (lost.smallest_lost, lost.largest_passed, lost.is_about_size) == (1440, 140, True)


def test_what_a_card_sent_in_pieces_arrived_all_the_same() -> None:
    network = established()
    network.seen_by_client(data(0, 4000, identification=1), outgoing=True)
    for number in range(4):
        network.seen_by_server(data(1000 * number, 1000, identification=1 + number), after=1000)
    assert found(network) == []


def test_a_card_that_splits_hides_the_size_on_the_wire_and_the_mss_tells_it() -> None:
    network = established()
    network.there(data(0, 100, identification=1))
    for number in range(2):
        network.there(data(100, 40_000, identification=2 + number), lost=True)
    (lost,) = found(network)
    assert lost.smallest_lost == 1500


def test_small_packets_that_are_lost_too_are_not_about_size() -> None:
    network = established()
    network.there(data(0, 1400, identification=1))
    for number in range(2):
        network.there(data(1400, 10, identification=2 + number), lost=True)
    (lost,) = found(network)
    assert not lost.is_about_size


def test_data_may_be_lost_on_the_way_back_alone() -> None:
    network = established()
    network.there(data(0, 100, identification=1))
    for number in range(2):
        network.home(data(0, 1400, identification=5 + number, back=True), lost=True)
    (lost,) = found(network)
    assert (lost.forward, lost.octets) == (False, 1400)


def test_the_last_octets_of_a_capture_may_still_be_under_way() -> None:
    network = established()
    network.there(data(0, 100, identification=1))
    network.there(data(100, 100, identification=2), lost=True)
    assert found(network) == []


def test_lost_data_leaves_the_port_open_and_is_told() -> None:
    network = established()
    network.there(data(0, 100, identification=1))
    for number in range(2):
        network.there(data(100, 1400, identification=2 + number), lost=True)
    verdict = network.result().verdict
    assert verdict.state is State.OPEN
    assert Claim.LARGE_DATA_LOST in {reason.claim for reason in verdict.reasons}

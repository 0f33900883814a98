"""Is the offset of two clocks found, with an error that it keeps?"""

from __future__ import annotations

import pytest

from pathprobe.core.ends.clocks import Clocks, read_clocks
from pathprobe.core.ends.conversations import conversations
from pathprobe.core.ends.joining import join
from tests.core.ends.two_ends import DELAY, SECOND, Network, ping


def clocks(network: Network) -> Clocks | None:
    joined = join(conversations(network.client), conversations(network.server))
    return read_clocks(pair for one in joined for pair in one.pairs)


@pytest.mark.parametrize("offset", [0, 1, -1, 86400 * SECOND, -3 * SECOND + 7])
def test_equal_ways_give_the_offset_exactly(offset: int) -> None:
    network = Network(offset=offset)
    network.pings(1, 2)
    found = clocks(network)
    assert found is not None
    assert (found.main.offset_ns, found.main.error_ns) == (offset, DELAY)


def test_the_error_is_half_of_the_round_trip_and_holds_where_the_ways_differ() -> None:
    network = Network(offset=5 * SECOND, back=5 * DELAY)
    network.pings(1)
    found = clocks(network)
    assert found is not None
    span = found.main
    assert span.error_ns == 3 * DELAY
    assert abs(span.offset_ns - 5 * SECOND) <= span.error_ns


def test_the_fastest_packets_count_and_a_queue_does_not() -> None:
    network = Network(offset=5 * SECOND)
    network.there(ping(1), delay=40 * DELAY)
    network.pings(2)
    network.there(ping(3), delay=90 * DELAY)
    found = clocks(network)
    assert found is not None
    assert (found.main.offset_ns, len(found.spans)) == (5 * SECOND, 1)
    assert found.forward is not None
    assert (found.forward.least, found.forward.most) == (0.01, 0.9)


@pytest.mark.parametrize("step", [10 * SECOND, -10 * SECOND])
def test_a_clock_that_is_set_begins_a_new_span(step: int) -> None:
    network = Network(offset=SECOND)
    network.pings(1, 2, 3)
    network.offset += step
    network.pings(4, 5)
    found = clocks(network)
    assert found is not None
    assert [span.offset_ns for span in found.spans] == [SECOND, SECOND + step]
    assert found.at(network.now).offset_ns == SECOND + step


def test_one_direction_alone_gives_no_error() -> None:
    network = Network(offset=SECOND)
    network.there(ping(1))
    found = clocks(network)
    assert found is not None
    assert (found.main.offset_ns, found.main.error_ns, found.back) == (SECOND + DELAY, None, None)


def test_nothing_in_common_says_nothing_of_the_clocks() -> None:
    network = Network()
    network.there(ping(1), lost=True)
    assert clocks(network) is None

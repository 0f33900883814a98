"""A link of ours keeps packets for as long as it says, and no more of them than it has room for."""

from __future__ import annotations

from random import Random

import pytest

from pathprobe.lab.tun import _MOST_UNDER_WAY, _UnderWay
from pathprobe.net.scenario import Delay

SLOW = Delay(on="client-r1", delay_ms=100)


def test_without_a_delay_a_packet_arrives_at_once() -> None:
    link = _UnderWay(None)
    link.add(5.0, 1, b"packet")
    assert link.arrived(5.0) == [(1, b"packet")]
    assert link.milliseconds_to_next(5.0) is None


def test_a_packet_arrives_after_the_delay_and_not_before() -> None:
    link = _UnderWay(SLOW)
    link.add(5.0, 1, b"first")
    link.add(5.0, 2, b"second")
    assert link.milliseconds_to_next(5.0) == pytest.approx(100.0)
    assert link.arrived(5.09) == []
    assert link.arrived(5.1) == [(1, b"first"), (2, b"second")]


def test_jitter_lets_packets_overtake_each_other() -> None:
    link = _UnderWay(Delay(on="client-r1", delay_ms=100, jitter_ms=50), Random(1))
    sent = [(1, bytes([number])) for number in range(100)]
    for destination, packet in sent:
        link.add(0.0, destination, packet)
    early, late = link.arrived(0.125), link.arrived(0.15)
    assert early
    assert late
    assert early + late != sent
    assert sorted(early + late) == sent


def test_a_link_that_is_full_loses_what_comes_next() -> None:
    link = _UnderWay(SLOW)
    for _ in range(_MOST_UNDER_WAY + 1):
        link.add(0.0, 1, b"packet")
    assert len(link.arrived(1.0)) == _MOST_UNDER_WAY

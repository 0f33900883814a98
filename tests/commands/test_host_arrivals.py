"""``host PORT --watch-arrivals``: the exit status, and the document for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pathprobe.commands.host_arrivals import document, status_of
from pathprobe.core.arrivals.facts import Dropped, Seen
from pathprobe.engine.arrival_capture import ArrivalCapture
from pathprobe.engine.sightings import open_sightings
from pathprobe.net.doorstep import Passing
from pathprobe.output.arrival_words import packet_comment
from tests.core.arrivals.packets import SECOND, answer, comes, dropped, leaves, refusal, reset, syn
from tests.output.test_arrivals import watched

FIRST, SECOND_SYN = comes(syn(1)), comes(syn(2))


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([], 6),
        ([FIRST], 6),
        ([FIRST, leaves(answer(1))], 0),
        ([FIRST, SECOND_SYN, leaves(answer(1))], 6),
        ([FIRST, SECOND_SYN, leaves(answer(1)), leaves(reset(2))], 3),
        ([FIRST, SECOND_SYN, leaves(reset(1)), dropped(syn(2))], 4),
        ([FIRST, SECOND_SYN, leaves(answer(1)), leaves(refusal(syn(2)))], 4),
        ([FIRST, dropped(answer(1))], 4),
    ],
)
def test_the_worst_arrival_decides_the_status(facts: Sequence[Seen | Dropped], status: int) -> None:
    assert status_of(watched(*facts)) == status


def test_an_interrupted_watch_has_its_own_status() -> None:
    assert status_of(replace(watched(FIRST, leaves(answer(1))), complete=False)) == 130


def test_the_document_is_of_the_layer_commands_schema() -> None:
    found = json.loads(json.dumps(document(watched(FIRST), None)))
    assert found["schema"] == "pathprobe-layers/1"
    assert found["target"] == {"given": "8080/tcp", "address": None, "port": 8080, "protocol": "tcp", "from": None}
    assert (found["started"], found["duration_s"], found["capture"]) == ("1970-01-01T00:00:00.000Z", 10.0, None)
    assert found["conclusion"]["summary"] == found["arrivals"]["summary"]
    assert len(found["arrivals"]["attempts"]) == 1


def test_a_capture_holds_every_packet_and_says_which_attempt_it_is(tmp_path: Path) -> None:
    path = tmp_path / "server.pcapng"
    capture = ArrivalCapture(path, packet_comment, application="pathprobe 0", command="pathprobe host 8080")
    datagram = bytes.fromhex("4500001c00000000401100000a0901090a000005 9c411f9000080000")
    passing = Passing(time_ns=SECOND, octets=datagram, interface="eth0", outgoing=False, looped=False)
    capture.keep(passing, FIRST, 1)
    capture.keep(passing, FIRST, None)
    capture.finish(0, 2 * SECOND, ["it was dropped"])
    assert b"attempt 1: SYN arrives" in path.read_bytes()
    assert b"it was dropped" in path.read_bytes()
    with open_sightings(path) as sightings:
        assert [one.interface for one in sightings] == ["eth0", "eth0"]
    assert (capture.packets, sightings.facts.started_ns, sightings.facts.ended_ns) == (2, 0, 2 * SECOND)


def test_a_capture_that_cannot_be_written_says_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        ArrivalCapture(tmp_path / "no" / "x.pcapng", packet_comment, application="", command="")
    assert raised.value.filename == str(tmp_path / "no" / "x.pcapng")

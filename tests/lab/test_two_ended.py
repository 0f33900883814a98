"""A real network, captured at both ends while pathprobe asks: do both captures together name what was built into it?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pathprobe.core.ends.fate import Fate
from pathprobe.core.quotes import Change
from pathprobe.core.report import Direction, State, Where
from pathprobe.engine.diagnose import Options, diagnose
from pathprobe.engine.two_ended import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import question
from pathprobe.lab.network import Lab
from tests.engine.runs import recorder
from tests.lab.taps import Tap

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: Nanoseconds that the server's clock is ahead: a day and a bit.
AHEAD = 100_000 * 1_000_000_000

#: Nanoseconds by which the tap's thread may be late to take a time.
SCHEDULER = 1_000_000_000


def captured(name: str, folder: Path) -> tuple[Path, Path]:
    """The client's capture, written by pathprobe, and the server's."""
    scenario, client, server = catalogue.load(name), folder / "client.pcapng", folder / "server.pcapng"
    keeper = recorder(client)
    with Lab(scenario) as lab:
        with lab.inside(scenario.serving):
            tap = Tap(server, ahead=AHEAD)
        with tap, lab.inside("client"):
            result, _ = asyncio.run(diagnose(question(scenario), Options(), asyncio.Event(), recorder=keeper))
    keeper.finish((result,))
    return client, server


@pytest.mark.parametrize(
    ("name", "fate", "state", "where", "direction"),
    [
        ("drop-r2-forward", Fate.NEVER_ARRIVED, State.FILTERED, Where.PATH, Direction.FORWARD),
        ("drop-target", Fate.SERVER_SILENT, State.FILTERED, Where.TARGET, Direction.FORWARD),
        ("drop-return-r2", Fate.ANSWER_LOST, State.FILTERED, Where.PATH, Direction.RETURN),
        ("reset-r2-forward", Fate.FORGED, State.FILTERED, Where.PATH, Direction.FORWARD),
        ("masquerade-r2-open", Fate.ANSWERED, State.OPEN, Where.TARGET, None),
    ],
)
def test_both_ends_name_the_fault_that_was_built_in(
    name: str, fate: Fate, state: State, where: Where, direction: Direction | None, tmp_path: Path
) -> None:
    client, server = captured(name, tmp_path)
    found = analyze(client, server)
    (result,) = found.results
    ends, location = result.both_ends, result.verdict.location
    assert ends is not None
    assert ends.clocks is not None
    assert (ends.fate, result.verdict.state, location.where, location.direction) == (fate, state, where, direction)
    assert abs(ends.clocks.main.offset_ns - AHEAD) < SCHEDULER
    assert (result.verdict.distance, found.swapped) == (4, False)
    assert analyze(server, client).swapped
    if name == "drop-r2-forward":
        assert (location.last_good.ttl, location.first_bad.ttl) == (2, 3)
    if name == "reset-r2-forward":
        assert location.device is not None
        assert location.device.ttl == 2
    if name == "masquerade-r2-open":
        assert {box.what for box in result.middleboxes} == {Change.SOURCE_ADDRESS}

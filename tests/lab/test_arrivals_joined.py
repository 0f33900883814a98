"""The server's watcher writes a capture, the client's pathprobe another: do both together name what the server did?"""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from pathprobe.core.arrivals.facts import Fate as Arrived
from pathprobe.core.arrivals.facts import Watched
from pathprobe.core.ends.fate import Fate
from pathprobe.core.report import Mechanism, State, Where
from pathprobe.engine.arrival_capture import ArrivalCapture
from pathprobe.engine.arrivals import Watching, watch
from pathprobe.engine.diagnose import Options, diagnose
from pathprobe.engine.two_ended import analyze
from pathprobe.lab import catalogue
from pathprobe.lab.ask import question
from pathprobe.lab.network import Lab
from pathprobe.output import arrival_words, arrivals
from tests.engine.runs import recorder

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

LONGEST = 60.0


class Watcher(threading.Thread):
    """Watches at one node of a lab, with a capture, from start() until stop()."""

    def __init__(self, lab: Lab, what: Watching, path: Path) -> None:
        super().__init__(name="watcher", daemon=True)
        self.is_ready = threading.Event()
        self.watched: Watched | None = None
        self._lab, self._what, self._path = lab, what, path
        self._reader, self._writer = os.pipe()

    def run(self) -> None:
        capture = ArrivalCapture(
            self._path, arrival_words.packet_comment, application="pathprobe 0", command="pathprobe"
        )
        with self._lab.inside(self._lab.scenario.serving):
            self.watched = watch(self._what, ready=self.is_ready.set, stop=self._reader, capture=capture)
        capture.finish(self.watched.started_ns, self.watched.ended_ns, [arrivals.conclusion(self.watched)])

    def stop(self) -> Watched:
        os.write(self._writer, b"x")
        self.join()
        os.close(self._reader)
        os.close(self._writer)
        assert self.watched is not None
        return self.watched


@pytest.mark.parametrize(
    ("name", "arrived", "fate", "state", "mechanism"),
    [
        ("drop-target", {Arrived.DROPPED, Arrived.UNANSWERED}, Fate.SERVER_SILENT, State.FILTERED, Mechanism.DROP),
        ("open", {Arrived.ANSWERED}, Fate.ANSWERED, State.OPEN, Mechanism.ANSWER),
        ("closed", {Arrived.RESET}, Fate.REFUSED, State.CLOSED, Mechanism.RESET),
        ("udp-closed", {Arrived.REFUSED}, Fate.REFUSED, State.CLOSED, Mechanism.REJECT),
    ],
)
def test_analyze_joins_the_watchers_capture_with_the_clients(
    name: str, arrived: set[Arrived], fate: Fate, state: State, mechanism: Mechanism, tmp_path: Path
) -> None:
    scenario, client, server = catalogue.load(name), tmp_path / "client.pcapng", tmp_path / "server.pcapng"
    keeper = recorder(client)
    what = Watching(protocol=scenario.protocol, port=scenario.port or 0, seconds=LONGEST)
    with Lab(scenario) as lab:
        watcher = Watcher(lab, what, server)
        watcher.start()
        assert watcher.is_ready.wait(LONGEST)
        with lab.inside("client"):
            result, _ = asyncio.run(diagnose(question(scenario), Options(), asyncio.Event(), recorder=keeper))
        watched = watcher.stop()
    keeper.finish((result,))
    assert {one.fate for one in watched.attempts} <= arrived
    assert watched.attempts
    found = analyze(client, server)
    (joined,) = found.results
    assert joined.both_ends is not None
    verdict = joined.verdict
    assert (joined.both_ends.fate, verdict.state, verdict.mechanism) == (fate, state, mechanism)
    assert (verdict.location.where, found.swapped) == (Where.TARGET, False)
    assert analyze(server, client).swapped

"""How do scenarios become capture fixtures?

``DIR/NAME/capture.pcapng`` is what a live run in the lab recorded, ``expected.json`` the verdict of the
scenario with the addresses of its network.
"""

from __future__ import annotations

import json
from pathlib import Path

from pathprobe.core.report import Result
from pathprobe.engine.recorder import Recorder, Words
from pathprobe.lab.ask import Difference, ask_live, differences
from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Scenario

CAPTURE, EXPECTED = "capture.pcapng", "expected.json"


def recorded(directory: Path) -> tuple[str, ...]:
    """The fixtures that a directory holds already, by name."""
    return tuple(sorted(path.parent.name for path in directory.glob(f"*/{EXPECTED}")))


def record(scenario: Scenario, directory: Path, words: Words, application: str) -> tuple[Difference, ...]:
    """Run one scenario live and keep it; what was wrong with the verdict, in which case nothing is kept."""
    folder = directory / scenario.name
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{CAPTURE}"
    recorder = Recorder(fresh, words, application=application, command=" ".join(("pathprobe", *scenario.arguments)))
    with Lab(scenario) as lab:
        result = ask_live(lab, recorder=recorder)
    recorder.finish((result,))
    wrong = differences(scenario, result)
    if wrong:
        fresh.unlink()
        return wrong
    fresh.replace(folder / CAPTURE)
    (folder / EXPECTED).write_text(json.dumps(expected(scenario, result), indent=2) + "\n", "utf-8")
    return ()


def expected(scenario: Scenario, result: Result) -> dict[str, object]:
    """The verdict that the capture must give, as ``analyze --json`` shows it."""
    location, verdict = result.verdict.location, result.verdict
    places = {"last_good": location.last_good, "first_bad": location.first_bad, "device": location.device}
    return {
        "scenario": scenario.name,
        "summary": scenario.summary,
        "state": verdict.state,
        "mechanism": verdict.mechanism,
        "where": location.where,
        "direction": location.direction,
        **{name: place and {"ttl": place.ttl, "address": place.address} for name, place in places.items()},
        "distance": verdict.distance,
    }

"""Which layers does a diagnosis look at, and what is left of it when somebody interrupts it?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pathprobe.commands import diagnose_rows
from pathprobe.commands.diagnose_rows import Looked, Sources, looked, opened
from pathprobe.core.layers import LayerName, Status
from pathprobe.core.report import Result
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated


@pytest.fixture(scope="module")
def dropped() -> Result:
    return ask_simulated(catalogue.load("drop-target"))


def look(result: Result, sources: Sources, *, goes_on: bool = True) -> Looked:
    return looked(result.target, result, opened(sources, result.target), goes_on=goes_on)


def statuses(found: Looked) -> dict[LayerName, Status]:
    return {row.name: row.status for row in found.layers}


def test_an_interrupt_leaves_what_was_found_by_then(dropped: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnose_rows, "_over_ssh", interrupted)
    found = look(dropped, Sources(ssh="root@10.0.0.5"))
    assert not found.complete
    assert statuses(found)[LayerName.CONNECTIVITY] is Status.FAIL
    assert [row.summary for row in found.layers if row.name is LayerName.FIREWALL] == ["not looked at: interrupted"]
    assert len(found.layers) == 7


def test_after_interrupted_probes_nobody_else_is_asked(dropped: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose_rows, "_over_ssh", lambda *_: pytest.fail("asked over ssh"))
    found = look(dropped, Sources(ssh="root@10.0.0.5"), goes_on=False)
    assert not found.complete
    assert statuses(found)[LayerName.CLOUD] is Status.SKIP


def test_a_report_of_old_is_called_old(dropped: Result, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    document = {
        "schema": "pathprobe-layers/1",
        "started": "2020-01-01T00:00:00.000Z",
        "target": {"given": "8080/tcp", "address": None, "port": 8080, "protocol": "tcp"},
        "layers": [{"layer": 1, "name": "listening", "status": "pass", "summary": "nginx listens", "evidence": []}],
    }
    report.write_text(json.dumps(document))
    (note,) = look(dropped, Sources(report=report)).notes
    assert note.startswith("the server's report is ")
    assert note.endswith(" days old")

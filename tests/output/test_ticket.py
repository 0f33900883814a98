"""Does a ticket hold all that convinces, and does it fit together?"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from pathprobe.output.ticket import names
from tests.output.tickets import ENVIRONMENT, recorded, ticket

NAMES = names()
NAME = "drop-r2-forward"


def test_it_has_its_files_and_the_capture_as_it_was() -> None:
    assert tuple(ticket(NAME)) == NAMES
    assert ticket(NAME)["evidence.pcapng"] == recorded(NAME)[1]


def test_the_sums_can_be_checked_by_anybody(tmp_path: Path) -> None:
    for name, octets in ticket(NAME).items():
        (tmp_path / name).write_bytes(octets)
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count(": OK")) == (0, len(NAMES) - 1)
    (tmp_path / "report.md").write_bytes(b"something else")
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False).returncode


def test_the_document_points_at_the_capture_beside_it() -> None:
    document = json.loads(ticket(NAME)["report.json"])
    assert document["schema"] == "pathprobe/1"
    assert document["capture"]["path"] == "evidence.pcapng"
    frames = {number for probe in document["results"][0]["probes"] for number in probe["frames"]}
    assert len(frames) == document["capture"]["packets"] == len(recorded(NAME)[2])


def test_the_surroundings_stand_line_by_line() -> None:
    text = ticket(NAME)["environment.txt"].decode()
    assert text == f"command  {ENVIRONMENT['command']}\nroute    one\n         two\n"

"""``pathprobe diff`` takes reports, tickets and captures, says first what changed, and ends with a fixed status."""

from __future__ import annotations

import functools
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import main
from pathprobe.commands.diff import account_of
from pathprobe.core.comparison.changes import compare
from pathprobe.core.comparison.reported import Account, read_report
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.output.json import document as json_document
from tests.core.comparison.mirrors import mirrored
from tests.core.comparison.reporting import document, result
from tests.output.reports import report

CAPTURES = Path(__file__).parents[2] / "captures"
NAMES = sorted(path.parent.name for path in CAPTURES.glob("*/expected.json"))
SAME, CANNOT, USAGE, DIFFER = 0, 1, 2, 8

OPEN = document(result())
DROPPED = document(result("filtered", last_good=2, first_bad=3, direction="forward"), started=1)


def diff(a: Path, b: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["diff", str(a), str(b), *options])


def capture(name: str) -> Path:
    return CAPTURES / name / "capture.pcapng"


def written(path: Path, facts: dict[str, Any]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(facts))
    return path


def zipped(path: Path, facts: dict[str, Any], name: str = "incident/report.json") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("incident/report.md", "# nothing")
        archive.writestr(name, json.dumps(facts))
    return path


def test_the_first_line_says_what_was_and_what_is(tmp_path: Path) -> None:
    found = diff(written(tmp_path / "a.json", OPEN), written(tmp_path / "b.json", DROPPED))
    assert found.exit_code == DIFFER
    assert found.stdout.splitlines()[0] == "10.0.0.5:8080/tcp  was open, is filtered: dropped silently between two hops"


def test_a_report_and_the_capture_of_the_same_run_do_not_differ(tmp_path: Path) -> None:
    name = "drop-r2-forward"
    shown = CliRunner().invoke(main, ["analyze", str(capture(name)), "--json"])
    found = diff(written(tmp_path / "a.json", json.loads(shown.stdout)), capture(name))
    assert (found.exit_code, "no difference" in found.stdout) == (SAME, True)


def test_a_ticket_is_read_as_a_folder_and_as_an_archive(tmp_path: Path) -> None:
    folder = written(tmp_path / "ticket" / "report.json", OPEN).parent
    assert diff(folder, zipped(tmp_path / "ticket.zip", OPEN)).exit_code == SAME
    assert diff(folder, zipped(tmp_path / "other.zip", DROPPED)).exit_code == DIFFER


def test_two_captures_with_the_filter_at_another_hop_differ_in_the_place() -> None:
    found = diff(capture("drop-r2-forward"), capture("drop-r3-forward"), "--json")
    (target,) = json.loads(found.stdout)["targets"]
    assert found.exit_code == DIFFER
    assert [(one["aspect"], one["what"]) for one in target["changes"]] == [("verdict", "place")]
    assert target["changes"][0]["a"]["last_good"] == {"ttl": 2, "address": "10.9.2.2"}


def test_a_hop_that_hides_the_place_contradicts_nothing() -> None:
    found = json.loads(diff(capture("drop-r2-forward"), capture("silent-r3-drop-r2"), "--json").stdout)
    (target,) = found["targets"]
    assert [(one["what"], one["relation"]) for one in target["remarks"]] == [("place", "a-exacter")]
    assert [(one["what"], one["at"], one["b"]) for one in target["changes"]] == [("hop", 3, "mute")]


def test_the_document_names_its_schema_and_both_sides(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a.json", OPEN), written(tmp_path / "b.json", DROPPED)
    found = json.loads(diff(a, b, "--json").stdout)
    assert found["schema"] == "pathprobe-diff/1"
    assert (found["same"], found["a"]["name"], found["b"]["name"]) == (False, str(a), str(b))
    assert found["summary"] == diff(a, b).stdout.splitlines()[0]


# ---- what cannot be compared


def assert_refused(found: Result) -> str:
    assert (found.exit_code, found.stdout) == (CANNOT, "")
    (line,) = found.stderr.splitlines()
    assert line.startswith("pathprobe: ")
    return line


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"", "bad.json"),
        (b"{", "begins like JSON and is none"),
        (b"[" * 100_000, "begins like JSON and is none"),
        (b'{"a": "\xff"}', "begins like JSON and is none"),
        (b"[1, 2]", "no report of pathprobe"),
        (b'{"schema": "pathprobe/9"}', "'pathprobe/9'"),
        (b"PK\x03\x04 and no archive", "bad.json"),
        (b"what is this", "bad.json"),
    ],
)
def test_a_file_that_is_no_report_gets_one_clear_line(octets: bytes, complaint: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(octets)
    good = written(tmp_path / "good.json", OPEN)
    assert complaint in assert_refused(diff(bad, good))
    assert complaint in assert_refused(diff(good, bad))


def test_a_file_that_is_not_there_and_a_folder_without_a_report_are_named(tmp_path: Path) -> None:
    good = written(tmp_path / "good.json", OPEN)
    assert "nowhere.json: No such file" in assert_refused(diff(tmp_path / "nowhere.json", good))
    (tmp_path / "empty").mkdir()
    assert "empty/report.json: No such file" in assert_refused(diff(good, tmp_path / "empty"))


def test_an_archive_without_a_report_is_no_ticket(tmp_path: Path) -> None:
    other = zipped(tmp_path / "other.zip", OPEN, name="else.json")
    assert "no report.json in it" in assert_refused(diff(other, other))


def test_a_damaged_archive_gets_one_clear_line_or_is_read(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "whole.zip", OPEN).read_bytes()
    damaged, refused = tmp_path / "damaged.zip", 0
    for place in range(0, len(whole), 7):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found = diff(damaged, damaged)
        assert found.exit_code in (SAME, CANNOT), found.exc_info
        refused += found.exit_code
        assert len(found.stderr.splitlines()) == found.exit_code
    assert refused


def test_one_file_alone_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["diff", str(written(tmp_path / "a.json", OPEN))]).exit_code == USAGE


# ---- properties


@functools.cache
def of_capture(name: str) -> Account:
    return account_of(capture(name))


@functools.cache
def of_run(name: str, seed: int) -> Account:
    return read_report(json_document(report(ask_simulated(catalogue.load(name), seed=seed))))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_differs_from_itself(name: str) -> None:
    found = compare(of_capture(name), of_capture(name))
    assert found.is_same
    assert not any(pair.changes for pair in found.pairs)


@pytest.mark.parametrize("name", NAMES)
def test_exchanging_the_reports_mirrors_the_comparison(name: str) -> None:
    other = of_capture(NAMES[NAMES.index(name) - 1])
    assert mirrored(compare(of_capture(name), other)) == compare(other, of_capture(name))


@pytest.mark.parametrize(
    "name",
    [
        "open",
        "drop-r2-forward",
        "reset-r2-forward",
        "host-down",
        "snat-r1-open",
        "mss-r2-drop-r3",
        "udp-silent-service",
    ],
)
def test_two_runs_on_one_network_do_not_differ(name: str) -> None:
    assert compare(of_run(name, 1), of_run(name, 2)).is_same

"""A ticket of anybody's capture, or of both ends', convinces by itself, and redacted it tells nobody's address."""

from __future__ import annotations

import hashlib
import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import main
from pathprobe.engine.sightings import open_sightings
from pathprobe.output.overview import MOST_TOLD
from pathprobe.wire.pcapng import Writer
from tests.core.ends.two_ends import START, syn
from tests.engine.test_two_ended import octets_of
from tests.test_foreign_captures import FOLDERS
from tests.wire.whole_files import read_whole

ENDS = ("last_good", "first_bad", "device")
_ADDRESSES = re.compile(rb"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?![\w:])")


def pathprobe(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> Result:
    words = [str(one) for one in arguments]
    monkeypatch.setattr("sys.argv", ["pathprobe", *words])
    return CliRunner().invoke(main, words)


def captures_of(folder: Path) -> list[Path]:
    return [folder / name for name in json.loads((folder / "expected.json").read_text())["listened"]]


def verdicts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """All that is said of each question, but for names and sentences, which redaction changes."""
    return sorted(
        (
            {name: one[name] for name in ("state", "mechanism", "confidence", "distance")}
            | {"port": one["target"]["port"], "protocol": one["target"]["protocol"]}
            | {"kinds": [reason["kind"] for reason in one["reasons"]]}
            | {"changed": [(box["what"], box["probes"]) for box in one["middleboxes"]]}
            | {"where": (one["location"]["where"], one["location"]["direction"])}
            | {end: one["location"][end] and one["location"][end]["ttl"] for end in ENDS}
            for one in document["results"]
        ),
        key=str,
    )


def addresses_in(captures: list[Path]) -> set[str]:
    seen = [packet for path in captures for packet in _packets(path)]
    found = {end for packet in seen for end in (packet.source, packet.destination)}
    return {one for one in found if not ip_address(one).is_multicast}


def _packets(path: Path) -> list[Any]:
    with open_sightings(path) as sightings:
        return [one.packet for one in sightings]


@pytest.mark.parametrize("redact", [(), ("--redact",)], ids=["plain", "redacted"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_evidence_of_a_ticket_gives_its_verdict_again(
    folder: Path, redact: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    captures, place = captures_of(folder), tmp_path / "t"
    first = pathprobe(monkeypatch, "analyze", *captures, "--json", "--ticket", place, *redact)
    assert "the ticket is in" in first.stderr
    evidence = [place / name for name in ("evidence.pcapng", "evidence-server.pcapng")[: len(captures)]]
    again = json.loads(pathprobe(monkeypatch, "analyze", *evidence, "--json").stdout)
    assert verdicts(again) == verdicts(json.loads(first.stdout))
    told = json.loads((place / "report.json").read_text())
    assert [one["summary"] for one in again["results"]] == [one["summary"] for one in told["results"]]
    sums = dict(line.split("  ")[::-1] for line in (place / "SHA256SUMS").read_text().splitlines())
    assert sums.keys() == {path.name for path in place.iterdir()} - {"SHA256SUMS"}
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == sums[path.name] for path in evidence)
    assert " ".join(["pathprobe analyze", *(path.name for path in evidence)]) in (place / "report.md").read_text()
    if redact:
        assert_tells_none(place, addresses_in(captures))


def assert_tells_none(place: Path, addresses: set[str]) -> None:
    """No file has any of them, neither in words nor in octets."""
    assert addresses
    for file in place.iterdir():
        octets = file.read_bytes()
        assert not {one.decode() for one in _ADDRESSES.findall(octets)} & addresses, file.name
        assert not [one for one in addresses if ip_address(one).packed in octets], file.name


def test_the_captures_of_both_ends_may_be_swapped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client, server = captures_of(next(one for one in FOLDERS if one.name == "pair-drop-return"))
    for name, order in (("right", (client, server)), ("swapped", (server, client))):
        pathprobe(monkeypatch, "analyze", *order, "--ticket", tmp_path / name)
    for name in ("evidence.pcapng", "evidence-server.pcapng", "report.md"):
        assert (tmp_path / "swapped" / name).read_bytes() == (tmp_path / "right" / name).read_bytes()


def test_a_ticket_of_a_scan_tells_the_worst_in_full_and_a_line_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "scan.pcapng").open("wb") as stream:
        writer = Writer(stream)
        for port in range(1, 1101):
            asked = octets_of(syn(ports=(40000, port), sequence=port, identification=port))
            writer.packet(START + port * 1_000_000, asked, interface="eth0", outgoing=True)
    done = pathprobe(monkeypatch, "analyze", tmp_path / "scan.pcapng", "--json", "--ticket", tmp_path / "t", "--redact")
    assert "the ticket is in" in done.stderr
    written, page = (tmp_path / "t" / "report.md").read_text(), (tmp_path / "t" / "report.html").read_text()
    assert len(json.loads((tmp_path / "t" / "report.json").read_text())["results"]) == 1100
    assert written.count("### Why") == page.count("<h2>Why</h2>") == MOST_TOLD
    assert "1100 questions: " in written
    assert "1100 questions: " in page
    assert re.search(r"; \d+ more are in the file</caption>", page)
    again = pathprobe(monkeypatch, "analyze", tmp_path / "t" / "evidence.pcapng", "--json")
    assert verdicts(json.loads(again.stdout)) == verdicts(json.loads(done.stdout))
    assert all(one.comments for one in read_whole(tmp_path / "t" / "evidence.pcapng").packets)

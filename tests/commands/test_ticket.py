"""--ticket and --redact on the command line: what is written, what is refused, and when."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import signal
import zipfile
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import live, main
from pathprobe.commands.live import WORDS
from pathprobe.engine.offline import analyze
from pathprobe.engine.recorder import Recorder
from pathprobe.lab import catalogue
from pathprobe.lab.network import Lab
from pathprobe.output.ticket import names
from pathprobe.output.wording import summary
from tests.commands.processes import PATIENCE, on_client, packets_in, running, wait_until
from tests.engine.runs import ask_in_turn

NAMES = names()
CAPTURES = Path(__file__).parents[2] / "captures"
DROP = CAPTURES / "drop-r2-forward" / "capture.pcapng"


Call = Callable[..., Result]


@pytest.fixture
def pathprobe(monkeypatch: pytest.MonkeyPatch) -> Call:
    """The program in this process, with its own idea of the command line."""

    def call(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["pathprobe", *arguments])
        return CliRunner().invoke(main, arguments)

    return call


def test_an_analysis_writes_its_ticket_with_a_copy_of_the_capture(pathprobe: Call, tmp_path: Path) -> None:
    done = pathprobe("analyze", str(DROP), "--ticket", str(tmp_path / "t"))
    assert (done.exit_code, done.stderr) == (4, f"pathprobe: the ticket is in {tmp_path / 't'}\n")
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == sorted(NAMES)
    assert (tmp_path / "t" / "evidence.pcapng").read_bytes() == DROP.read_bytes()
    assert (
        "command    pathprobe analyze capture.pcapng --ticket t\n" in (tmp_path / "t" / "environment.txt").read_text()
    )
    assert json.loads((tmp_path / "t" / "report.json").read_text())["results"][0]["state"] == "filtered"


def test_a_capture_that_is_packed_is_unpacked_into_the_ticket(pathprobe: Call, tmp_path: Path) -> None:
    (tmp_path / "c.gz").write_bytes(gzip.compress(DROP.read_bytes()))
    done = pathprobe("analyze", str(tmp_path / "c.gz"), "--ticket", str(tmp_path / "t"))
    assert done.exit_code == 4
    evidence = tmp_path / "t" / "evidence.pcapng"
    assert [summary(one) for one in analyze(evidence)] == [summary(one) for one in analyze(DROP)]
    assert packets_in(evidence) == packets_in(DROP)


def test_a_place_that_is_taken_is_told_before_the_first_probe(
    pathprobe: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probe(*_: object, **__: object) -> None:
        raise AssertionError("a probe was sent")

    monkeypatch.setattr(live, "run", probe)
    (tmp_path / "x.zip").write_bytes(b"mine")
    for name, reason in (("x.zip", "is there already"), ("x.zip/y", "Not a directory"), ("no/x.zip", "No such file")):
        done = pathprobe("tcp", "127.0.0.1:1", "--ticket", str(tmp_path / name))
        assert (done.exit_code, done.stdout) == (1, "")
        assert re.fullmatch(rf"pathprobe: .*{reason}.*\n", done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--redact"], "add --ticket"),
        (["--ticket", "t", "-w", "t/evidence.pcapng"], "both want"),
        (["--ticket", "t.zip", "-w", "t.zip"], "both want"),
        (["--ticket", "t", "-w", "/dev/null"], "no file that can be read again"),
    ],
)
def test_options_that_do_not_go_together_are_a_wrong_command_line(
    pathprobe: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = pathprobe("tcp", "127.0.0.1:1", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_leaves_no_ticket(pathprobe: Call, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no capture")
    for name in ("t", "t.zip"):
        done = pathprobe("analyze", str(tmp_path / "x"), "--ticket", str(tmp_path / name))
        assert done.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("names", [("drop-r2-forward", "udp-snat-r1-open"), ("reset-r2-forward-v6", "echo-drop-r2-v6")])
def test_nothing_in_a_redacted_ticket_tells_an_address_a_name_or_a_folder(
    pathprobe: Call, tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = tmp_path / "web7-swordfish.pcapng"
    command = "pathprobe tcp web7.example:8080 -w /home/bob/web7-swordfish.pcapng --payload 736563726574"
    keeper = Recorder(path, WORDS, application="pathprobe 0", command=command)
    results = ask_in_turn(names, keeper)
    keeper.finish(tuple(results))
    done = pathprobe("analyze", str(path), "--ticket", str(tmp_path / "t"), "--redact")
    assert "the ticket is in" in done.stderr
    secrets = {one.target.address for one in results} | {one.source for one in results}
    secrets |= {row.address for one in results for row in one.hops if row.address}
    for file in (tmp_path / "t").iterdir():
        octets = file.read_bytes()
        for secret in secrets:
            assert not re.search(rb"(?<![\d.:a-f])" + re.escape(secret.encode()) + rb"(?![\d.:a-f])", octets), file.name
            assert ip_address(secret).packed not in octets, file.name
        for word in (b"web7", b"swordfish", b"bob", b"example", b"736563726574", str(tmp_path).encode()):
            assert word not in octets, file.name
    assert b"pathprobe tcp host-1:8080 -w FILE --payload HEX" in (tmp_path / "t" / "evidence.pcapng").read_bytes()
    again = analyze(tmp_path / "t" / "evidence.pcapng")
    assert [one.verdict.state for one in again] == [one.verdict.state for one in results]


def test_two_redacted_tickets_of_one_capture_cannot_be_compared(pathprobe: Call, tmp_path: Path) -> None:
    for name in "ab":
        pathprobe("analyze", str(DROP), "--ticket", str(tmp_path / name), "--redact")
    sources = [json.loads((tmp_path / name / "report.json").read_text())["vantage"]["source"] for name in "ab"]
    assert sources[0] != sources[1]


# --- Live


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
def test_a_live_run_writes_one_redacted_ticket_about_all_its_targets(tmp_path: Path) -> None:
    with Lab(catalogue.load("reject-r2-admin-prohibited")) as network:
        arguments = ("tcp", "10.0.0.5:8080", "10.0.0.5:8081", "--json", "--ticket", str(tmp_path / "t"), "--redact")
        done = on_client(network, *arguments)
    assert done.returncode == 8
    printed, written = json.loads(done.stdout), json.loads((tmp_path / "t" / "report.json").read_text())
    assert printed["capture"]["path"] == str(tmp_path / "t" / "evidence.pcapng")
    assert [one["state"] for one in written["results"]] == [one["state"] for one in printed["results"]]
    assert {one["target"]["address"] for one in printed["results"]} == {"10.0.0.5"}
    (told,) = {one["target"]["address"] for one in written["results"]}
    environment = (tmp_path / "t" / "environment.txt").read_text()
    assert re.search(
        rf"^route +{re.escape(told)}: via 10\.\S+ through to-r1 from 10\.\S+, MTU 1500$", environment, re.M
    )
    assert shlex.join(["pathprobe", "tcp", f"{told}:8080", f"{told}:8081", "--json"]) in environment
    assert [summary(one) for one in analyze(tmp_path / "t" / "evidence.pcapng")] == [
        one["summary"] for one in written["results"]
    ]
    for file in (tmp_path / "t").iterdir():
        assert b"10.0.0.5" not in file.read_bytes()
        assert ip_address("10.0.0.5").packed not in file.read_bytes()


@pytest.mark.lab
@pytest.mark.usefixtures("lab_host")
def test_an_interrupted_run_writes_its_ticket_too(tmp_path: Path) -> None:
    path, place = tmp_path / "run.pcapng", tmp_path / "x.zip"
    with Lab(catalogue.load("host-down")) as network:
        arguments = ("tcp", "10.0.0.5:8080", "--ticket", str(place), "-w", str(path))
        with running(*arguments, lab=network) as process:
            wait_until(lambda: packets_in(path) > 5, process)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (130, f"pathprobe: the ticket is in {place}\n")
    with zipfile.ZipFile(place) as archive:
        assert sorted(archive.namelist()) == sorted(NAMES)
        assert archive.read("evidence.pcapng") == path.read_bytes()
        assert json.loads(archive.read("report.json"))["complete"] is False
    assert sorted(one.name for one in tmp_path.iterdir()) == ["run.pcapng", "x.zip"]

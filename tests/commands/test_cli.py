"""The command line keeps its word: one clear line when it cannot, the right status, nothing heavy for --help."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pathprobe import __version__
from pathprobe.commands import live, main, status
from pathprobe.core.report import Location, Report, State, Target, Vantage, Verdict, Where
from pathprobe.core.report import Result as Answer
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from tests.commands.processes import without_privileges

COMMANDS = ("tcp", "icmp", "analyze", "lab", "demo")

#: Loopback, and a port that a probe of it would harm nobody; but no test here gets as far as to send one.
HERE = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_probing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def diagnose(*_: object, **__: object) -> None:
        raise AssertionError("this would have sent packets")

    def getaddrinfo(host: str, *_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, f"no lookup of {host} in a test")

    monkeypatch.setattr(live, "diagnose", diagnose)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def pathprobe(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def assert_refused(result: Result, code: int) -> str:
    """It ended with this status and one line on stderr, which is given without its prefix."""
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert (result.exit_code, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("pathprobe: ")
    return line.removeprefix("pathprobe: ")


# --- Help


def test_help_names_every_command_and_says_what_it_answers() -> None:
    result = pathprobe("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    "command", [*((name,) for name in COMMANDS), ("lab", "run"), ("lab", "check"), ("lab", "list")]
)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_its_help(command: Sequence[str], flag: str) -> None:
    result = pathprobe(*command, flag)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.match(rf"Usage: \S+ {' '.join(command)} ", result.stdout)


@pytest.mark.parametrize("command", ["tcp", "udp", "icmp"])
@pytest.mark.parametrize(
    "option",
    [
        "--json",
        "--mtu",
        "-w, --write",
        "--flows",
        "--max-hops",
        "--wait",
        "-i, --interface",
        "-s, --source",
        "-4",
        "-6",
        "--no-trace",
        "-v",
    ],
)
def test_a_probing_command_has_the_promised_options(command: str, option: str) -> None:
    assert f"  {option}" in pathprobe(command, "--help").stdout


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 6, 8, 130])
def test_the_help_of_tcp_tells_the_exit_statuses(number: int) -> None:
    assert re.search(rf"\b{number}\b", pathprobe("tcp", "--help").stdout)


def test_the_version_is_told() -> None:
    result = pathprobe("--version")
    assert (result.exit_code, result.stdout) == (0, f"pathprobe, version {__version__}\n")


def test_help_loads_neither_scapy_nor_asyncio() -> None:
    code = """
import sys
from pathprobe.commands import main
for command in ("", "tcp", "icmp", "analyze", "lab", "lab run", "demo"):
    try:
        main([*command.split(), "--help"])
    except SystemExit as end:
        assert not end.code, end.code
print(*sorted({"scapy", "asyncio", "netifaces"} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "\n"


# --- Wrong command lines


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        (["nosuch"], "nosuch"),
        (["--nosuch"], "--nosuch"),
        (["tcp"], "HOST:PORT..."),
        (["icmp"], "HOST..."),
        (["analyze"], "CAPTURE"),
        (["tcp", "--nosuch", HERE], "--nosuch"),
        (["tcp", "--max-hops", "0", HERE], "1<=x<=60"),
        (["tcp", "--max-hops", "61", HERE], "1<=x<=60"),
        (["tcp", "--max-hops", "many", HERE], "many"),
        (["tcp", "--flows", "0", HERE], "neither a number from 1 to 64 nor auto"),
        (["tcp", "--flows", "65", HERE], "neither a number from 1 to 64 nor auto"),
        (["icmp", "--flows", "all", "127.0.0.1"], "neither a number from 1 to 64 nor auto"),
        (["tcp", "--flows", "", HERE], "neither a number from 1 to 64 nor auto"),
        (["udp"], "HOST:PORT..."),
        (["udp", "--payload", "zz", HERE], "'zz' is not hexadecimal"),
        (["udp", "--payload", "abc", HERE], "pairs of digits"),
        (["udp", "--payload", "@", HERE], "name of a file"),
        (["udp", "--payload", "@.", HERE], "cannot read .: Is a directory"),
        (["udp", "--payload", "@nowhere", HERE], "cannot read nowhere: No such file"),
        (["udp", "--payload", "@/dev/zero", HERE], "more than 1232 octets"),
        (["udp", "--payload", "00" * 1233, HERE], "more than 1232 octets"),
        (["tcp", "--wait", "0", HERE], "0.01<=x<=60"),
        (["tcp", "--wait", "soon", HERE], "soon"),
        (["tcp", "-w", ".", HERE], "'.' is a directory"),
        (["tcp", HERE, "-w"], "-w"),
        (["tcp", HERE, "-i"], "-i"),
        (["lab", "nosuch"], "nosuch"),
        (["lab", "run"], "NAME"),
        (["lab", "shell"], "NAME"),
        (["lab", "check", "--times", "0"], "1<=x<=1000"),
        (["lab", "record"], "DIRECTORY"),
        (["demo", "too-much"], "too-much"),
        (["demo", "-w", "."], "'.' is a directory"),
    ],
)
def test_a_wrong_command_line_is_answered_by_click(arguments: list[str], subject: str) -> None:
    result = pathprobe(*arguments)
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout) == (2, "")
    # Its wording is click's own and changes with its versions.
    (line,) = re.findall("^Error: .*", result.stderr, re.MULTILINE)
    assert subject in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tcp", "127.0.0.1"], "has no port: write HOST:PORT"),
        (["tcp", "127.0.0.1:"], "has no port: write HOST:PORT"),
        (["tcp", "127.0.0.1:http"], "is no port"),
        (["tcp", "127.0.0.1:0"], "ports go from 1 to 65535"),
        (["tcp", "127.0.0.1:9-8"], "low before high"),
        (["tcp", "::1:9"], "write an IPv6 target as [ADDRESS]:PORT"),
        (["tcp", "[::1:9"], "an IPv6 target is written [ADDRESS]:PORT"),
        (["tcp", ""], "no host name or address"),
        (["tcp", HERE, "127.0.0.1"], "'127.0.0.1' has no port"),
        (["icmp", ""], "no host name or address"),
        (["icmp", "10.0.0.0/24"], "no host name or address"),
    ],
)
def test_a_bad_target_is_a_wrong_command_line(arguments: list[str], words: str) -> None:
    assert words in assert_refused(pathprobe(*arguments), 2)


@pytest.mark.parametrize("command", ["run", "shell", "check"])
def test_an_unknown_network_is_answered_with_the_one_that_was_meant(command: str) -> None:
    line = assert_refused(pathprobe("lab", command, "drop-r2-foward"), 2)
    assert "no scenario 'drop-r2-foward': did you mean drop-r2-forward" in line
    assert "pathprobe lab list" in line


# --- What cannot be done


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tcp", "nohost.invalid:80"], "cannot resolve nohost.invalid: "),
        (["icmp", "nohost.invalid"], "cannot resolve nohost.invalid: "),
        (["tcp", "-4", "[::1]:9"], "::1 is an IPv6 address and -4 was asked for"),
        (["tcp", "-6", HERE], "127.0.0.1 is an IPv4 address and -6 was asked for"),
        (["tcp", HERE, "nohost.invalid:80"], "cannot resolve nohost.invalid: "),
        (["tcp", "-i", "nosuch0", HERE], "there is no interface 'nosuch0' here; there are "),
        (["tcp", HERE, "[fe80::1%nosuch0]:9"], "there is no interface 'nosuch0' here; there are "),
        (["tcp", "-s", "192.0.2.1", HERE], "192.0.2.1 is not an address of this host"),
        (["tcp", "-s", "here", HERE], "here is not an address of this host"),
        (["analyze", "no-such-file.pcapng"], "cannot read no-such-file.pcapng: No such file or directory"),
        (["analyze", "."], "cannot read .: Is a directory"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(arguments: list[str], words: str) -> None:
    assert words in assert_refused(pathprobe(*arguments), 1)


def test_a_wrong_interface_is_answered_with_those_there_are() -> None:
    line = assert_refused(pathprobe("tcp", "-i", "nosuch0", HERE), 1)
    assert {"lo"} <= set(line.partition("there are ")[2].split(", "))


@pytest.mark.parametrize("place", ["missing/run.pcapng", "file/run.pcapng"])
@pytest.mark.parametrize("command", [("tcp", HERE), ("icmp", "127.0.0.1"), ("demo", "--simulated")])
def test_a_capture_that_cannot_be_written_is_told_before_any_packet(
    command: Sequence[str], place: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    result = pathprobe(*command, "-w", str(tmp_path / place))
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True)
    assert str(tmp_path / place) in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert "packets sent" not in result.stdout


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "the file is empty"),
        (b"hello\n", "not a pcap or pcapng file but text"),
        (bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"), "no question in it"),
        (b"\x0a\x0d\x0d\x0a" + b"\xff" * 100, "damaged"),
    ],
)
def test_a_file_that_is_no_capture_or_an_empty_one_is_told_in_one_line(
    octets: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "it"
    path.write_bytes(octets)
    line = assert_refused(pathprobe("analyze", str(path)), 1)
    assert line.startswith(f"{path}: ")
    assert words in line


@pytest.mark.parametrize("arguments", [["tcp", HERE], ["tcp", HERE, "--json", "-v"], ["icmp", "127.0.0.1"]])
def test_without_privileges_one_line_says_what_is_missing_and_what_to_do(arguments: list[str], tmp_path: Path) -> None:
    done = without_privileges(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("pathprobe: raw sockets need CAP_NET_RAW: run it with sudo")


def test_a_file_that_may_not_be_written_is_not_taken_for_missing_privileges(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(live, "require_privileges", lambda: None)
    monkeypatch.setattr(live, "recorder", refuse)
    result = CliRunner().invoke(main, ["tcp", HERE, "-w", "closed/run.pcapng"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "pathprobe: cannot write closed/run.pcapng: Permission denied\n"


def test_what_needs_no_privileges_works_without(tmp_path: Path) -> None:
    done = without_privileges("demo", "--simulated", "-w", "demo.pcapng", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "pathprobe: simulated network, as asked for\n")
    done = without_privileges("analyze", "demo.pcapng", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (4, "")


# --- What needs no network


def test_lab_list_has_every_network_with_its_fault() -> None:
    result = pathprobe("lab", "list")
    assert result.exit_code == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in result.stdout.splitlines())
    assert lines == {name: catalogue.load(name).summary for name in catalogue.names()}


def test_lab_check_tells_how_many_verdicts_were_wrong() -> None:
    result = pathprobe("lab", "check", "--simulated", "--times", "2", "open", "drop-r2-forward")
    assert result.exit_code == 0
    assert re.search(r"^open +2/2 right", result.stdout)
    assert result.stdout.endswith("2 networks, 2 times each: 0 wrong verdicts\n")


@pytest.fixture
def captured(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A capture of the scenarios that the test names."""
    path = tmp_path / "run.pcapng"
    keeper = live.recorder(path)
    keeper.finish((ask_simulated(catalogue.load(request.param), recorder=keeper),))
    return path


@pytest.mark.parametrize(
    ("captured", "code"),
    [("open", 0), ("closed", 3), ("drop-r2-forward", 4), ("host-down-v6", 5), ("echo-open", 0), ("local-no-route", 5)],
    indirect=["captured"],
)
def test_analyze_has_the_status_and_the_document_of_the_live_run(captured: Path, code: int) -> None:
    result = pathprobe("analyze", str(captured), "--json")
    assert (result.exit_code, result.stderr) == (code, "")
    read: dict[str, Any] = json.loads(result.stdout)
    assert (read["schema"], read["engine"], read["complete"]) == ("pathprobe/1", "capture", True)
    assert read["capture"]["path"] == str(captured)
    assert [one["state"] for one in read["results"]]


@pytest.mark.parametrize("captured", ["drop-r2-forward"], indirect=True)
def test_analyze_prints_text_unless_it_is_asked_for_json(captured: Path) -> None:
    result = pathprobe("analyze", str(captured))
    assert (result.exit_code, result.stderr) == (4, "")
    assert result.stdout.startswith("10.0.0.5:8080/tcp  FILTERED   dropped silently between hop 2 (10.9.2.2)")
    assert "\x1b" not in result.stdout


def test_demo_shows_the_fault_the_command_and_the_finding(tmp_path: Path) -> None:
    path = tmp_path / "demo.pcapng"
    result = pathprobe("demo", "--simulated", "-w", str(path))
    assert (result.exit_code, result.stderr) == (0, "pathprobe: simulated network, as asked for\n")
    assert result.stdout.startswith("The network: client - r1 - r2 - r3 - target. The fault: r2 drops the port")
    assert f"client# pathprobe tcp 10.0.0.5:8080 -w {path}\n" in result.stdout
    assert "FILTERED" in result.stdout
    assert result.stdout.endswith(f"pathprobe analyze {path}\n")
    assert pathprobe("analyze", str(path)).exit_code == 4


# --- Exit statuses


def report(*states: State, complete: bool = True) -> Report:
    location = Location(where=Where.UNKNOWN)
    answers = tuple(
        Answer(
            target=Target(given="", address="10.0.0.5", port=1, protocol="tcp"),
            verdict=Verdict(state=state, mechanism=None, location=location, confidence=1.0, distance=None, reasons=()),
            hops=(),
            control="",
            source="",
            source_port=None,
            observations=(),
        )
        for state in states
    )
    vantage = Vantage(hostname=None, interface=None, source=None)
    return Report(engine="raw", started=0, duration=0, vantage=vantage, results=answers, complete=complete)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([State.OPEN], 0),
        ([State.CLOSED], 3),
        ([State.FILTERED], 4),
        ([State.UNREACHABLE], 5),
        ([State.OPEN_FILTERED], 6),
        ([State.UNKNOWN], 6),
        ([State.INTERMITTENT], 7),
        ([State.OPEN, State.OPEN], 0),
        ([State.CLOSED, State.CLOSED, State.CLOSED], 3),
        ([State.OPEN_FILTERED, State.UNKNOWN], 6),
        ([State.OPEN, State.CLOSED], 8),
        ([State.FILTERED, State.UNREACHABLE], 8),
        ([State.OPEN, State.OPEN, State.UNKNOWN], 8),
    ],
)
def test_the_status_says_what_the_targets_are(states: list[State], code: int) -> None:
    assert status.of(report(*states)) == code


@pytest.mark.parametrize("states", [[], [State.OPEN], [State.OPEN, State.CLOSED]])
def test_an_interrupted_run_is_told_whatever_was_found(states: list[State]) -> None:
    assert status.of(report(*states, complete=False)) == 130

"""The whole program on real networks: statuses, one JSON document, evidence on disk, and a clean end."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pathprobe.core.packets import Echo, EchoKind, Malformed, Tcp, TcpFlags
from pathprobe.core.probes import FULL_TTL
from pathprobe.engine.offline import analyze
from pathprobe.lab import catalogue, netns
from pathprobe.lab.network import Lab
from pathprobe.output.wording import summary
from pathprobe.wire.dissect import dissect
from tests.commands.processes import (
    COMMAND,
    PATIENCE,
    capture,
    environment,
    on_client,
    packets_in,
    pathprobe,
    running,
    session_members,
    wait_for_command,
    wait_until,
    wait_until_gone,
)

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

STATUSES = {"open": 0, "closed": 3, "filtered": 4, "unreachable": 5}

#: Each status, each protocol, both families, and this host itself.
NAMES = (
    "open",
    "open-v6",
    "closed",
    "drop-r2-forward",
    "drop-r2-forward-v6",
    "reset-r2-forward",
    "reject-r2-admin-prohibited",
    "no-route-r2",
    "local-output-drop",
    "local-no-route",
    "echo-open",
    "echo-drop-r2-v6",
    "loopback-open",
    "this-host-closed-v6",
)


@pytest.fixture(params=NAMES)
def network(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with Lab(catalogue.load(request.param)) as lab:
        yield lab


@pytest.fixture
def without_fault() -> Iterator[Lab]:
    with Lab(catalogue.load("open")) as lab:
        yield lab


@pytest.fixture
def host_down() -> Iterator[Lab]:
    """Here a run takes more than three seconds: the last router looks for a neighbour that is not there."""
    with Lab(catalogue.load("host-down")) as lab:
        yield lab


def test_a_run_has_its_status_one_document_and_a_capture_that_says_the_same(network: Lab, tmp_path: Path) -> None:
    scenario, path = network.scenario, tmp_path / "run.pcapng"
    done = on_client(network, *scenario.arguments, "--json", "-w", str(path))
    assert (done.returncode, done.stderr) == (STATUSES[scenario.expect.state], "")

    read = json.loads(done.stdout)
    (result,) = read["results"]
    assert (read["engine"], read["complete"]) == ("raw", True)
    assert (result["state"], result["mechanism"]) == (scenario.expect.state, scenario.expect.mechanism)
    assert result["target"]["given"] == scenario.arguments[1]
    assert read["capture"] == {"path": str(path), "packets": packets_in(path)}
    assert os.listdir(tmp_path) == ["run.pcapng"]

    (again,) = analyze(path)
    assert summary(again) == result["summary"]
    assert result["summary"] in capture(path).comment
    assert capture(path).comment.startswith(shlex.join(["pathprobe", *scenario.arguments, "--json", "-w"]))


def test_frames_in_the_document_are_the_packets_of_the_file(without_fault: Lab, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    (result,) = asked(without_fault, "tcp", "10.0.0.5:8080", "-w", str(path))["results"]
    packets = capture(path).packets
    for probe in result["probes"]:
        for number in probe["frames"]:
            assert re.search(rf"\bprobe {probe['id']}\b", packets[number - 1].comments[0])
    numbers = [number for probe in result["probes"] for number in probe["frames"]]
    assert sorted(numbers) == list(range(1, len(packets) + 1))


def asked(lab: Lab, *arguments: str) -> dict[str, Any]:
    """The document of a run, whatever its status."""
    read: dict[str, Any] = json.loads(on_client(lab, *arguments, "--json").stdout)
    return read


def test_text_is_plain_and_stderr_silent_where_there_is_no_terminal(without_fault: Lab) -> None:
    done = on_client(without_fault, "tcp", "10.0.0.5:8080")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("10.0.0.5:8080/tcp  OPEN   the target answers (4 hops away)")
    assert "\x1b" not in done.stdout


def test_a_terminal_gets_colour_and_a_progress_that_wipes_itself_out(without_fault: Lab) -> None:
    ours, theirs = pty.openpty()
    with without_fault.inside("client"):
        process = subprocess.Popen(
            [*COMMAND, "tcp", "10.0.0.5:8080"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment()
        )
    os.close(theirs)
    shown = b""
    with process, suppress(OSError):  # EIO is how a terminal ends
        while octets := os.read(ours, 4096):
            shown += octets
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"\r10\.0\.0\.5:8080/tcp: \d+ packets, \d\.\d s\x1b\[K", shown)
    assert b"\r\x1b[K10.0.0.5:8080/tcp  \x1b[1;32mOPEN\x1b[0m " in shown


def test_several_targets_that_differ_have_a_status_of_their_own(without_fault: Lab, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    done = on_client(without_fault, "tcp", "10.0.0.5:8080,8081", "127.0.0.1:1", "--json", "-w", str(path))
    assert (done.returncode, done.stderr) == (8, "")
    results = json.loads(done.stdout)["results"]
    assert [result["state"] for result in results] == ["open", "closed", "closed"]
    assert [result["target"]["given"] for result in results] == ["10.0.0.5:8080", "10.0.0.5:8081", "127.0.0.1:1"]
    assert [summary(result) for result in analyze(path)] == [result["summary"] for result in results]


def test_several_targets_that_are_alike_have_the_status_of_one(without_fault: Lab) -> None:
    assert on_client(without_fault, "tcp", "10.0.0.5:1-3").returncode == 3


def test_a_name_is_kept_beside_its_address(without_fault: Lab) -> None:
    (result,) = asked(without_fault, "tcp", "localhost:1", "-4")["results"]
    assert result["target"] == {"given": "localhost:1", "address": "127.0.0.1", "port": 1, "protocol": "tcp"}


def test_source_and_interface_are_those_that_were_asked_for(without_fault: Lab, tmp_path: Path) -> None:
    netns.run_ip("client", 4, ["address add 10.9.1.10/24 dev to-r1"])
    path = tmp_path / "run.pcapng"
    read = asked(without_fault, "tcp", "10.0.0.5:8080", "-s", "10.9.1.10", "-i", "to-r1", "-w", str(path))
    assert read["results"][0]["state"] == "open"
    assert read["vantage"] == {"hostname": socket.gethostname(), "interface": "to-r1", "source": "10.9.1.10"}
    sent = [packet for packet in capture(path).packets if packet.outgoing]
    assert {packet.interface for packet in sent} == {"to-r1"}
    assert {dissect(packet.octets).source for packet in sent} == {"10.9.1.10"}  # type: ignore[union-attr]


def test_a_wrong_interface_is_answered_with_those_of_the_client(without_fault: Lab) -> None:
    done = on_client(without_fault, "tcp", "10.0.0.5:8080", "-i", "eth9")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"pathprobe: there is no interface 'eth9' here; there are .*\bto-r1\b.*\n", done.stderr)


def test_without_a_trace_no_probe_is_stepped_and_verbose_talks_on_stderr(without_fault: Lab, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    done = on_client(without_fault, "tcp", "10.0.0.5:8080", "--no-trace", "-v", "--json", "-w", str(path))
    assert done.returncode == 0
    route, spent = done.stderr.splitlines()
    assert route == "10.0.0.5: via 10.9.1.1 through to-r1 from 10.9.1.9, MTU 1500"
    assert re.fullmatch(r"[\d.]+ s to start, .* to resolve, .* to probe, .* waited for answers, .* to conclude", spent)
    read = json.loads(done.stdout)
    (result,) = read["results"]
    assert set(read["timing"]) == {"start_s", "resolve_s", "probe_s", "wait_s", "conclude_s"}
    assert sum(read["timing"].values()) > read["duration_s"] >= read["timing"]["probe_s"] > 0
    assert (result["state"], result["hops"]) == ("open", [])
    assert {probe["ttl"] for probe in result["probes"]} == {FULL_TTL}
    assert set(sent_ttls(path)) == {FULL_TTL}


def sent_ttls(path: Path) -> Iterator[int]:
    for captured in capture(path).packets:
        packet = dissect(captured.octets)
        assert not isinstance(packet, Malformed)
        match packet.body:
            case Tcp(flags=TcpFlags.SYN) | Echo(kind=EchoKind.REQUEST):
                yield packet.ttl


def test_the_longest_path_to_step_is_the_one_that_was_asked_for(without_fault: Lab, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    assert asked(without_fault, "tcp", "10.0.0.5:8080", "--max-hops", "2", "-w", str(path))["results"]
    assert set(sent_ttls(path)) == {1, 2, FULL_TTL}


# --- Interrupted and killed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_prints_and_keeps_what_it_learnt(
    host_down: Lab, number: signal.Signals, tmp_path: Path
) -> None:
    path = tmp_path / "run.pcapng"
    arguments = ("tcp", "10.0.0.5:8080", "10.0.0.5:8081", "--json", "-w", str(path))
    with running(*arguments, lab=host_down) as process:
        wait_until(lambda: packets_in(path) > 5, process)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (130, "")
    read = json.loads(stdout)
    assert read["complete"] is False
    # The second target was not begun.
    (result,) = read["results"]
    assert result["probes"]
    assert read["capture"]["packets"] == packets_in(path) > 5
    (again,) = analyze(path)
    assert summary(again) == result["summary"]


def test_an_interrupted_run_says_so_in_its_text_too(host_down: Lab, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    with running("tcp", "10.0.0.5:8080", "-w", str(path), lab=host_down) as process:
        wait_until(lambda: packets_in(path) > 5, process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (130, "")
    assert "; interrupted, this is what was learnt so far\n" in stdout


def test_a_killed_run_leaves_a_capture_that_can_be_analyzed(host_down: Lab, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    with running("tcp", "10.0.0.5:8080", "-w", str(path), lab=host_down) as process:
        wait_until(lambda: packets_in(path) > 5, process)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert capture(path).comment.startswith("pathprobe tcp 10.0.0.5:8080 -w ")
    (result,) = analyze(path)
    assert (result.target.address, result.target.port) == ("10.0.0.5", 8080)
    assert result.verdict.state != "open"


# --- Labs of its own


def test_demo_builds_its_network_and_leaves_its_capture(tmp_path: Path) -> None:
    path = tmp_path / "demo.pcapng"
    done = pathprobe("demo", "-w", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The network: client - r1 - r2 - r3 - target. The fault: r2 drops the port")
    assert "FILTERED   dropped silently between hop 2 (10.9.2.2) and hop 3 (10.9.3.2)" in done.stdout
    assert done.stdout.index("client# ") < done.stdout.index("FILTERED") < done.stdout.index("Open it in Wireshark")
    (result,) = analyze(path)
    assert summary(result) in capture(path).comment


@pytest.mark.parametrize(
    ("arguments", "code", "stdout"),
    [
        (["open", "--", "sh", "-c", "exit 7"], 7, ""),
        (["open", "true"], 0, ""),
        (["drop-r2-forward", "--", "pathprobe", "--version"], 0, "pathprobe, version "),
        (["drop-r2-forward"], 4, "10.0.0.5:8080/tcp  FILTERED "),
    ],
)
def test_lab_run_ends_with_the_status_of_its_command(arguments: list[str], code: int, stdout: str) -> None:
    done = pathprobe("lab", "run", *arguments)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith(stdout)


def test_lab_run_tells_when_there_is_no_such_command() -> None:
    done = pathprobe("lab", "run", "open", "--", "no-such-command")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pathprobe: cannot run no-such-command: No such file or directory\n"


def test_the_command_sees_the_client_and_reaches_the_other_nodes_by_name() -> None:
    script = 'ip -4 -brief address show to-r1; PATH=$PATH:/usr/sbin:/sbin ip netns exec r2 sh -c "ls /sys/class/net"'
    done = pathprobe("lab", "run", "open", "--", "sh", "-c", f"PATH=$PATH:/usr/sbin:/sbin; {script}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "10.9.1.9/24" in done.stdout


READY = ("sh", "-c", "echo ready; exec sleep 1000")


def test_a_terminated_lab_takes_its_command_with_it() -> None:
    with running("lab", "run", "open", "--", *READY) as process:
        wait_for_command(process)
        assert len(session_members(process.pid)) == 2
        process.terminate()
        _, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (128 + signal.SIGTERM, "")
    assert session_members(process.pid) == []


def test_ctrl_c_in_a_lab_ends_the_command_and_then_the_lab() -> None:
    with running("lab", "run", "open", "--", *READY) as process:
        wait_for_command(process)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert stderr == ""
    assert session_members(process.pid) == []


HANDLES_CTRL_C = """
import signal, sys
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt:
    sys.exit(9)
"""


def test_a_command_that_handles_ctrl_c_keeps_its_own_status() -> None:
    with running("lab", "run", "open", "--", sys.executable, "-c", HANDLES_CTRL_C) as process:
        wait_for_command(process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 9


def test_a_killed_lab_leaves_no_network_behind() -> None:
    with running("lab", "run", "open", "--", *READY) as process:
        wait_for_command(process)
        for member in session_members(process.pid):
            os.kill(member, signal.SIGKILL)
        wait_until_gone(process.pid)
    assert os.listdir(netns.NAMES) == []

"""What was wrong once: each test is the least that shows it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import live, main
from pathprobe.core.probes import Flow, Kind, Probe, Role
from pathprobe.core.report import Claim
from pathprobe.engine.diagnose import Options
from pathprobe.engine.notes import Asked, read_note
from pathprobe.engine.offline import NotOurs, analyze
from pathprobe.engine.targets import MOST_PORTS, BadTarget, Unresolvable, parse, resolve
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.lab.network import Lab
from pathprobe.net import raw
from pathprobe.net.raw import RawNetwork
from pathprobe.net.scenario import Scenario
from pathprobe.output.advice import next_steps
from pathprobe.output.claims import claim
from pathprobe.output.wording import summary
from pathprobe.wire.craft import Crafter
from pathprobe.wire.pcapng import Writer
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
    without_privileges,
)
from tests.core import factories as make
from tests.engine.runs import recorder, run
from tests.output.reports import result_of, result_with
from tests.wire.whole_files import read_whole

in_a_lab = pytest.mark.usefixtures("lab_host")
HERE = "127.0.0.1:9"


def called(*arguments: str) -> Result:
    """The command line in this process; an exception that would be a traceback comes out."""
    return CliRunner(catch_exceptions=False).invoke(main, arguments)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without a packet: every target is answered as the simulated one is."""

    async def diagnose(*_: Any, **options: Any) -> Any:
        return ask_simulated(catalogue.load("open"), recorder=options["recorder"]), None

    monkeypatch.setattr(live, "diagnose", diagnose)


@pytest.fixture
def without_fault() -> Iterator[Lab]:
    with Lab(catalogue.load("open")) as lab:
        yield lab


# --- The evidence is lost, or lies


def test_a_range_of_ports_fits_into_a_capture(tmp_path: Path) -> None:
    # `tcp HOST:1-1024 -w FILE`: one verdict a line, in one comment, which holds 65535 octets. The ValueError
    # comes when all probes are done.
    path = tmp_path / "run.pcapng"
    keeper = recorder(path)
    result = ask_simulated(catalogue.load("open"), recorder=keeper)
    keeper.finish((result,) * MOST_PORTS)
    assert capture(path).comment


@pytest.mark.usefixtures("answered")
def test_a_long_command_line_fits_into_a_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pathprobe", "tcp", *[HERE] * 6000])
    assert called("tcp", HERE, "-w", str(tmp_path / "run.pcapng")).exit_code == 0


@pytest.mark.usefixtures("answered")
def test_a_name_of_the_longest_length_is_a_name(tmp_path: Path) -> None:
    # ".NAME.PID" is longer than a name may be: after all probes, "File name too long" and no answer.
    path = tmp_path / ("x" * 255)
    result = called("tcp", HERE, "-w", str(path))
    assert (result.exit_code, result.stderr) == (0, "")
    assert packets_in(path)


@pytest.mark.usefixtures("answered")
def test_an_answer_is_printed_even_if_the_capture_cannot_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where the file may be written and its directory may not. It said that CAP_NET_RAW is missing.
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", ".run.pcapng.1")

    monkeypatch.setattr(Path, "replace", refuse)
    result = called("tcp", HERE, "-w", str(tmp_path / "run.pcapng"))
    assert "CAP_NET_RAW" not in result.stderr
    assert "  OPEN  " in result.stdout


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    keeper = recorder(tmp_path / "link")
    keeper.finish((ask_simulated(catalogue.load("open"), recorder=keeper),))
    assert (tmp_path / "link").is_symlink()
    (result,) = analyze(tmp_path / "file")
    assert result.verdict.state == "open"


def test_a_run_that_cannot_begin_leaves_an_earlier_capture_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    path.write_bytes(run("drop-r2-forward").octets)
    assert without_privileges("tcp", HERE, "-w", str(path), cwd=tmp_path).returncode == 1
    assert path.read_bytes() == run("drop-r2-forward").octets


@pytest.mark.parametrize("name", ["local-output-drop", "local-egress-drop-v6"])
def test_a_killed_run_answers_no_other_question_than_the_one_asked(name: str, tmp_path: Path) -> None:
    # No SYN ever left, so the first packet is the control's: "10.0.0.5/icmp is open", status 0.
    path = tmp_path / "run.pcapng"
    path.write_bytes(run(name).killed)
    try:
        (result,) = analyze(path)
    except NotOurs:
        return
    assert result.target.port == run(name).result.target.port


def test_a_killed_run_is_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    path.write_bytes(run("host-down").killed[:2000])
    result = called("analyze", str(path), "--json")
    assert json.loads(result.stdout)["complete"] is False


@pytest.mark.parametrize(
    "note",
    [
        "asked tcp here there 80 from 1 until 2 window 0.1",
        "asked tcp 10.0.0.1 10.0.0.2 80 from 1 until 2 window 1.2.3",
        f"asked tcp 10.0.0.1 10.0.0.2 {'9' * 5000} from 1 until 2 window 0.1",
        f"not-sent EPERM test tcp 1 2 ttl 64 token 7 at {'9' * 5000}",
    ],
)
def test_a_note_that_somebody_damaged_is_no_exception(note: str, tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    with path.open("wb") as stream:
        Writer(stream).statistics(1, 2, comments=[note])
    result = called("analyze", str(path))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.lab
@in_a_lab
def test_a_pause_between_two_readings_of_the_clock_turns_no_order_round(
    without_fault: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # receive() takes time.time() and then time.monotonic(); a process that is preempted between them (here for
    # 5 ms, at the first of two calls) sees its probe leave after the answer to it came.
    place = without_fault.scenario
    late = iter([0.005])
    clock = types.SimpleNamespace(monotonic=time.monotonic, time=lambda: time.time() - next(late, 0))
    with without_fault.inside("client"):
        network = RawNetwork(place.destination_address)
        try:
            monkeypatch.setattr(raw, "time", clock)
            network.send(syn(place))
            frames = [next(network.receive())]
            while not any(not frame.outgoing for frame in frames):
                assert select.select([network], [], [], PATIENCE)[0]
                frames += network.receive()
        finally:
            network.close()
    left, came = frames[:2]
    assert (left.outgoing, came.outgoing) == (True, False)
    assert left.time <= came.time


def syn(place: Scenario) -> bytes:
    flow = Flow(
        kind=Kind.TCP,
        source=place.link_address(0, "left"),
        destination=place.destination_address,
        source_port=40001,
        destination_port=8080,
    )
    return Crafter().craft(
        Probe(id=1, role=Role.TEST, flow=flow, flow_number=0, ttl=64, attempt=1, token=7, identification=7)
    )


@pytest.mark.parametrize("name", ["open", "closed", "drop-r2-forward"])
@pytest.mark.parametrize("early_ns", [0, 1_000_000])
def test_packets_are_read_in_the_order_of_the_file_whatever_their_clock_says(
    name: str, early_ns: int, tmp_path: Path
) -> None:
    # What the fault above leaves in a capture: the answers a millisecond early. The live run knew whose they are.
    one = run(name)
    path, before = tmp_path / "run.pcapng", read_whole(one.octets)
    with path.open("wb") as stream:
        writer = Writer(stream)
        for packet in before.packets:
            time_ns = packet.time_ns - (0 if packet.outgoing else early_ns)
            writer.packet(time_ns, packet.octets, interface="eth0", outgoing=bool(packet.outgoing))
        asked = read_note(before.notes[0])
        assert isinstance(asked, Asked)
        # Begun a second earlier, so that the answers do not fall out of the question's time.
        note = replace(asked, start_ns=asked.start_ns - 1_000_000_000)
        writer.statistics(asked.start_ns, asked.end_ns, comments=[str(note)])
    (result,) = analyze(path)
    assert summary(result) == summary(one.result)


# --- Targets and options


def test_a_port_of_thousands_of_digits_is_a_bad_target() -> None:
    with pytest.raises(BadTarget):
        parse("web1:" + "9" * 5000, with_port=True)


def test_several_ranges_together_have_the_same_limit_as_one() -> None:
    with pytest.raises(BadTarget, match=f"at most {MOST_PORTS}"):
        parse("web1:1-1000,2001-3000", with_port=True)


@pytest.mark.parametrize("text", ["10.0.0.5:80", "[fd00::5]:80", "web1:80"])
def test_echo_has_no_port_and_says_so(text: str) -> None:
    # The bracketed form drops the port without a word; the others are looked up as a name.
    with pytest.raises(BadTarget):
        parse(text, with_port=False)


@pytest.mark.parametrize("text", ["a\nb:80", "a\tb:80", "10.0.0.5%eth0:80"])
def test_a_host_that_cannot_be_one_is_a_bad_target(text: str) -> None:
    with pytest.raises(BadTarget):
        parse(text, with_port=True)


@pytest.mark.parametrize("name", ["0", "blocked.example"])
def test_a_name_that_leads_to_no_host_is_not_probed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The literal 0.0.0.0 is refused; what a resolver makes of "0", or an ad blocker of a name, is not.
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("0.0.0.0", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    with pytest.raises(Unresolvable):
        list(resolve(parse(f"{name}:80", with_port=True), protocol="tcp"))


def test_an_interruption_while_a_name_is_resolved_has_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(socket, "getaddrinfo", ctrl_c)
    assert called("tcp", "slow.example:80").exit_code == 130


@pytest.mark.usefixtures("answered")
def test_a_wait_that_is_no_number_is_a_wrong_command_line() -> None:
    assert called("tcp", HERE, "--wait", "nan").exit_code == 2


@pytest.mark.usefixtures("answered")
def test_a_full_disk_is_told_with_the_file_that_did_not_fit() -> None:
    result = called("tcp", HERE, "-w", "/dev/full")
    assert result.exit_code == 1
    assert "/dev/full" in result.stderr


def test_an_output_that_is_full_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    path.write_bytes(run("open").octets)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "analyze", str(path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.lab
@in_a_lab
def test_the_zone_of_a_link_local_address_says_through_which_interface() -> None:
    # On r1 fe80::1 is the client on one side, and r1 itself on the other.
    with Lab(catalogue.load("open-v6")) as lab, lab.inside("r1"):
        done = pathprobe("tcp", "[fe80::1%to-client]:8080")
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.lab
@in_a_lab
def test_a_source_may_be_written_in_any_of_its_forms() -> None:
    with Lab(catalogue.load("neighbour-open-v6")) as lab:
        assert on_client(lab, "tcp", "[fd00::5]:8080", "-s", "FD00:0::9").returncode == 0


@pytest.mark.lab
@in_a_lab
def test_a_source_of_the_other_family_is_told_in_the_user_s_terms(without_fault: Lab) -> None:
    done = on_client(without_fault, "tcp", "10.0.0.5:8080", "-s", "::1")
    assert done.returncode == 1
    assert "::1" in done.stderr
    assert "inet_pton" not in done.stderr


@pytest.mark.lab
@in_a_lab
def test_a_broadcast_address_is_not_taken_for_a_prohibit_route(without_fault: Lab) -> None:
    # send() gives EACCES for want of SO_BROADCAST.
    assert "prohibit" not in on_client(without_fault, "tcp", "10.9.1.255:80").stdout


@pytest.mark.lab
@in_a_lab
def test_a_broadcast_address_among_the_targets_costs_no_answer_already_given(
    without_fault: Lab, tmp_path: Path
) -> None:
    # It is told before the first probe; it used to be told after the first target's, whose answer was lost.
    path = tmp_path / "run.pcapng"
    done = on_client(without_fault, "tcp", "10.0.0.5:8080", "10.9.1.255:80", "-w", str(path))
    assert (done.returncode, done.stdout, path.exists()) == (1, "", False)
    assert "10.9.1.255 is a broadcast address" in done.stderr


# --- Words


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([make.syn(1, make.silent()), make.syn(4, make.expired())], Claim.TEST_SILENT),
        ([make.syn(64, make.silent()), make.echo(64, make.refused_by_kernel())], Claim.CONTROL_SILENT),
    ],
)
def test_nothing_is_claimed_of_no_probe_at_all(seen: list[Any], said: Claim) -> None:
    # "0 of 0 SYNs to  died past hop 4", "0 control probes of other kinds () died there too".
    reasons = {reason.claim: reason for reason in result_of(make.evidence(*seen)).verdict.reasons}
    assert said not in reasons or reasons[said].probes, claim(reasons[said])


def test_nobody_is_sent_to_ask_who_runs_this_host() -> None:
    steps = next_steps(result_with("blackhole-r2", Options(max_hops=1, trace=False)))
    assert not any("who runs this host" in step for step in steps), steps


# --- Processes and sockets


@pytest.mark.lab
@in_a_lab
def test_a_socket_is_closed_when_its_interface_is_not_there(without_fault: Lab) -> None:
    with without_fault.inside("client"):
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(OSError, match="No such device") as held:
            RawNetwork("10.0.0.5", interface="nosuch0")
        assert len(os.listdir("/proc/self/fd")) == before, held.traceback


@pytest.mark.lab
@in_a_lab
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, 137)])
def test_a_command_that_a_signal_ends_has_the_shell_s_status(number: int, status: int) -> None:
    # It was 256 less the signal: 254, 247.
    assert pathprobe("lab", "run", "open", "--", "sh", "-c", f"kill -{number} $$").returncode == status


#: `pathprobe lab run`, to which a SIGTERM comes in the millisecond in which it starts its command.
TERMINATED_EARLY = """
import os, signal, subprocess
start = subprocess.Popen._execute_child
def start_and_be_terminated(self, arguments, *more):
    start(self, arguments, *more)
    if "sleep" in arguments:
        os.kill(os.getpid(), signal.SIGTERM)
subprocess.Popen._execute_child = start_and_be_terminated
from pathprobe.commands import main
main(["lab", "run", "open", "--", "sleep", "1000"])
"""


@pytest.mark.lab
@in_a_lab
def test_a_lab_that_is_terminated_while_it_starts_its_command_takes_it_along() -> None:
    with running(program=(sys.executable, "-c", TERMINATED_EARLY)) as process:
        assert process.wait(PATIENCE) == 143
        assert session_members(process.pid) == []


@pytest.mark.lab
@in_a_lab
def test_a_terminated_lab_takes_what_its_command_started_with_it() -> None:
    with running("lab", "run", "open", "--", "sh", "-c", "sleep 1000 & echo ready; wait") as process:
        wait_for_command(process)
        process.terminate()
        process.wait(PATIENCE)
        assert session_members(process.pid) == []


@pytest.mark.lab
@in_a_lab
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_demo_that_is_ended_takes_its_run_with_it(number: signal.Signals, status: int, tmp_path: Path) -> None:
    path = tmp_path / "demo.pcapng"
    with running("demo", "-w", str(path)) as process:
        wait_until(lambda: packets_in(path) > 5, process)
        process.send_signal(number)
        process.wait(PATIENCE)
        left = session_members(process.pid)
    assert left == []
    assert process.returncode == status

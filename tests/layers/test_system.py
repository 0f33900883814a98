"""What is asked of a machine ends in time and leaves nothing behind, and is asked once where it is remembered."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pathprobe.layers import running, system
from pathprobe.layers.system import Recorded, Remembering, Said, ThisMachine, Unread, is_live

#: Says who it and its own child are, and then nothing more.
HANGING = "#!/bin/sh\nsleep 600 &\necho $$ $! > {told}\nwait\n"
COUNTING = "#!/bin/sh\necho asked >> {told}\necho said\necho error >&2\nexit 3\n"

#: Seconds that a killed process may take to go at the most.
PATIENCE = 10.0


def program(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name before all others; the file that it writes to."""
    told = folder / f"{name}.told"
    made = folder / name
    made.write_text(text.format(told=told))
    made.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return told


def has_ended(pid: str) -> bool:
    """Within seconds: what was killed takes a moment to go."""
    try:
        end = os.pidfd_open(int(pid))
    except ProcessLookupError:
        return True
    with os.fdopen(end):
        return bool(select.select([end], [], [], PATIENCE)[0])


def test_a_command_says_its_status_output_and_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "teller", COUNTING, monkeypatch)
    assert ThisMachine().run("teller") == Said(status=3, out="said\n", error="error\n")
    assert ThisMachine().run("no-such-program") == Unread(reason="no-such-program is not installed", is_missing=True)


def test_a_program_that_hangs_is_given_up_with_all_it_started_and_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = program(tmp_path, "firewall-cmd", HANGING, monkeypatch)
    monkeypatch.setitem(system.PATIENCE, "firewall-cmd", 1.0)
    machine = ThisMachine()
    said = machine.run("firewall-cmd", "--get-default-zone")
    assert said == Unread(reason="firewall-cmd said nothing for 1 s", is_silent=True)
    pids = told.read_text()
    assert all(map(has_ended, pids.split()))
    again = machine.run("firewall-cmd", "--list-all-zones")
    assert again == Unread(reason="firewall-cmd takes too long to answer", is_silent=True)
    assert told.read_text() == pids


def test_a_slow_program_is_waited_for_in_all_as_long_as_for_two_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = program(tmp_path, "docker", COUNTING, monkeypatch)
    clock = iter((0.0, 4.0, 10.0, 16.1, 20.0, 20.1))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    waits: list[float] = []

    def run(_: list[str], __: Mapping[str, str], patience: float) -> tuple[int, str, str]:
        waits.append(patience)
        return 0, "", ""

    monkeypatch.setattr(running, "run", run)
    machine = ThisMachine()
    said = [machine.run("docker", "ps") for _ in range(3)]
    assert [isinstance(one, Said) for one in said] == [True, True, False]
    assert waits == [5.0, 5.0]
    assert not told.exists()


ASKING = """
import sys
import time
from pathprobe.layers.system import ThisMachine
print("asks", flush=True)
ThisMachine().run("docker", "ps")
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_ends_the_asking_process_ends_what_it_runs(
    ending: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "docker.told"
    os.mkfifo(told)
    program(tmp_path, "docker", HANGING, monkeypatch)
    with subprocess.Popen([sys.executable, "-c", ASKING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as asking:
        pids = told.read_text()  # waits until the child says who it is
        asking.send_signal(ending)
        assert asking.wait() == -ending
    assert len(pids.split()) == 2
    assert all(map(has_ended, pids.split()))


def test_what_is_remembered_is_asked_once() -> None:
    asked: list[str] = []

    class Counted(ThisMachine):
        def run(self, *command: str) -> Said | Unread:
            asked.append(command[0])
            return Said(status=0, out="eth0")

        def read(self, path: str) -> str | Unread:
            asked.append(path)
            return "1"

    machine = Remembering(Counted())
    assert [machine.run("ip", "addr"), machine.run("ip", "addr")] == [Said(status=0, out="eth0")] * 2
    assert machine.run("ip", "route") == Said(status=0, out="eth0")
    assert [machine.read("/a"), machine.read("/a")] == ["1", "1"]
    assert asked == ["ip", "ip", "/a"]


def test_a_machine_that_is_remembered_is_as_live_as_it_was() -> None:
    assert is_live(ThisMachine())
    assert is_live(Remembering(ThisMachine()))
    assert not is_live(Remembering(Recorded()))
    recorded = Remembering(Recorded(files={"/etc/a": "x"}, links={"/proc/1/ns": "y"}))
    assert (recorded.names("/etc"), recorded.link("/proc/1/ns")) == (["a"], "y")

"""What /proc tells of a process is what psutil says of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pathprobe.layers.listening.facts import Condition, Process
from pathprobe.layers.listening.processes import ThisMachinesProcesses
from pathprobe.layers.listening.told_processes import ToldProcesses
from pathprobe.layers.system import Recorded, Said, ThisMachine

TOLD = ToldProcesses(system=ThisMachine())
ASKED = ThisMachinesProcesses()

#: Kept by what runs them, so that the process is still there and does nothing.
WAIT = "print(flush=True); input()"


@contextmanager
def waiting(*arguments: str | bytes, script: str = WAIT) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", script, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield process
        process.kill()


def title(text: bytes) -> str:
    """A process that writes its title over its command line, and its name."""
    return f"""
import ctypes, os
libc = ctypes.CDLL(None)
libc.prctl(15, {text!r}, 0, 0, 0)  # PR_SET_NAME
{WAIT}
"""


@pytest.mark.parametrize(
    ("arguments", "script"),
    [
        ((), WAIT),
        (("a b", "", "c"), WAIT),
        ((b"\xff\xfe \xc3\xa9 \x1b[31m\n",), WAIT),
        (("x" * 1000,), WAIT),
        ((), title(b"a) S (b")),
        ((), title(b"\xff(odd)\n")),
        ((), title(os.path.basename(sys.executable).encode()[:15])),
    ],
    ids=["plain", "empty-word", "odd-octets", "long", "parentheses", "odd-name", "own-name"],
)
def test_name_command_user_and_parent_are_the_same(arguments: tuple[str | bytes, ...], script: str) -> None:
    with waiting(*arguments, script=script) as process:
        told = TOLD.process(process.pid)
        assert told == ASKED.process(process.pid)
        assert told is not None
        assert (told.pid, told.parent, told.condition) == (process.pid, os.getpid(), Condition.RUNS)


def test_a_name_that_the_kernel_cut_is_whole(tmp_path: Path) -> None:
    program = tmp_path / "a-server-with-a-long-name"
    program.symlink_to("/bin/cat")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"x")
        # It echoes, so it is the new program: Popen returns while the kernel is still replacing the old one.
        assert process.stdout.read(1) == b"x"
        told, asked = TOLD.process(process.pid), ASKED.process(process.pid)
        process.kill()
    assert told == asked
    assert told is not None
    assert told.name == "a-server-with-a-long-name"


@pytest.mark.parametrize(
    ("number", "until", "condition"),
    [
        (signal.SIGSTOP, os.WSTOPPED, Condition.STOPPED),
        (signal.SIGKILL, os.WEXITED, Condition.ZOMBIE),
    ],
)
def test_what_a_process_is_up_to_is_the_same(number: signal.Signals, until: int, condition: Condition) -> None:
    with waiting() as process:
        os.kill(process.pid, number)
        os.waitid(os.P_PID, process.pid, until | os.WNOWAIT)
        told = TOLD.process(process.pid)
        assert told == ASKED.process(process.pid)
        assert told is not None
        assert told.condition is condition


def test_who_ended_is_none() -> None:
    with waiting() as process:
        pass
    assert TOLD.process(process.pid) is None


@pytest.mark.parametrize("uid", [0, os.getuid(), 65534, 4711_4711])
def test_users_have_the_same_names(uid: int) -> None:
    assert TOLD.user(uid) == ASKED.user(uid)


# ---- where the machine is another one

FILES = {
    "/proc/7/stat": "7 (nginx) S 1 7 7 0 -1",
    "/proc/7/status": "Name:\tnginx\nUid:\t33\t0\t0\t0\n",
    "/proc/7/cmdline": "nginx: master process /usr/sbin/nginx -g daemon on;",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
}
NGINX = Process(pid=7, name="nginx", command=FILES["/proc/7/cmdline"], user="www-data", parent=1)


def test_a_title_in_one_piece_is_a_command_line() -> None:
    assert ToldProcesses(system=Recorded(files=FILES)).process(7) == NGINX


def test_users_of_a_directory_have_names_too() -> None:
    system = Recorded(
        files=FILES, commands={"getent passwd 33": "web:*:33:33::/:\n", "getent passwd 0": Said(status=2)}
    )
    processes = ToldProcesses(system=system)
    assert (processes.user(33), processes.user(0)) == ("web", "0")


@pytest.mark.parametrize(
    "changed",
    [
        {"/proc/7/stat": ""},
        {"/proc/7/stat": "7 nginx"},
        {"/proc/7/stat": "7 (nginx) S ?"},
        {"/proc/7/status": ""},
        {"/proc/7/status": "Uid:\tx\n"},
    ],
)
def test_files_that_make_no_sense_are_no_process(changed: dict[str, str]) -> None:
    assert ToldProcesses(system=Recorded(files=FILES | changed)).process(7) is None


def test_a_process_of_the_kernel_has_no_command_line() -> None:
    found = ToldProcesses(system=Recorded(files=FILES | {"/proc/7/cmdline": ""})).process(7)
    assert found is not None
    assert (found.name, found.command) == ("nginx", "")

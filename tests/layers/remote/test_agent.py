"""What the agent answers is what ThisMachine answers, and it does so on every python3 there may be."""

from __future__ import annotations

import ast
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pathprobe.layers import kernel, listening
from pathprobe.layers.listening.descriptors import Descriptors
from pathprobe.layers.remote import NotReached, SshMachine, agent
from pathprobe.layers.remote.line import Line
from pathprobe.layers.system import Said, ThisMachine, Unread, link_each, names_each, read_each
from tests.layers.remote import near

HERE = ThisMachine()


@pytest.fixture(scope="module")
def there() -> Iterator[SshMachine]:
    with near.agent() as machine:
        yield machine


@pytest.mark.parametrize(
    "command",
    [
        ("sh", "-c", "echo out; echo error >&2; exit 3"),
        ("sh", "-c", "kill -TERM $$"),
        ("printf", "\\377\\000\\r\\n\\r x \\303\\251"),
        ("printf", "%s", "\udcff é 🦊"),
        ("sh", "-c", "echo $LC_ALL; cat"),
        ("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2"),
        ("no-such-program", "--version"),
        ("/etc/passwd",),
        ("sysctl", "-n", "kernel.ostype"),
        ("sh", "-c", "exec >&- 2>&-; sleep 0.01; exit 4"),
    ],
    ids=lambda command: " ".join(command)[:30].encode("ascii", "backslashreplace").decode(),
)
def test_commands_say_the_same(there: SshMachine, command: tuple[str, ...]) -> None:
    assert there.run(*command) == HERE.run(*command)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text").write_bytes(b"one\r\ntwo\rthree\n\xff\xfe \xc3\xa9\x00")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(os.urandom(1 << 20))
    os.symlink("socket:[4711]", tmp_path / "link")
    os.symlink(b"odd \xff", os.fsencode(tmp_path / "odd-link"))
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe9 odd")).touch()
    return tmp_path


@pytest.mark.parametrize(
    "name", ["text", "empty", "folder", "large", "link", "odd-link", "missing", "text/below", "\udcff\udce9 odd", ""]
)
def test_files_folders_and_links_are_the_same(there: SshMachine, folder: Path, name: str) -> None:
    path = f"{folder}/{name}"
    assert there.read(path) == printable(HERE.read(path))
    assert there.names(path) == printable(HERE.names(path))
    assert there.link(path) == printable(HERE.link(path))


def printable(answer: object) -> object:
    """A reason is for people: what is no text in it is replaced."""
    if not isinstance(answer, Unread):
        return answer
    return replace(answer, reason=os.fsencode(answer.reason).decode(errors="replace"))


def test_files_of_proc_are_read_to_their_end(there: SshMachine) -> None:
    assert there.read("/proc/filesystems") == HERE.read("/proc/filesystems")
    assert there.link("/proc/self/ns/net") == HERE.link("/proc/self/ns/net")
    assert there.read("/proc/self/comm") != "", "the agent's own"


def test_many_questions_are_one_journey_with_the_same_answers(there: SshMachine, folder: Path) -> None:
    paths = [f"{folder}/{name}" for name in ("link", "text", "missing", "folder")] * 500
    assert read_each(there, paths) == read_each(HERE, paths)
    assert link_each(there, paths) == link_each(HERE, paths)
    assert names_each(there, paths) == names_each(HERE, paths)
    assert read_each(there, []) == []


def test_more_than_a_pipe_holds_goes_both_ways_at_once(there: SshMachine) -> None:
    paths = ["/no/" + "x" * 200] * 5000
    assert {type(one) for one in there.read_each(paths)} == {Unread}


# ---- limits, asked of the functions themselves


@pytest.mark.parametrize("then", ["wait", "exit"])
def test_a_command_that_hangs_is_given_up_with_what_it_started(tmp_path: Path, then: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with open(reading, "rb") as held:
        command = f"sleep 1000 3> {pipe} & {then}"
        answer = agent.run(b"sh", b"-c", command.encode(), patience=0.2)
        os.set_blocking(reading, True)
        assert held.read() == b"", "nobody has the other end any more"
    assert answer == ["unread", "sh said nothing for 0 s", False]


def test_a_command_that_closes_its_mouth_and_stays_is_given_up() -> None:
    assert agent.run(b"sh", b"-c", b"exec >&- 2>&-; sleep 1000", patience=0.2)[0] == "unread"


def test_what_is_endless_is_given_up() -> None:
    assert agent.run(b"yes", limit=1 << 20) == ["unread", "yes printed more than 1 MiB", False]
    assert agent.read(b"/dev/zero", limit=1 << 20) == ["unread", "/dev/zero: longer than 1 MiB", False]


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert agent.read(os.fsencode(tmp_path / "pipe")) == ["text", ""]


@pytest.mark.parametrize("question", [["remove", "/etc/passwd"], ["read", "a\0b"], ["run"], ["read", "ā"], ["names"]])
def test_questions_that_make_no_sense_are_answered_too(question: list[str]) -> None:
    assert agent.answer(question)[0] == "unread"


# ---- the line


def test_what_a_profile_prints_disturbs_nobody() -> None:
    noisy = ("sh", "-c", 'echo Welcome; printf "%70000s" "" >&2; printf "%70000s\\0pathprobe" ""; exec "$@"', "sh")
    with near.agent((*noisy, *near.PYTHON)) as machine:
        assert machine.run("echo", "hello") == Said(status=0, out="hello\n")


def test_its_clock_and_its_user_are_known(there: SshMachine) -> None:
    assert there.is_root is (os.geteuid() == 0)
    assert abs(there.now() - time.time()) < 60


def test_the_agent_ends_with_its_line() -> None:
    machine = near.agent()
    agents = Path(f"/proc/{machine._line.pid}")
    assert agents.exists()
    machine.close()
    assert not agents.exists()
    machine.close()
    with pytest.raises(NotReached, match="the connection to web1 is closed"):
        machine.read("/etc/passwd")


@pytest.mark.parametrize("signal", ["KILL", "TERM", "STOP; kill -KILL"])
def test_an_agent_that_is_killed_midway_is_a_broken_connection(signal: str) -> None:
    with (
        near.agent() as machine,
        pytest.raises(NotReached, match=r"^the connection to web1 broke before all was asked: run this again$"),
    ):
        machine.run("sh", "-c", f"kill -{signal} $PPID")
    assert not Path(f"/proc/{machine._line.pid}").exists()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 255", "^ssh web1 failed: try it by hand$"),
        ("echo ssh: no luck >&2; exit 255", r"^ssh web1 failed: try it by hand \(ssh: no luck\)$"),
        ("exit 127", "^python3 is not installed on web1: install it there, or run pathprobe host --json there$"),
        ("exit 126", "^python3 may not be run on web1$"),
        ("echo This account is not available.; exit 1", r"did not run python3 for it \(This account is not available"),
        ("exec yes", r"^web1 let ssh web1 in and did not run python3 for it \(y\)$|^ssh web1 failed"),
        ("exec sleep 1000", "^web1 did not let ssh web1 in within 0 s: is it overloaded, or does a filter hold it up"),
        ("trap '' TERM; exec sleep 1000", "^web1 did not let ssh web1 in within 0 s"),
        ("printf '\\0pathprobe-agent-1\\0\\n\\377\\377\\377\\377'; exec sleep 1000", "ssh web1 failed"),
        ("printf '\\0pathprobe-agent-1\\0\\n\\0\\0\\0\\1x'; exec sleep 1000", "ssh web1 failed"),
    ],
)
def test_what_is_no_agent_is_told_in_a_line_and_ended(monkeypatch: pytest.MonkeyPatch, script: str, words: str) -> None:
    monkeypatch.setattr("pathprobe.layers.remote.line._LAST_WORDS", 0.1)
    line = Line(("sh", "-c", script), keeps_terminal=False)
    with pytest.raises(NotReached, match=words) as raised:
        SshMachine(line, near.THERE, patience=0.3, may_sudo=False)
    assert "\n" not in str(raised.value)
    assert not Path(f"/proc/{line.pid}").exists()


# ---- any python3


SOURCE = Path(agent.__file__).read_text()


def test_the_agent_is_what_python_3_4_understands() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 4))
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr)), node.lineno
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and isinstance(node.ctx, ast.Load):
            assert not any(isinstance(one, ast.Starred) for one in node.elts), node.lineno
        if isinstance(node, ast.Call):
            assert not any(isinstance(one, ast.Starred) for one in node.args[:-1]), node.lineno


def test_the_agent_needs_nothing_of_ours() -> None:
    tree = ast.parse(SOURCE)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


def test_nothing_is_written_where_it_runs(tmp_path: Path) -> None:
    """Neither beside it nor, compiled, beside what it imports."""
    traced = tmp_path / "opened"
    script = "import sys; sys.addaudithook(lambda name, args: print(name, *args, file=log) if name == 'open' else None)"
    hook = f"log = open({str(traced)!r}, 'w', 1); {script}; "
    command = (sys.executable, *near.PYTHON[1:-1], hook + near.PYTHON[-1])
    with near.agent(command, may_sudo=False) as machine:
        machine.read("/etc/passwd")
        machine.run("true")
    opened = [line.split() for line in traced.read_text().splitlines()]
    assert any("/etc/passwd" in words[1] for words in opened)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    written = {words[1] for words in opened if words[-1].isdecimal() and int(words[-1]) & writing}
    assert written <= {"/dev/null"}


class Counting(SshMachine):
    """How often something was sent to the other end and waited for."""

    journeys = 0

    def _asked(self, questions: Sequence[tuple[str, ...]]) -> list[list[Any]]:
        self.journeys += 1
        return super()._asked(questions)


def test_a_look_takes_as_many_journeys_however_many_processes_there_are() -> None:
    """On a way of 50 ms each of them is felt."""
    line = Line(near.PYTHON, keeps_terminal=False)
    with Counting(line, near.THERE, patience=near.PATIENCE, may_sudo=False) as machine:
        facts = listening.read(machine, 47115, "tcp")
        Descriptors(system=machine).pids(1)
        kernel.read(machine)
    assert facts.serving == ()
    assert machine.journeys < 30

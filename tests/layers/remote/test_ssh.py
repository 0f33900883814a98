"""A machine looked at over a real ssh says what it says of itself, or one line says why it does not."""

from __future__ import annotations

import ctypes
import os
import pickle
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pathprobe.core.layers import Layer
from pathprobe.lab import netns
from pathprobe.layers.host import PortQuestion, look
from pathprobe.layers.remote import Destination, NotReached, SshMachine, SshOptions
from pathprobe.layers.system import Said, ThisMachine
from tests.layers.sshd import USER, Sshd, handle_of, know, sshd_in, wait_until_ended
from tests.layers.two_hosts import CLIENT, SERVER, SERVER_ADDRESS, two_hosts

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: The first is served and let in, the second rejected, the third served on loopback alone; nothing serves the last.
OPEN, REJECTED, LOCAL, CLOSED = 47211, 47212, 47213, 47214

#: Longer than the kernel keeps.
LONG_NAME = "a-server-with-a-long-name"

RULES = f"""
table inet filter {{
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "lo" accept
    tcp dport {REJECTED} reject with tcp reset
  }}
}}
"""

#: Nobody may be root here; and asks for a terminal are no hindrance.
SUDOERS = f"Defaults use_pty\n{USER} ALL=(ALL) NOPASSWD: ALL\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with two_hosts(), sshd_in(SERVER, SERVER_ADDRESS, sudoers=SUDOERS, lines=["Banner /etc/services"]) as running:
        netns.run_nft(SERVER, RULES)
        with listeners(tmp_path_factory.mktemp("programs") / LONG_NAME):
            yield running


@contextmanager
def listeners(program: Path) -> Iterator[None]:
    program.symlink_to(sys.executable)
    ports = f"[('0.0.0.0', {OPEN}), ('0.0.0.0', {REJECTED}), ('127.0.0.1', {LOCAL})]"
    script = f"import socket; held = [socket.create_server(one) for one in {ports}]; print(flush=True); input()"
    with netns.inside(SERVER):
        process = subprocess.Popen(
            [program, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield
        process.kill()


@contextmanager
def reached(server: Sshd, user: str = "root", *, may_sudo: bool = False) -> Iterator[SshMachine]:
    with netns.inside(CLIENT), SshMachine.connect(server.destination(user), server.options(may_sudo=may_sudo)) as there:
        yield there


QUESTIONS = [
    PortQuestion(port=OPEN, protocol="tcp"),
    PortQuestion(port=REJECTED, protocol="tcp"),
    PortQuestion(port=LOCAL, protocol="tcp", expected="nginx"),
    PortQuestion(port=CLOSED, protocol="udp"),
]


def at_home(user: str, question: PortQuestion, now: float) -> tuple[Layer, ...]:
    """What ``host`` says there when this user runs it."""
    with netns.inside(SERVER):
        return looked(question, now) if user == "root" else _as_nobody(lambda: looked(question, now))


def looked(question: PortQuestion, now: float) -> tuple[Layer, ...]:
    return look(ThisMachine(), question, now=now)


def _as_nobody(asked: Callable[[], tuple[Layer, ...]]) -> tuple[Layer, ...]:
    """In a process of its own. All modules are loaded already: nobody may not be able to read them."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: its own /proc files are its own again
            with open(writing, "wb") as answer:
                pickle.dump(asked(), answer)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        found = pickle.load(answer)
    os.waitpid(child, 0)
    assert isinstance(found, tuple)
    return found


def still(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Without the number of other processes, of which there are more while somebody is logged in."""
    return tuple(
        replace(
            layer,
            summary=_counted(layer.summary),
            evidence=tuple(replace(one, text=_counted(one.text)) for one in layer.evidence),
        )
        for layer in layers
    )


def _counted(text: str) -> str:
    return re.sub(r"namespaces of \d+ processes could not be read \(pid [^)]*\)", "namespaces of N processes", text)


@pytest.mark.parametrize(("user", "may_sudo"), [("root", True), (USER, False), (USER, True)])
def test_a_look_over_ssh_is_a_look_on_the_machine(server: Sshd, user: str, may_sudo: bool) -> None:
    with reached(server, user, may_sudo=may_sudo) as there:
        now = there.now()
        far = [look(there, question, now=now) for question in QUESTIONS]
        assert there.is_root is (user == "root" or may_sudo)
    home = [at_home("root" if may_sudo else user, question, now) for question in QUESTIONS]
    for over_ssh, on_it in zip(far, home, strict=True):
        assert still(over_ssh) == still(on_it)


def test_what_is_compared_says_something_and_takes_less_than_two_seconds(server: Sshd) -> None:
    with reached(server) as there:
        begun = time.monotonic()
        rows = [look(there, question, now=there.now()) for question in QUESTIONS]
        taken = time.monotonic() - begun
    assert f"{LONG_NAME} (pid" in rows[0][0].summary
    assert f"tcp dport {REJECTED} reject" in str(rows[1][1].evidence)
    assert [row[0].status.value for row in rows] == ["pass", "pass", "fail", "fail"]
    assert taken / len(QUESTIONS) < 2


def test_the_systems_own_ssh_and_its_configuration_are_used(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of keys here: they are in the configuration of the ``ssh`` that is found."""
    monkeypatch.setenv("PATH", server.environment["PATH"])
    with netns.inside(CLIENT), SshMachine.connect(Destination.parse(server.given())) as there:
        assert there.names("/proc/self/task") != []


def test_nothing_stays_there_and_nothing_here(server: Sshd) -> None:
    with ExitStack() as stack:
        with reached(server, USER, may_sudo=True) as there:
            assert there.run("true")
            agents = [stack.enter_context(handle_of(one)) for one in server.sessions()]
        assert len(agents) >= 3, "sshd's two and sudo's"
        assert not psutil.pid_exists(there._line.pid)
        for agent in agents:
            wait_until_ended(agent)


# ---- when it fails


def refused(server: Sshd, *options: str, destination: Destination | None = None, timeout: int = 10) -> str:
    how = replace(server.options(*options), connect_timeout=timeout)
    with netns.inside(CLIENT), pytest.raises(NotReached) as raised:
        SshMachine.connect(destination or server.destination(), how)
    return str(raised.value)


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        (
            Destination(host=SERVER_ADDRESS, port=2222),
            f"connect to host {SERVER_ADDRESS} port 2222: Connection refused: no sshd listens there, or another port "
            "is meant ([user@]host:port)",
        ),
        (
            Destination(host="192.0.2.1"),
            "connect to host 192.0.2.1 port 22: Network is unreachable: this machine has no route to it",
        ),
        (
            Destination(host=SERVER_ADDRESS, user="carol"),
            f"{SERVER_ADDRESS} does not let carol in without being asked (carol@{SERVER_ADDRESS}: Permission denied "
            f"(publickey)): ssh carol@{SERVER_ADDRESS} must work without a password, by a key (ssh-copy-id, ssh-add)",
        ),
        (
            Destination(host="no-such-host.invalid"),
            "Could not resolve hostname no-such-host.invalid: Temporary failure in name resolution: check the name",
        ),
    ],
    ids=["refused", "no-route", "no-key", "no-name"],
)
def test_what_is_wrong_and_what_to_do_about_it_is_said(server: Sshd, destination: Destination, words: str) -> None:
    assert refused(server, destination=destination) == words


def test_a_host_key_that_is_not_known_is_said(server: Sshd) -> None:
    assert refused(server, "UserKnownHostsFile=/dev/null") == (
        f"the host key of {SERVER_ADDRESS} is not known here: run ssh root@{SERVER_ADDRESS} once and compare what it "
        "shows, then run this again"
    )
    assert "is not known here" in refused(server, "UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=ask")


def test_who_sits_at_a_terminal_may_be_asked(server: Sshd, tmp_path: Path) -> None:
    options = (f"UserKnownHostsFile={tmp_path}/known", "StrictHostKeyChecking=ask")
    how = replace(server.options(*options), may_ask=True)
    child, terminal = pty.fork()
    if child == 0:
        status = 1
        try:
            with netns.inside(CLIENT), SshMachine.connect(server.destination(), how) as there:
                status = 0 if there.run("true") == Said(status=0) else 2
        finally:
            os._exit(status)
    seen = b""
    while b"yes/no" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, b"yes\n")
    with suppress(OSError):  # how a terminal that nobody has any more is read
        while os.read(terminal, 4096):
            pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert status == 0
    assert SERVER_ADDRESS in (tmp_path / "known").read_text()


def test_a_host_key_that_changed_is_said(server: Sshd, tmp_path: Path) -> None:
    know(tmp_path, SERVER_ADDRESS, 22, (server.folder / "key.pub").read_text())
    assert refused(server, f"UserKnownHostsFile={tmp_path}/known_hosts") == (
        f"the host key of {SERVER_ADDRESS} is not the one that is known: where that is expected, forget the old one "
        f"with ssh-keygen -R {SERVER_ADDRESS}, and else ask who runs {SERVER_ADDRESS}"
    )


def test_an_option_that_ssh_does_not_know_is_said(server: Sshd) -> None:
    assert refused(server, "NoSuchOption=1").startswith("ssh does not understand its options (command-line: line 0")


def test_an_sshd_that_does_not_answer_is_given_up(server: Sshd) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        said = refused(server, timeout=1)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert said.startswith("Connection timed out during banner exchange")


def test_a_filter_in_the_way_is_given_up(server: Sshd) -> None:
    with dropping("input"):
        said = refused(server, timeout=1)
    assert said == (
        f"connect to host {SERVER_ADDRESS} port 22: Connection timed out: is it the right address and port, and does "
        "a filter let ssh through?"
    )


@contextmanager
def dropping(hook: str) -> Iterator[None]:
    chain = f"type filter hook {hook} priority -200; meta l4proto tcp drop"
    netns.run_nft(SERVER, f"table ip deaf {{ chain {hook} {{ {chain}; }}; }}")
    try:
        yield
    finally:
        netns.run_nft(SERVER, "delete table ip deaf")


def test_a_session_that_is_killed_midway_is_a_broken_connection(server: Sshd) -> None:
    with reached(server) as there:
        assert there.run("true")
        for session in server.sessions():
            with suppress(ProcessLookupError):  # it ended with the one before
                os.kill(session, signal.SIGKILL)
        with pytest.raises(NotReached, match=f"^the connection to {SERVER_ADDRESS} broke"):
            look(there, QUESTIONS[0], now=0)
        assert not psutil.pid_exists(there._line.pid)


def test_a_network_that_dies_midway_is_a_broken_connection(server: Sshd) -> None:
    how = server.options("ServerAliveInterval=1", "ServerAliveCountMax=1")
    with netns.inside(CLIENT), SshMachine.connect(server.destination(), how) as there:
        with dropping("output"), pytest.raises(NotReached) as raised:
            there.read("/etc/passwd")
        assert not psutil.pid_exists(there._line.pid)
    assert str(raised.value) == f"the connection to {SERVER_ADDRESS} broke before all was asked: run this again"


def test_a_machine_without_python_is_told(server: Sshd) -> None:
    with sshd_in(SERVER, server.address, port=2022, lines=["SetEnv PATH=/nowhere"]) as bare:
        assert refused(bare) == (
            f"python3 is not installed on {SERVER_ADDRESS}: install it there, or run pathprobe host --json there"
        )


def test_without_ssh_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotReached, match=r"^ssh is not installed here"):
        SshMachine.connect(Destination(host="web1"), SshOptions())

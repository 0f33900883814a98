"""Real sockets in real namespaces: what is read is what was opened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from pathprobe.core.layers import Layer, Status
from pathprobe.lab import netns
from pathprobe.layers import listening
from pathprobe.layers.system import Said, System, ThisMachine, Unread

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: Nobody else has it: where nothing listens, all namespaces of the machine are looked into, those of other tests too.
PORT = 47113
V4, V6 = socket.AF_INET, socket.AF_INET6
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


INTERFACES = [
    "link set lo up",
    "link add eth0 type veth peer name eth1",
    "link set eth0 up",
    "link set eth1 up",
    "address add 10.0.0.5/24 dev eth0",
    "address add 10.1.0.5/24 dev eth1",
]


@pytest.fixture
def server() -> Iterator[str]:
    """A namespace with two interfaces: 10.0.0.5 and 2001:db8::5, 10.1.0.5."""
    name = "listening"
    netns.add(name)
    try:
        netns.run_ip(name, 4, INTERFACES)
        netns.run_ip(name, 6, ["address add 2001:db8::5/64 dev eth0 nodad"])
        yield name
    finally:
        netns.end_processes(name)
        netns.delete(name)


def opened(
    address: str,
    *,
    kind: int = TCP,
    port: int = PORT,
    v6only: bool | None = None,
    backlog: int = 16,
    shared: bool = False,
) -> socket.socket:
    made = socket.socket(V6 if ":" in address else V4, kind)
    if v6only is not None:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address, port))
    if kind == TCP:
        made.listen(backlog)
    return made


def asked(protocol: str = "tcp", port: int = PORT, system: System | None = None, **about: object) -> Layer:
    facts = listening.read(system or ThisMachine(), port, protocol)
    return listening.judge(facts, **about)  # type: ignore[arg-type]


def me() -> str:
    process = psutil.Process()
    return f"{process.name()} (pid {process.pid}, user {process.username()}"


class WithoutSs(ThisMachine):
    def run(self, *command: str) -> Said | Unread:
        return Unread(reason="ss is not installed", is_missing=True) if command[0] == "ss" else super().run(*command)


@pytest.mark.parametrize("system", [ThisMachine(), WithoutSs()], ids=["ss", "proc"])
@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("127.0.0.1", Status.FAIL, "listens on 127.0.0.1:47113 only"),
        ("::1", Status.FAIL, "listens on [::1]:47113 only"),
        ("0.0.0.0", Status.PASS, "listens on 0.0.0.0:47113"),
        ("10.0.0.5", Status.WARN, "listens on 10.0.0.5:47113, not on 10.1.0.5"),
    ],
)
def test_the_own_process_is_found_on_its_address(
    server: str, system: System, address: str, status: Status, words: str
) -> None:
    with netns.inside(server), opened(address):
        row = asked(system=system)
    assert row.status is status
    assert words in row.summary
    assert me() in row.summary


@pytest.mark.parametrize(
    ("v6only", "status", "words"),
    [
        (False, Status.PASS, "[::]:47113 (IPv6 and IPv4)"),
        (True, Status.WARN, "[::]:47113 (IPv6 only), not on 10."),
    ],
)
def test_dual_stack_is_told_from_ipv6_only(server: str, v6only: bool, status: Status, words: str) -> None:
    with netns.inside(server), opened("::", v6only=v6only):
        row = asked()
        for_v4 = asked(version=4)
    assert (row.status, words in row.summary) == (status, True)
    assert for_v4.status is (Status.FAIL if v6only else Status.PASS)


def test_ipv4_stays_unknown_without_ss(server: str) -> None:
    with netns.inside(server), opened("::", v6only=True):
        assert asked(system=WithoutSs(), version=4).status is Status.UNKNOWN


def test_an_address_that_was_taken_away_is_told(server: str) -> None:
    with netns.inside(server), opened("10.1.0.5"):
        netns.run_ip(server, 4, ["address del 10.1.0.5/24 dev eth1"])
        row = asked()
    assert row.status is Status.FAIL
    assert "10.1.0.5:47113 only, an address that this machine does not have" in row.summary


def test_an_accept_queue_that_is_really_full_fails_and_counts(server: str) -> None:
    with netns.inside(server), opened("0.0.0.0", backlog=2), ExitStack() as clients:
        # A backlog of 2 holds 3; SYNs on the loopback are handled before connect() returns.
        for _ in range(3):
            clients.enter_context(socket.create_connection(("127.0.0.1", PORT)))
        full = asked()
        refused = clients.enter_context(socket.socket())
        refused.setblocking(False)
        refused.connect_ex(("127.0.0.1", PORT))
        facts = listening.read(ThisMachine(), PORT, "tcp")
    assert full.status is Status.FAIL
    assert "0.0.0.0:47113's accept queue is full (3 connections wait, 2 may)" in full.summary
    # On a busy machine the SYN is sent again meanwhile.
    assert (facts.counter("ListenOverflows") or 0) >= 1
    assert (facts.serving[0].drops or 0) >= 1
    assert "since it was opened (its accept queue is full)" in listening.judge(facts).summary


def test_a_receive_queue_that_is_really_full_fails_and_counts(server: str) -> None:
    with netns.inside(server), opened("0.0.0.0", kind=UDP) as deaf, socket.socket(V4, UDP) as client:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(50):
            client.sendto(b"x", ("10.0.0.5", PORT))
        row = asked("udp")
    assert row.status is Status.FAIL
    assert "receive queue is full" in row.summary
    assert "datagrams were dropped" in row.summary


def test_udp_with_a_peer_hears_nobody_else(server: str) -> None:
    with netns.inside(server), socket.socket(V4, UDP) as client:
        client.bind(("10.0.0.5", PORT))
        client.connect(("10.0.0.5", 9))
        row = asked("udp")
    assert row.status is Status.FAIL
    assert f"{me()}) has a socket on it that is connected to 10.0.0.5:9" in row.summary


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_udp_is_served(server: str, address: str) -> None:
    with netns.inside(server), opened(address, kind=UDP):
        assert asked("udp").status is Status.PASS
        other = asked("tcp")
    assert f"{me()}) has UDP port 47113 instead" in other.summary


def test_a_connection_that_took_the_port_is_named(server: str) -> None:
    with netns.inside(server), opened("0.0.0.0", port=9000), socket.socket() as client:
        client.bind(("10.0.0.5", PORT))
        client.connect(("10.0.0.5", 9000))
        row = asked()
    assert row.status is Status.FAIL
    assert "has 1 connection with this local port, to 10.0.0.5:9000" in row.summary


def test_sockets_of_one_process_that_share_the_port_are_no_news(server: str) -> None:
    with netns.inside(server), opened("0.0.0.0", shared=True), opened("0.0.0.0", shared=True):
        assert asked().status is Status.PASS


# ---- other processes

SERVE = """
import socket, sys
server = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def serving(name: str) -> Iterator[subprocess.Popen[str]]:
    """A process in the namespace that listens, until the block ends."""
    with netns.inside(name):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_stopped_process_is_named(server: str) -> None:
    with serving(server) as process, netns.inside(server):
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        row = asked()
    assert row.status is Status.FAIL
    assert f"(pid {process.pid}) is stopped" in row.summary
    assert f"kill -CONT {process.pid}" in row.fix


def test_a_listener_in_another_namespace_is_found_and_named(server: str) -> None:
    netns.add("web1")
    try:
        with serving("web1") as process, netns.inside(server):
            row = asked()
    finally:
        netns.delete("web1")
    assert row.status is Status.FAIL
    assert f"(pid {process.pid}, user" in row.summary
    assert "listens on 0.0.0.0:47113 in the network namespace web1" in row.summary


def test_a_socket_left_in_a_namespace_without_processes_is_found_and_named(server: str) -> None:
    netns.add("web2")
    try:
        with netns.inside("web2"):
            left = opened("0.0.0.0")
        with left, netns.inside(server):
            row = asked()
    finally:
        netns.delete("web2")
    assert f"{me()}" in row.summary
    assert "listens on 0.0.0.0:47113 in the network namespace web2" in row.summary


# ---- cost


class Counting(ThisMachine):
    """What it was asked, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def run(self, *command: str) -> Said | Unread:
        self.asked.append(" ".join(command))
        return super().run(*command)

    def names(self, path: str) -> Sequence[str] | Unread:
        self.asked.append(path)
        return super().names(path)

    def link(self, path: str) -> str | Unread:
        self.asked.append(path)
        return super().link(path)


def test_no_process_is_looked_into_twice(server: str) -> None:
    """Reading every process's files is nearly all of the cost: 0.1 s of 500 processes."""
    system = Counting()
    with netns.inside(server), opened("0.0.0.0"), opened("::", v6only=True):
        listening.read(system, PORT, "tcp")
    assert sum(one.startswith("ss ") for one in system.asked) == 2
    assert len(system.asked) == len(set(system.asked))


def test_where_nothing_has_to_do_with_the_port_no_files_are_looked_through(server: str) -> None:
    system = Counting()
    with netns.inside(server):
        listening.read(system, PORT, "tcp")
    assert not any("/fd" in one for one in system.asked)
    assert sum(one.startswith(("ss -4", "ss -6")) for one in system.asked) == 4

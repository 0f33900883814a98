"""A client and a server, each in a namespace of its own, with one link between them; and does a port answer?"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from pathprobe.lab import netns
from pathprobe.lab.links import wait_until_running

CLIENT, SERVER = "owners-client", "owners-server"
CLIENT_ADDRESS, SERVER_ADDRESS = "10.77.0.2", "10.77.0.1"

#: Seconds until a connection that nobody is to answer is given up, for silence takes all of it; and one that is to be
#: answered, which on a busy machine may take its time.
SILENCE, PATIENCE = 0.3, 10.0


@contextmanager
def two_hosts() -> Iterator[None]:
    """The server's interface is eth0."""
    names = (CLIENT, SERVER)
    for name in names:
        netns.add(name)
    try:
        netns.run_ip(
            SERVER,
            4,
            [
                "link set lo up",
                f"link add eth0 type veth peer name eth0 netns {CLIENT}",
                f"address add {SERVER_ADDRESS}/24 dev eth0",
                "link set eth0 up",
            ],
        )
        netns.run_ip(CLIENT, 4, [f"address add {CLIENT_ADDRESS}/24 dev eth0", "link set eth0 up"])
        carried(SERVER, "eth0")
        carried(CLIENT, "eth0")
        yield
    finally:
        for name in names:
            netns.end_processes(name)
            netns.delete(name)


def carried(name: str, device: str) -> None:
    """Return when that end of a new link carries packets."""
    with netns.inside(name):
        wait_until_running(device)


@contextmanager
def listening(name: str, port: int) -> Iterator[None]:
    with netns.inside(name):
        listener = socket.create_server(("0.0.0.0", port))
    with listener:
        yield


def is_reached(port: int) -> bool:
    """From the client: the kernel itself answers for a socket that listens."""
    return _connects(port, PATIENCE)


def is_shut(port: int) -> bool:
    """From the client, after a silence or a refusal."""
    return not _connects(port, SILENCE)


def _connects(port: int, patience: float) -> bool:
    with netns.inside(CLIENT):
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with opened:
        opened.settimeout(patience)
        return opened.connect_ex((SERVER_ADDRESS, port)) == 0


def run_on_server(line: str) -> str:
    """A line as an operator would paste it; it has to succeed."""
    with netns.inside(SERVER):
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=netns._environment(), check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout

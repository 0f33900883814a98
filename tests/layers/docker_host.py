"""The server of two hosts with a container on it: its port 80 is published as 8080, by rules as Docker writes them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from pathprobe.lab import netns
from tests.layers.two_hosts import SERVER, carried, run_on_server

# What Docker 28 writes for one container on its default bridge.
DOCKERS = """
ip link add docker0 type bridge
ip link add veth0 type veth peer name eth0 netns {container}
ip link set veth0 master docker0 up
ip address add 10.78.0.1/24 dev docker0 && ip link set docker0 up
sysctl -q -w net.ipv4.ip_forward=1
iptables-restore <<'END'
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.78.0.2:80
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 10.78.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -o docker0 -j DOCKER
-A DOCKER-FORWARD -i docker0 -j ACCEPT
COMMIT
END
"""
CONTAINER = "owners-container"


@contextmanager
def docker_host(listens_on: str | None = "0.0.0.0") -> Iterator[None]:
    """Within ``two_hosts``; a process is in the container, and something listens there on this address."""
    netns.add(CONTAINER)
    try:
        run_on_server(DOCKERS.format(container=CONTAINER))
        lines = [
            "link set lo up",
            "address add 10.78.0.2/24 dev eth0",
            "link set eth0 up",
            "route add default via 10.78.0.1",
        ]
        netns.run_ip(CONTAINER, 4, lines)
        carried(CONTAINER, "eth0")
        carried(SERVER, "docker0")
        with netns.inside(CONTAINER):
            # What is in a namespace shows by way of its processes.
            inmate = subprocess.Popen(["sleep", "infinity"])
            listener = socket.create_server((listens_on, 80)) if listens_on else nullcontext()
        with inmate, listener:
            try:
                yield
            finally:
                inmate.kill()
    finally:
        netns.end_processes(CONTAINER)
        netns.delete(CONTAINER)
        run_on_server("ip link delete veth0; ip link delete docker0")

"""What the tables of this folder are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pathprobe.core.layers import Evidence
from pathprobe.layers.listening.cgroup import Unit
from pathprobe.layers.listening.facts import HostAddress, Process, Socket, Sockets, State

RECORDED = Path(__file__).parent / "recorded"

LO = HostAddress(interface="lo", address="127.0.0.1")
ETH0 = HostAddress(interface="eth0", address="10.0.0.5")
ETH1 = HostAddress(interface="eth1", address="10.1.0.5")
ETH0_V6 = HostAddress(interface="eth0", address="2001:db8::5")
DOCKER0 = HostAddress(interface="docker0", address="172.17.0.1")

NGINX = Process(
    pid=4711, name="nginx", command="nginx: master process", user="root", parent=1, home=Unit(name="nginx.service")
)
WORKER = Process(pid=4712, name="nginx", command="nginx: worker process", user="www-data", parent=4711)
PYTHON = Process(pid=99, name="python3", command="python3 -m http.server 8080", user="ann")
SYSTEMD = Process(pid=1, name="systemd", command="/sbin/init", user="root", home=Unit(name="init.scope"))


def recorded(name: str) -> str:
    return (RECORDED / name).read_text("utf-8")


def socket(address: str = "0.0.0.0", *processes: Process, **facts: Any) -> Socket:
    """One that listens with TCP on 8080."""
    protocol = facts.get("protocol", "tcp")
    version = 6 if ":" in address else 4
    state = State.LISTENING if protocol == "tcp" else State.UNCONNECTED
    usual = {"protocol": protocol, "version": version, "address": address, "port": 8080, "state": state, "inode": 7}
    usual |= {"seen": Evidence(source="ss", text=f"LISTEN {address}"), "pids": tuple(one.pid for one in processes)}
    return Socket(**{**usual, "processes": processes, **facts})


def found(*sockets: Socket, **facts: Any) -> Sockets:
    usual = {"port": 8080, "protocol": sockets[0].protocol if sockets else "tcp", "addresses": (LO, ETH0)}
    return Sockets(**{**usual, "sockets": sockets, **facts})

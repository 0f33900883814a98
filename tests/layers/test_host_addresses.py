"""Of several addresses of a machine, the one that is asked about is the one that counts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from pathprobe.core.layers import LayerName, Status
from pathprobe.lab import netns
from pathprobe.layers.host import PortQuestion, look
from pathprobe.layers.system import ThisMachine
from tests.layers.two_hosts import SERVER, run_on_server, two_hosts

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("server")]

FIRST, SECOND = "10.77.0.1", "10.77.0.8"


@pytest.fixture
def server(lab_host: None) -> Iterator[None]:  # noqa: ARG001
    with two_hosts():
        yield


def statuses(address: str) -> dict[LayerName, Status]:
    asked = PortQuestion(port=8070, protocol="tcp", version=4, address=ip_address(address))
    with netns.inside(SERVER):
        return {row.name: row.status for row in look(ThisMachine(), asked, now=0.0)}


def test_a_rule_for_one_address_stops_that_one_alone() -> None:
    run_on_server(f"ip address add {SECOND}/24 dev eth0; iptables -A INPUT -d {SECOND} -p tcp --dport 8070 -j DROP")
    with netns.inside(SERVER), socket.create_server(("0.0.0.0", 8070)):
        assert statuses(FIRST)[LayerName.FIREWALL] is Status.PASS
        assert statuses(SECOND)[LayerName.FIREWALL] is Status.FAIL


def test_who_listens_on_one_address_serves_that_one_alone() -> None:
    run_on_server(f"ip address add {SECOND}/24 dev eth0")
    with netns.inside(SERVER), socket.create_server((SECOND, 8070)):
        assert statuses(FIRST)[LayerName.LISTENING] is Status.FAIL
        assert statuses(SECOND)[LayerName.LISTENING] is Status.PASS

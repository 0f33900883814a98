"""What the judge says of a real kernel's settings is what this kernel does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pathprobe.core.layers import Status
from pathprobe.lab import netns
from pathprobe.layers import kernel
from pathprobe.layers.system import ThisMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

PORT = 5300
#: Seconds that a datagram between two namespaces of one machine may take at the most.
PATIENCE = 10.0


@pytest.fixture
def two_links() -> Iterator[None]:
    """The client reaches the server by ``far``; the server's way back to 10.8.0.1 is ``near``."""
    netns.add("server")
    netns.add("client")
    try:
        for link, network in (("near", 1), ("far", 2)):
            netns.run_ip(
                "server",
                4,
                [
                    f"link add {link} type veth peer name {link} netns client",
                    f"link set {link} up",
                    f"address add 10.{network}.0.5/24 dev {link}",
                ],
            )
            netns.run_ip("client", 4, [f"link set {link} up", f"address add 10.{network}.0.1/24 dev {link}"])
        netns.run_ip("client", 4, ["link set lo up", "address add 10.8.0.1/32 dev lo"])
        netns.run_ip("server", 4, ["route add 10.8.0.0/24 via 10.1.0.1 dev near"])
        yield
    finally:
        netns.delete("client")
        netns.delete("server")


def datagrams() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


@pytest.mark.parametrize(
    ("strictness", "status", "heard"),
    [
        (1, Status.FAIL, [b"last"]),
        (2, Status.PASS, [b"asymmetric", b"last"]),
        (0, Status.PASS, [b"asymmetric", b"last"]),
    ],
)
def test_a_strict_reverse_path_filter_drops_as_it_is_judged(
    two_links: None,  # noqa: ARG001
    strictness: int,
    status: Status,
    heard: list[bytes],
) -> None:
    with netns.inside("server"):
        Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("0")
        Path("/proc/sys/net/ipv4/conf/far/rp_filter").write_text(str(strictness))
        server = datagrams()
        server.bind(("0.0.0.0", PORT))
        server.settimeout(PATIENCE)
    with server:
        with netns.inside("client"), datagrams() as client, datagrams() as other:
            other.sendto(b"first", ("10.2.0.5", PORT))
            # With the neighbours known, all take the same way at once and none overtakes another.
            assert server.recv(100) == b"first"
            client.bind(("10.8.0.1", 0))
            client.sendto(b"asymmetric", ("10.2.0.5", PORT))
            other.sendto(b"last", ("10.2.0.5", PORT))
        really = [server.recv(100)]
        while really[-1] != b"last":
            really.append(server.recv(100))
        with netns.inside("server"):
            facts = kernel.read(ThisMachine())
    row = kernel.judge(facts, PORT, "udp", version=4, arrival="far", route_back="near")
    assert (really, row.status) == (heard, status)
    assert facts.tcp["IPReversePathFilter"] == (1 if status is Status.FAIL else 0)


def test_the_settings_of_a_namespace_are_its_own(two_links: None) -> None:  # noqa: ARG001
    with netns.inside("server"):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        Path("/proc/sys/net/ipv6/conf/far/disable_ipv6").write_text("1")
        facts = kernel.read(ThisMachine())
    with netns.inside("client"):
        other = kernel.read(ThisMachine())
    assert facts.interfaces == ("far", "lo", "near")
    assert kernel.judge(facts, PORT, "tcp", forwarded=True).status is Status.PASS
    assert kernel.judge(other, PORT, "tcp", forwarded=True).status is Status.FAIL
    assert kernel.judge(facts, PORT, "tcp", version=6, arrival="far").status is Status.FAIL
    assert kernel.judge(facts, PORT, "tcp", version=6, arrival="near").status is Status.PASS

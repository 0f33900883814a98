"""Other tools' traffic is recorded where the table says, and the servers that they talk to keep their word."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pathprobe.lab import catalogue, recordings
from pathprobe.lab.listen import listen
from pathprobe.lab.network import Lab
from pathprobe.lab.recordings import TcpKind
from pathprobe.lab.tcp_services import TcpServices

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: Free in the namespace of a closed port, as is all else.
PORT = 8080


@pytest.fixture
def own_namespace() -> Iterator[None]:
    with Lab(catalogue.load("neighbour-closed")) as lab, lab.inside("client"):
        yield


def conversation(kind: TcpKind) -> bytes:
    """What a client gets from a server of that kind. Raises ConnectionResetError."""
    with closing(TcpServices(4, {PORT: kind})), socket.create_connection(("127.0.0.1", PORT), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.usefixtures("own_namespace")
def test_a_server_that_sends_says_how_much_and_keeps_its_word() -> None:
    head, _, body = conversation(TcpKind.SENDS).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body


@pytest.mark.usefixtures("own_namespace")
def test_a_server_that_resets_does_so_in_the_middle() -> None:
    with pytest.raises(ConnectionResetError):
        conversation(TcpKind.RESETS)


@pytest.mark.usefixtures("own_namespace")
def test_a_server_that_is_closed_frees_its_port() -> None:
    TcpServices(4, {PORT: TcpKind.SILENT}).close()
    socket.create_server(("", PORT)).close()


@pytest.mark.tools
def test_tcpdump_at_both_ends_hears_the_same_packets(tmp_path: Path) -> None:
    recording = recordings.load("pair-udp-answered")
    listen(recording, tmp_path)
    client, server = ((tmp_path / recording.folder / one.file).read_bytes() for one in recording.listeners)
    assert client[:4] == server[:4] == b"\xd4\xc3\xb2\xa1"
    assert b"example" in client
    assert b"example" in server

"""What is said of DNS servers, over UDP and over TCP."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathprobe.core.layers import Status
from pathprobe.layers.app import CannotAsk
from pathprobe.layers.app.dns_message import query, read
from tests.layers.app.asking import SILENCE, row, seen, told
from tests.layers.app.servers import closed_port, says, serving

Answer = Callable[[bytes], bytes]


def answer(code: int = 0, *, flags: int = 0, addresses: tuple[str, ...] = ()) -> Answer:
    def made(asked: bytes) -> bytes:
        header = asked[:2] + struct.pack("!5H", 0x8000 | flags | code, 1, len(addresses), 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4)
        return header + asked[12:] + b"".join(record + socket.inet_aton(one) for one in addresses)

    return made


@contextmanager
def dns_server(by_udp: Answer | None, by_tcp: Answer | None) -> Iterator[int]:
    """The port; None: it is silent there over UDP, and closed over TCP."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind(("127.0.0.1", port))
    done = b"done"

    def serve() -> None:
        while True:
            octets, client = served.recvfrom(65535)
            if octets == done:
                return
            if by_udp:
                served.sendto(by_udp(octets), client)

    def script(connection: socket.socket) -> None:
        octets = connection.recv(65535)
        assert by_tcp
        said = by_tcp(octets[2:])
        connection.sendall(struct.pack("!H", len(said)) + said)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        if by_tcp is None:
            listener.close()
            yield port
        else:
            with serving(script, listener):
                yield port
    finally:
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(done, ("127.0.0.1", port))
        thread.join()
        served.close()


RECURSES = 0x0080


@pytest.mark.parametrize(
    ("path", "made", "status", "words"),
    [
        ("", answer(), Status.PASS, "(NOERROR to the root's NS)"),
        ("", answer(5), Status.PASS, "(REFUSED to the root's NS)"),
        ("", answer(2), Status.WARN, "(SERVFAIL to the root's NS)"),
        ("/web1.example", answer(addresses=("10.0.0.5", "10.0.0.6")), Status.PASS, "web1.example is known: 10.0.0.5, "),
        ("/web1.example", answer(), Status.WARN, "web1.example exists and has no A record"),
        ("/web1.example", answer(3), Status.WARN, "there is no web1.example (NXDOMAIN)"),
        ("/web1.example", answer(5), Status.FAIL, "DNS refuses to look up web1.example"),
        ("/web1.example", answer(2), Status.FAIL, "DNS fails to look up web1.example (SERVFAIL)"),
    ],
)
def test_an_answer_is_judged_by_its_code(path: str, made: Answer, status: Status, words: str) -> None:
    with dns_server(made, made) as port:
        layer = row(f"dns://127.0.0.1:{port}{path}")
    assert (layer.status, words in layer.summary) == (status, True), layer.summary
    assert "DNS over UDP" in seen(layer)
    assert "DNS over TCP" in seen(layer)


def test_flags_are_told() -> None:
    made = answer(flags=0x0400 | 0x0200 | RECURSES)
    with dns_server(made, made) as port:
        assert "flags aa tc ra" in seen(row(f"dns://127.0.0.1:{port}"))


def test_a_server_without_tcp_is_warned_of() -> None:
    with dns_server(answer(), None) as port:
        layer = row(f"dns://127.0.0.1:{port}")
    assert (layer.status, "over TCP the port is closed" in layer.summary) == (Status.WARN, True)


def test_a_server_without_udp_fails() -> None:
    with dns_server(None, answer()) as port:
        layer = row(f"dns://127.0.0.1:{port}", timeout=SILENCE)
    assert (layer.status, "over UDP nothing came within 0.5 s" in layer.summary) == (Status.FAIL, True)
    assert layer.fix[0] == f"sudo pathprobe udp 127.0.0.1:{port}"


def test_a_closed_port_is_no_server_at_all() -> None:
    layer = row(f"dns://127.0.0.1:{closed_port()}")
    assert (layer.status, layer.is_absent) == (Status.FAIL, True)


def test_what_is_no_dns_is_told() -> None:
    with serving(says(b"SSH-2.0-OpenSSH\r\n" + bytes(30_000))) as port:
        layer = row(f"dns://127.0.0.1:{port}")
    assert "over UDP the port is closed and over TCP what came is no DNS" in layer.summary


def test_answers_to_another_question_are_not_heard() -> None:
    asked = query("web1.example", 7)
    assert read(answer()(query("web1.example", 8)), asked, transport="UDP", seconds=0) is None
    assert read(answer()(query("web2.example", 7)), asked, transport="UDP", seconds=0) is None
    assert read(asked, asked, transport="UDP", seconds=0) is None


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ".".join(["abc"] * 70)])
def test_a_name_that_is_none_is_not_asked_for(name: str) -> None:
    with pytest.raises(CannotAsk, match="no name of the DNS"):
        told(f"dns://127.0.0.1:1/{name}")


@given(st.binary(max_size=100))
def test_whatever_comes_is_read_without_an_error(octets: bytes) -> None:
    asked = query("a.example", 1)
    head = asked[:2] + b"\x80\x00\x00\x01\x00\x05\x00\x00\x00\x00" + asked[12:]
    read(octets, asked, transport="UDP", seconds=0)
    read(head + octets, asked, transport="UDP", seconds=0)

"""Servers that stall, hang up, or speak another protocol than they are asked in."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from pathprobe.core.layers import Status
from pathprobe.layers.app import CannotAsk, judge
from pathprobe.layers.app.facts import How, Step
from tests.layers.app.asking import HASTILY, PATIENTLY, SILENCE, row, seen, told
from tests.layers.app.authority import NAME, Authority, issue, keep
from tests.layers.app.servers import (
    PATIENCE,
    Script,
    closed_port,
    in_tls,
    resets,
    says,
    says_and_waits,
    serving,
    tls_context,
)

#: The beginning of a ServerHello of 122 octets, with which a server of TLS 1.3 begins.
HALF_A_SERVER_HELLO = bytes.fromhex("160303007a020000760303") + bytes(20)

ALERT = bytes.fromhex("15030300020228")

OLD_SERVER_HELLO = bytes.fromhex("160301002a020000260301") + bytes(32) + bytes.fromhex("00002f00")


def test_a_refusal_names_the_port_and_what_says_more() -> None:
    port = closed_port()
    layer = row(f"http://127.0.0.1:{port}/")
    assert (layer.status, layer.is_absent) == (Status.FAIL, True)
    assert f"127.0.0.1 refuses the connection to port {port}" in layer.summary
    assert layer.fix[0].startswith(f"sudo pathprobe tcp 127.0.0.1:{port}")


# --- Stalls


@pytest.mark.parametrize(
    ("octets", "words"),
    [(b"", "nothing came within 0.5 s"), (HALF_A_SERVER_HELLO, f"only {len(HALF_A_SERVER_HELLO)} octets came")],
)
def test_a_handshake_that_stalls_points_to_the_path_mtu_and_says_that_it_is_not_sure(octets: bytes, words: str) -> None:
    with serving(says_and_waits(octets)) as port:
        layer = row(f"https://127.0.0.1:{port}/", timeout=SILENCE)
    assert layer.status is Status.FAIL
    assert "the TLS handshake stalls" in layer.summary
    assert words in layer.summary
    assert layer.fix[0] == f"sudo pathprobe tcp 127.0.0.1:{port} --mtu  # do large packets pass?"
    assert "look alike from here" in layer.why
    assert not layer.is_absent


@pytest.mark.parametrize("target", ["http://127.0.0.1:{}/", "grpc://127.0.0.1:{}"])
def test_a_server_that_never_answers_is_told_from_one_that_is_not_there(target: str) -> None:
    with serving(says_and_waits(b"")) as port:
        layer = row(target.format(port), timeout=SILENCE)
    assert layer.status is Status.FAIL
    assert "it accepts the connection and answers nothing within 0.5 s" in layer.summary


def test_an_answer_that_breaks_off_is_told_with_its_length() -> None:
    octets = b"HTTP/1.1 200 OK\r\nContent-Le"
    with serving(says_and_waits(octets)) as port:
        layer = row(f"http://127.0.0.1:{port}/", timeout=SILENCE)
    assert f"the answer breaks off after {len(octets)} octets" in layer.summary


def test_a_body_without_end_is_read_for_a_while_only() -> None:
    with serving(says_and_waits(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as port:
        conversation = told(f"http://127.0.0.1:{port}/", timeout=SILENCE)
    assert conversation.http
    assert (conversation.http.body, conversation.http.length) == ("abc", 3)


def test_a_body_without_measure_is_bounded() -> None:
    with serving(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500_000)) as port:
        conversation = told(f"http://127.0.0.1:{port}/")
    assert conversation.http
    assert conversation.http.length < 150_000
    assert len(conversation.http.body) < 1100


# --- Who hangs up


@pytest.mark.parametrize(
    ("script", "target", "words"),
    [
        (resets, "http://127.0.0.1:{}/", "the connection is reset unanswered"),
        (resets, "https://127.0.0.1:{}/", "the connection is reset in the TLS handshake before the server said"),
        (says(b""), "http://127.0.0.1:{}/", "the connection is closed unanswered"),
        (says(b""), "https://127.0.0.1:{}/", "the connection is closed in the TLS handshake before the server said"),
        (says(HALF_A_SERVER_HELLO), "https://127.0.0.1:{}/", "is closed in the TLS handshake, after 31 octets"),
        (says(b"HTTP/1.1 200"), "http://127.0.0.1:{}/", "the connection is closed in the middle of the answer"),
        (says(b""), "grpc://127.0.0.1:{}", "the connection is closed unanswered"),
        (says(b"", first=True), "tcp://127.0.0.1:{}", "the connection is closed unanswered"),
    ],
)
def test_who_hangs_up_is_told_with_the_step(script: Script, target: str, words: str) -> None:
    with serving(script) as port:
        layer = row(target.format(port))
    assert (layer.status, words in layer.summary) == (Status.FAIL, True), layer.summary
    assert any("pathprobe tcp 127.0.0.1:" in one for one in layer.fix)


# --- Other protocols

SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
SMTP = b"220 mail.example ESMTP Postfix\r\n"
MYSQL = b"\x4a\x00\x00\x00\x0a8.0.36\x00" + bytes(40)
HTTP2 = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"


@pytest.mark.parametrize(
    ("octets", "target", "words", "fix"),
    [
        (SSH, "https://127.0.0.1:{}/", "answered with SSH (SSH-2.0-OpenSSH_9.2p1 Debian-2)", "tcp://"),
        (SMTP, "https://127.0.0.1:{}/", "answered with SMTP (220 mail.example ESMTP Postfix)", "tcp://"),
        (MYSQL, "https://127.0.0.1:{}/", "answered with MySQL (8.0.36)", "tcp://"),
        (HTTP2, "https://127.0.0.1:{}/", "HTTP/2 alone, as gRPC does without TLS", "grpc://"),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", "tls://127.0.0.1:{}", "speaks plain HTTP", "http://"),
        (SSH, "http://127.0.0.1:{}/", "plain HTTP is answered with SSH", "tcp://"),
        (
            ALERT,
            "http://127.0.0.1:{}/",
            "port that speaks TLS: it is answered with TLS (alert handshake_fai",
            "https://",
        ),
        (HTTP2, "http://127.0.0.1:{}/", "HTTP/2 alone, as gRPC does", "grpc://"),
        (b"\x00\x01\x02garbage\xff\xfe", "http://127.0.0.1:{}/", "which is not recognised", "tcp://"),
        (b"hello\r\n", "http://127.0.0.1:{}/", "answered with hello, which is not recognised", "tcp://"),
        (ALERT, "grpc://127.0.0.1:{}", "was sent to a port that speaks TLS", "grpcs://"),
        (SSH + SSH, "grpc://127.0.0.1:{}", "HTTP/2 is answered with SSH", "tcp://"),
    ],
)
def test_another_protocol_is_recognised_and_the_right_question_is_proposed(
    octets: bytes, target: str, words: str, fix: str
) -> None:
    with serving(says(octets)) as port:
        layer = row(target.format(port))
    assert (layer.status, words in layer.summary) == (Status.FAIL, True), layer.summary
    assert layer.fix[0].startswith(f"pathprobe app {fix}127.0.0.1:{port}")


def test_a_text_of_the_network_is_harmless_on_a_terminal() -> None:
    octets = "HTTP/1.1 200 \x1b[31mred\r\nServer: a\x1b]0;title\x07\u202eb\r\nContent-Length: 0\r\n\r\n".encode()
    with serving(says(octets)) as port:
        layer = row(f"http://127.0.0.1:{port}/")
    for text in (layer.summary, seen(layer).replace("\n", "")):
        assert text.isprintable()


def test_http_1_0_is_well() -> None:
    with serving(says(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nhere")) as port:
        layer = row(f"http://127.0.0.1:{port}/")
    assert layer.status is Status.PASS
    assert "HTTP/1.0 200 OK" in seen(layer)


def test_what_comes_before_the_answer_proper_is_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    with serving(says(early + b"HTTP/1.1 204 No Content\r\n\r\n")) as port:
        assert "HTTP 204" in row(f"http://127.0.0.1:{port}/").summary


def test_a_server_that_awaits_tls_and_hangs_up_on_all_else_is_recognised(made: Authority, tmp_path: Path) -> None:
    context = tls_context(*keep(tmp_path, "some", issue(NAME, made.intermediate, names=(NAME,))))

    def script(connection: socket.socket) -> None:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":
            in_tls(context)(connection)

    with serving(script) as port:
        layer = row(f"http://{NAME}:{port}/")
    assert layer.status is Status.FAIL
    assert "plain HTTP was sent to a port that speaks TLS: it hangs up" in layer.summary
    assert layer.fix[0] == f"pathprobe app https://{NAME}:{port} --connect-to 127.0.0.1 {PATIENTLY}"


# --- TLS as servers of other makes speak it


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (40, "nothing in common"),
        (70, "older versions only"),
        (80, "the server ends the handshake (TLS alert internal_error)"),
        (112, f"the server knows no name {NAME}"),
        (116, "demands a client certificate"),
        (120, "none of the protocols offered by ALPN"),
        (199, "TLS alert number 199"),
    ],
)
def test_an_alert_names_its_reason(alert: int, words: str) -> None:
    with serving(says(b"\x15\x03\x03\x00\x02\x02" + bytes((alert,)))) as port:
        layer = row(f"https://{NAME}:{port}/")
    assert (layer.status, words in layer.summary) == (Status.FAIL, True), layer.summary


def test_a_server_that_chooses_an_old_version_is_named_with_it() -> None:
    with serving(says(OLD_SERVER_HELLO)) as port:
        layer = row(f"https://{NAME}:{port}/")
    assert "the server chooses TLS 1.0, which clients of today refuse" in layer.summary


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("scheme", ["https", "tls"])
def test_a_client_certificate_is_demanded_in_either_version(
    scheme: str, version: ssl.TLSVersion, made: Authority, tmp_path: Path
) -> None:
    context = tls_context(*keep(tmp_path, "strict", issue(NAME, made.intermediate, names=(NAME,))))
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(made.path)
    with serving(in_tls(context)) as port:
        layer = row(f"{scheme}://{NAME}:{port}", authorities=made.path)
    assert layer.status is Status.FAIL
    assert "demands a client certificate" in layer.summary, layer.summary


# --- Greetings


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (SSH, "it speaks SSH (SSH-2.0-OpenSSH_9.2p1 Debian-2)"),
        (SMTP, "it speaks SMTP (220 mail.example ESMTP Postfix)"),
        (MYSQL, "it speaks MySQL (8.0.36)"),
        (b"\xff\xfb\x01", "it speaks telnet"),
        (b"welcome \x1b[1m\r\n", "it greets with: welcome \\x1b[1m"),
    ],
)
def test_a_greeting_is_told_and_nothing_is_sent(octets: bytes, words: str) -> None:
    heard: SimpleQueue[bytes] = SimpleQueue()

    def script(connection: socket.socket) -> None:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        heard.put(connection.recv(100))

    with serving(script) as port:
        layer = row(f"tcp://127.0.0.1:{port}")
        # Before the server is told to end: it may have yet to hear the client's farewell.
        assert heard.get(timeout=PATIENCE) == b""
    assert (layer.status, words in layer.summary) == (Status.PASS, True), layer.summary


def test_a_port_whose_protocol_greets_is_missed_where_it_does_not() -> None:
    with serving(says_and_waits(b"")) as port:
        conversation = told(f"tcp://127.0.0.1:{port}", timeout=SILENCE)
    layer = judge(replace(conversation, question=replace(conversation.question, port=22)), now=0)
    assert (layer.status, "does not greet within 0.5 s, as SSH does" in layer.summary) == (Status.WARN, True)


def test_a_server_that_waits_for_its_client_is_connected_to_and_no_more_is_claimed() -> None:
    with serving(says_and_waits(b"")) as port:
        layer = row(f"127.0.0.1:{port}", timeout=SILENCE)
    assert layer.status is Status.PASS
    assert "waits for its client to speak first" in layer.summary
    assert layer.fix == tuple(f"pathprobe app {one}://127.0.0.1:{port} {HASTILY}" for one in ("http", "tls"))


# --- Addresses


def test_the_address_that_answers_is_told_from_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(port: int) -> list[object]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    with serving(says(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: two(a[1]) if a[0] == "web1" else real(*a, **k))
        layer = row(f"http://web1:{port}/", connect_to=None)
    assert layer.status is Status.WARN
    assert "127.0.0.1 answers only after 127.0.0.2 (refused)" in layer.summary
    assert "addresses |  | 127.0.0.2, 127.0.0.1" in seen(layer)


def test_a_name_without_address_leaves_nothing_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", none)
    with pytest.raises(CannotAsk, match="cannot resolve web1: Name or service not known"):
        told("http://web1/", connect_to=None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": 6}, "127.0.0.1 is no IPv6 address"),
        ({"headers": (("a b", "c"),)}, "no request of HTTP"),
        ({"headers": (("a", "c\r\nd"),)}, "no request of HTTP"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_sent(options: dict[str, object], words: str) -> None:
    with pytest.raises(CannotAsk, match=words):
        told("http://127.0.0.1:1/", **options)


def test_ipv6_is_asked_as_well() -> None:
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    with serving(says(b"HTTP/1.1 200 OK\r\n\r\n"), listener) as port:
        conversation = told(f"http://[::1]:{port}/", connect_to=None)
    assert (conversation.address, conversation.broken) == ("::1", None)


def test_the_steps_before_the_one_that_broke_are_timed() -> None:
    with serving(resets) as port:
        conversation = told(f"https://127.0.0.1:{port}/")
    assert [one.step for one in conversation.times] == [Step.RESOLVE, Step.CONNECT]
    assert conversation.broken
    assert (conversation.broken.step, conversation.broken.ended.how) == (Step.TLS, How.RESET)

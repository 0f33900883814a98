"""``pathprobe app`` on the command line: its words, its JSON, its exit status, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pathprobe.commands import main, status
from tests.layers.app.servers import closed_port, says, says_and_waits, serving

OK = says(b"HTTP/1.1 200 OK\r\nServer: tests\r\nContent-Length: 4\r\n\r\nhere")
BUSY = says(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


def app(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["app", *arguments])


def test_a_service_that_is_well_takes_one_row() -> None:
    with serving(OK) as port:
        result = app(f"http://127.0.0.1:{port}/health")
    heading, _, row = result.stdout.splitlines()
    assert result.exit_code == status.OK
    assert heading == f"http://127.0.0.1:{port}/health  HEALTHY   nothing in its conversation is wrong"
    assert row.startswith("  7 application  pass     HTTP 200 OK in ")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_option(flag: str) -> None:
    said = app(flag)
    assert said.exit_code == status.OK
    options = ("--sni", "--header", "--expect-status", "--insecure", "--connect-to", "--timeout", "--json", "-4", "-6")
    assert all(option in said.stdout for option in options)


def test_times_and_headers_are_shown_to_who_asks() -> None:
    with serving(OK) as port:
        result = app(f"http://127.0.0.1:{port}/", "-v")
    assert "header, Server: tests" in result.stdout
    assert "times: resolve " in result.stdout


def test_json_is_of_the_layers_schema() -> None:
    with serving(BUSY) as port:
        result = app(f"http://127.0.0.1:{port}/", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == status.BLOCKED
    assert document["schema"] == "pathprobe-layers/1"
    assert document["target"] == {
        "given": f"http://127.0.0.1:{port}/",
        "address": "127.0.0.1",
        "port": port,
        "protocol": "tcp",
        "from": None,
        "version": None,
    }
    (layer,) = document["layers"]
    assert (layer["layer"], layer["name"], layer["status"]) == (7, "application", "fail")
    assert (document["conclusion"]["layer"], document["conclusion"]["word"]) == (7, "BROKEN")
    assert document["conclusion"]["next_steps"] == [
        f"Mend that, then look again: pathprobe app http://127.0.0.1:{port}/"
    ]


def test_a_refused_connection_has_the_status_of_a_closed_port() -> None:
    result = app(f"127.0.0.1:{closed_port()}")
    assert (result.exit_code, "NOT SERVED" in result.stdout) == (status.CLOSED, True)


def test_headers_are_sent_and_the_host_can_be_another() -> None:
    heard = []

    def script(connection: object) -> None:
        import socket

        assert isinstance(connection, socket.socket)
        heard.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with serving(script) as port:
        result = app(
            f"http://127.0.0.1:{port}/", "--header", "Host: other", "--header", "X-A: b: c", "--method", "head"
        )
    assert result.exit_code == status.OK, result.output
    lines = heard[0].split(b"\r\n")
    assert lines[0] == b"HEAD / HTTP/1.1"
    assert b"Host: other" in lines
    assert b"X-A: b: c" in lines


def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with serving(OK) as port:
        assert app(f"http://127.0.0.1:{port}/").exit_code == status.OK


@pytest.mark.parametrize(("expected", "code"), [("2xx", status.OK), ("204, 3xx", status.BLOCKED)])
def test_the_expected_status_decides(expected: str, code: int) -> None:
    with serving(OK) as port:
        assert app(f"http://127.0.0.1:{port}/", "--expect-status", expected).exit_code == code


def test_patience_is_as_long_as_it_is_said_to_be() -> None:
    with serving(says_and_waits(b"")) as port:
        result = app(f"http://127.0.0.1:{port}/", "--timeout", "0.1")
    assert (result.exit_code, "answers nothing within 0.1 s" in result.stdout) == (status.BLOCKED, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("web1",), "neither scheme nor port"),
        (
            ("https://me:secret@web1/",),
            "do not put a user name and password in the URL: give --header 'Authorization",
        ),
        (("https://web1/", "--sni", "a..b"), "'a..b' is no host name"),
        (("https://web1/", "--expect-status", "20"), "'20' is no status"),
        (("https://web1/", "--expect-status", "x00"), "'x00' is no status"),
        (("https://web1/", "--expect-status", "2x4"), "'2x4' is no status"),
        (("https://web1/", "--expect-status", "200,x"), "'x' is no status"),
        (("https://web1/", "--header", "nothing"), "'nothing' is no header"),
        (("https://web1/", "--header", "X Y: a"), "'X Y' is no header"),
        (("https://web1/", "--header", ": a"), "'' is no header"),
        (("https://web1/", "--connect-to", "127.0.0.1:18080"), "write an address without a port"),
        (("https://web1/", "--connect-to", "[::1]:18080"), "write an address without a port"),
        (("https://web1/", "--timeout", "nan"), "'nan' is no number"),
        (("https://web1/", "--method", "POST"), "'POST'"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = app(*arguments)
    assert (result.exit_code, result.stdout) == (status.USAGE, "")
    # click folds its lines.
    assert words in " ".join(result.stderr.split())


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_said(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    result = app(f"https://127.0.0.1:{closed_port()}/", "--ca", str(path))
    assert (result.exit_code, result.stdout) == (status.CANNOT, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"pathprobe: cannot read certificates from {path}: ")


def test_a_header_that_http_does_not_have_is_said() -> None:
    result = app(f"http://127.0.0.1:{closed_port()}/", "--header", "a: \u2603")
    assert result.exit_code == status.CANNOT
    assert result.stderr.startswith("pathprobe: this is no request of HTTP: ")

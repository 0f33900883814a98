"""Where large packets die in silence, the application stalls, and its row names the path's MTU."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pathprobe.lab import catalogue
from pathprobe.lab.network import Lab
from tests.commands.processes import on_client
from tests.layers.app.authority import NAME, authority, issue, keep
from tests.layers.app.servers import in_tls, says, serving, tls_context

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

PORT = 8443

#: Names that make the server's certificate longer than two packets.
MANY = (NAME, *(f"host-{number}.department.of.many.names.example" for number in range(80)))

HTTP_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def served(name: str, folder: Path, *, secure: bool) -> Iterator[tuple[Lab, str, tuple[str, ...]]]:
    """The network of a scenario, with a server on its target; its URL and the options to trust it."""
    made = authority(folder)
    script = says(HTTP_OK)
    if secure:
        chain, key = keep(folder, "large", issue(NAME, made.intermediate, names=MANY))
        script = in_tls(tls_context(chain, key), HTTP_OK)
    with ExitStack() as opened:
        lab = opened.enter_context(Lab(catalogue.load(name)))
        with lab.inside("target"):
            address = "0.0.0.0" if lab.scenario.family == 4 else "::"
            family = socket.AF_INET if lab.scenario.family == 4 else socket.AF_INET6
            listener = socket.create_server((address, PORT), family=family)
        opened.enter_context(serving(script, listener))
        here = ("--connect-to", lab.scenario.destination_address, "--ca", str(made.path), "--timeout", "1.5")
        yield lab, f"{'https' if secure else 'http'}://{NAME}:{PORT}/", here


def row(lab: Lab, *arguments: str) -> dict[str, Any]:
    said = on_client(lab, "app", "--json", *arguments)
    assert said.stdout, said.stderr
    (layer,) = json.loads(said.stdout)["layers"]
    return dict(layer)


@pytest.mark.parametrize("scenario", ["pmtu-blackhole-rule-r3", "pmtu-blackhole-rule-r3-v6"])
def test_a_certificate_that_never_arrives_points_to_the_path_mtu(scenario: str, tmp_path: Path) -> None:
    with served(scenario, tmp_path, secure=True) as (lab, url, here):
        layer = row(lab, url, *here)
    assert layer["status"] == "fail"
    assert "the TLS handshake stalls" in layer["summary"]
    assert "so the server's large packets are lost on the way (path MTU)" in layer["summary"]
    assert "--mtu" in layer["fix"][0]
    assert lab.scenario.destination_address in layer["fix"][0]


def test_a_request_that_is_too_long_for_the_path_is_told_from_a_program_that_hangs(tmp_path: Path) -> None:
    with served("pmtu-blackhole-r2-r3", tmp_path, secure=False) as (lab, url, here):
        short = row(lab, url, *here)
        long = row(lab, url, *here, "--header", f"X-Long: {'x' * 4000}")
    assert short["status"] == "pass"
    assert long["status"] == "fail"
    assert "the large ones are not confirmed (path MTU)" in long["summary"]


def test_on_a_whole_path_the_same_certificate_arrives(tmp_path: Path) -> None:
    with served("open", tmp_path, secure=True) as (lab, url, here):
        assert row(lab, url, *here)["status"] == "pass"

"""What is said of a real gRPC server: its health, its services, and of one that is asked the wrong way."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathprobe.core.layers import Status
from pathprobe.layers.app import grpc, judge, parse
from pathprobe.layers.app.facts import Attempt, Call, Conversation, GrpcAnswer
from tests.commands.processes import environment, pathprobe
from tests.layers.app.asking import PATIENTLY, row
from tests.layers.app.authority import NAME, Authority, issue, keep
from tests.layers.app.grpc_server import grpc_servers


@pytest.fixture(scope="module")
def servers(made: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    chain, key = keep(tmp_path_factory.mktemp("grpc"), "grpc", issue(NAME, made.intermediate, names=(NAME,)))
    with grpc_servers(chain, key, environment()) as ports:
        yield ports


def told(*arguments: str) -> dict[str, Any]:
    """By a process of its own, for grpcio starts threads."""
    done = pathprobe("app", "--json", *arguments)
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)["layers"][0]
    return {**document, "code": done.returncode, "seen": {one["source"]: one["text"] for one in document["evidence"]}}


def test_a_healthy_server_is_told_with_its_services(servers: dict[str, int]) -> None:
    said = told(f"grpc://127.0.0.1:{servers['healthy']}")
    assert (said["status"], said["code"]) == ("pass", 0)
    assert "gRPC, health SERVING in " in said["summary"]
    assert "it serves grpc.health.v1.Health, shop.Basket" in said["summary"]
    assert "grpc.reflection.v1alpha.ServerReflection" in said["seen"]["grpc.reflection"]


def test_a_server_that_is_not_serving_fails(servers: dict[str, int]) -> None:
    said = told(f"grpc://127.0.0.1:{servers['sick']}")
    assert (said["status"], said["code"]) == ("fail", 4)
    assert "gRPC answers, and its health is NOT_SERVING" in said["summary"]


@pytest.mark.parametrize(
    ("service", "words"),
    [("shop.Basket", "its health of shop.Basket is NOT_SERVING"), ("shop.Nothing", "knows no shop.Nothing")],
)
def test_one_service_can_be_asked_for(servers: dict[str, int], service: str, words: str) -> None:
    said = told(f"grpc://127.0.0.1:{servers['healthy']}/{service}")
    assert said["status"] == "fail"
    assert words in said["summary"]


def test_a_server_without_health_and_reflection_speaks_all_the_same(servers: dict[str, int]) -> None:
    said = told(f"grpc://127.0.0.1:{servers['bare']}", "--header", "X-Trace: 1")
    assert said["status"] == "pass"
    assert "it has no health service" in said["summary"]
    assert said["seen"]["grpc.reflection"].startswith("UNIMPLEMENTED")


def test_under_tls_the_certificate_is_told_too(servers: dict[str, int], made: Authority) -> None:
    here = ("--connect-to", "127.0.0.1", "--ca", str(made.path))
    said = told(f"grpcs://{NAME}:{servers['healthy-tls']}", *here)
    assert said["status"] == "pass"
    assert "gRPC, health SERVING" in said["summary"]
    assert f"TLS 1.3 (h2), the certificate for {NAME} is good for" in said["summary"]


def test_an_untrusted_server_is_not_asked(servers: dict[str, int]) -> None:
    said = told(f"grpcs://{NAME}:{servers['healthy-tls']}", "--connect-to", "127.0.0.1")
    assert said["status"] == "fail"
    assert "gRPC was not asked" in said["summary"]


def test_in_clear_to_a_tls_port_and_the_other_way_round(servers: dict[str, int]) -> None:
    layer = row(f"grpc://127.0.0.1:{servers['healthy-tls']}")
    assert (layer.status, "HTTP/2 was sent to a port that speaks TLS: it hangs up" in layer.summary) == (
        Status.FAIL,
        True,
    )
    assert layer.fix[0] == f"pathprobe app grpcs://127.0.0.1:{servers['healthy-tls']} {PATIENTLY}"
    layer = row(f"grpcs://127.0.0.1:{servers['healthy']}")
    assert (layer.status, "HTTP/2 alone" in layer.summary) == (Status.FAIL, True), layer.summary
    assert layer.fix[0] == f"pathprobe app grpc://127.0.0.1:{servers['healthy']} {PATIENTLY}"


def test_http_to_a_grpc_port_is_recognised(servers: dict[str, int]) -> None:
    layer = row(f"http://127.0.0.1:{servers['healthy']}/")
    assert (layer.status, "HTTP/2 alone, as gRPC does" in layer.summary) == (Status.FAIL, True), layer.summary


def of(answer: GrpcAnswer) -> Any:
    attempt = Attempt(address="127.0.0.1", seconds=0.001)
    return judge(Conversation(question=parse("grpc://a:1/s"), attempts=(attempt,), grpc=answer), now=0)


def test_without_grpcio_it_is_said_what_to_install() -> None:
    layer = of(GrpcAnswer(missing=grpc.INSTALL))
    assert (layer.status, layer.fix) == (Status.UNKNOWN, ("pip install 'pathprobe[grpc]'",))


def test_that_grpcio_is_not_installed_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    answer, times = grpc.ask(parse("grpc://a:1"), "127.0.0.1", None)
    assert (answer.missing, times) == (grpc.INSTALL, ())


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("UNAUTHENTICATED", Status.PASS, "wants credentials"),
        ("UNAVAILABLE", Status.FAIL, "the gRPC call fails"),
        ("DEADLINE_EXCEEDED", Status.FAIL, "does not answer within 5 s"),
        ("INTERNAL", Status.WARN, "gRPC answers INTERNAL: oops"),
    ],
)
def test_the_status_of_a_call_is_judged(code: str, status: Status, words: str) -> None:
    layer = of(GrpcAnswer(health=Call(code=code, details="oops")))
    assert (layer.status, words in layer.summary) == (status, True), layer.summary


@given(st.binary(max_size=200))
def test_whatever_a_server_puts_into_its_messages_is_read_without_an_error(octets: bytes) -> None:
    list(grpc._fields(octets))
    grpc._names(octets)


@given(st.lists(st.text("abc.é", min_size=1), max_size=5))
def test_a_list_of_services_is_read_as_it_was_written(names: list[str]) -> None:
    services = b"".join(grpc._field(1, grpc._field(1, name.encode())) for name in names)
    assert grpc._names(grpc._field(6, services)) == tuple(names)

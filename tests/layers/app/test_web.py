"""What is said of a real nginx: its certificates, its answers, and what is spoken to the wrong port."""

from __future__ import annotations

import pytest

from pathprobe.core.layers import Status
from pathprobe.layers.app.facts import Step
from tests.layers.app.asking import PATIENTLY, row, seen, told
from tests.layers.app.authority import NAME, Authority
from tests.layers.app.web import Web

# --- HTTP


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/", Status.PASS, "HTTP 200 OK in "),
        ("/private", Status.PASS, "it speaks, and wants credentials"),
        ("/gone", Status.WARN, "HTTP 404 Not Found in "),
        ("/busy", Status.FAIL, "HTTP 503 Service Temporarily Unavailable in "),
        ("/moved", Status.PASS, "it leads to https://other.example/new (another host, by https)"),
        ("/around", Status.WARN, "it leads to itself"),
    ],
)
def test_an_answer_is_judged_by_its_status(web: Web, path: str, status: Status, words: str) -> None:
    layer = row(web.url("plain", path))
    assert (layer.status, words in layer.summary) == (status, True), layer.summary


@pytest.mark.parametrize(
    ("path", "expected", "status"),
    [
        ("/busy", ("503",), Status.PASS),
        ("/moved", ("200", "3xx"), Status.PASS),
        ("/", ("204", "3xx"), Status.FAIL),
        ("/gone", ("200",), Status.FAIL),
    ],
)
def test_who_expects_a_status_gets_it_judged_by_that(
    web: Web, path: str, expected: tuple[str, ...], status: Status
) -> None:
    assert row(web.url("plain", path), expected=expected).status is status


def test_a_status_that_was_not_expected_is_named_with_those_that_were(web: Web) -> None:
    assert "HTTP 200 OK" in row(web.url("plain"), expected=("204", "3xx")).summary
    assert "204 or 3xx was expected" in row(web.url("plain"), expected=("204", "3xx")).summary


def test_the_times_of_each_step_and_the_server_are_told(web: Web, made: Authority) -> None:
    conversation = told(web.url("good"), authorities=made.path)
    assert [one.step for one in conversation.times] == [
        Step.RESOLVE,
        Step.CONNECT,
        Step.TLS,
        Step.FIRST_BYTE,
        Step.ANSWER,
    ]
    assert all(one.seconds > 0 for one in conversation.times)
    assert conversation.http
    assert (conversation.http.server or "").startswith("nginx/")


def test_a_head_request_has_no_body(web: Web) -> None:
    conversation = told(web.url("plain"), method="HEAD")
    assert conversation.http
    assert (conversation.http.status, conversation.http.length) == (200, 0)


# --- Certificates


def test_a_good_certificate_is_told_with_its_days_and_protocol(web: Web, made: Authority) -> None:
    layer = row(web.url("good"), authorities=made.path)
    assert layer.status is Status.PASS
    assert f"TLS 1.3 (http/1.1), the certificate for {NAME} is good for 89 days" in layer.summary
    assert "TLS_AES_256_GCM_SHA384, ALPN http/1.1" in seen(layer)
    assert f"certificate | 1 of 2 | CN={NAME}, for {NAME}, *.wild.example, 127.0.0.1" in seen(layer)
    assert "certificate | 2 of 2 | CN=Issuer of the tests, issued by CN=Root of the tests" in seen(layer)
    assert "no Strict-Transport-Security" in seen(layer)


@pytest.mark.parametrize(
    ("site", "status", "words"),
    [
        ("expired", Status.FAIL, "the certificate expired 12 days ago ("),
        ("early", Status.FAIL, "the certificate is valid only from "),
        ("soon", Status.WARN, "the certificate expires in 5 days ("),
        ("other-name", Status.FAIL, f"the certificate is for other.example, www.other.example and not for {NAME}"),
        ("nameless", Status.FAIL, "the certificate has no alternative name at all"),
        ("self-signed", Status.FAIL, "the certificate is self-signed"),
        ("stranger", Status.FAIL, "the chain ends at A stranger's root, which this machine does not trust"),
        ("leaf-only", Status.FAIL, "the chain is incomplete: the server sends its own certificate alone, and "),
        ("leaf-only", Status.FAIL, "CN=Issuer of the tests, who issued the last, is not trusted here"),
    ],
)
def test_a_fault_of_a_certificate_is_named(web: Web, made: Authority, site: str, status: Status, words: str) -> None:
    layer = row(web.url(site), authorities=made.path)
    assert (layer.status, words in layer.summary) == (status, True), layer.summary
    assert layer.why
    assert layer.fix


def test_both_faults_of_a_certificate_are_told(web: Web, made: Authority) -> None:
    layer = row(web.url("expired-other"), authorities=made.path)
    assert f"is for old.example and not for {NAME}; the certificate expired 1 day ago" in layer.summary


def test_a_root_that_is_not_trusted_here_is_named_and_how_to_trust_it(web: Web) -> None:
    layer = row(web.url("good"))
    assert layer.status is Status.FAIL
    assert "CN=Root of the tests, who issued the last, is not trusted here" in layer.summary
    assert any("--ca FILE" in one for one in layer.fix)


def test_nothing_is_asked_of_who_cannot_prove_to_be_the_one(web: Web, made: Authority) -> None:
    conversation = told(web.url("expired"), authorities=made.path, headers=(("Authorization", "secret"),))
    assert conversation.withheld
    assert conversation.http is None
    summary = row(web.url("expired"), authorities=made.path).summary
    assert f"no request was sent, because the server cannot prove that it is {NAME}" in summary


def test_who_insists_is_warned_and_gets_the_answer(web: Web, made: Authority) -> None:
    layer = row(web.url("expired-other"), authorities=made.path, is_insecure=True)
    assert layer.status is Status.WARN
    assert "HTTP 200 OK" in layer.summary
    assert "expired 1 day ago" in layer.summary


@pytest.mark.parametrize("name", ["a.wild.example", NAME, "127.0.0.1"])
def test_another_name_can_be_asked_for(web: Web, made: Authority, name: str) -> None:
    assert row(web.url("good"), authorities=made.path, name=name).status is Status.PASS


def test_the_fix_of_a_wrong_name_is_a_name_that_works(web: Web, made: Authority) -> None:
    layer = row(web.url("other-name"), authorities=made.path)
    command = next(one for one in layer.fix if not one.startswith("#"))
    options = f"--connect-to 127.0.0.1 --ca {made.path} {PATIENTLY} --sni other.example"
    assert command == f"pathprobe app {web.url('other-name')} {options}"
    assert row(web.url("other-name"), authorities=made.path, name="other.example").status is Status.PASS


def test_the_handshake_alone_can_be_asked_for(web: Web, made: Authority) -> None:
    conversation = told(f"tls://{NAME}:{web.ports['good']}", authorities=made.path)
    assert conversation.http is None
    assert conversation.handshake
    assert conversation.handshake.version == "TLS 1.3"


def test_hsts_is_seen(web: Web, made: Authority) -> None:
    assert "Strict-Transport-Security | max-age=3600" in seen(row(web.url("strict"), authorities=made.path))


def test_a_redirection_out_of_tls_is_warned_of(web: Web, made: Authority) -> None:
    layer = row(web.url("good", "/down"), authorities=made.path)
    assert (layer.status, "without TLS" in layer.summary) == (Status.WARN, True)


# --- Handshakes that are refused


def test_a_client_certificate_that_is_demanded_is_named(web: Web, made: Authority) -> None:
    layer = row(web.url("wants-certificate"), authorities=made.path)
    assert layer.status is Status.FAIL
    assert "the server demands a client certificate" in layer.summary
    assert "asks for a client certificate" in seen(layer)


def test_a_server_of_old_versions_alone_is_named(web: Web, made: Authority) -> None:
    layer = row(web.url("old-tls"), authorities=made.path)
    assert layer.status is Status.FAIL
    assert "it speaks older versions only (TLS alert protocol_version)" in layer.summary


@pytest.mark.parametrize(
    ("host", "words"), [(NAME, f"the server knows no name {NAME}"), ("127.0.0.1", "wants to be asked by a name")]
)
def test_a_name_that_the_server_does_not_know_is_told(web: Web, host: str, words: str) -> None:
    layer = row(f"https://{host}:{web.ports['rejects']}")
    assert (layer.status, words in layer.summary) == (Status.FAIL, True), layer.summary
    assert "--sni NAME" in layer.fix[0]


# --- The wrong protocol


def test_tls_to_a_plain_port_is_recognised_and_the_fix_works(web: Web) -> None:
    layer = row(f"https://127.0.0.1:{web.ports['plain']}/busy")
    assert layer.status is Status.FAIL
    assert "TLS was spoken to a port that speaks plain HTTP" in layer.summary
    assert layer.fix[0] == f"pathprobe app http://127.0.0.1:{web.ports['plain']}/busy {PATIENTLY}"
    assert "HTTP 503" in row(layer.fix[0].split()[2]).summary


def test_plain_http_to_a_tls_port_is_recognised_and_the_fix_works(web: Web, made: Authority) -> None:
    layer = row(f"http://127.0.0.1:{web.ports['good']}/")
    assert layer.status is Status.FAIL
    assert "plain HTTP was sent to a port that speaks TLS" in layer.summary
    assert row(layer.fix[0].split()[2], authorities=made.path).status is Status.PASS


def test_a_web_server_is_no_grpc_server(web: Web, made: Authority) -> None:
    layer = row(f"grpc://127.0.0.1:{web.ports['plain']}")
    assert (layer.status, "speaks HTTP/1" in layer.summary) == (Status.FAIL, True)
    layer = row(f"grpcs://127.0.0.1:{web.ports['good']}", authorities=made.path)
    assert layer.status is Status.FAIL
    assert "HTTP/1" in layer.summary or "ALPN" in layer.summary


def test_grpc_in_clear_to_a_tls_port_is_recognised(web: Web) -> None:
    layer = row(f"grpc://127.0.0.1:{web.ports['good']}")
    assert layer.status is Status.FAIL
    assert "HTTP/2" in layer.summary

"""What rarely happens in a test's network is judged all the same: pure facts in, one row out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pathprobe.core.layers import Layer, LayerName, Status
from pathprobe.layers.app import conclude, judge, parse
from pathprobe.layers.app.certificate import Certificate
from pathprobe.layers.app.facts import (
    Attempt,
    Broken,
    Conversation,
    Distrust,
    Ended,
    Handshake,
    How,
    HttpAnswer,
    KernelView,
    Step,
    printable,
)
from pathprobe.layers.app.stalled import stalled

NOW = 1_800_000_000.0
DAY = 86400

OWN = Certificate(
    subject="CN=web1",
    issuer="CN=Issuer",
    is_self_issued=False,
    not_before=NOW - 9 * DAY,
    not_after=NOW + 60.5 * DAY,
    names=("web1",),
    common_name="web1",
)
ISSUER = replace(OWN, subject="CN=Issuer", issuer="CN=Root", names=(), common_name="Issuer", is_authority=True)

GOOD = Handshake(
    name="web1",
    sent_name=True,
    version="TLS 1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    alpn=None,
    chain=(OWN, ISSUER),
    distrust=None,
    wants_certificate=False,
)


def of_http(status: int, url: str = "https://web1/", **fields: str) -> Layer:
    answer = HttpAnswer(version="1.1", status=status, reason="", **fields)
    attempts = (Attempt(address="10.0.0.5", seconds=0.001),)
    return judge(Conversation(question=parse(url), attempts=attempts, http=answer), now=NOW)


def of_tls(handshake: Handshake, url: str = "tls://web1:443") -> Layer:
    return judge(Conversation(question=parse(url), handshake=handshake), now=NOW)


def of_broken(step: Step, how: How, url: str = "http://web1/", detail: str = "") -> Layer:
    ended = Ended(how=how, detail=detail)
    attempts = (Attempt(address="10.0.0.5", seconds=1.0, ended=ended if step is Step.CONNECT else None),)
    broken = Broken(step=step, ended=ended, seconds=1.0)
    return judge(Conversation(question=parse(url), attempts=attempts, broken=broken), now=NOW)


@pytest.mark.parametrize(
    ("status", "expected", "words"),
    [
        (204, Status.PASS, "HTTP 204"),
        (304, Status.PASS, "HTTP 304"),
        (400, Status.WARN, "something against this request"),
        (403, Status.PASS, "does not allow this"),
        (407, Status.FAIL, "a proxy stands here"),
        (429, Status.WARN, "HTTP 429"),
        (500, Status.FAIL, "HTTP 500"),
        (502, Status.FAIL, "HTTP 502"),
        (504, Status.FAIL, "HTTP 504"),
        (511, Status.FAIL, "captive portal"),
        (599, Status.FAIL, "HTTP 599"),
        (101, Status.WARN, "another protocol unasked"),
    ],
)
def test_statuses(status: int, expected: Status, words: str) -> None:
    layer = of_http(status)
    assert (layer.status, words in layer.summary) == (expected, True), layer.summary


@pytest.mark.parametrize(
    "body",
    [
        "<center>The plain HTTP request was sent to HTTPS port</center>",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
        "Client sent an HTTP request to an HTTPS server.",
    ],
)
def test_what_web_servers_say_to_plain_http_on_a_tls_port_is_known(body: str) -> None:
    layer = of_http(400, "http://web1:443/a", body=body)
    assert layer.status is Status.FAIL
    assert layer.fix[0] == "pathprobe app https://web1:443/a"


@pytest.mark.parametrize(
    ("location", "status", "words"),
    [
        ("/login", Status.PASS, "it leads to https://web1:443/login"),
        ("http://web1/", Status.WARN, "(without TLS)"),
        ("https://[broken/", Status.WARN, "which is no URL"),
        ("mailto:a@b.example", Status.PASS, "it leads to mailto:a@b.example"),
    ],
)
def test_redirections(location: str, status: Status, words: str) -> None:
    layer = of_http(302, location=location)
    assert (layer.status, words in layer.summary) == (status, True), layer.summary


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({}, Status.PASS, "the certificate for web1 is good for 60 days"),
        ({"chain": (replace(OWN, not_after=NOW + 14.5 * DAY),)}, Status.PASS, "good for 14 days"),
        ({"chain": (replace(OWN, not_after=NOW + 13.5 * DAY),)}, Status.WARN, "expires in 13 days (2027-01-28)"),
        ({"chain": (replace(OWN, not_after=NOW + 60),)}, Status.WARN, "expires in less than a day"),
        ({"chain": (replace(OWN, not_after=NOW - 1),)}, Status.FAIL, "expired less than a day ago"),
        ({"chain": (OWN, replace(ISSUER, not_after=NOW - DAY))}, Status.FAIL, "of the issuer Issuer expired 1 day ago"),
        ({"distrust": Distrust(code=18, words="x")}, Status.FAIL, "is self-signed"),
        ({"distrust": Distrust(code=19, words="x")}, Status.FAIL, "the chain ends at Issuer, which this machine does"),
        ({"distrust": Distrust(code=20, words="x")}, Status.FAIL, "sends 2 certificates, and CN=Root, who issued"),
        (
            {"distrust": Distrust(code=66, words="EE key too weak")},
            Status.FAIL,
            "not trust the certificate: EE key too",
        ),
        ({"distrust": Distrust(code=10, words="has expired")}, Status.FAIL, "this machine does not trust"),
        ({"chain": ()}, Status.UNKNOWN, "could not be read"),
    ],
)
def test_certificates(changes: dict[str, object], status: Status, words: str) -> None:
    layer = of_tls(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert (layer.status, words in layer.summary) == (status, True), layer.summary


@pytest.mark.parametrize(
    ("how", "words", "fix"),
    [
        (How.TIMEOUT, "no connection to 10.0.0.5 port 80 within 5 s: something drops it", "says where it dies"),
        (How.DENIED, "this machine itself does not let the connection", "sudo pathprobe tcp web1:80"),
        (How.UNREACHABLE, "no connection to 10.0.0.5 port 80: No route to host", "sudo pathprobe tcp web1:80"),
    ],
)
def test_connections_that_do_not_come_about(how: How, words: str, fix: str) -> None:
    layer = of_broken(Step.CONNECT, how, detail="No route to host")
    assert (layer.status, layer.is_absent) == (Status.FAIL, False)
    assert words in layer.summary
    assert fix in layer.fix[0]


QUIET = KernelView(unacknowledged=0, sent_again=0, out_of_order=0, path_mtu=1500, largest_sent=1448)


@pytest.mark.parametrize(
    ("kernel", "sent", "words"),
    [
        (replace(QUIET, out_of_order=2), 517, "2 packets came behind one that is missing"),
        (replace(QUIET, unacknowledged=2, sent_again=3), 3000, "the large ones are not confirmed (path MTU)"),
        (replace(QUIET, unacknowledged=1, sent_again=3), 517, "is not even confirmed, 3 times sent again"),
        (QUIET, 517, "the program hangs, or its large packets are lost (path MTU)"),
        (None, 517, "the program hangs, or its large packets are lost (path MTU)"),
    ],
)
def test_a_silence_is_measured_by_what_the_kernel_knows(kernel: KernelView | None, sent: int, words: str) -> None:
    broken = Broken(step=Step.TLS, ended=Ended(how=How.TIMEOUT), seconds=5, sent=sent, kernel=kernel)
    assert words in stalled(broken, parse("https://web1/")).sentence


@pytest.mark.parametrize(
    ("status", "absent", "word", "layer"),
    [
        (Status.PASS, False, "HEALTHY", None),
        (Status.WARN, False, "HEALTHY", None),
        (Status.UNKNOWN, False, "UNKNOWN", None),
        (Status.FAIL, False, "BROKEN", 7),
        (Status.FAIL, True, "NOT SERVED", 7),
    ],
)
def test_conclusions(status: Status, absent: bool, word: str, layer: int | None) -> None:
    row = Layer(name=LayerName.APPLICATION, status=status, summary="x", is_absent=absent)
    concluded = conclude(row, parse("https://web1/"))
    assert (concluded.word, concluded.layer) == (word, layer)


def test_headers_are_not_repeated_in_a_command_to_copy() -> None:
    question = replace(parse("https://web1/"), headers=(("Authorization", "secret"),), connect_to="10.0.0.5")
    handshake = replace(GOOD, distrust=Distrust(code=18, words="x"))
    layer = judge(Conversation(question=question, handshake=handshake, withheld=True), now=NOW)
    assert "pathprobe app https://web1/ --connect-to 10.0.0.5 --insecure" in layer.fix
    assert "secret" not in "".join(layer.fix)


def test_a_text_is_cut_and_made_printable() -> None:
    assert printable(b"a\x00b\xff\r\nc" + b"d" * 500, 12) == "a\\x00b\ufffd  cdd..."


@pytest.mark.parametrize(("code", "is_of_chains"), [(18, False), (19, False), (20, True), (21, True)])
def test_only_of_a_missing_certificate_it_is_said_that_browsers_may_fetch_it(code: int, is_of_chains: bool) -> None:
    why = of_tls(replace(GOOD, distrust=Distrust(code=code, words="x"))).why
    assert why
    assert ("browsers fetch a missing one" in why) is is_of_chains


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "pathprobe app http://web1/"),
        ({"timeout": 0.5}, "pathprobe app http://web1/ --timeout 0.5"),
        ({"authorities": "ca.pem", "timeout": 20.0}, "pathprobe app http://web1/ --ca ca.pem --timeout 20"),
        ({"family": 6}, "pathprobe app http://web1/ -6"),
    ],
)
def test_the_same_question_is_asked_again(options: dict[str, Any], line: str) -> None:
    row = of_http(500, "http://web1/")
    assert conclude(row, replace(parse("http://web1/"), **options)).next_steps[0].endswith(f"look again: {line}")

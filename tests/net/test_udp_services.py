"""Each kind of UDP service says what it is there to say, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR

from pathprobe.net.scenario import ServiceKind
from pathprobe.net.udp_services import answer, answering_port

QUERY = bytes(DNS(id=77, rd=1, qd=DNSQR(qname="example.com", qtype="A")))


@pytest.mark.parametrize("kind", [ServiceKind.ANSWERS, ServiceKind.OTHER_PORT])
def test_some_answer_everything(kind: ServiceKind) -> None:
    assert answer(kind, b"") == answer(kind, QUERY) != b""


def test_a_silent_one_answers_nothing() -> None:
    assert answer(ServiceKind.SILENT, QUERY) is None


def test_a_name_server_repeats_the_question_and_knows_no_name() -> None:
    reply = DNS(answer(ServiceKind.DNS, QUERY))
    assert (reply.id, reply.qr, reply.rd, reply.rcode, reply.ancount) == (77, 1, 1, 3, 0)
    assert bytes(reply.qd[0]) == bytes(DNS(QUERY).qd[0])


def test_a_name_server_does_queries_only() -> None:
    status = bytes(DNS(id=77, opcode=2, qd=DNSQR(qname="example.com")))
    assert DNS(answer(ServiceKind.DNS, status)).rcode == 4


@pytest.mark.parametrize(
    "request_",
    [b"", b"hello", QUERY[:-1], bytes(DNS(qr=1, qd=DNSQR())), bytes(DNS(qd=[])), QUERY[:12] + b"\xc0\x0c\0\1\0\1"],
)
def test_a_name_server_is_silent_about_what_is_no_whole_query(request_: bytes) -> None:
    assert answer(ServiceKind.DNS, request_) is None


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(ServiceKind))
def test_no_request_is_too_strange(request_: bytes, kind: ServiceKind) -> None:
    reply = answer(kind, request_)
    assert reply is None or len(reply) <= max(len(request_), 4)


def test_only_one_kind_answers_from_another_port() -> None:
    assert [kind for kind in ServiceKind if answering_port(kind, 53) != 53] == [ServiceKind.OTHER_PORT]

"""Who asked what: every attempt, request and echo of a capture, whoever made it."""

from __future__ import annotations

import pytest

from pathprobe.core.probes import Kind
from pathprobe.core.witness.questions import MOST_KEPT, Key, Question
from pathprobe.core.witness.traffic import Traffic
from tests.core.factories import ME, THERE
from tests.core.witness.traffic import ACK, SYN, Capture


def questions_of(capture: Capture) -> dict[Key, Question]:
    traffic = Traffic()
    traffic.take_all(capture.seen)
    return {one.key: one for one in traffic.questions()}


def only(capture: Capture) -> Question:
    (question,) = questions_of(capture).values()
    return question


def counts(question: Question) -> tuple[int, ...]:
    """Attempts, answered, reset, refused, silent."""
    return question.attempts, question.answered, question.reset, question.refused, question.silent


def test_a_syn_sent_again_is_one_attempt_of_several_packets() -> None:
    capture = Capture()
    for wait in (1, 3, 7):
        capture.syn()
        capture.passes(wait)
    question = only(capture)
    assert question.key == Key(Kind.TCP, ME, THERE, 80)
    assert (counts(question), question.packets) == ((1, 0, 0, 0, 1), 3)


@pytest.mark.parametrize("identification", [0, None])
def test_a_syn_without_an_ip_id_is_sent_again_if_it_comes_later(identification: int | None) -> None:
    capture = Capture()
    capture.syn(identification=identification)
    capture.syn(identification=identification)
    capture.passes(1)
    capture.syn(identification=identification)
    assert only(capture).packets == 2


def test_a_router_that_shows_a_packet_twice_shows_one() -> None:
    capture = Capture()
    capture.syn(identification=77)
    capture.syn(identification=77, ttl=63)
    assert only(capture).packets == 1


def test_steps_with_the_same_sequence_number_are_all_kept() -> None:
    capture = Capture()
    for ttl in (1, 2, 3):
        capture.error(capture.syn(ttl=ttl, identification=ttl), hop=ttl)
    question = only(capture)
    assert (question.ttls, question.expired, question.silent) == ({1, 2, 3}, 3, 0)


def test_answers_to_an_earlier_syn_from_the_same_ports_count() -> None:
    capture = Capture()
    capture.syn(sequence=1000)
    capture.syn(sequence=2000)
    capture.answers(acknowledges=1001)
    capture.resets(acknowledges=2001)
    assert counts(only(capture)) == (2, 1, 1, 0, 0)


def test_an_answer_that_acknowledges_something_else_is_none() -> None:
    capture = Capture()
    capture.syn()
    capture.resets(acknowledges=5)
    assert counts(only(capture)) == (1, 0, 0, 0, 1)


def test_refusals_count_once_for_each_attempt() -> None:
    capture = Capture()
    for port in (4001, 4002):
        syn = capture.syn(source_port=port, sequence=port)
        capture.error(syn, type_=3, code=13)
        capture.error(syn, type_=3, code=13)
    assert counts(only(capture)) == (2, 0, 0, 2, 0)


def test_the_first_sender_of_a_datagram_asks_unless_it_speaks_from_a_service() -> None:
    capture = Capture()
    capture.datagram()
    capture.replies()
    capture.replies(port=123, source_port=40000)
    found = questions_of(capture)
    assert set(found) == {Key(Kind.UDP, ME, THERE, 53), Key(Kind.UDP, ME, THERE, 123)}
    assert [(one.answered, one.midway) for one in found.values()] == [(1, 0), (1, 1)]


def test_an_answer_from_another_port_of_the_target_is_one() -> None:
    capture = Capture()
    capture.datagram(port=69)
    capture.replies(port=40123)
    assert counts(only(capture)) == (1, 1, 0, 0, 0)


def test_a_datagram_to_many_is_passed_over() -> None:
    capture = Capture()
    for address in ("224.0.0.251", "255.255.255.255", "239.255.255.250"):
        capture.datagram(to=address, port=5353)
    traffic = Traffic()
    traffic.take_all(capture.seen)
    assert (traffic.questions(), traffic.passed_over) == ([], 3)


def test_each_echo_request_is_an_attempt() -> None:
    capture = Capture()
    for number in (1, 2, 3):
        capture.ping(number)
    capture.pong(1)
    capture.pong(1)
    capture.pong(3)
    assert counts(only(capture)) == (3, 2, 0, 0, 1)


def test_the_packets_kept_of_one_question_are_bounded_and_the_counts_are_not() -> None:
    capture = Capture()
    for number in range(MOST_KEPT + 50):
        capture.syn(source_port=1024 + number, sequence=number * 10)
    question = only(capture)
    assert (len(question.kept), question.attempts) == (MOST_KEPT, MOST_KEPT + 50)


def test_data_of_a_connection_is_counted_and_not_kept() -> None:
    capture = Capture()
    capture.handshake()
    for number in range(500):
        capture.answers(ACK, sequence=5001 + number * 100, size=100)
    assert len(only(capture).kept) == 2


def test_what_is_not_wanted_leaves_no_question() -> None:
    capture = Capture()
    capture.syn(port=80)
    capture.syn(port=81)
    traffic = Traffic(lambda key: key.port == 81)
    traffic.take_all(capture.seen)
    assert [one.key.port for one in traffic.questions()] == [81]
    assert traffic.passed_over == 1


def test_an_acknowledging_syn_asks_nothing() -> None:
    capture = Capture()
    capture.syn()
    capture.answers(SYN | ACK)
    assert [key.source for key in questions_of(capture)] == [ME]

"""What a connection came to, told from counters alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pathprobe.core.witness.courses import Course, Told
from pathprobe.core.witness.questions import Question
from pathprobe.core.witness.traffic import Traffic
from tests.core.witness.traffic import ACK, FIN, PUSH, RST, SYN, Capture


def question_of(capture: Capture) -> Question:
    traffic = Traffic()
    traffic.take_all(capture.seen)
    (question,) = traffic.questions()
    return question


def told(capture: Capture) -> Told:
    ((count, found),) = question_of(capture).courses.values()
    assert count == 1
    return found


def fine(capture: Capture) -> None:
    capture.handshake()
    capture.says(PUSH | ACK, size=100)
    capture.answers(PUSH | ACK, sequence=5001, acknowledges=1101, size=1448)
    capture.says(ACK, sequence=1101, acknowledges=6449)
    capture.says(FIN | ACK, sequence=1101, acknowledges=6449)
    capture.answers(FIN | ACK, sequence=6449, acknowledges=1102)


def stalled_when_large(capture: Capture) -> None:
    capture.handshake()
    capture.says(PUSH | ACK, size=100)
    capture.answers(ACK, sequence=5001, acknowledges=1101)
    for wait in (0.2, 0.4, 0.8):
        capture.says(ACK, sequence=1101, size=1448)
        capture.passes(wait)


def stalled_by_target(capture: Capture) -> None:
    capture.handshake()
    for wait in (0.2, 0.4, 0.8):
        capture.answers(PUSH | ACK, sequence=5001, size=200)
        capture.passes(wait)


def cut(capture: Capture) -> None:
    capture.handshake()
    capture.says(PUSH | ACK, size=100)
    capture.answers(ACK, sequence=5001, acknowledges=1101)
    capture.answers(PUSH | ACK, sequence=7897, acknowledges=1101, size=52)
    capture.says(ACK, sequence=1101, acknowledges=5001)
    capture.passes(5)
    capture.says(FIN | ACK, sequence=1101, acknowledges=5001)


def reset_by_target(capture: Capture) -> None:
    capture.handshake()
    capture.says(PUSH | ACK, size=100)
    capture.resets(sequence=5001, acknowledges=1101)


def reset_by_box(capture: Capture) -> None:
    capture.handshake()
    capture.says(PUSH | ACK, size=100)
    capture.resets(sequence=5001, acknowledges=1101, ttl=63)


def unanswered(capture: Capture) -> None:
    capture.handshake()
    capture.says(PUSH | ACK, size=100)
    capture.answers(ACK, sequence=5001, acknowledges=1101)
    capture.passes(4)
    capture.says(FIN | ACK, sequence=1101)


def repeated(capture: Capture) -> None:
    capture.handshake()
    for _ in range(3):
        capture.passes(1)
        capture.answers()
        capture.says()


def unheard(capture: Capture) -> None:
    for _ in range(3):
        capture.syn()
        capture.answers()
        capture.passes(1)


def shut(capture: Capture) -> None:
    capture.handshake()
    capture.says(PUSH | ACK, size=100)
    capture.answers(ACK, sequence=5001, acknowledges=1101, window=0)
    capture.answers(ACK, sequence=5001, acknowledges=1101, size=10)
    capture.says(ACK, sequence=1101, acknowledges=5011)
    capture.answers(ACK, sequence=5011, acknowledges=1101, window=0)
    capture.passes(10)
    capture.says(ACK, sequence=1100)


def disowned(capture: Capture) -> None:
    capture.syn()
    capture.answers()
    capture.says(RST, acknowledges=0)


@pytest.mark.parametrize(
    ("happens", "course"),
    [
        (fine, Course.FINE),
        (stalled_when_large, Course.STALLED),
        (stalled_by_target, Course.STALLED),
        (cut, Course.CUT),
        (reset_by_target, Course.RESET),
        (reset_by_box, Course.RESET_BY_BOX),
        (unanswered, Course.UNANSWERED),
        (repeated, Course.REPEATED),
        (unheard, Course.UNHEARD),
        (shut, Course.SHUT),
        (disowned, Course.DISOWNED),
    ],
)
def test_a_connection_takes_the_course_that_its_segments_show(
    happens: Callable[[Capture], None], course: Course
) -> None:
    capture = Capture()
    happens(capture)
    assert told(capture).course is course


def test_a_stall_tells_what_stuck_and_what_had_passed() -> None:
    capture = Capture()
    stalled_when_large(capture)
    found = told(capture)
    assert (found.by_asker, found.size, found.passed, found.octets, found.tries) == (True, 1448, 100, 100, 3)
    assert found.seconds == pytest.approx(0.6, abs=0.1)


def test_a_segment_that_was_acknowledged_late_is_no_stall() -> None:
    capture = Capture()
    stalled_when_large(capture)
    capture.answers(ACK, sequence=5001, acknowledges=2549)
    assert told(capture).course is not Course.STALLED


def test_a_hole_that_is_filled_in_the_end_is_none() -> None:
    capture = Capture()
    capture.handshake()
    capture.answers(PUSH | ACK, sequence=5101, size=100)
    capture.answers(PUSH | ACK, sequence=5001, size=100)
    capture.says(ACK, acknowledges=5201)
    capture.passes(5)
    capture.says(FIN | ACK, acknowledges=5201)
    assert told(capture).course is Course.FINE


def test_packets_seen_twice_are_not_sent_again() -> None:
    capture = Capture()
    fine(capture)
    doubled = Capture()
    doubled.seen = [copy for one in capture.seen for copy in (one, one)]
    question = question_of(doubled)
    assert (question.attempts, question.packets, list(question.courses)) == (1, 1, [Course.FINE])


def test_sequence_numbers_that_wrap_around_are_followed() -> None:
    capture = Capture()
    last = (1 << 32) - 1
    capture.syn(sequence=last)
    capture.answers(acknowledges=0)
    capture.says(PUSH | ACK, sequence=0, size=100)
    capture.answers(ACK, sequence=5001, acknowledges=100)
    capture.answers(PUSH | ACK, sequence=5001, acknowledges=100, size=10)
    assert told(capture).course is Course.FINE


@pytest.mark.parametrize(("happens", "told_of"), [(stalled_when_large, 1), (fine, 0), (reset_by_box, 0)])
def test_a_connection_without_its_beginning_is_counted_and_told_of_only_where_it_surely_fails(
    happens: Callable[[Capture], None], told_of: int
) -> None:
    capture = Capture()
    happens(capture)
    traffic = Traffic()
    traffic.take_all(capture.seen[3:])
    questions = traffic.questions()
    assert (traffic.midway, len(questions)) == (1, told_of)
    assert all((one.key.port, one.midway) == (80, 1) for one in questions)


def test_a_syn_ack_alone_shows_who_asked() -> None:
    capture = Capture()
    capture.answers(SYN | ACK)
    question = question_of(capture)
    assert (question.key.port, question.answered, question.midway) == (80, 1, 1)

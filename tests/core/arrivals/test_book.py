"""Which attempt is it, and how did that end?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pathprobe.core.arrivals.book import Book
from pathprobe.core.arrivals.facts import Attempt, Dropped, Fate, Seen, Traced
from pathprobe.core.arrivals.fate import is_blocked, nothing_listens
from pathprobe.core.packets import TcpFlags
from tests.core.arrivals.packets import (
    ASKER,
    INNER,
    PORT,
    answer,
    comes,
    datagram,
    dropped,
    leaves,
    loops,
    refusal,
    reset,
    step,
    syn,
    traced,
)

ADMIN, PORT_UNREACHABLE, HOST_UNREACHABLE, TOO_BIG = 13, 3, 1, 4


def book(*facts: Seen | Dropped | Traced, protocol: str = "tcp", most: int = 1000) -> Book:
    kept = Book(protocol, PORT, most)
    for fact in facts:
        match fact:
            case Seen():
                kept.see(fact)
            case Dropped():
                kept.drop(fact)
            case Traced():
                kept.trace(fact)
    return kept


def only(*facts: Seen | Dropped | Traced, protocol: str = "tcp") -> Attempt:
    (one,) = book(*facts, protocol=protocol).attempts()
    return one


ARRIVES, DATAGRAM = comes(syn()), comes(datagram())
RULE = step("input", "drop", 7)


@pytest.mark.parametrize(
    ("facts", "fate", "closed", "blocked"),
    [
        ([ARRIVES], Fate.UNANSWERED, False, False),
        ([ARRIVES, leaves(answer())], Fate.ANSWERED, False, False),
        ([ARRIVES, leaves(reset())], Fate.RESET, True, False),
        ([ARRIVES, leaves(reset()), dropped(syn(), "NO_SOCKET")], Fate.RESET, True, False),
        ([ARRIVES, leaves(reset()), dropped(syn())], Fate.RESET, False, True),
        ([ARRIVES, leaves(refusal(syn(), ADMIN))], Fate.REFUSED, False, True),
        ([ARRIVES, leaves(refusal(syn(), PORT_UNREACHABLE))], Fate.REFUSED, False, True),
        ([ARRIVES, leaves(refusal(syn(), HOST_UNREACHABLE))], Fate.REFUSED, False, True),
        ([ARRIVES, leaves(refusal(syn(), TOO_BIG))], Fate.UNANSWERED, False, False),
        ([ARRIVES, dropped(syn())], Fate.DROPPED, False, True),
        ([ARRIVES, dropped(syn(), "IP_RPFILTER", "ip_rcv_finish_core")], Fate.DROPPED, False, True),
        ([ARRIVES, dropped(syn(), "NO_SOCKET")], Fate.DROPPED, True, False),
        ([ARRIVES, traced(syn(), RULE)], Fate.DROPPED, False, True),
        ([ARRIVES, traced(syn(), step("input", "accept"))], Fate.UNANSWERED, False, False),
        ([ARRIVES, dropped(answer())], Fate.ANSWER_DROPPED, False, True),
        ([ARRIVES, traced(answer(), step("output", "drop", 3))], Fate.ANSWER_DROPPED, False, True),
        ([ARRIVES, leaves(syn(port=80, to=INNER), interface="docker0")], Fate.HANDED_ON, False, False),
        ([ARRIVES, dropped(syn()), comes(syn(), 1), leaves(answer(), 1.1)], Fate.ANSWERED, False, False),
    ],
)
def test_the_fate_of_a_syn(facts: Sequence[Seen | Dropped | Traced], fate: Fate, closed: bool, blocked: bool) -> None:
    one = only(*facts)
    assert (one.fate, nothing_listens(one), is_blocked(one)) == (fate, closed, blocked)


@pytest.mark.parametrize(
    ("facts", "fate", "closed", "blocked"),
    [
        ([DATAGRAM], Fate.UNANSWERED, False, False),
        ([DATAGRAM, leaves(datagram(back=True))], Fate.ANSWERED, False, False),
        ([DATAGRAM, leaves(refusal(datagram(), PORT_UNREACHABLE))], Fate.REFUSED, True, False),
        (
            [DATAGRAM, leaves(refusal(datagram(), PORT_UNREACHABLE)), dropped(datagram())],
            Fate.REFUSED,
            False,
            True,
        ),
        ([DATAGRAM, leaves(refusal(datagram(), ADMIN))], Fate.REFUSED, False, True),
        ([DATAGRAM, dropped(datagram())], Fate.DROPPED, False, True),
        ([DATAGRAM, dropped(datagram(), "SOCKET_RCVBUFF")], Fate.DROPPED, False, True),
        ([DATAGRAM, dropped(datagram(back=True))], Fate.ANSWER_DROPPED, False, True),
        ([DATAGRAM, leaves(datagram(), interface="eth1")], Fate.HANDED_ON, False, False),
    ],
)
def test_the_fate_of_a_datagram(
    facts: Sequence[Seen | Dropped | Traced], fate: Fate, closed: bool, blocked: bool
) -> None:
    one = only(*facts, protocol="udp")
    assert (one.fate, nothing_listens(one), is_blocked(one)) == (fate, closed, blocked)


def test_a_syn_that_comes_again_is_another_try_of_the_same_attempt() -> None:
    one = only(comes(syn()), comes(syn(), 1), comes(syn(), 3), leaves(answer(), 3.002))
    assert [time_ns // 1_000_000_000 for time_ns in one.tries] == [0, 1, 3]
    assert one.after_ms == pytest.approx(2.0)


def test_a_port_that_is_used_again_is_another_attempt() -> None:
    assert len(book(comes(syn(7)), comes(syn(8), 60))) == 2


@pytest.mark.parametrize(("at", "tries"), [(0.00001, 1), (1.0, 2)])
def test_the_same_packet_on_the_interface_above_is_no_other_try(at: float, tries: int) -> None:
    assert len(only(comes(syn(), 0, "eth0"), comes(syn(), at, "bond0")).tries) == tries


def test_the_first_interface_is_the_one_that_is_told() -> None:
    assert only(comes(syn(), 0, "eth0"), comes(syn(), 0.00001, "br0")).interface == "eth0"


@pytest.mark.parametrize(
    "stranger",
    [
        leaves(answer(8)),
        leaves(answer(source_port=40002)),
        leaves(answer(7, TcpFlags.ACK)),
        comes(answer()),
        comes(refusal(syn())),
        leaves(refusal(syn(8))),
        leaves(refusal(syn(port=80))),
        dropped(syn(8)),
        dropped(answer(8)),
        traced(syn(8), RULE),
    ],
)
def test_what_concerns_another_packet_says_nothing_of_this_one(stranger: Seen | Dropped | Traced) -> None:
    assert only(ARRIVES, stranger).fate is Fate.UNANSWERED


@pytest.mark.parametrize(
    "packet", [leaves(syn()), comes(syn(port=80)), comes(answer()), comes(datagram()), leaves(answer())]
)
def test_what_does_not_come_for_the_port_is_no_arrival(packet: Seen) -> None:
    assert len(book(packet)) == 0


def test_the_machine_may_ask_itself() -> None:
    assert only(loops(syn()), loops(reset())).fate is Fate.RESET


def test_a_published_port_is_followed_by_its_sequence_number() -> None:
    inside = syn(port=80, to=INNER)
    one = only(
        ARRIVES,
        leaves(inside, interface="docker0"),
        dropped(inside, "NO_SOCKET", "tcp_v4_rcv", elsewhere=True),
    )
    assert one.handed_on is not None
    assert (one.handed_on.interface, one.handed_on.destination, one.handed_on.port) == ("docker0", INNER, 80)
    assert (one.fate, one.drops[0].elsewhere) == (Fate.DROPPED, True)


def test_an_answer_inside_is_none_yet() -> None:
    """What leaves for the bridge under the container's address has not been given its own back."""
    one = only(ARRIVES, leaves(answer(port=80, source=INNER), interface="docker0"))
    assert one.fate is Fate.UNANSWERED


def test_a_sequence_number_of_all_ones_is_answered_by_zero() -> None:
    assert only(comes(syn(0xFFFFFFFF)), leaves(answer(0xFFFFFFFF))).fate is Fate.ANSWERED


@pytest.mark.parametrize("first", [True, False])
def test_a_scanner_that_uses_one_number_for_all_ports_does_not_confuse_them(first: bool) -> None:
    """nmap sends the same sequence number and source port to every port."""
    other = comes(syn(port=9090))
    facts = [other, ARRIVES] if first else [ARRIVES, other]
    assert only(*facts, dropped(syn(port=9090))).fate is Fate.UNANSWERED
    assert only(*facts, dropped(syn())).fate is Fate.DROPPED
    assert only(*facts, leaves(answer())).fate is Fate.ANSWERED


def test_two_askers_with_one_number_are_told_apart_by_their_ends() -> None:
    other = syn(source="10.9.1.10")
    first, second = book(ARRIVES, comes(other), dropped(other), leaves(answer())).attempts()
    assert (first.source, first.fate) == (ASKER, Fate.ANSWERED)
    assert (second.source, second.fate) == ("10.9.1.10", Fate.DROPPED)


def test_memory_is_bounded_and_what_is_beyond_is_counted() -> None:
    kept = book(*(comes(syn(number, source_port=number)) for number in range(10)), most=3)
    kept.see(comes(syn(1, source_port=1), 1))
    assert (len(kept), kept.untold, len(kept.attempts()[1].tries)) == (3, 7, 2)


def test_a_flood_of_repetitions_is_bounded_too() -> None:
    one = only(*(comes(syn(), at) for at in range(1000)), *(dropped(syn()) for _ in range(1000)))
    assert (len(one.tries), len(one.drops)) == (64, 64)


def test_each_packet_is_told_of_which_attempt_it_is() -> None:
    kept = Book("tcp", PORT)
    packets = (comes(syn()), comes(syn(9)), leaves(answer(9)), leaves(refusal(syn())), comes(syn(port=80)))
    assert [kept.see(packet) for packet in packets] == [1, 2, 2, 1, None]

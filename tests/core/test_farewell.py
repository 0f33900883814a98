"""What this host's own TCP does with an answer, and what follows when it does nothing."""

from __future__ import annotations

import pytest

from pathprobe.core.ledger import Farewell, Ledger
from pathprobe.core.outcomes import Ended
from pathprobe.core.packets import TcpFlags
from pathprobe.core.probes import Kind
from pathprobe.core.report import Claim, Direction, Mechanism, State, Where
from pathprobe.core.timing import KERNEL_REACTION
from tests.core.conversation import road, talk
from tests.core.factories import DISTANCE, claims, departure, farewell, probe, said, syn_ack

ONE = probe(id=7)


def asked_and_answered() -> Ledger:
    ledger = Ledger(ONE.flow.destination)
    ledger.sent(ONE, 0.0)
    ledger.read(departure(ONE), 0.0)
    ledger.read(syn_ack(ONE), 0.1)
    return ledger


@pytest.mark.parametrize("by", list(Ended))
def test_a_reset_that_leaves_says_who_ended_it(by: Ended) -> None:
    ledger = asked_and_answered()
    assert ledger.read(farewell(ONE, by=by), 0.2) == Farewell(probe=ONE, by=by)
    (seen,) = ledger.observations(0.3)
    assert (seen.ended, seen.is_unheard) == (by, False)


def test_the_kernels_reset_counts_though_ours_left_too() -> None:
    ledger = asked_and_answered()
    for by in (Ended.BY_KERNEL, Ended.BY_US):
        ledger.read(farewell(ONE, by=by), 0.2)
    assert ledger.observations(0.3)[0].ended is Ended.BY_KERNEL


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": ONE.token},
        {"source_port": 9},
        {"flags": TcpFlags.RST | TcpFlags.ACK},
        {"flags": TcpFlags.FIN},
    ],
)
def test_another_packet_of_ours_is_no_farewell(changes: dict) -> None:
    ledger = asked_and_answered()
    assert ledger.read(farewell(ONE, **changes), 0.2) is None
    assert ledger.observations(0.3)[0].is_unheard


def test_a_farewell_is_due_once_and_only_for_an_answer() -> None:
    ledger = asked_and_answered()
    assert ledger.unheard() == ((ONE, 0.1),)
    ledger.farewell_sent(ONE)
    assert ledger.unheard() == ()


def test_an_answer_that_this_hosts_tcp_sees_is_open_without_a_pause() -> None:
    held = talk(road())
    assert said(held.verdict)[:3] == (State.OPEN, Mechanism.ANSWER, Where.TARGET)
    assert held.ended < 2 * KERNEL_REACTION


def test_an_answer_that_this_hosts_tcp_never_sees_is_dropped_here() -> None:
    held = talk(road(), deaf=True)
    told = said(held.verdict)
    assert told[:4] == (State.FILTERED, Mechanism.DROP, Where.LOCAL, DISTANCE)
    assert (told.direction, told.distance) == (Direction.RETURN, DISTANCE)
    assert Claim.DEAF in claims(held.verdict)


def test_where_no_reset_may_leave_the_port_is_open_and_the_doubt_is_told() -> None:
    """As after `iptables -A OUTPUT -p tcp --tcp-flags RST RST -j DROP`, which users of scapy know."""
    held = talk(road(), deaf=True, resets_leave=False)
    assert said(held.verdict)[:3] == (State.OPEN, Mechanism.ANSWER, Where.TARGET)
    assert Claim.UNHEARD in claims(held.verdict)
    assert held.ended < 1


def test_echo_is_nothing_that_tcp_could_hear() -> None:
    held = talk(road(), kind=Kind.ECHO, port=None, deaf=True)
    assert said(held.verdict)[:3] == (State.OPEN, Mechanism.ANSWER, Where.TARGET)
    assert Claim.UNHEARD not in claims(held.verdict)

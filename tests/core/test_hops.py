"""Does the hop table put each probe where it belongs?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pathprobe.core.evidence import Observation
from pathprobe.core.hops import control_label, hop_rows, leg_of
from pathprobe.core.packets import Extension, InterfaceInfo, InterfaceRole, MplsLabel
from pathprobe.core.probes import FULL_TTL
from pathprobe.core.report import HopRow, Leg
from pathprobe.core.verdict import conclude
from tests.core.factories import (
    CLOSED_PORT,
    ME,
    ROUTERS,
    STRANGER,
    THERE,
    answered,
    clear_echo,
    echo,
    evidence,
    expired,
    other,
    rejected,
    reset,
    silent,
    steps,
    syn,
)

R1, R2, R3 = ROUTERS[4]
FULL = FULL_TTL


def rows(*seen, **more) -> tuple[HopRow, ...]:
    found = evidence(*seen, **more)
    return hop_rows(found, conclude(found))


def counts(row: HopRow) -> tuple[str | None, ...]:
    """``2/3``: two answered of three sent."""
    return tuple(leg and f"{leg.answered}/{leg.sent}" for leg in (row.test, row.control))


def test_a_dropped_port_stands_beside_its_control_hop_by_hop() -> None:
    table = rows(*steps(syn, 2), syn(3, silent()), syn(FULL, silent()), syn(FULL, silent()), *clear_echo())
    assert [(row.ttl, row.address, *counts(row)) for row in table] == [
        (1, R1, "1/1", "1/1"),
        (2, R2, "1/1", "1/1"),
        (3, R3, "0/1", "1/1"),
        (4, THERE, "0/2", "2/2"),
    ]


def test_a_full_ttl_that_a_router_refused_counts_at_that_router() -> None:
    table = rows(*steps(syn, 2), syn(3, rejected(R2)), syn(FULL, rejected(R2)), *clear_echo())
    assert [counts(row) for row in table] == [("1/1", "1/1"), ("2/2", "1/1"), ("1/1", "1/1"), (None, "2/2")]


def test_a_full_ttl_that_a_stranger_refused_counts_at_no_hop() -> None:
    table = rows(*steps(syn, 2), syn(FULL, rejected(STRANGER)), *clear_echo())
    assert [row.test and row.test.sent for row in table] == [1, 1, None, None]


def test_a_full_ttl_that_the_target_itself_refused_counts_at_the_target() -> None:
    table = rows(*steps(syn, 3), syn(4, rejected(THERE)), syn(FULL, rejected(THERE)), *clear_echo())
    assert counts(table[3]) == ("2/2", "2/2")


def test_no_role_that_did_not_ask_has_a_leg() -> None:
    (first, *_) = rows(syn(FULL, silent()), *clear_echo())
    assert (first.test, first.control) == (None, leg_of([echo(1, expired())]))


def test_without_a_known_target_the_table_ends_one_past_the_last_answer() -> None:
    table = rows(syn(FULL, silent()), *steps(echo, 2), *[echo(ttl, silent()) for ttl in (3, 4, 5)])
    assert [(row.ttl, row.address) for row in table] == [(1, R1), (2, R2), (3, None)]


def test_without_a_known_target_the_table_does_not_go_beyond_what_was_asked() -> None:
    assert len(rows(syn(FULL, silent()), *steps(echo, 2))) == 2
    assert rows(syn(FULL, silent()), echo(FULL, silent())) == ()


def test_a_box_that_gave_itself_away_is_named_at_its_hop() -> None:
    table = rows(*steps(syn, 1), syn(2, rejected(STRANGER, back=2)), *clear_echo(without=[2]))
    assert table[1].address == STRANGER


def test_a_box_that_gave_itself_away_makes_the_table_long_enough() -> None:
    table = rows(*steps(syn, 1), syn(2, silent()), syn(3, silent()), syn(FULL, rejected(R3)))
    assert [row.address for row in table] == [R1, None, R3]


@pytest.mark.parametrize("target", [ME, "127.0.0.1"])
def test_this_host_is_no_hop(target: str) -> None:
    assert rows(syn(FULL, answered(at=target)), target=target) == ()


def test_a_leg_counts_answers_and_lists_who_gave_them_and_how_fast() -> None:
    leg = leg_of(
        [
            syn(3, expired(rtt=0.00021)),
            syn(3, silent()),
            syn(3, expired("10.7.7.7", rtt=0.0123456)),
            syn(3, expired(rtt=0.1)),
        ]
    )
    assert leg == Leg(
        sent=4,
        answered=3,
        addresses=(R3, "10.7.7.7"),
        rtt_ms=(0.21, 12.346, 100.0),
        outcomes=("time-exceeded", "silent"),
    )


def test_a_leg_of_nothing_is_empty() -> None:
    assert leg_of([]) == Leg(sent=0, answered=0, addresses=(), rtt_ms=())


@pytest.mark.parametrize(
    ("controls", "label"),
    [
        ([], ""),
        ([echo(1, expired()), echo(FULL, silent())], "icmp echo"),
        ([echo(FULL, silent()), other(FULL, reset())], f"tcp/{CLOSED_PORT}"),
        ([echo(FULL, silent()), other(FULL, silent(), port=443)], "icmp echo, tcp/443"),
        ([echo(FULL, answered()), other(FULL, reset()), echo(1, expired())], f"icmp echo, tcp/{CLOSED_PORT}"),
    ],
)
def test_the_control_is_what_was_answered_else_what_was_asked(controls: list, label: str) -> None:
    assert control_label(evidence(syn(FULL, silent()), *controls)) == label


LABEL = MplsLabel(label=16001, traffic_class=0, bottom=True, ttl=1)
INCOMING = InterfaceInfo(role=InterfaceRole.INCOMING, name="eth1")
OUTGOING = InterfaceInfo(role=InterfaceRole.OUTGOING, name="eth2")


def telling(of: Any, ttl: int, *extensions: Extension) -> Observation:
    step: Observation = of(ttl, expired())
    return replace(step, outcome=replace(step.outcome, extensions=extensions))


def test_a_hop_has_what_its_router_said_about_itself() -> None:
    table = rows(syn(1, expired()), telling(syn, 2, LABEL, INCOMING), *clear_echo())
    assert [(row.labels, row.interface) for row in table[:3]] == [((), None), ((LABEL,), INCOMING), ((), None)]


def test_the_control_makes_a_router_talk_too() -> None:
    told = telling(echo, 2, OUTGOING, INCOMING)
    table = rows(syn(2, expired()), *[told if seen.probe.ttl == 2 else seen for seen in clear_echo()])
    assert table[1].interface == INCOMING


def test_another_interface_is_told_where_the_incoming_one_is_not() -> None:
    assert rows(telling(syn, 1, OUTGOING), *clear_echo())[0].interface == OUTGOING


def test_a_refusal_by_a_router_says_nothing_about_the_hop_that_its_ttl_leads_to() -> None:
    refused = replace(rejected(R2), extensions=(LABEL,))
    assert rows(syn(1, expired()), syn(2, expired()), syn(3, refused), *clear_echo())[2].labels == ()

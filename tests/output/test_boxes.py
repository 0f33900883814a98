"""Is a box told in one sentence, and with fixed keys to programs?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pathprobe.core.packets import InterfaceInfo, InterfaceRole, MplsLabel
from pathprobe.core.quotes import Change
from pathprobe.core.report import Hop, HopRow, Middlebox, Result
from pathprobe.output.boxes import box_lines, row_facts, row_note
from pathprobe.output.json import document
from pathprobe.output.table import render
from tests.output.reports import report, result

HERE, HOP1, HOP2 = Hop(ttl=0), Hop(ttl=1, address="10.9.1.1"), Hop(ttl=2, address="10.9.2.2")
BOTH = ("icmp echo", "tcp/8080")


def box(what: Change = Change.SOURCE_ADDRESS, **changes: Any) -> Middlebox:
    facts: dict[str, Any] = {"between": (HOP1, HOP2), "what": what, "services": BOTH, "probes": (4, 9)}
    return Middlebox(**{**facts, **changes})


def result_with(*boxes: Middlebox, name: str = "open") -> Result:
    return replace(result(name), middleboxes=boxes)


NAT = box(before="10.9.1.9", after="192.0.2.1")


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (
            NAT,
            "between hop 1 (10.9.1.1) and hop 2 (10.9.2.2): source address rewritten, 10.9.1.9 -> 192.0.2.1",
        ),
        (replace(NAT, between=(HERE, HOP1)), "between this host and hop 1 (10.9.1.1): source address rewritten, 10"),
        (box(Change.SEQUENCE), "between hop 1 (10.9.1.1) and hop 2 (10.9.2.2): sequence number rewritten"),
        (box(Change.OPTION_REMOVED, before="SACK permitted"), "TCP option removed, SACK permitted"),
        (box(Change.OPTION_ADDED, after="multipath TCP"), "TCP option added, multipath TCP"),
        (box(Change.MSS, before="1460", after="1200", services=BOTH[1:]), "MSS changed, 1460 -> 1200 (seen on tcp/80"),
        (
            box(Change.DESTINATION),
            "hop 2 (10.9.2.2): destination rewritten: the errors from there come in the name of 10.0.0.5",
        ),
        (
            box(Change.DSCP, between=(HOP2, HOP2), before="0", after="18 (AF21)", carried=False),
            "hop 2 (10.9.2.2) alone quotes it so: DSCP changed, 0 -> 18 (AF21); hops behind it quote it as it left",
        ),
        (box(Change.TAP, between=(HOP2, HOP2)), "hop 2 (10.9.2.2): answers in the target's place too"),
    ],
)
def test_a_box_is_one_sentence(one: Middlebox, line: str) -> None:
    assert line in box_lines(result_with(one))[0]


def test_boxes_are_a_paragraph_of_their_own_between_why_and_next() -> None:
    text = render(report(result_with(NAT, box(Change.SEQUENCE))))
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("box   between hop 1"))
    assert lines[first + 1].startswith("      between hop 1")
    assert lines[first + 2].startswith("next  ")


def test_without_a_box_there_is_no_paragraph() -> None:
    assert "\nbox" not in render(report(result("open")))


def test_what_the_verdict_is_about_is_not_told_twice() -> None:
    forged = result("reset-r2-forward")
    assert [one.what for one in forged.middleboxes] == [Change.IN_PLACE]
    assert box_lines(forged) == []
    assert document(report(forged))["results"][0]["middleboxes"][0]["what"] == "answers in the target's place"


def test_a_program_reads_the_box_by_its_keys() -> None:
    entry = document(report(result_with(NAT)))["results"][0]["middleboxes"]
    assert json.loads(json.dumps(entry)) == [
        {
            "between": [1, 2],
            "addresses": ["10.9.1.1", "10.9.2.2"],
            "what": "source address rewritten",
            "from": "10.9.1.9",
            "to": "192.0.2.1",
            "services": ["icmp echo", "tcp/8080"],
            "carried": True,
            "probes": [4, 9],
        }
    ]


# ---- what routers say about themselves


def labels(*numbers: int) -> tuple[MplsLabel, ...]:
    return tuple(MplsLabel(label=number, traffic_class=5, bottom=number == numbers[-1], ttl=1) for number in numbers)


def interface(role: InterfaceRole = InterfaceRole.INCOMING, **parts: Any) -> InterfaceInfo:
    return InterfaceInfo(role=role, **parts)


def row(**changes: Any) -> HopRow:
    return HopRow(ttl=2, address="10.9.2.2", test=None, control=None, **changes)


@pytest.mark.parametrize(
    ("one", "note"),
    [
        (row(), ""),
        (row(labels=labels(16001)), "MPLS 16001"),
        (row(labels=labels(16001, 24)), "MPLS 16001/24"),
        (row(labels=labels(1, 2, 3, 4, 5)), "MPLS 1/2/3/+2"),
        (row(interface=interface(name="eth1", index=3)), "in eth1"),
        (row(interface=interface(address="10.9.2.2", index=3)), "in 10.9.2.2"),
        (row(interface=interface(index=3)), "in interface 3"),
        (row(interface=interface(mtu=1500)), ""),
        (row(interface=interface(InterfaceRole.OUTGOING, name="eth2")), "out eth2"),
        (row(labels=labels(16001), interface=interface(name="eth1")), "MPLS 16001, in eth1"),
    ],
)
def test_a_hop_is_noted_with_what_its_router_said(one: HopRow, note: str) -> None:
    assert row_note(one) == note


def test_the_note_stands_beside_the_hop_behind_what_is_noted_there_already() -> None:
    dropped = result("drop-r2-forward")
    rows = [replace(one, labels=labels(16001)) if one.ttl in (2, 3) else one for one in dropped.hops]
    lines = render(report(replace(dropped, hops=tuple(rows)))).splitlines()
    notes = {hop: next(line for line in lines if f" {hop}  10.9.{hop}.2 " in line) for hop in (2, 3)}
    assert notes[2].endswith("  MPLS 16001")
    assert notes[3].endswith("<- stops here, MPLS 16001")


def test_a_program_reads_labels_and_interface_of_a_hop_that_has_them() -> None:
    assert row_facts(row()) == {}
    assert row_facts(row(labels=labels(16001), interface=interface(name="eth1", mtu=9000))) == {
        "mpls": [{"label": 16001, "tc": 5, "bottom": True, "ttl": 1}],
        "interface": {"role": "incoming", "index": None, "address": None, "name": "eth1", "mtu": 9000},
    }

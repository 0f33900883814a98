"""Many targets: in one line each, in a table, in a row of CSV, in a bar."""

from __future__ import annotations

import csv

import pytest

from pathprobe.core.asked import Answer, Asked, answer_of
from pathprobe.core.first_pass import result_of_finding, unresolved
from pathprobe.core.pairs import Finding, PairState
from pathprobe.core.probes import Kind
from pathprobe.core.report import State, Target
from pathprobe.output.batch_entries import CSV_COLUMNS, csv_head, csv_row, entry_of, key_of_entry, row_of_entry
from pathprobe.output.batch_rows import Row, Rows
from pathprobe.output.progress import bar
from pathprobe.output.summary_table import Summary


def asked(address: str | None = "10.0.0.5", **fields: object) -> Asked:
    facts: dict[str, object] = {"given": "x", "host": address or "web9", "port": 8080, "kind": Kind.TCP, **fields}
    return Asked(address=address, **facts)  # type: ignore[arg-type]


def answer(state: PairState = PairState.OPEN, one: Asked | None = None, like: Target | None = None) -> Answer:
    one = one or asked()
    finding = Finding(pair=one.pair, state=state, rtt=0.001, source=one.address, ttl=61)
    return answer_of(one, result_of_finding(one.target, finding), rtt=0.001, like=like)


def nameless() -> Answer:
    one = asked(None, trouble="cannot resolve web9: no such name")
    return answer_of(one, unresolved(one.target, str(one.trouble)))


LIKE = Target(given="x", address="10.0.0.7", port=8080, protocol="tcp")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (answer(), "10.0.0.5:8080 - reachable"),
        (answer(one=asked(service="web")), "10.0.0.5:8080 (web) - reachable"),
        (answer(one=asked(host="web1", service="web")), "10.0.0.5:8080 (web1, web) - reachable"),
        (answer(one=asked("fd00::5", kind=Kind.UDP)), "[fd00::5]:8080/udp - reachable"),
        (
            answer(PairState.CLOSED),
            "10.0.0.5:8080 - NOT reachable: closed, a reset in the target's name; whether the target itself sent it was"
            " not looked into",
        ),
        (
            answer(PairState.SILENT, like=LIKE),
            "10.0.0.5:8080 - NOT reachable: filtered, dropped silently somewhere beyond this host"
            " (as 10.0.0.7:8080/tcp, not traced itself)",
        ),
        (nameless(), "web9:8080 - NOT reachable: unknown, cannot resolve web9: no such name"),
    ],
)
def test_the_line_that_people_grep_for(given: Answer, line: str) -> None:
    assert Rows().of(given).line == line


@pytest.mark.parametrize("given", [answer(), answer(PairState.SILENT, like=LIKE), answer(one=asked(host="web1"))])
def test_an_entry_that_was_kept_gives_the_same_row_again(given: Answer) -> None:
    entry = entry_of(given)
    assert row_of_entry(entry) == Rows().of(given)
    assert key_of_entry(entry) == given.asked.key


@pytest.mark.parametrize("given", [answer(), answer(PairState.REFUSED), nameless()])
def test_a_row_of_csv_has_a_cell_for_each_column(given: Answer) -> None:
    cells = dict(zip(CSV_COLUMNS, next(csv.reader([csv_row(entry_of(given))])), strict=True))
    assert csv_head() == ",".join(CSV_COLUMNS)
    assert cells["address"] == (given.asked.address or "web9")
    assert cells["state"] == given.result.verdict.state


def row(state: State, number: int = 5, finding: str = "dropped (as 10.0.0.1:80/tcp, not traced itself)") -> Row:
    return Row(
        address=f"10.0.0.{number}",
        port=80,
        protocol="tcp",
        name=None,
        service=None,
        state=state,
        finding=finding,
    )


def test_the_table_has_the_worst_first_and_what_is_alike_once() -> None:
    summary = Summary()
    for number in range(5):
        summary.add(row(State.FILTERED, number))
    summary.add(row(State.CLOSED, 9, "refuses"))
    summary.add(row(State.OPEN))
    lines = summary.render().splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["filtered", "closed"]
    assert lines[1].endswith("10.0.0.0:80, 10.0.0.1:80, 10.0.0.2:80 and 2 more")
    assert lines[-1] == "7 targets: 5 filtered, 1 closed, 1 open"


def test_the_tables_columns_are_as_wide_as_their_widest_cell() -> None:
    summary = Summary()
    for number in range(12):
        summary.add(row(State.CLOSED, number, "refuses"))
    summary.add(row(State.OPEN_FILTERED, 5, "nobody answers"))
    assert summary.render().splitlines()[:3] == [
        "state            targets  why             which",
        "open|filtered          1  nobody answers  10.0.0.5:80",
        "closed                12  refuses         10.0.0.0:80, 10.0.0.1:80, 10.0.0.2:80 and 9 more",
    ]


def test_what_is_not_shown_is_counted_all_the_same() -> None:
    summary = Summary()
    summary.add(row(State.CLOSED), shown=False)
    assert summary.render() == "1 target: 1 closed"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, 1024, 0.0, 0), "[------------------------] 0 of 1,024  0 %"),
        ((512, 1024, 1.0, 3), "[############------------] 512 of 1,024  50 %  512/s  0:01 left  3 not reachable"),
        ((1, 7201, 1.0, 0), "[------------------------] 1 of 7,201  0 %  1.0/s  2:00:00 left"),
    ],
)
def test_the_bar_says_how_far_how_fast_and_how_long(arguments: tuple[int, int, float, int], text: str) -> None:
    assert bar(*arguments) == text

"""Many answers: a line each, worst first, with counts; the full account for few."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.report import Counted, Report, Result, Watched
from pathprobe.output import json, overview, table
from tests.output.reports import report, result

WATCHED = Watched(packets=900, passed_over=7, midway=3, narrowed=False)


def counted(name: str, attempts: int = 37, silent: int = 0) -> Result:
    counts = Counted(attempts=attempts, packets=40, answered=attempts - silent, reset=0, refused=0, silent=silent)
    return replace(result(name), counted=counts)


def many(number: int, **changes: object) -> Report:
    results = (counted("drop-r2-forward"), *(counted("open") for _ in range(number - 1)))
    return report(*results, watched=WATCHED, capture_path="a.pcap", **changes)


def test_each_answer_has_a_line_with_its_count() -> None:
    lines = table.render(many(8)).splitlines()
    assert lines[0] == "8 questions: 1 filtered, 7 open"
    first = lines[3].split()
    assert first[:5] == ["10.0.0.5:8080/tcp", "10.9.1.9", "FILTERED", "x", "37"]
    assert len([line for line in lines if line.startswith("10.0.0.5:8080/tcp")]) == 8


def test_the_foot_says_what_else_is_in_the_file() -> None:
    text = table.render(many(8))
    assert "900 packets over 0.6 s; 7 belong to no question; 3 connections without the beginning" in text
    assert text.endswith("in a.pcap")
    assert "each with its comment" not in text


@pytest.mark.parametrize(("number", "narrowed", "short"), [(5, False, False), (6, False, True), (6, True, False)])
def test_few_answers_or_those_asked_for_are_told_in_full(number: int, narrowed: bool, short: bool) -> None:
    told = replace(many(number), watched=replace(WATCHED, narrowed=narrowed))
    assert overview.is_for(told) is short
    assert ("why   " in table.render(told)) is not short


def test_a_run_of_ours_is_told_in_full_however_many_targets_it_had() -> None:
    assert not overview.is_for(report(*[result("open")] * 30))


def test_a_table_too_long_to_read_ends_and_says_so() -> None:
    text = table.render(many(overview.MOST_LINES + 3))
    assert "... and 3 more" in text


def test_programs_get_all_answers_with_who_asked_and_how_often() -> None:
    document = json.document(many(8))
    assert len(document["results"]) == 8
    assert document["results"][0]["asked_by"] == "10.9.1.9"
    assert document["results"][0]["counted"]["attempts"] == 37
    assert document["watched"]["midway"] == 3

"""The first line of a comparison is the conclusion, and every change is said in words."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pathprobe.core.comparison.changes import compare
from pathprobe.core.comparison.reported import NotAReport, read_report
from pathprobe.output.comparison import Names, render
from pathprobe.output.comparison_json import document
from tests.core.comparison.reporting import TARGET, WAY, account, box, result
from tests.core.comparison.reporting import document as report_document

NAMES = Names(a="a.json", b="b.json")
DROP = {"last_good": 2, "first_bad": 3, "direction": "forward"}
FROM_B = ("10.8.1.1", "10.8.2.2", *WAY[1:])
BS_DROP = {**DROP, "last_good": 3, "first_bad": 4}
MSS = box("MSS changed", (1, 2), before="1460", after="1000")


def text(a: dict[str, Any], b: dict[str, Any], **facts: Any) -> str:
    return render(compare(account(a), account(b, **{"started": 1, **facts})), NAMES)


def first(a: dict[str, Any], b: dict[str, Any], **facts: Any) -> str:
    return text(a, b, **facts).splitlines()[0].removeprefix("10.0.0.5:8080/tcp  ")


@pytest.mark.parametrize(
    ("a", "b", "line"),
    [
        (result(), result(), "no difference: open in both: dropped silently between two hops"),
        (result(), result("filtered", **DROP), "was open, is filtered: dropped silently between two hops"),
        (
            result("filtered", **DROP),
            result("filtered", last_good=2),
            "no difference: filtered in both: dropped silently between two hops; "
            "nothing contradicts, though not all is known as exactly",
        ),
        (
            result("filtered", **DROP),
            result("filtered", last_good=3, first_bad=4),
            "still filtered, in another way: dropped silently between two hops -> dropped silently between two hops",
        ),
        (
            result(),
            result(way=(*WAY[:2], "10.9.3.7", TARGET), boxes=[MSS]),
            "still open: dropped silently between two hops; what changed: path and middleboxes",
        ),
    ],
)
def test_the_first_line_is_the_conclusion(a: dict[str, Any], b: dict[str, Any], line: str) -> None:
    assert first(a, b) == line


def test_what_was_is_not_said_of_the_younger_report() -> None:
    line = render(compare(account(result(), started=5), account(result("filtered", **DROP))), NAMES).splitlines()[0]
    assert "was" not in line
    assert "open in A (dropped silently between two hops), filtered in B" in line


def test_targets_that_are_not_the_same_are_both_named() -> None:
    line = text(result(), result(port=22)).splitlines()[0]
    assert line.startswith("10.0.0.5:8080/tcp (A) and 10.0.0.5:22/tcp (B)  ")


@pytest.mark.parametrize(
    ("a", "b", "line"),
    [
        (
            result("filtered", **DROP),
            result("filtered", way=FROM_B, **BS_DROP),
            "filtered from both hosts: both die behind 10.9.2.2",
        ),
        (
            result("filtered", mechanism="reject", device=2),
            result("filtered", mechanism="reject", way=FROM_B, device=3),
            "filtered from both hosts: 10.9.2.2 stops both",
        ),
        (
            result("filtered", last_good=1, first_bad=2),
            result(way=FROM_B),
            "filtered from A (10.9.1.9), open from B (10.8.1.9): dropped silently between two hops; "
            "only A's way crosses 10.9.1.1",
        ),
        (
            result(),
            result("filtered", way=FROM_B, **BS_DROP),
            "open from A (10.9.1.9), filtered from B (10.8.1.9): dropped silently between two hops; "
            "A's packets pass the same place: look there for a rule about 10.8.1.9, or a branch of its own",
        ),
        (
            result("filtered", last_good=1, first_bad=2),
            result("filtered", way=FROM_B, **BS_DROP),
            "filtered from both hosts: A's die behind 10.9.1.1, where only A's way goes, "
            "B's die behind 10.9.2.2, which A's way crosses too",
        ),
        (
            # The hop behind 10.9.2.2 is not B's: the ways part again there.
            result("filtered", **DROP),
            result(way=(*FROM_B[:3], "10.8.3.2", TARGET)),
            "filtered from A (10.9.1.9), open from B (10.8.1.9): dropped silently between two hops; "
            "only A's way crosses 10.9.3.2",
        ),
        (
            result("filtered", last_good=0, first_bad=1),
            result(way=("10.8.1.1", *WAY)),
            "filtered from A (10.9.1.9), open from B (10.8.1.9): dropped silently between two hops; "
            "that is where only A's way goes",
        ),
        (result(), result(way=FROM_B), "open from both hosts"),
    ],
)
def test_from_two_hosts_it_is_said_on_which_side_packets_die(a: dict[str, Any], b: dict[str, Any], line: str) -> None:
    assert first(a, b, source="10.8.1.9") == line


def test_the_ways_of_two_hosts_are_laid_side_by_side() -> None:
    shown = text(result(), result(way=FROM_B), source="10.8.1.9")
    assert "ways  join at 10.9.2.2, hop 2 from A and hop 3 from B" in shown
    assert "in common: 10.9.2.2, 10.9.3.2" in shown


@pytest.mark.parametrize(
    ("b", "line"),
    [
        (result(way=(*WAY[:2], "10.9.3.7", TARGET)), "hop 3: 10.9.3.2 -> 10.9.3.7"),
        (result(way=(*WAY[:2], None, TARGET)), "hop 3: 10.9.3.2 is mute now"),
        (
            result(way=(*WAY[:2], None, TARGET), asked=1),
            "hop 3: 10.9.3.2 is mute now (or by chance: it was hardly asked)",
        ),
        (result(way=(*WAY[:2], "10.9.9.2", *WAY[2:])), "10.9.3.2 moved from hop 3 to hop 4"),
        (result(way=(*WAY[:2], "10.9.9.2", *WAY[2:])), "hop 3: 10.9.9.2 is new"),
        (result(way=WAY[1:]), "distance: 4 hops -> 3 hops"),
        (result(boxes=[MSS]), "new: MSS changed (1460 -> 1000), between hop 1 (10.9.1.1) and hop 2 (10.9.2.2)"),
        (result("closed"), "state: open -> closed"),
    ],
)
def test_each_change_is_said_in_words(b: dict[str, Any], line: str) -> None:
    assert line in text(result(), b)
    (target,) = document(compare(account(result()), account(b)), NAMES)["targets"]
    assert line in {change["text"] for change in (*target["changes"], *target["remarks"])}


def test_of_several_targets_it_is_said_how_many_differ_and_each_has_its_line() -> None:
    a = account(result(port=22), result(port=80), result(port=443))
    b = account(result(port=22), result("filtered", port=80, **DROP), started=1)
    lines = render(compare(a, b), NAMES).splitlines()
    assert lines[0] == "1 of 2 targets in both differ, only in A: 1"
    assert "10.0.0.5:80/tcp  was open, is filtered: dropped silently between two hops" in lines
    assert "10.0.0.5:443/tcp  only in A" in lines
    assert lines[-1] == "1 more in both, without any difference"


def test_of_several_targets_that_do_not_differ_one_line_is_enough() -> None:
    several = account(result(port=22), result(port=80))
    lines = render(compare(several, several), NAMES).splitlines()
    assert [line for line in lines if not line.startswith("  ")] == ["no difference in 2 targets"]


# ---- any document at all


def places_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places_in(inner, (*path, key))


def with_(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = with_(document[path[0]], path[1:], value)
    return changed


WHOLE = report_document(result("filtered", boxes=[MSS], device=2, mtu=1400, kinds=("stalled",), **DROP))


@pytest.mark.parametrize("value", [None, 7, -1, 2.5, "x", "", [], {}, [[]], True], ids=repr)
def test_a_report_with_anything_anywhere_is_refused_or_compared(value: Any) -> None:
    good, refused, compared = read_report(WHOLE), 0, 0
    for path in places_in(WHOLE):
        try:
            odd = read_report(json.loads(json.dumps(with_(WHOLE, path, value))))
        except NotAReport:
            refused += 1
            continue
        compared += 1
        for found in (compare(good, odd), compare(odd, good)):
            assert render(found, NAMES)
            assert json.dumps(document(found, NAMES))
    assert refused
    assert compared

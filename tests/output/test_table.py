"""A result reads like a ticket: the verdict, the path with its break, the hops, why, what next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathprobe.core.report import State
from pathprobe.lab import catalogue
from pathprobe.output import table
from pathprobe.output.wording import finding
from tests.core import factories as make
from tests.output.reports import report, result, result_of

OPEN = """\
10.0.0.5:8080/tcp  OPEN   the target answers (4 hops away)   sure: > 99.9 %

  you -- 10.9.1.1 -- 10.9.2.2 -- 10.9.3.2 -- 10.0.0.5

    hop  address    tcp/8080         icmp echo
      1  10.9.1.1   0.10 ms     1/1  0.10 ms      1/1
      2  10.9.2.2   0.20 ms     1/1  0.20 ms      1/1
      3  10.9.3.2   0.30 ms     1/1  0.30 ms      1/1
      4  10.0.0.5   0.40 ms     2/2  0.40 ms      2/2

why   The answer to 2 SYNs to tcp/8080 acknowledges just what was sent; it arrived with TTL 61.
      The answer came back over 4 hops, judging by its TTL, as the target's other answers do (icmp echo).
next  The network is fine. If the service still fails, look at it: curl -v telnet://10.0.0.5:8080

12 packets sent, 0.6 s"""

DROP = """\
10.0.0.5:8080/tcp  FILTERED   dropped silently between hop 2 (10.9.2.2) and hop 3 (10.9.3.2)   sure: 99.6 %

  you -- 10.9.1.1 -- 10.9.2.2 --X-- 10.9.3.2 -- 10.0.0.5

    hop  address    tcp/8080         icmp echo
      1  10.9.1.1   0.10 ms     1/1  0.10 ms      1/1
      2  10.9.2.2   0.20 ms     1/1  0.20 ms      1/1
      3  10.9.3.2   silent      0/5  0.30 ms      5/5  <- stops here
      4  10.0.0.5   silent      0/4  0.40 ms      4/4

why   9 of 9 SYNs to tcp/8080 died past hop 2, without a word.
      11 of 11 control probes (icmp echo) got through in the same seconds.
      A drop shows as an interval: the rule is on the way out of hop 2 (10.9.2.2) or on the way in to hop 3 (10.9.3.2).
next  Ask who runs hop 2 (10.9.2.2) and hop 3 (10.9.3.2) for a rule on tcp/8080 towards 10.0.0.5 (forward chain, ACL).

24 packets sent, 0.6 s"""

RESET = """\
10.0.0.5:8080/tcp  FILTERED   a reset forged by hop 2 (10.9.2.2), in the target's name   sure: 99.2 %

  you -- 10.9.1.1 -- 10.9.2.2 --X-- 10.9.3.2 -- 10.0.0.5

    hop  address    tcp/8080            icmp echo, tcp/26100
      1  10.9.1.1   0.10 ms        1/1  0.10 ms                 1/1
      2  10.9.2.2   0.20 ms        1/1  0.20 ms                 1/1  <- answered from here
      3  10.9.3.2   0.20 ms reset  2/2  0.30 ms                 1/1
      4  10.0.0.5   0.20 ms reset  2/2  0.40 ms reset           3/3

why   2 SYNs to tcp/8080 drew the answer from TTL 3 on; the target is 4 hops away and cannot be reached with that.
      The answer came back over 2 hops, judging by its TTL; the target's own answers (tcp/26100) come over 4.
      5 of 5 control probes (icmp echo, tcp/26100) got through in the same seconds.
next  Ask who runs hop 2 (10.9.2.2) for a rule on tcp/8080 towards 10.0.0.5 (forward chain, ACL).

14 packets sent, 0.6 s"""


@pytest.mark.parametrize(("name", "text"), [("open", OPEN), ("drop-r2-forward", DROP), ("reset-r2-forward", RESET)])
def test_a_whole_report_looks_like_this(name: str, text: str) -> None:
    assert table.render(report(result(name))) == text


@pytest.mark.parametrize("name", catalogue.simulable())
def test_without_colour_there_is_no_escape_and_no_trailing_blank(name: str) -> None:
    text = table.render(report(result(name)))
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("name", ["open", "closed", "drop-r2-forward", "host-down"])
def test_colour_changes_nothing_but_the_state(name: str) -> None:
    state = result(name).verdict.state.upper()
    plain, coloured = (table.render(report(result(name)), colour=colour) for colour in (False, True))
    assert coloured != plain
    assert coloured.count("\x1b[") == 2
    start, end = coloured.index("\x1b["), coloured.index("\x1b[0m") + len("\x1b[0m")
    assert coloured[:start] + state + coloured[end:] == plain


@pytest.mark.parametrize("name", catalogue.simulable())
def test_every_block_is_there_in_its_order(name: str) -> None:
    one = result(name)
    text = table.render(report(one))
    blocks = text.split("\n\n")
    assert blocks[0].split("   ")[:2] == [f"{one.target.label}  {one.verdict.state.upper()}", finding(one)]
    listed = "why " if not one.hops else "  you"
    assert blocks[1].startswith(listed)
    assert blocks[-2].startswith("why ")
    assert "packets sent" in blocks[-1] or "packet sent" in blocks[-1]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("drop-r1-forward", "  you -- 10.9.1.1 --X-- 10.9.2.2 -- 10.9.3.2 -- 10.0.0.5"),
        ("drop-r1-prerouting", "  you --X-- 10.9.1.1 -- 10.9.2.2 -- 10.9.3.2 -- 10.0.0.5"),
        ("drop-target", "  you -- 10.9.1.1 -- 10.9.2.2 -- 10.9.3.2 --X-- 10.0.0.5"),
        ("closed", "  you -- 10.9.1.1 -- 10.9.2.2 -- 10.9.3.2 -- 10.0.0.5"),
        ("host-down", "  you -- 10.9.1.1 -- 10.9.2.2 -- 10.9.3.2 --X-- ?"),
        ("silent-r3-drop-r2", "  you -- 10.9.1.1 -- 10.9.2.2 --X-- ? -- 10.0.0.5"),
        ("neighbour-open-v6", "  you -- fd00::5"),
    ],
)
def test_the_break_is_drawn_behind_the_last_good_hop(name: str, path: str) -> None:
    assert path in table.render(report(result(name))).splitlines()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("drop-r2-forward", "3  10.9.3.2   silent      0/5  0.30 ms      5/5  <- stops here"),
        ("reject-r2-admin-prohibited", "<- answered from here"),
        ("silent-r3-drop-r2", "answered nobody"),
    ],
)
def test_a_hop_that_matters_is_marked(name: str, line: str) -> None:
    assert line in table.render(report(result(name)))


def test_several_results_follow_each_other_under_one_foot() -> None:
    text = table.render(report(result("open"), result("drop-r2-forward")))
    assert text == f"{OPEN.rpartition(chr(10) * 2)[0]}\n\n{DROP.rpartition(chr(10) * 2)[0]}\n\n36 packets sent, 0.6 s"


@pytest.mark.parametrize(
    ("changes", "foot"),
    [
        ({"complete": False}, "12 packets sent, 0.6 s; interrupted, this is what was learnt so far"),
        (
            {"capture_path": "a.pcapng", "capture_packets": 19},
            "12 packets sent, 0.6 s\n19 packets, each with its comment, in a.pcapng",
        ),
    ],
)
def test_the_foot_tells_what_else_one_has_to_know(changes: dict[str, object], foot: str) -> None:
    assert table.render(report(result("open"), **changes)).endswith("\n\n" + foot)


def test_packets_that_a_full_queue_dropped_are_told() -> None:
    assert "3 received packets were dropped by a full queue" in table.render(
        report(replace(result("open"), frames_lost=3))
    )


def test_an_interruption_before_any_result_still_renders() -> None:
    assert table.render(report(complete=False)) == "0 packets sent, 0.6 s; interrupted, this is what was learnt so far"


def test_one_packet_is_one_packet() -> None:
    one = result_of(make.evidence(make.syn(64, make.silent())))
    assert one.verdict.state is State.FILTERED
    assert "\n1 packet sent" in table.render(report(one))


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0.041, "0.04 ms"), (0.5, "0.50 ms"), (3.14159, "3.1 ms"), (120.4, "120 ms")]
)
def test_round_trips_have_the_digits_that_mean_something(milliseconds: float, text: str) -> None:
    one = result("open")
    rows = [replace(row, test=row.test and replace(row.test, rtt_ms=(milliseconds,))) for row in one.hops]
    assert text in table.render(report(replace(one, hops=tuple(rows))))

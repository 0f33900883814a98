"""What the tools print, as they printed it in the lab, becomes answers that can be compared."""

from __future__ import annotations

import json

import pytest

from tests.bench import answers
from tests.bench.answers import Answer, Question, differs

STATE, PLACE, PATH = Question
TARGET = "10.0.0.5:8080"

NMAP = """# Nmap 7.93 scan initiated Fri Nov 20 19:04:00 2026 as: nmap -n -Pn -oG - -p 8080,8081 10.64.0.0/31
Host: 10.64.0.0 ()	Status: Up
Host: 10.64.0.0 ()	Ports: 8080/open/tcp//http-proxy///, 8081/closed/tcp//blackice-icecap///
Host: 10.64.0.1 ()	Status: Up
Host: 10.64.0.1 ()	Ports: 8080/filtered/tcp//http-proxy///, 5353/open|filtered/udp//zeroconf///
# Nmap done at Fri Nov 20 19:04:00 2026 -- 2 IP addresses (2 hosts up) scanned in 0.09 seconds
"""

TRACEROUTE = (
    "traceroute to 10.0.0.5 (10.0.0.5), 8 hops max, 60 byte packets\n 1  10.9.1.1  0.040 ms\n 2  10.9.2.2  0.018 ms\n"
)
STARS = " 3  *\n 4  *\n"
MTR = """Start: 2026-11-20T19:03:38+0000
HOST: here                        Loss%   Snt   Last   Avg  Best  Wrst StDev
  1.|-- 10.9.1.1                   0.0%     1    0.1   0.1   0.1   0.1   0.0
  2.|-- ???                       100.0     1    0.0   0.0   0.0   0.0   0.0
  3.|-- 10.0.0.5                   0.0%     1    0.1   0.1   0.1   0.1   0.0
"""
BATCH = """pathprobe: 2 targets are named more than once, and asked once
address,port,protocol,service,state,mechanism,finding,where,last_good,first_bad
10.64.0.1,8080,tcp,,open,answer,,target,3 10.64.0.1,
10.64.0.2,8080,tcp,web,filtered,drop,"dropped, silently",path,1 10.9.1.1,2 10.9.2.2
10.64.0.3,8080,tcp,,unknown,,,unknown,,
pathprobe: 8,192 targets: 4,096 open, 4,096 closed; 0.9 s
"""


def test_nmap_s_states_are_read_for_each_port() -> None:
    assert answers.nmap(NMAP) == {
        STATE: {
            "10.64.0.0:8080": "open",
            "10.64.0.0:8081": "closed",
            "10.64.0.1:8080": "silent",
            "10.64.0.1:5353": "silent",
        }
    }
    assert answers.nmap_ping("Host: 10.0.0.5 ()\tStatus: Up\n") == {STATE: {"10.0.0.5": "open"}}
    assert answers.nmap_ping("# Nmap done: 1 IP address (0 hosts up)\n") == {STATE: {}}


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("len=44 ip=10.0.0.5 ttl=61 DF id=0 sport=8080 flags=SA seq=0 win=64240 rtt=0.4 ms\n", "open"),
        ("len=40 ip=10.0.0.5 ttl=61 DF id=0 sport=8080 flags=RA seq=0 win=0 rtt=0.2 ms\n", "closed"),
        ("ICMP Port Unreachable from ip=10.0.0.5\n", "closed"),
        ("1 packets transmitted, 0 packets received, 100% packet loss\n", "silent"),
        ("", "nothing"),
    ],
)
def test_hping3_s_answer_is_in_its_flags(text: str, state: str) -> None:
    assert answers.hping3(TARGET)(text) == {STATE: {TARGET: state}}


def test_fping_names_who_is_alive() -> None:
    assert answers.fping("10.0.0.5 is alive\n10.0.0.6 is unreachable\n") == {STATE: {"10.0.0.5": "open"}}


@pytest.mark.parametrize(
    ("rest", "state", "place", "path"),
    [
        (" 3  10.0.0.5  0.026 ms\n", {}, 3, "10.9.1.1 10.9.2.2 10.0.0.5"),
        (" 3  10.0.0.5 [open]  0.101 ms\n", {TARGET: "open"}, 3, "10.9.1.1 10.9.2.2 10.0.0.5"),
        (" 3  10.0.0.5 [closed]  0.101 ms\n", {TARGET: "closed"}, 3, "10.9.1.1 10.9.2.2 10.0.0.5"),
        (STARS, {}, 2, "10.9.1.1 10.9.2.2"),
    ],
)
def test_a_list_of_hops_tells_the_path_and_the_last_that_answered(
    rest: str, state: dict[str, str], place: int, path: str
) -> None:
    said = answers.traceroute(TARGET)(TRACEROUTE + rest)
    assert said == {STATE: state, PLACE: {TARGET: f"behind hop {place}"}, PATH: {TARGET: path}}


def test_mtr_s_question_marks_are_silence() -> None:
    said = answers.mtr(TARGET)(MTR)
    assert said == {PLACE: {TARGET: "behind hop 3"}, PATH: {TARGET: "10.9.1.1  10.0.0.5"}}
    assert answers.mtr(TARGET)("Start:\n")[PLACE] == {TARGET: "behind hop 0"}


def test_scapy_s_pairs_are_read_a_line_each() -> None:
    assert answers.pairs("10.0.0.5:8080 open\n10.0.0.6:8080 silent\nWARNING: 3\n") == {
        STATE: {TARGET: "open", "10.0.0.6:8080": "silent"}
    }


@pytest.mark.parametrize(
    ("state", "mechanism", "good", "word", "place"),
    [
        ("open", "answer", {"ttl": 4}, "open", "behind hop 4"),
        ("filtered", "drop", {"ttl": 2}, "silent", "behind hop 2"),
        ("filtered", "reject", {"ttl": 2}, "filtered", "behind hop 2"),
        ("open|filtered", None, None, "silent", "unknown"),
    ],
)
def test_pathprobe_s_document_is_read_whatever_it_says_beside(
    state: str, mechanism: str | None, good: dict[str, int] | None, word: str, place: str
) -> None:
    location = {"last_good": good}
    result = {"state": state, "mechanism": mechanism, "location": location, "paths": [{"hops": ["10.9.1.1", None]}]}
    text = f"pathprobe: warning: a rule\n{json.dumps({'results': [result]}, indent=2)}\n"
    assert answers.pathprobe(TARGET)(text) == {
        STATE: {TARGET: word},
        PLACE: {TARGET: place},
        PATH: {TARGET: "10.9.1.1 *"},
    }


@pytest.mark.parametrize("text", ["", "pathprobe: raw sockets need CAP_NET_RAW\n", "{ no json }"])
def test_no_document_is_no_answer(text: str) -> None:
    assert answers.pathprobe(TARGET)(text) == {}


def test_a_batch_s_lines_are_read_without_the_table_below() -> None:
    text = (
        "10.64.0.1:8080 - reachable\n"
        "10.64.0.2:8081 (web - 2) - NOT reachable: closed, the target itself refuses: nothing listens there\n"
        "\nstate   targets  which\nclosed        1  10.64.0.2:8081\n"
    )
    assert answers.lines(text) == {STATE: {"10.64.0.1:8080": "open", "10.64.0.2:8081": "closed"}}


def test_a_batch_s_table_is_read_without_the_talk_around_it() -> None:
    assert answers.batch(BATCH) == {
        STATE: {"10.64.0.1:8080": "open", "10.64.0.2:8080": "silent", "10.64.0.3:8080": "unknown"},
        PLACE: {"10.64.0.2:8080": "behind hop 1", "10.64.0.3:8080": "unknown"},
    }
    assert answers.batch("pathprobe: raw sockets need CAP_NET_RAW\n") == {STATE: {}, PLACE: {}}


TRUTH: Answer = {STATE: {"a": "open", "b": "closed"}, PLACE: {"a": "behind hop 1"}}


@pytest.mark.parametrize(
    ("said", "questions", "wrong"),
    [
        ({STATE: {"a": "open", "b": "closed"}}, (STATE,), ""),
        ({}, (), ""),
        ({STATE: {"a": "open", "b": "open"}}, (STATE,), "state: 1 of 2, b is closed, said open"),
        ({STATE: {"a": "open"}}, (STATE,), "state: 1 of 2, b is closed, said None"),
        ({STATE: {**TRUTH[STATE], "c": "open"}}, (STATE,), "state: 1 of 2, c is None, said open"),
        ({STATE: TRUTH[STATE]}, (STATE, PLACE), "place: 1 of 1, a is behind hop 1, said None"),
    ],
)
def test_an_answer_is_right_when_all_that_was_asked_is(
    said: Answer, questions: tuple[Question, ...], wrong: str
) -> None:
    assert differs(said, TRUTH, questions) == wrong

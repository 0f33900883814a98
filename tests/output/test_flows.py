"""Are flows that live and flows that die told apart in words, and are their paths drawn?"""

from __future__ import annotations

import json

import pytest

from pathprobe.core.report import Path, Result, State
from pathprobe.output import json as as_json
from pathprobe.output import table
from pathprobe.output.advice import next_steps
from pathprobe.output.flows import are_traced, block
from pathprobe.output.wording import finding
from tests.output.reports import report, result


def number_dying(of: Result) -> int:
    return sum(path.state is State.FILTERED for path in of.paths)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("flows-r2-drop-r2b", "all that die cross 10.11.2.2 (hop 2)"),
        (
            "flows-r2-drop-r2b-prerouting",
            "not one of those that die is seen at hop 2, where living flows cross 10.9.2.2",
        ),
        ("flows-r2-reject-r2b", "rejected by hop 2 (10.11.2.2) (communication administratively prohibited)"),
        ("flows-r2-reset-r2b", "a reset forged by hop 2 (10.11.2.2), in the target's name"),
    ],
)
def test_the_headline_counts_flows_and_names_what_those_that_die_have_in_common(name: str, words: str) -> None:
    of = result(name)
    assert finding(of).startswith(f"{number_dying(of)} of 16 flows die")
    assert finding(of).endswith(words)


@pytest.mark.parametrize(
    ("name", "whom"),
    [
        ("flows-r2-drop-r2b", "10.11.2.2 (hop 2)"),
        ("flows-r2-drop-r2b-prerouting", "hop 1 (10.9.1.1)"),
        ("flows-r2-reject-r2b", "hop 2 (10.11.2.2)"),
    ],
)
def test_the_next_step_names_whom_to_ask_and_not_the_healthy_branch(name: str, whom: str) -> None:
    (step,) = next_steps(result(name))
    assert step.startswith(f"Ask who runs {whom}")
    assert "10.9.2.2" not in step


def test_flows_that_took_the_same_way_share_a_line() -> None:
    of = result("flows-r2-drop-r2b")
    dying = number_dying(of)
    lines = block(of.paths).splitlines()
    assert lines[0].strip() == "paths"
    assert sorted(line.split() for line in lines[1:]) == sorted(
        [
            f"{dying} of 16 10.9.1.1 - 10.11.2.2 - ? filtered".split(),
            f"{16 - dying} of 16 10.9.1.1 - 10.9.2.2 - 10.9.3.2 - 10.0.0.5 open".split(),
        ]
    )


def test_a_path_that_dies_is_not_drawn_over_a_router_that_only_living_flows_met() -> None:
    of = result("flows-r2-drop-r2b-prerouting")
    (line,) = (line for line in block(of.paths).splitlines() if "filtered" in line)
    assert line.split()[3:] == ["10.9.1.1", "-", "?", "filtered"]


def test_a_hop_where_flows_met_two_routers_stays_open_for_one_that_was_not_asked() -> None:
    paths = tuple(
        Path(flow=flow, source_port=40001 + flow, state=State.OPEN, hops=("a", hop, "z"), reach=3)
        for flow, hop in enumerate(["b", "c", None])
    )
    assert "a - ? - z" in block(paths)


def test_the_block_is_shown_only_where_more_than_the_first_flow_was_traced() -> None:
    assert are_traced(result("flows-r2-open").paths)
    assert not are_traced(result("open").paths)
    assert "\n  paths\n" in table.render(report(result("flows-r2-open")))
    assert "paths" not in table.render(report(result("open")))


def test_a_program_gets_each_flow_with_its_port_state_and_hops() -> None:
    of = result("flows-r2-drop-r2b")
    read = json.loads(as_json.render(report(of)))["results"][0]["paths"]
    assert [path["flow"] for path in read] == list(range(16))
    assert {path["state"] for path in read} == {"open", "filtered"}
    assert {path["hops"][1] for path in read if path["state"] == "filtered"} == {"10.11.2.2"}
    assert len({path["source_port"] for path in read}) == 16

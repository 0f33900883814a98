"""Many targets on a real network: two routers that drop a port each, a target with many addresses."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pathprobe.lab.network import Lab
from pathprobe.net.scenario import Expectation, Hook, Match, Rule, Scenario
from tests.commands.processes import on_client, running

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

#: Router 1 drops the one and router 2 the other; nothing listens on the third, and somebody does on the last.
DROPPED_1, DROPPED_2, CLOSED, OPEN = 8081, 8082, 8083, 8080

LIST = f"# all\n10.0.0.16/28:{DROPPED_1},{DROPPED_2},{CLOSED},{OPEN}\nno..name:1\noops\n10.0.0.17:{OPEN}:web\n"
PAIRS = 14 * 4


def drop(at: str, port: int) -> Rule:
    return Rule(at=at, hook=Hook.FORWARD, match=Match(protocol="tcp", destination_port=port), action="drop")


@pytest.fixture(scope="module")
def network() -> Iterator[Lab]:
    scenario = Scenario(
        name="many-targets",
        summary="a target with many addresses",
        family=4,
        expect=Expectation(state="open"),
        listen=(OPEN,),
        rules=(drop("r1", DROPPED_1), drop("r2", DROPPED_2)),
        # How few answers routers spare is tested beside: here it would take seconds.
        sysctl={router: {"net/ipv4/icmp_ratelimit": "0"} for router in ("r1", "r2", "r3")},
    )
    with Lab(scenario) as lab:
        assert lab.run("target", ["ip", "route", "add", "local", "10.0.0.16/28", "dev", "lo"]) == 0
        yield lab


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    path = tmp_path / "targets"
    path.write_text(LIST)
    return path


def places(document: dict[str, Any]) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for result in document["results"]:
        ends = (result["location"]["last_good"], result["location"]["first_bad"])
        found[(result["target"]["port"], result["state"], *(end and end["address"] for end in ends))] += 1
    return found


def test_every_dropped_target_is_located_and_few_of_them_are_traced(network: Lab, targets: Path) -> None:
    run = on_client(network, "batch", str(targets), "--json")
    document = json.loads(run.stdout)
    found = places(document)
    assert run.returncode == 8
    assert found[(DROPPED_1, "filtered", "10.9.1.1", "10.9.2.2")] == 14
    assert found[(DROPPED_2, "filtered", "10.9.2.2", "10.9.3.2")] == 14
    assert found[(1, "unknown", None, None)] == 1
    assert Counter(result["state"] for result in document["results"]) == {
        "filtered": 28, "closed": 14, "open": 14, "unknown": 1
    }  # fmt: skip
    traced = [one for one in document["results"] if one["state"] == "filtered" and not one["located_as"]]
    assert len(traced) == 2
    assert "line 4: 'oops' has no port" in run.stderr
    assert document["batch"]["duplicates"] == 1


def test_lines_come_first_and_the_table_at_the_end(network: Lab, targets: Path) -> None:
    run = on_client(network, "batch", str(targets), "--no-trace", "--only", "open,filtered")
    lines = run.stdout.splitlines()
    assert f"10.0.0.17:{OPEN} (web) - reachable" not in lines  # the first line that named it gave it no service
    assert f"10.0.0.17:{OPEN} - reachable" in lines
    assert not any("closed," in line for line in lines[:-1])
    assert lines[-1] == "57 targets: 28 filtered, 1 unknown, 14 closed, 14 open"


def test_a_run_that_was_killed_goes_on_where_it_was(network: Lab, targets: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running("batch", str(targets), "--jsonl", "--resume", str(state), "--rate", "20", lab=network) as process:
        assert process.stdout
        known = [json.loads(process.stdout.readline()) for _ in range(5)]
        process.kill()
        process.wait()
    with state.open("ab") as stream:
        stream.write(b'{"target": {"address": "10.0.0.17", "po')
    answered = [one["target"] for one in known if one["target"]["address"]]
    run = on_client(network, "batch", str(targets), "--json", "--resume", str(state))
    document = json.loads(run.stdout)
    assert document["batch"]["resumed"] >= len(answered) >= 4
    assert document["batch"]["first_pass"]["sent"] < 2 * PAIRS
    assert len(document["results"]) == PAIRS + 1
    assert [one["target"] for one in document["results"]][: len(answered)] == answered
    again = on_client(network, "batch", str(targets), "--jsonl", "--resume", str(state))
    assert sum("rtt_ms" in line for line in again.stdout.splitlines()) == PAIRS + 1
    assert f"{PAIRS} of {PAIRS + 1} targets are answered already" in again.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_prints_what_is_known(network: Lab, targets: Path, number: signal.Signals) -> None:
    with running("batch", str(targets), "--json", "--rate", "20", lab=network) as process:
        assert process.stdout
        assert process.stderr
        head = [process.stdout.readline() for _ in range(6)]
        process.send_signal(number)
        text = "".join(head) + process.stdout.read()
        said = process.stderr.read()
    document = json.loads(text)
    assert process.returncode == 130
    assert document["complete"] is False
    assert 2 <= len(document["results"]) < PAIRS
    assert "interrupted" in said


def test_a_reader_that_goes_away_ends_it_quietly(network: Lab, targets: Path) -> None:
    with running("batch", str(targets), "--rate", "200", lab=network) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "Error" not in said

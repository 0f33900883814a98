"""The JSON has the keys of pathprobe/1, each of its type; programs depend on them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from pathprobe import __version__
from pathprobe.core.report import Result, Timing, Vantage
from pathprobe.engine.diagnose import Options
from pathprobe.lab import catalogue
from pathprobe.output.json import document, render
from tests.core import factories as make
from tests.output.reports import report, result, result_of, result_with

NUMBER, NULL = (int, float), type(None)

#: Key -> the types its value may have, as the page on the outside has them. Additions are not listed.
DOCUMENT = {
    "schema": str,
    "tool": dict,
    "started": str,
    "duration_s": NUMBER,
    "engine": str,
    "vantage": dict,
    "results": list,
    "capture": (dict, NULL),
    "complete": bool,
}
TOOL = {"name": str, "version": str}
VANTAGE = {"hostname": (str, NULL), "interface": (str, NULL), "source": (str, NULL)}
CAPTURE = {"path": str, "packets": int}
RESULT = {
    "target": dict,
    "state": str,
    "mechanism": (str, NULL),
    "location": dict,
    "confidence": NUMBER,
    "distance": (int, NULL),
    "summary": str,
    "reasons": list,
    "next_steps": list,
    "hops": list,
    "paths": list,
    "middleboxes": list,
    "probes": list,
}
TARGET = {"given": str, "address": str, "port": (int, NULL), "protocol": str}
LOCATION = {
    "where": str,
    "direction": (str, NULL),
    "last_good": (dict, NULL),
    "first_bad": (dict, NULL),
    "device": (dict, NULL),
}
HOP = {"ttl": int, "address": (str, NULL)}
DEVICE = {**HOP, "by": list}
REASON = {"claim": str, "probes": list}
ROW = {"ttl": int, "test": (dict, NULL), "control": (dict, NULL)}
LEG = {"sent": int, "answered": int, "addresses": list, "rtt_ms": list}
PATH = {"flow": int, "source_port": (int, NULL), "state": str, "hops": list}
PROBE = {
    "id": int,
    "protocol": str,
    "role": str,
    "flow": int,
    "ttl": int,
    "try": int,
    "sent": (*NUMBER, NULL),
    "outcome": str,
    "from": (str, NULL),
    "rtt_ms": (*NUMBER, NULL),
    "frames": list,
}

STATES = {"open", "closed", "filtered", "open|filtered", "unreachable", "intermittent", "unknown"}
MECHANISMS = {"answer", "reset", "reject", "drop", "no-route", "loop", "local-error", None}
WHERE = {"local", "path", "target-edge", "target", "unknown"}
DIRECTIONS = {"forward", "return", None}
CLUES = {"icmp-source", "reply-ttl", "first-answering-ttl"}


def assert_shape(value: dict[str, Any], shape: dict[str, Any]) -> None:
    assert shape.keys() <= value.keys(), f"missing: {shape.keys() - value.keys()}"
    for key, types in shape.items():
        assert isinstance(value[key], types), f"{key}: {value[key]!r}"
        # True is an int to Python and a truth value to everybody else.
        assert isinstance(value[key], bool) == (types is bool), f"{key}: {value[key]!r}"


def read_back(*results: Result, **changes: Any) -> dict[str, Any]:
    """The document as another program gets it."""
    read: dict[str, Any] = json.loads(render(report(*results, **changes)), parse_constant=pytest.fail)
    return read


def assert_result(one: dict[str, Any]) -> None:
    assert_shape(one, RESULT)
    assert_shape(one["target"], TARGET)
    assert (one["target"]["port"] is None) == (one["target"]["protocol"] == "icmp")
    assert one["state"] in STATES
    assert one["mechanism"] in MECHANISMS
    assert 0 <= one["confidence"] <= 1
    assert_location(one["location"])
    for reason in one["reasons"]:
        assert_shape(reason, REASON)
        assert set(reason["probes"]) <= {probe["id"] for probe in one["probes"]}
    assert all(isinstance(step, str) for step in one["next_steps"])
    assert [row["ttl"] for row in one["hops"]] == list(range(1, len(one["hops"]) + 1))
    for row in one["hops"]:
        assert_shape(row, ROW)
        for leg in filter(None, (row["test"], row["control"])):
            assert_leg(leg)
    for path in one["paths"]:
        assert_shape(path, PATH)
        assert path["state"] in STATES
        assert all(isinstance(hop, str | None) for hop in path["hops"])
    assert len({probe["id"] for probe in one["probes"]}) == len(one["probes"])
    for probe in one["probes"]:
        assert_probe(probe)


def assert_location(location: dict[str, Any]) -> None:
    assert_shape(location, LOCATION)
    assert location["where"] in WHERE
    assert location["direction"] in DIRECTIONS
    for name in ("last_good", "first_bad"):
        if location[name] is not None:
            assert_shape(location[name], HOP)
    if location["device"] is not None:
        assert_shape(location["device"], DEVICE)
        assert set(location["device"]["by"]) <= CLUES
        assert location["device"]["by"]


def assert_leg(leg: dict[str, Any]) -> None:
    assert_shape(leg, LEG)
    assert 0 <= leg["answered"] <= leg["sent"]
    assert len(leg["rtt_ms"]) == leg["answered"]
    assert len(leg["addresses"]) <= leg["answered"]
    assert all(isinstance(address, str) for address in leg["addresses"])
    assert all(isinstance(time, float) for time in leg["rtt_ms"])


def assert_probe(probe: dict[str, Any]) -> None:
    assert_shape(probe, PROBE)
    assert probe["role"] in {"test", "control"}
    assert probe["protocol"] in {"tcp", "udp", "icmp"}
    assert probe["try"] >= 1
    assert all(isinstance(number, int) for number in probe["frames"])
    answered = probe["outcome"] not in {"silent", "not-sent"}
    assert (probe["from"] is not None) == (probe["rtt_ms"] is not None) == answered
    assert (probe["sent"] is None) == (probe["outcome"] == "not-sent")


@pytest.mark.parametrize("name", catalogue.simulable())
def test_every_result_has_the_keys_and_types_of_the_schema(name: str) -> None:
    (one,) = read_back(result(name))["results"]
    assert_result(one)


@pytest.mark.parametrize(
    "one",
    [
        result_of(make.evidence()),
        result_of(make.evidence(make.syn(64, make.silent(0.01)))),
        result_of(make.evidence(make.syn(64, make.refused_by_kernel()))),
        result_with("drop-r2-forward", Options(trace=False)),
        result_with("open", Options(max_hops=1)),
    ],
)
def test_a_result_of_little_knowledge_has_them_too(one: Result) -> None:
    (read,) = read_back(one)["results"]
    assert_result(read)


def test_the_document_around_the_results_has_its_keys() -> None:
    read = read_back(result("open"), capture_path="a.pcapng", capture_packets=19)
    assert_shape(read, DOCUMENT)
    assert_shape(read["tool"], TOOL)
    assert_shape(read["vantage"], VANTAGE)
    assert_shape(read["capture"], CAPTURE)
    assert (read["schema"], read["tool"]["name"], read["tool"]["version"]) == ("pathprobe/1", "pathprobe", __version__)


def test_the_time_of_a_live_run_is_told_by_what_it_went_into() -> None:
    timing = Timing(start=0.2291, resolve=0.0, probe=0.02, wait=0.5, conclude=0.0104)
    assert read_back(timing=timing)["timing"] == {
        "start_s": 0.229,
        "resolve_s": 0.0,
        "probe_s": 0.02,
        "wait_s": 0.5,
        "conclude_s": 0.01,
    }
    assert read_back()["timing"] is None


def test_the_start_is_utc_with_milliseconds() -> None:
    started = read_back(result("open"))["started"]
    assert started == "2026-05-28T20:26:40.123Z"
    assert datetime.fromisoformat(started).timestamp() == pytest.approx(1_780_000_000.123)


def test_what_there_is_not_is_null_and_never_missing() -> None:
    read = read_back(vantage=Vantage(hostname=None, interface=None, source=None), complete=False)
    assert read["capture"] is None
    assert read["vantage"] == {"hostname": None, "interface": None, "source": None}
    assert (read["results"], read["complete"]) == ([], False)


def test_the_written_document_is_the_one_in_memory() -> None:
    whole = report(result("drop-r2-forward"), result("echo-open-v6"))
    assert json.loads(render(whole)) == document(whole)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "drop-r2-forward",
            {
                "where": "path",
                "direction": "forward",
                "last_good": {"ttl": 2, "address": "10.9.2.2"},
                "first_bad": {"ttl": 3, "address": "10.9.3.2"},
                "device": None,
            },
        ),
        (
            "reset-r2-forward",
            {
                "where": "path",
                "direction": "forward",
                "last_good": {"ttl": 2, "address": "10.9.2.2"},
                "first_bad": {"ttl": 3, "address": "10.9.3.2"},
                "device": {"ttl": 2, "address": "10.9.2.2", "by": ["reply-ttl", "first-answering-ttl"]},
            },
        ),
        (
            "local-output-drop",
            {
                "where": "local",
                "direction": "forward",
                "last_good": {"ttl": 0, "address": None},
                "first_bad": None,
                "device": None,
            },
        ),
    ],
)
def test_a_location_looks_like_this(name: str, expected: dict[str, Any]) -> None:
    assert read_back(result(name))["results"][0]["location"] == expected


def test_a_path_has_null_where_a_hop_did_not_answer() -> None:
    (path,) = read_back(result("drop-r2-forward"))["results"][0]["paths"]
    assert path["hops"] == ["10.9.1.1", "10.9.2.2", None, None]
    assert path["flow"] == 0


def test_a_leg_counts_what_was_sent_and_answered() -> None:
    rows = read_back(result("drop-r2-forward"))["results"][0]["hops"]
    test, control = rows[2]["test"], rows[2]["control"]
    assert (test["sent"], test["answered"], test["addresses"], test["rtt_ms"]) == (5, 0, [], [])
    assert (control["sent"], control["answered"], control["addresses"]) == (5, 5, ["10.9.3.2"])
    assert control["rtt_ms"] == pytest.approx([0.3] * 5)


def test_an_echo_probe_has_no_ports_and_its_target_none() -> None:
    read = read_back(result("echo-open"))["results"][0]
    assert read["target"] == {"given": "10.0.0.5", "address": "10.0.0.5", "port": None, "protocol": "icmp"}
    assert {(probe["source_port"], probe["port"]) for probe in read["probes"]} == {(None, None)}


def test_names_that_are_not_ascii_stay_readable() -> None:
    assert "büro" in render(report(vantage=Vantage(hostname="büro", interface=None, source=None)))

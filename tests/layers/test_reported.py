"""What ``host --json`` printed comes back as the rows that it was made of, and nothing else does."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathprobe.core.layers import Asked, Conclusion, Evidence, Layer, LayerName, LayersReport, Status
from pathprobe.layers.reported import NotAReport, read_report
from pathprobe.output import layers_json

#: What a judge writes: no signs that terminals obey.
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\t"), max_size=40)
evidence = st.builds(Evidence, source=texts, ref=texts, text=texts)
rows = st.builds(
    Layer,
    name=st.sampled_from(LayerName),
    status=st.sampled_from(Status),
    summary=texts,
    evidence=st.lists(evidence, max_size=3).map(tuple),
    why=texts,
    fix=st.lists(texts, max_size=3).map(tuple),
    is_absent=st.booleans(),
)
LISTENING = Layer(name=LayerName.LISTENING, status=Status.FAIL, summary="nothing listens", is_absent=True)


def report(*layers: Layer, started: float = 1795000000.0, source: str | None = None) -> LayersReport:
    return LayersReport(
        asked=Asked(given="80/tcp", protocol="tcp", port=80, source=source),
        started=started,
        duration=0.1,
        layers=layers,
        conclusion=Conclusion(layer=1, word="CLOSED", summary="nothing listens"),
    )


@given(st.lists(rows, max_size=4), st.integers(0, 4_000_000_000_000), st.sampled_from([None, "10.0.0.9"]))
def test_what_was_written_is_read(more: list[Layer], milliseconds: int, source: str | None) -> None:
    written = report(LISTENING, *more, started=milliseconds / 1000, source=source)
    found = read_report(layers_json.render(written))
    assert found.layers == written.layers
    assert found.asked == written.asked
    assert found.started == pytest.approx(written.started, abs=0.002)


def document(**changes: Any) -> dict[str, Any]:
    return layers_json.document(report(LISTENING)) | changes


def row(**changes: Any) -> dict[str, Any]:
    return document(layers=[{"name": "listening", "status": "pass", "summary": "nginx"} | changes])


def test_what_is_added_later_is_passed_over_and_what_was_added_may_be_missing() -> None:
    changed = row(colour="red")
    changed["weather"] = ["fine"]
    (layer,) = read_report(json.dumps(changed)).layers
    assert layer == Layer(name=LayerName.LISTENING, status=Status.PASS, summary="nginx")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is no JSON: give what pathprobe host PORT --json printed"),
        ("8080/tcp  OK", "it is no JSON: give what pathprobe host PORT --json printed"),
        ("[" * 100_000, "it is no JSON: give what pathprobe host PORT --json printed"),
        ("[]", "it is no report of pathprobe host PORT --json (it has no schema, not 'pathprobe-layers/1')"),
        (
            '{"schema": "pathprobe/1"}',
            "it is no report of pathprobe host PORT --json (its schema is 'pathprobe/1', not 'pathprobe-layers/1')",
        ),
        ('{"schema": "pathprobe-layers/1"}', "its layers is missing"),
        (document(layers={}), "its layers is not what it should be: {}"),
        (document(layers=[]), "it has no row of layers 1 to 3: give what pathprobe host PORT --json printed"),
        (row(name="cloud"), "it has no row of layers 1 to 3: give what pathprobe host PORT --json printed"),
        (document(layers=[1]), "its layers[0] is not what it should be: 1"),
        (row(name="moon"), "its layers[0] has 'moon', which this pathprobe does not know"),
        (row(status="PASS"), "its layers[0] has 'PASS', which this pathprobe does not know"),
        (row(summary=None), "its layers[0].summary is not what it should be: None"),
        (row(evidence=[{}]), "its layers[0].evidence[0].source is missing"),
        (row(evidence=[{"source": "ss"}, "nft"]), "its layers[0].evidence[1] is not what it should be: 'nft'"),
        (row(fix=["reboot", 3]), "its layers[0].fix[1] is no text"),
        (row(absent=1), "its layers[0].absent is not what it should be: 1"),
        (document(started="yesterday"), "its started is no time: 'yesterday'"),
        (document(started="2026-11-20T12:00:00"), "its started has no time zone: '2026-11-20T12:00:00'"),
        (document(target={"protocol": "tcp", "given": "x", "port": True}), "its target.port is not what it should be"),
        (document(target={"protocol": "tcp", "given": "x", "port": 0}), "its target is no port: 0/'tcp'"),
        (document(target={"protocol": "ipx", "given": "x", "port": 1}), "its target is no port: 1/'ipx'"),
    ],
)
def test_what_is_none_is_refused_in_one_line(text: str | dict[str, Any], words: str) -> None:
    with pytest.raises(NotAReport) as raised:
        read_report(text if isinstance(text, str) else json.dumps(text))
    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_in_any_place_is_refused_or_read(value: Any) -> None:
    for key in ("target", "started", "layers", "conclusion"):
        _read_or_refused(document(**{key: value}))
    for key in ("name", "status", "summary", "evidence", "why", "fix", "absent", "layer"):
        _read_or_refused(row(**{key: value}))


def _read_or_refused(made: dict[str, Any]) -> None:
    with suppress(NotAReport):
        read_report(json.dumps(made))


def test_signs_that_a_terminal_obeys_do_not_come_through() -> None:
    (layer,) = read_report(json.dumps(row(summary="\x1b[2Jall \ud800 well\x9b1m"))).layers
    assert layer.summary == " [2Jall ? well 1m"

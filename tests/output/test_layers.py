"""Layers on a terminal and as JSON."""

from __future__ import annotations

import json

from pathprobe.core.layers import Asked, Conclusion, Evidence, Layer, LayerName, LayersReport, Status
from pathprobe.output import layers_json, layers_table

FINE = Layer(name=LayerName.LISTENING, status=Status.PASS, summary="nginx listens", evidence=(Evidence(source="ss"),))
BROKEN = Layer(
    name=LayerName.FIREWALL,
    status=Status.FAIL,
    summary="dropped",
    evidence=tuple(Evidence(source="nft", ref=f"handle {number}", text="drop") for number in range(8)),
    why="It drops.",
    fix=("nft delete rule", "nft insert rule"),
)
REPORT = LayersReport(
    asked=Asked(given="80/tcp", protocol="tcp", port=80, source="10.0.0.9"),
    started=1795000000.0,
    duration=0.1234,
    layers=(FINE, BROKEN),
    conclusion=Conclusion(layer=2, word="BLOCKED", summary="it is dropped", next_steps=("Look again.", "Ask.")),
)


def test_a_row_for_each_layer_and_the_evidence_of_what_is_not_well() -> None:
    assert layers_table.render(REPORT).splitlines() == [
        "80/tcp from 10.0.0.9  BLOCKED   at layer 2 (firewall)",
        "",
        "  1 listening    pass     nginx listens",
        "  2 firewall     FAIL     dropped",
        "                          seen  nft, handle 0: drop",
        *(f"                                nft, handle {number}: drop" for number in range(1, 6)),
        "                                ... and 2 more (--json)",
        "                          why   It drops.",
        "                          fix   nft delete rule",
        "                                nft insert rule",
        "",
        "next  Look again.",
        "      Ask.",
    ]


def test_what_was_seen_of_a_healthy_layer_is_shown_to_who_asks() -> None:
    assert "seen  ss" not in layers_table.render(REPORT)
    assert "seen  ss" in layers_table.render(REPORT, verbose=True)


def test_colour_changes_no_letter_and_no_place() -> None:
    coloured = layers_table.render(REPORT, colour=True)
    assert "\x1b[31mFAIL\x1b[0m     dropped" in coloured


def test_json_has_the_names_of_the_contract() -> None:
    document = json.loads(layers_json.render(REPORT))
    assert document["schema"] == "pathprobe-layers/1"
    assert document["duration_s"] == 0.123
    assert document["started"] == "2026-11-18T11:06:40.000Z"
    assert document["conclusion"] == {
        "layer": 2,
        "word": "BLOCKED",
        "summary": "it is dropped",
        "next_steps": ["Look again.", "Ask."],
    }
    assert document["results"] == []
    first, second = document["layers"]
    assert (first["layer"], first["name"], first["status"]) == (1, "listening", "pass")
    assert second["evidence"][0] == {"source": "nft", "ref": "handle 0", "text": "drop"}
    assert second["fix"] == ["nft delete rule", "nft insert rule"]

"""What one answer without any control or step says."""

from __future__ import annotations

import pytest

from pathprobe.core.first_pass import result_of_finding, unresolved, with_refusal
from pathprobe.core.pairs import Finding, Pair, PairState
from pathprobe.core.probes import Kind
from pathprobe.core.report import Target
from pathprobe.output import json
from pathprobe.output.wording import finding as words

THERE = "10.0.0.5"
TARGET = Target(given=THERE, address=THERE, port=53, protocol="tcp")


@pytest.mark.parametrize(
    ("state", "kind", "source", "message", "expected"),
    [
        (PairState.OPEN, Kind.TCP, THERE, None, ("open", "answer", "target")),
        (PairState.CLOSED, Kind.TCP, THERE, None, ("closed", "reset", "unknown")),
        (PairState.CLOSED, Kind.UDP, THERE, None, ("closed", "reject", "target")),
        (PairState.REFUSED, Kind.TCP, "10.9.2.2", "host unreachable", ("unreachable", "no-route", "path")),
        (PairState.REFUSED, Kind.TCP, "10.9.2.2", "port unreachable", ("filtered", "reject", "path")),
        (PairState.REFUSED, Kind.TCP, "10.9.2.2", "time exceeded in transit", ("unreachable", "loop", "path")),
        (PairState.REFUSED, Kind.TCP, THERE, "port unreachable", ("filtered", "reject", "target")),
        (PairState.SILENT, Kind.TCP, None, None, ("filtered", "drop", "unknown")),
        (PairState.SILENT, Kind.UDP, None, None, ("open|filtered", None, "unknown")),
        (PairState.NOT_SENT, Kind.TCP, None, "EPERM", ("filtered", "local-error", "local")),
        (PairState.NOT_SENT, Kind.TCP, None, "ENETUNREACH", ("unreachable", "local-error", "local")),
    ],
)
def test_state_mechanism_and_place(
    state: PairState, kind: Kind, source: str | None, message: str | None, expected: tuple[str | None, ...]
) -> None:
    ttl = None if source is None else 62
    pair = Pair(kind=kind, address=THERE, port=53)
    result = result_of_finding(TARGET, Finding(pair=pair, state=state, source=source, ttl=ttl, message=message))
    verdict = result.verdict
    assert (verdict.state, verdict.mechanism, verdict.location.where) == expected
    assert "None" not in words(result) + str([one["claim"] for one in json.entry(result)["reasons"]])
    assert 0 < verdict.confidence <= 1


def test_a_reset_that_was_compared_is_surer() -> None:
    closed = Finding(pair=Pair(kind=Kind.TCP, address=THERE, port=53), state=PairState.CLOSED, source=THERE, ttl=61)
    alone, compared = (result_of_finding(TARGET, closed, compared=known).verdict for known in (False, True))
    assert alone.confidence < 0.9 < compared.confidence


def test_a_name_without_an_address_is_unknown_with_the_reason() -> None:
    entry = json.entry(unresolved(TARGET, "cannot resolve web9"))
    assert (entry["state"], entry["confidence"]) == ("unknown", 0.0)
    assert entry["reasons"][0]["claim"] == "cannot resolve web9."


def test_a_refusal_that_the_first_pass_heard_is_not_forgotten() -> None:
    pair = Pair(kind=Kind.TCP, address=THERE, port=53)
    heard = Finding(pair=pair, state=PairState.REFUSED, source="10.9.2.2", ttl=63, message="host unreachable")
    silent = result_of_finding(TARGET, Finding(pair=pair, state=PairState.SILENT))
    both = with_refusal(silent, heard)
    assert (both.verdict.mechanism, both.verdict.location.device and both.verdict.location.device.ttl) == (
        "no-route",
        2,
    )
    assert with_refusal(silent, Finding(pair=pair, state=PairState.SILENT)) is silent

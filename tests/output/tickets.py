"""Tickets of simulated runs, worked out once and shared."""

from __future__ import annotations

import functools
from dataclasses import replace
from hashlib import sha256
from typing import Any

from pathprobe.core.exhibits import Exhibit
from pathprobe.core.redaction.pseudonyms import KEY_SIZE, Pseudonyms
from pathprobe.core.redaction.report import redacted
from pathprobe.core.report import Report
from pathprobe.engine.exhibits import exhibits
from pathprobe.engine.redacted_capture import redacted_capture
from pathprobe.output import html
from pathprobe.output.ticket import Shown, files
from pathprobe.output.verify import EVIDENCE, Proof
from tests.engine.runs import run
from tests.output.pages import Element, parse
from tests.output.reports import report

ENVIRONMENT = {"command": "pathprobe tcp 10.0.0.5:8080", "route": "one\ntwo"}


@functools.cache
def recorded(name: str) -> tuple[Report, bytes, tuple[Exhibit, ...]]:
    """The report of a run, with its frames, the capture, and what it holds."""
    one = run(name)
    return report(one.result, started=one.result.started), one.octets, tuple(exhibits(one.octets))


def page(name: str, **changes: Any) -> Element:
    said, octets, seen = recorded(name)
    return parse(html.render(replace(said, **changes), (proof(octets, seen),), ENVIRONMENT))


def proof(octets: bytes = b"", exhibits: tuple[Exhibit, ...] = ()) -> Proof:
    return Proof(name=EVIDENCE, digest=sha256(octets).hexdigest(), exhibits=exhibits)


@functools.cache
def ticket(name: str, *, is_redacted: bool = False) -> dict[str, bytes]:
    said, octets, seen = recorded(name)
    if is_redacted:
        pseudonyms = Pseudonyms(b"k" * KEY_SIZE)
        said, octets = redacted(said, pseudonyms), redacted_capture(octets, pseudonyms, pseudonyms.text)
        seen = tuple(exhibits(octets))
    return files(said, (Shown(octets=octets, exhibits=seen),), ENVIRONMENT)

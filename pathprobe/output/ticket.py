"""What is in a ticket? The files by which somebody else is convinced, by their names.

Pure: a report, the capture behind it and what is known of this host in, octets out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from pathprobe.core.exhibits import Exhibit
from pathprobe.core.report import Report
from pathprobe.output import html, json, markdown
from pathprobe.output.verify import EVIDENCE

_SUMS = "SHA256SUMS"

#: Every file of a ticket; the sums last, for they are of the others.
NAMES = ("report.md", "report.json", "report.html", EVIDENCE, "environment.txt", _SUMS)


def files(
    report: Report, evidence: bytes, exhibits: Sequence[Exhibit], environment: Mapping[str, str]
) -> dict[str, bytes]:
    """The octets of each file of NAMES. ``evidence`` is the capture, ``exhibits`` what is shown of its packets."""
    evidence_sum = sha256(evidence).hexdigest()
    report = replace(report, capture_path=EVIDENCE, capture_packets=len(exhibits))
    texts = {
        "report.md": markdown.render(report, evidence_sum=evidence_sum),
        "report.json": json.render(report) + "\n",
        "report.html": html.render(report, exhibits, environment, evidence_sum=evidence_sum),
        "environment.txt": _lines(environment),
    }
    contents = {name: text.encode(errors="backslashreplace") for name, text in texts.items()} | {EVIDENCE: evidence}
    sums = "".join(f"{sha256(contents[name]).hexdigest()}  {name}\n" for name in NAMES if name != _SUMS)
    return {name: contents[name] for name in NAMES if name != _SUMS} | {_SUMS: sums.encode()}


def _lines(environment: Mapping[str, str]) -> str:
    """``name  value``; a value of several lines stands below itself."""
    width = max(map(len, environment), default=0)
    under = "\n" + " " * (width + 2)
    return "".join(f"{name:<{width}}  {under.join(value.splitlines())}\n" for name, value in environment.items())

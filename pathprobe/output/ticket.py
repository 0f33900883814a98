"""What is in a ticket? The files by which somebody else is convinced, by their names.

Pure: a report, the captures behind it and what is known of this host in, octets out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType

from pathprobe.core.exhibits import Exhibit
from pathprobe.core.report import Report
from pathprobe.output import html, json, markdown
from pathprobe.output.verify import EVIDENCE, SERVER_EVIDENCE, Proof

_SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A capture, and what is shown of its packets."""

    octets: bytes
    exhibits: tuple[Exhibit, ...]


def names(*, both_ends: bool = False, more: Sequence[str] = ()) -> tuple[str, ...]:
    """Every file of a ticket, those that a command adds first; the sums last, for they are of the others."""
    captures = (EVIDENCE, SERVER_EVIDENCE) if both_ends else (EVIDENCE,)
    return (*more, "report.md", "report.json", "report.html", *captures, "environment.txt", _SUMS)


def files(
    report: Report,
    captures: Sequence[Shown],
    environment: Mapping[str, str],
    more: Mapping[str, str] = MappingProxyType({}),
    headline: str = "",
) -> dict[str, bytes]:
    """The octets of each file, by its name. Of two captures the client's is the first. ``more``: name -> text;
    ``headline``: what these say, for the head of the report.
    """
    kept = dict(zip((EVIDENCE, SERVER_EVIDENCE), captures, strict=False))
    proofs = [
        Proof(name=name, digest=sha256(shown.octets).hexdigest(), exhibits=shown.exhibits)
        for name, shown in kept.items()
    ]
    report = replace(report, capture_path=EVIDENCE, capture_packets=len(captures[0].exhibits))
    if len(captures) > 1:
        report = replace(report, server_capture_path=SERVER_EVIDENCE)
    texts = {
        "report.md": markdown.render(report, proofs, headline),
        "report.json": json.render(report) + "\n",
        "report.html": html.render(report, proofs, environment, headline),
        "environment.txt": _lines(environment),
        **more,
    }
    contents = {name: text.encode(errors="backslashreplace") for name, text in texts.items()}
    contents |= {name: shown.octets for name, shown in kept.items()}
    listed = [name for name in names(both_ends=len(captures) > 1, more=tuple(more)) if name != _SUMS]
    sums = "".join(f"{sha256(contents[name]).hexdigest()}  {name}\n" for name in listed)
    return {name: contents[name] for name in listed} | {_SUMS: sums.encode()}


def _lines(environment: Mapping[str, str]) -> str:
    """``name  value``; a value of several lines stands below itself."""
    width = max(map(len, environment), default=0)
    under = "\n" + " " * (width + 2)
    return "".join(f"{name:<{width}}  {under.join(value.splitlines())}\n" for name, value in environment.items())

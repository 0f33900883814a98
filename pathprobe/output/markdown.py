"""How does a report look in a ticket system? Markdown, of the kind that GitHub, GitLab and Jira's successors read.

The sentence first, for whoever reads no further. All that came from the network is escaped: a name of a router
must not become a link or a tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pathprobe.core.report import Report, Result
from pathprobe.output import both_ends, flows, overview, path_mtu, wording
from pathprobe.output.advice import next_steps
from pathprobe.output.boxes import box_lines
from pathprobe.output.claims import claim
from pathprobe.output.packets import MOST_NAMED, frames_of, proving, proving_at_server, server_frames_of
from pathprobe.output.table import POINTER, hop_table, path_line
from pathprobe.output.verify import CHECK, SERVER_EVIDENCE, Proof, analyze, display_filter, frame_filter, what_is_in

#: What means something in the middle of a line: CommonMark sections 2.4 and 6, and GitHub's tables and strikethrough.
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~])")
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str) -> str:
    """The text on one line, meaning nothing but itself, in a cell of a table too."""
    plain = " ".join(text.split())
    for character, entity in _MARKUP.items():
        plain = plain.replace(character, entity)
    return _SPECIAL.sub(r"\\\1", plain)


def render(report: Report, proofs: Sequence[Proof], headline: str = "") -> str:
    """The whole report; ``proofs`` are the captures beside it, ``headline`` what more than the probes say."""
    parts = [_code(overview.render(report))] if overview.is_for(report) else []
    parts += [part for result in overview.in_full(report) for part in _result(result)]
    if not report.complete:
        parts.insert(0, "*Interrupted: this is what was learnt so far.*")
    if headline:
        parts.insert(0, f"**{escaped(headline)}**")
    return "\n\n".join([*parts, *_verify(report, proofs)]) + "\n"


def _result(result: Result) -> list[str]:
    sure = wording.sureness(result.verdict.confidence)
    parts = [f"## {escaped(wording.summary(result))}", f"Sure: {escaped(sure)}"]
    if result.hops:
        parts += [_code(path_line(result).strip()), _hops(result)]
    if flows.are_traced(result.paths):
        parts.append(_paths(result))
    parts += _list("Why", [_reason(result, number) for number in range(len(result.verdict.reasons))])
    parts += _list("On the way", [escaped(line) for line in box_lines(result)])
    parts += _list("From both ends", [escaped(line) for line in both_ends.lines(result)])
    parts += _list("Packet sizes", [escaped(line) for line in path_mtu.lines(result)])
    return parts + _list("Next", [escaped(step) for step in next_steps(result)])


def _hops(result: Result) -> str:
    headers, rows = hop_table(result)
    return _table([*headers[:-1], "note"], [[*row[:-1], row[-1].replace(POINTER, "")] for row in rows])


def _paths(result: Result) -> str:
    of = len(result.paths)
    rows = [[f"{way.count} of {of}", " - ".join(way.hops), way.state] for way in flows.ways(result.paths)]
    return _table(["flows", "path", "state"], rows)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cell if cell == '---' else escaped(cell) for cell in line)} |" for line in lines)


def _reason(result: Result, number: int) -> str:
    one = result.verdict.reasons[number]
    numbers = frames_of(result, one.probes)
    more = f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
    named = f"packets {', '.join(map(str, numbers[:MOST_NAMED]))}{more}" if numbers else ""
    at_server = server_frames_of(result, one.probes)[:MOST_NAMED]
    there = f"at the server {', '.join(map(str, at_server))}" if at_server else ""
    proof = "; ".join(filter(None, [named, there]))
    return escaped(claim(one)) + (f" ({proof})" if proof else "")


def _list(title: str, items: Sequence[str]) -> list[str]:
    return ["\n".join([f"### {title}", "", *(f"- {item}" for item in items)])] if items else []


def _code(text: str) -> str:
    return f"```\n{text}\n```"


def _verify(report: Report, proofs: Sequence[Proof]) -> list[str]:
    parts = [
        "## How to verify this",
        f"{what_is_in(proofs)} Nobody needs privileges or a network to check that:",
        _code(f"{CHECK}\n{analyze(proofs)}"),
        *(f"SHA-256 of `{proof.name}`: `{proof.digest}`" for proof in proofs),
    ]
    for result in overview.in_full(report):
        frames, at_server = proving(result), proving_at_server(result)
        parts.append(f"In Wireshark, for {escaped(result.target.label)}: `{display_filter(result)}`")
        if frames:
            there = f", and `{frame_filter(at_server)}` in `{SERVER_EVIDENCE}`" if at_server else ""
            parts.append(f"The packets that prove it: `{frame_filter(frames)}`{there}")
    return parts

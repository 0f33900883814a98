"""How does a report look in a browser? One file: no script, nothing from the network, light and dark, fit for print.

Jinja escapes whatever is put in; what a router or a service said of itself is text here and never markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pathprobe import __version__
from pathprobe.core.exhibits import Exhibit
from pathprobe.core.report import Report, Result
from pathprobe.output import both_ends, flows, packets, path_mtu, wording
from pathprobe.output.advice import next_steps
from pathprobe.output.boxes import box_lines
from pathprobe.output.claims import claim
from pathprobe.output.path_drawing import draw
from pathprobe.output.shapes import Drawing
from pathprobe.output.table import POINTER, hop_table
from pathprobe.output.verify import CHECK, EVIDENCE, Proof, analyze, display_filter, frame_filter, what_is_in


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    """A sentence, the packets that prove it, how many more do, and packets of the server's capture."""

    text: str
    frames: tuple[int, ...]
    more: int
    at_server: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hop:
    """A line of the hop table; ``legs``: for each role the time or fate, and how many of how many were answered."""

    ttl: str
    address: str
    legs: tuple[tuple[str, str], ...]
    note: str
    is_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    share: str
    hops: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """What stands about one target, in its order."""

    label: str
    state: str
    stated: str
    fails: bool
    finding: str
    summary: str
    sure: str
    drawing: Drawing
    headers: tuple[str, ...]
    hops: tuple[_Hop, ...]
    ways: tuple[_Way, ...]
    reasons: tuple[_Reason, ...]
    boxes: tuple[str, ...]
    ends: tuple[str, ...]
    sizes: tuple[str, ...]
    steps: tuple[str, ...]
    display_filter: str
    frame_filter: str
    server_filter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One packet of the evidence; ``seconds`` since the run began; ``anchor``: what links to it name."""

    anchor: str
    number: int
    seconds: str
    direction: str
    source: str
    destination: str
    kind: str
    conclusions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The packets of one capture; ``times``: by which clock."""

    name: str
    digest: str
    times: str
    rows: tuple[_Row, ...]


def render(report: Report, proofs: Sequence[Proof], environment: Mapping[str, str]) -> str:
    """The whole report; ``proofs`` are the captures beside it."""
    started = datetime.fromtimestamp(report.started, UTC)
    return _template().render(
        sections=[_section(result) for result in report.results],
        tables=[_table(report, proof) for proof in proofs],
        environment=environment,
        started=started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        heading="From where it was asked" if report.engine != "capture" else "Where the capture was analyzed",
        span=f"The {'run took' if report.engine != 'capture' else 'questions span'} {report.duration:.1f} s",
        complete=report.complete,
        version=__version__,
        what_is_in=what_is_in(proofs).split("`"),
        commands=(CHECK, analyze(proofs)),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pathprobe", "output/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _section(result: Result) -> _Section:
    headers, rows = hop_table(result)
    proving, at_server = packets.proving(result), packets.proving_at_server(result)
    return _Section(
        label=result.target.label,
        state=result.verdict.state,
        stated=wording.stated(result),
        fails=wording.fails(result),
        finding=wording.finding(result),
        summary=wording.summary(result),
        sure=wording.sureness(result.verdict.confidence),
        drawing=draw(result),
        headers=tuple(filter(None, headers)),
        hops=tuple(map(_hop, rows)),
        ways=_ways(result),
        reasons=tuple(_reason(result, claim(one), one.probes) for one in result.verdict.reasons),
        boxes=tuple(box_lines(result)),
        ends=tuple(both_ends.lines(result)),
        sizes=tuple(path_mtu.lines(result)),
        steps=next_steps(result),
        display_filter=display_filter(result),
        frame_filter=frame_filter(proving) if proving else "",
        server_filter=frame_filter(at_server) if at_server else "",
    )


def _hop(cells: Sequence[str]) -> _Hop:
    ttl, address, *legs, note = cells
    return _Hop(
        ttl=ttl,
        address=address,
        legs=tuple((fate.replace(" ms", "\N{NO-BREAK SPACE}ms"), count) for fate, count in _pairs(legs)),
        note=note.replace(POINTER, ""),
        is_here=note.startswith(POINTER),
    )


def _pairs(cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(cells[::2], cells[1::2], strict=True)


def _ways(result: Result) -> tuple[_Way, ...]:
    if not flows.are_traced(result.paths):
        return ()
    return tuple(
        _Way(share=f"{way.count} of {len(result.paths)}", hops=" - ".join(way.hops), state=way.state)
        for way in flows.ways(result.paths)
    )


def _reason(result: Result, text: str, probes: tuple[int, ...]) -> _Reason:
    frames = packets.frames_of(result, probes)
    more = max(0, len(frames) - packets.MOST_NAMED)
    at_server = packets.server_frames_of(result, probes)[: packets.MOST_NAMED]
    return _Reason(text=text, frames=frames[: packets.MOST_NAMED], more=more, at_server=at_server)


def _table(report: Report, proof: Proof) -> _Table:
    if proof.name == EVIDENCE:
        rows = tuple(_row(one, report.started, "packet") for one in proof.exhibits)
        times = "since the run began" if report.engine != "capture" else "since the first question"
        return _Table(name=proof.name, digest=proof.digest, times=f"seconds {times}", rows=rows)
    ahead = both_ends.server_ahead(report)
    times = "seconds by the server's clock, since the first question by the client's"
    if ahead is not None:
        times = "seconds since the first question, by the client's clock"
    rows = tuple(_row(one, report.started + (ahead or 0.0), "server-packet") for one in proof.exhibits)
    return _Table(name=proof.name, digest=proof.digest, times=times, rows=rows)


def _row(exhibit: Exhibit, started: float, anchor: str) -> _Row:
    seen = exhibit.seen
    source, destination = packets.ends(seen.packet)
    return _Row(
        anchor=f"{anchor}-{seen.number}",
        number=seen.number,
        seconds=f"{seen.time_ns / 1e9 - started:.4f}",
        direction=packets.direction(seen),
        source=source,
        destination=destination,
        kind=packets.kind(seen.packet),
        conclusions=exhibit.conclusions,
    )

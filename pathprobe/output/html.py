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
from pathprobe.output import both_ends, flows, overview, packets, path_mtu, wording
from pathprobe.output.advice import next_steps
from pathprobe.output.boxes import box_lines
from pathprobe.output.claims import claim
from pathprobe.output.path_drawing import draw
from pathprobe.output.shapes import Drawing
from pathprobe.output.table import POINTER, hop_table
from pathprobe.output.verify import CHECK, EVIDENCE, Proof, analyze, display_filter, frame_filter, what_is_in

#: Packets that a page shows in their order; browsers get slow with more, and people too.
_MOST_ROWS = 1000

#: Sentences that a window's title has room for.
_MOST_IN_TITLE = 4


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
    """The packets of one capture; ``times``: by which clock; ``left_out``: of how many there is no row."""

    name: str
    digest: str
    times: str
    rows: tuple[_Row, ...]
    left_out: int


def render(report: Report, proofs: Sequence[Proof], environment: Mapping[str, str], headline: str = "") -> str:
    """The whole report; ``proofs`` are the captures beside it, ``headline`` what more than the probes say."""
    started = datetime.fromtimestamp(report.started, UTC)
    sections = [_section(result) for result in overview.in_full(report)]
    return _template().render(
        headline=headline,
        overview=overview.render(report) if overview.is_for(report) else "",
        sections=sections,
        title=" ".join(one.summary for one in sections[:_MOST_IN_TITLE]),
        tables=[_table(report, proof, sections) for proof in proofs],
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


def _table(report: Report, proof: Proof, sections: Sequence[_Section]) -> _Table:
    """The packets of one capture: the first, and those that a reason names."""
    reasons = [one for section in sections for one in section.reasons]
    if proof.name == EVIDENCE:
        anchor, named = "packet", {number for one in reasons for number in one.frames}
    else:
        anchor, named = "server-packet", {number for one in reasons for number in one.at_server}
    ahead = 0.0 if proof.name == EVIDENCE else both_ends.server_ahead(report) or 0.0
    shown = [one for at, one in enumerate(proof.exhibits) if at < _MOST_ROWS or one.seen.number in named]
    return _Table(
        name=proof.name,
        digest=proof.digest,
        times=_times(report, proof),
        rows=tuple(_row(one, report.started + ahead, anchor) for one in shown),
        left_out=len(proof.exhibits) - len(shown),
    )


def _times(report: Report, proof: Proof) -> str:
    if report.engine != "capture":
        return "seconds since the run began"
    if proof.name == EVIDENCE:
        return "seconds since the first question"
    if both_ends.server_ahead(report) is None:
        return "seconds by the server's clock, since the first question by the client's"
    return "seconds since the first question, by the client's clock"


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

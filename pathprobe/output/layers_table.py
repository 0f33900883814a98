"""How do the layers look on a terminal and in a ticket?

A row for each in the order in which an operator looks, what was seen and how to mend it below those that are not well,
and one conclusion. Plain text; colour only where the caller says that there is a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from pathprobe.core.layers import Evidence, Item, Layer, LayersReport, Status

_COLOURS = {Status.PASS: "32", Status.FAIL: "31", Status.WARN: "33", Status.UNKNOWN: "35"}

#: Those whose evidence and remedy are printed; of a layer that is well the row is enough, unless more is asked for.
_TOLD = (Status.FAIL, Status.WARN, Status.UNKNOWN)

#: Pieces of evidence shown of one layer; --json has all.
_MOST_SHOWN = 6

#: Columns that a folded text needs to be read at all.
_NARROWEST = 30

_NAME, _STATUS = 13, 9
_INDENT = " " * (4 + _NAME + _STATUS)


def render(report: LayersReport, *, colour: bool = False, verbose: bool = False, width: int | None = None) -> str:
    """The whole report as text, without a newline at its end.

    ``verbose``: what was seen of each layer; ``width``: columns to fold the rows into, None for lines of any length.
    """
    lines = [_heading(report, colour=colour), ""]
    for skipped, group in groupby(report.layers, key=lambda one: one.status is Status.SKIP and one.summary):
        layers = list(group)
        rows = _skipped(layers) if skipped else [part for one in layers for part in _row(one, verbose=verbose)]
        for begin, text in rows:
            lines += _folded(begin, text, width)
    if colour:
        lines = [_coloured(line) for line in lines]
    steps = report.conclusion.next_steps
    if steps:
        lines += ["", *(f"{'next' if number == 0 else '':<5} {step}" for number, step in enumerate(steps))]
    if report.checklist:
        lines += ["", "after a change, look at", *map(_item, report.checklist)]
    return "\n".join(lines)


_TOPIC = 26


def _item(item: Item) -> str:
    return f"  {item.mark:<5} {item.topic:<{_TOPIC}} {item.said}"


def _folded(begin: str, text: str, width: int | None) -> list[str]:
    """``begin`` and the text, which goes on below itself where it is too long."""
    if width is None or not text or width - len(begin) < _NARROWEST:
        return [(begin + text).rstrip()]
    first, *others = wrap(text, width - len(begin), break_long_words=False, break_on_hyphens=False) or [""]
    return [begin + first, *(" " * len(begin) + one for one in others)]


def _coloured(line: str) -> str:
    """The status in its colour: it stands at the same place in every row, and nowhere else."""
    place = slice(4 + _NAME, 4 + _NAME + _STATUS)
    word = line[place].strip()
    found = next((one for one in Status if str(one) == word.lower()), None) if line[2:3].isdigit() else None
    if found is None or found not in _COLOURS:
        return line
    return f"{line[: place.start]}\x1b[{_COLOURS[found]}m{word}\x1b[0m{line[place.start + len(word) :]}"


_WORDS = {"HEALTHY": "32", "LET IN": "32", "UNKNOWN": "35"}


def _heading(report: LayersReport, *, colour: bool) -> str:
    """What the rows say together; of one machine's own rows the name of the broken layer is enough."""
    conclusion = report.conclusion
    word = f"\x1b[1;{_WORDS.get(conclusion.word, '31')}m{conclusion.word}\x1b[0m" if colour else conclusion.word
    broken = next((one for one in report.layers if one.number == conclusion.layer and one.status is Status.FAIL), None)
    told = f"at layer {broken.number} ({broken.name})" if broken and not report.results else conclusion.summary
    return f"{report.asked.label}  {word}   {told}"


def _skipped(layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """Those that were not looked at for one reason are one row."""
    first, last = layers[0].number, layers[-1].number
    if len(layers) == 1:
        return list(_row(layers[0], verbose=False))
    names = ", ".join(layer.name for layer in layers)
    return [(f"  {first}-{last} {names}  ", f"{Status.SKIP}: {layers[0].summary}")]


def _row(layer: Layer, *, verbose: bool) -> Iterator[tuple[str, str]]:
    word = str(layer.status).upper() if layer.status is Status.FAIL else str(layer.status)
    yield f"  {layer.number} {layer.name:<{_NAME}}{word:<{_STATUS}}", layer.summary
    if not verbose and layer.status not in _TOLD:
        return
    for number, evidence in enumerate(layer.evidence[:_MOST_SHOWN]):
        yield f"{_INDENT}{'seen' if number == 0 else '':<5} ", _seen(evidence)
    if (left := len(layer.evidence) - _MOST_SHOWN) > 0:
        yield f"{_INDENT}{'':<5} ", f"... and {left} more (--json)"
    if layer.why:
        yield f"{_INDENT}why   ", layer.why
    for number, command in enumerate(layer.fix):
        # Never folded: it is to be copied.
        yield f"{_INDENT}{'fix' if number == 0 else '':<5} {command}", ""


def _seen(evidence: Evidence) -> str:
    place = ", ".join(filter(None, (evidence.source, evidence.ref)))
    return f"{place}: {evidence.text}".rstrip() if evidence.text else place

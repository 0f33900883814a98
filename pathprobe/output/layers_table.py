"""How do the layers look on a terminal and in a ticket?

A row for each in the order in which an operator looks, what was seen and how to mend it below those that are not well,
and one conclusion. Plain text; colour only where the caller says that there is a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Evidence, Layer, LayersReport, Status

_COLOURS = {Status.PASS: "32", Status.FAIL: "31", Status.WARN: "33", Status.UNKNOWN: "35"}

#: Those whose evidence and remedy are printed; of a layer that is well the row is enough, unless more is asked for.
_TOLD = (Status.FAIL, Status.WARN, Status.UNKNOWN)

#: Pieces of evidence shown of one layer; --json has all.
_MOST_SHOWN = 6

_NAME, _STATUS = 13, 9
_INDENT = " " * (4 + _NAME + _STATUS)


def render(report: LayersReport, *, colour: bool = False, verbose: bool = False) -> str:
    """The whole report as text, without a newline at its end; ``verbose``: what was seen of each layer."""
    lines = [_heading(report, colour=colour), ""]
    for layer in report.layers:
        lines += _row(layer, colour=colour, told=verbose or layer.status in _TOLD)
    steps = report.conclusion.next_steps
    if steps:
        lines += ["", *(f"{'next' if number == 0 else '':<5} {step}" for number, step in enumerate(steps))]
    return "\n".join(lines)


_WORDS = {"HEALTHY": "32", "LET IN": "32", "UNKNOWN": "35"}


def _heading(report: LayersReport, *, colour: bool) -> str:
    """The rows say the rest: of a broken layer its name is enough."""
    conclusion = report.conclusion
    word = f"\x1b[1;{_WORDS.get(conclusion.word, '31')}m{conclusion.word}\x1b[0m" if colour else conclusion.word
    broken = next((one for one in report.layers if one.number == conclusion.layer and one.status is Status.FAIL), None)
    told = f"at layer {broken.number} ({broken.name})" if broken else conclusion.summary
    return f"{report.asked.label}  {word}   {told}"


def _row(layer: Layer, *, colour: bool, told: bool) -> Iterator[str]:
    word = str(layer.status).upper() if layer.status is Status.FAIL else str(layer.status)
    padded = f"{word:<{_STATUS}}"
    if colour and layer.status in _COLOURS:
        padded = f"\x1b[{_COLOURS[layer.status]}m{word}\x1b[0m{' ' * (_STATUS - len(word))}"
    yield f"  {layer.number} {layer.name:<{_NAME}}{padded}{layer.summary}"
    if not told:
        return
    for number, evidence in enumerate(layer.evidence[:_MOST_SHOWN]):
        yield f"{_INDENT}{'seen' if number == 0 else '':<5} {_seen(evidence)}"
    if (left := len(layer.evidence) - _MOST_SHOWN) > 0:
        yield f"{_INDENT}{'':<5} ... and {left} more (--json)"
    if layer.why:
        yield f"{_INDENT}why   {layer.why}"
    for number, command in enumerate(layer.fix):
        yield f"{_INDENT}{'fix' if number == 0 else '':<5} {command}"


def _seen(evidence: Evidence) -> str:
    place = ", ".join(filter(None, (evidence.source, evidence.ref)))
    return f"{place}: {evidence.text}".rstrip() if evidence.text else place

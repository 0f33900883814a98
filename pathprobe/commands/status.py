"""Which exit status does a report have? Scripts depend on these numbers."""

from __future__ import annotations

from collections.abc import Iterable

from pathprobe.core.layers import Layer, LayersReport, Status
from pathprobe.core.report import Report, State

OK = 0
#: pathprobe could not do the job: no permission, no such interface, an unreadable file.
CANNOT = 1
#: The command line is wrong.
USAGE = 2
CLOSED = 3
BLOCKED = 4
UNCLEAR = 6
MIXED = 8
INTERRUPTED = 130

_OF_STATE = {
    State.OPEN: OK,
    State.CLOSED: CLOSED,
    State.FILTERED: BLOCKED,
    State.UNREACHABLE: 5,
    State.OPEN_FILTERED: UNCLEAR,
    State.UNKNOWN: UNCLEAR,
    State.INTERMITTENT: 7,
}


def of(report: Report) -> int:
    """The status of a finished or interrupted run; that of the verdict where only a capture file is cut."""
    is_cut = report.file is not None and report.file.cut is not None
    return of_states((result.verdict.state for result in report.results), complete=report.complete or is_cut)


def of_layers(layers: Iterable[Layer]) -> int:
    """The status of a look at layers: nothing listens, something blocks, it could not be told, all is well."""
    layers = tuple(layers)
    if any(layer.is_absent for layer in layers):
        return CLOSED
    found = {layer.status for layer in layers}
    return BLOCKED if Status.FAIL in found else UNCLEAR if Status.UNKNOWN in found else OK


def of_diagnosis(report: LayersReport) -> int:
    """The status of a look at all layers: that of its rows, unless it was interrupted or the port is there at times."""
    if not report.complete:
        return INTERRUPTED
    at_times = any(result.verdict.state is State.INTERMITTENT for result in report.results)
    found = of_layers(report.layers)
    return _OF_STATE[State.INTERMITTENT] if at_times and found in (OK, UNCLEAR) else found


def of_states(states: Iterable[State], *, complete: bool) -> int:
    """The status of a run that found these states."""
    if not complete:
        return INTERRUPTED
    statuses = {_OF_STATE[state] for state in states}
    return statuses.pop() if len(statuses) == 1 else MIXED

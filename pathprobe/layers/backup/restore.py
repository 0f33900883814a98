"""How does a kept state become the present one, and what if that fails?

Everything that can be tried without changing anything is tried first. If a command then fails all the same, what was
there before is put back. At the end the machine is asked whether it is now what it should be.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pathprobe.layers.backup import plan, take, tree
from pathprobe.layers.backup.applier import Applier
from pathprobe.layers.backup.compare import Difference, differences
from pathprobe.layers.backup.plan import Step
from pathprobe.layers.backup.sources import FIREWALLD, IPTABLES, Kind, Source, rules_of
from pathprobe.layers.backup.state import State
from pathprobe.layers.system import Said, System, Unread

_STATE_OF_FIREWALLD = ("firewall-cmd", "--state")
_RELOAD_FIREWALLD = ("firewall-cmd", "--reload")

#: What ipset says of a set that a rule uses, and for how long that may still be a rule that is going, in seconds.
_IN_USE = "in use by a kernel component"
_WAIT_UNTIL_UNUSED, _BETWEEN_TRIES = 3.0, 0.02


class Refused(Exception):
    """It cannot be done and nothing was changed; the text says what the tool said."""


class Failed(Exception):
    """A part of it failed. ``put_back``: everything is as it was before; else the text says what is not."""

    def __init__(self, text: str, *, put_back: bool) -> None:
        super().__init__(text)
        self.put_back = put_back


class _StepFailed(Exception):
    """The text is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it is asked, where it is changed, and where its /etc is."""

    system: System
    applier: Applier
    etc: Path = Path("/etc")


def undo_of(now: State, wanted: State) -> State:
    """What brings back the present after ``wanted`` was put in its place: files that were not there go away again."""
    missing = wanted.trees.keys() - now.trees.keys()
    absent = {name: why for name, why in now.absent.items() if name not in missing}
    return replace(now, trees={**now.trees, **{name: {} for name in sorted(missing)}}, absent=absent)


def check(machine: Machine, now: State, wanted: State, sources: Sequence[Source]) -> None:
    """Whether the tools would take all of it, and what is there now again, as far as they can tell. Raises Refused."""
    differing = [difference.source for difference in differences(now, wanted, sources)]
    _rehearse(machine, now, wanted, differing)
    try:
        rehearse(machine, now, differing)
    except Refused as error:
        raise Refused(f"what is there now could not be put back: {error}") from None


def rehearse(machine: Machine, state: State, sources: Sequence[Source]) -> None:
    """Whether the tools take what they printed themselves. Raises Refused."""
    _rehearse(machine, state, state, [source for source in sources if state.rules.get(source.name)])


def _rehearse(machine: Machine, now: State, wanted: State, sources: Sequence[Source]) -> None:
    try:
        for step in _steps(machine, now, wanted, sources):
            if step.check is not None:
                _run(machine.applier, step.source, step.check, step.text)
    except _StepFailed as error:
        raise Refused(str(error)) from None


def apply(machine: Machine, now: State, wanted: State, sources: Sequence[Source]) -> tuple[Difference, ...]:
    """Make it so; what still differs afterwards, by rights nothing. Raises Failed.

    ``now``: what was there before, as ``undo_of`` says it.
    """
    try:
        _apply(machine, wanted, sources)
        return _left(machine, wanted, sources)
    except _StepFailed as error:
        raise _put_back(machine, now, sources, str(error)) from None


def _put_back(machine: Machine, before: State, sources: Sequence[Source], reason: str) -> Failed:
    try:
        _apply(machine, before, sources)
        left = _left(machine, before, sources)
    except _StepFailed as error:
        return Failed(f"{reason}; and not all could be put back as it was: {error}", put_back=False)
    if left:
        names = ", ".join(difference.source.name for difference in left)
        return Failed(f"{reason}; and not all could be put back as it was: {names}", put_back=False)
    return Failed(reason, put_back=True)


def _apply(machine: Machine, wanted: State, sources: Sequence[Source]) -> None:
    """Files first: firewalld makes its rules from them, and may make others anew meanwhile."""
    for difference in differences(_now(machine, sources), wanted, rules_of(sources, Kind.FILES)):
        _put_files(machine, wanted, difference.source)
    now = _now(machine, sources)
    differing = [difference.source for difference in differences(now, wanted, sources)]
    for step in _steps(machine, now, wanted, differing):
        _take(machine.applier, step)


def _take(applier: Applier, step: Step) -> None:
    """nf_tables destroys rules, and with them their hold on a set, by a worker that runs after the commit."""
    deadline = time.monotonic() + _WAIT_UNTIL_UNUSED
    while True:
        try:
            _run(applier, step.source, step.command, step.text)
            return
        except _StepFailed as error:
            if not step.until_unused or _IN_USE not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(_BETWEEN_TRIES)


def _left(machine: Machine, wanted: State, sources: Sequence[Source]) -> tuple[Difference, ...]:
    return differences(_now(machine, sources), wanted, sources)


def _now(machine: Machine, sources: Sequence[Source]) -> State:
    try:
        return take.state(machine.system, machine.etc, sources)
    except take.CannotKeep as error:
        raise _StepFailed(str(error)) from None


def _put_files(machine: Machine, wanted: State, source: Source) -> None:
    try:
        tree.put(machine.etc, wanted.trees[source.name], source.paths)
    except OSError as error:
        raise _StepFailed(f"{source.name}: {error.filename}: {error.strerror}") from None
    except tree.Unusual as error:
        raise _StepFailed(f"{source.name}: {error}") from None
    if source is FIREWALLD:
        state = machine.applier.run(_STATE_OF_FIREWALLD)
        if isinstance(state, Said) and state.worked:
            _run(machine.applier, source, _RELOAD_FIREWALLD, "")


def _steps(machine: Machine, now: State, wanted: State, differing: Sequence[Source]) -> tuple[Step, ...]:
    programs = {}
    for source in differing:
        if source in IPTABLES:
            program = take.program(machine.system, source, take.flavour(source))
            if isinstance(program, Unread):
                raise _StepFailed(f"{source.name}: {program.reason}")
            programs[source.name] = program
    return plan.steps(now, wanted, differing, programs)


def _run(applier: Applier, source: Source, command: tuple[str, ...], text: str) -> None:
    said = applier.run(command, text)
    if isinstance(said, Unread):
        raise _StepFailed(f"{source.name}: {said.reason}")
    if not said.worked:
        lines = [line.strip() for line in (said.error or said.out).splitlines() if line.strip()]
        told = [line for line in lines if not line.startswith(("# Warning", "Try `"))] or [f"status {said.status}"]
        raise _StepFailed(f"{source.name}: {' '.join(command)} said: {' '.join(told[:3])}")

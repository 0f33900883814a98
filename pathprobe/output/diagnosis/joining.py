"""What do all the rows say together: which layer is it, who or what, and what would mend it?

Of several broken layers the one that explains what was seen on the wire is named first: that is the first that a packet
meets on its way, among those that it cannot have passed. The others will stop it next. What cannot be true at once is
said: a row that lets nothing in while the port is open, a server at rest while somebody refuses in its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pathprobe.core.layers import Conclusion, Layer, LayerName, Status
from pathprobe.core.report import Result, State, Where
from pathprobe.output import wording
from pathprobe.output.advice import next_steps

#: As a packet meets them on its way to the service.
_ON_THE_WAY = (
    LayerName.PATH,
    LayerName.CLOUD,
    LayerName.KERNEL,
    LayerName.FIREWALL,
    LayerName.SELINUX,
    LayerName.LISTENING,
    LayerName.APPLICATION,
)

#: Passed by a packet that the target itself was seen to answer.
_PASSED_BY_THEN = (LayerName.PATH, LayerName.CLOUD)

#: The server's own.
_SERVERS = (LayerName.LISTENING, LayerName.FIREWALL, LayerName.KERNEL, LayerName.SELINUX)

_WORDS = {
    State.OPEN: "OPEN",
    State.CLOSED: "CLOSED",
    State.FILTERED: "FILTERED",
    State.UNREACHABLE: "UNREACHABLE",
    State.INTERMITTENT: "INTERMITTENT",
    State.OPEN_FILTERED: "OPEN|FILTERED",
    State.UNKNOWN: "UNKNOWN",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    rows: Mapping[LayerName, Layer]
    result: Result

    def failed(self, name: LayerName) -> Layer | None:
        row = self.rows.get(name)
        return row if row is not None and row.status is Status.FAIL else None

    def is_well(self, name: LayerName) -> bool:
        row = self.rows.get(name)
        return row is not None and row.status in (Status.PASS, Status.WARN)

    @property
    def server_looked_at(self) -> bool:
        return any(name in self.rows and self.rows[name].status is not Status.SKIP for name in _SERVERS)

    @property
    def broken(self) -> list[Layer]:
        """On the way, without the row that another one explains: who may not bind a port does not listen on it."""
        found = [row for name in _ON_THE_WAY if (row := self.failed(name))]
        denied = self.failed(LayerName.SELINUX) is not None
        return [row for row in found if not (denied and row.is_absent)]


def conclude(layers: Sequence[Layer], result: Result) -> Conclusion:
    """One conclusion from the rows of all layers; ``result`` is what the probes said."""
    case = _Case(rows={row.name: row for row in layers}, result=result)
    if result.verdict.state is State.OPEN:
        return _open(case)
    if _target_spoke(result):
        return _refused(case)
    return _stopped(case)


def _target_spoke(result: Result) -> bool:
    return result.verdict.location.where is Where.TARGET


def _open(case: _Case) -> Conclusion:
    application = case.failed(LayerName.APPLICATION)
    against = [row for row in case.broken if row is not application]
    if against:
        first = against[0]
        told = f"open on the wire, though layer {first.number} ({first.name}) says: {first.summary}"
        return _conclusion(case, "CONTRADICTION", first, f"{told}; {_whose_answer(case, first)}", others=against[1:])
    if application:
        told = f"open on the wire, and layer 7 (application) is broken: {application.summary}"
        return _conclusion(case, "BROKEN", application, told)
    unclear = _unclear(case)
    if unclear:
        names = " and ".join(f"layer {row.number} ({row.name})" for row in unclear)
        return _conclusion(case, "OPEN", None, f"open on the wire; {names} could not be told")
    return _conclusion(case, "HEALTHY", None, "open, and every layer that was looked at is well")


def _whose_answer(case: _Case, row: Layer) -> str:
    address = case.result.target.address
    if row.name is LayerName.LISTENING:
        return f"something else answers for {address}: a proxy, a load balancer or a translation in front of it"
    if row.name is LayerName.CLOUD:
        return "other groups or rules apply than those that were given, or they were changed since"
    return f"the probe came in by another rule or interface, or another machine answers for {address}"


def _refused(case: _Case) -> Conclusion:
    """The target's own word: what lies before it was passed."""
    word = _WORDS[case.result.verdict.state]
    causes = [row for row in case.broken if row.name not in _PASSED_BY_THEN]
    strange = [row for row in case.broken if row.name in _PASSED_BY_THEN]
    if causes:
        told = f"{_observed(case)}; layer {causes[0].number} ({causes[0].name}) is why: {causes[0].summary}"
        return _conclusion(case, word, causes[0], told, others=causes[1:], strange=strange)
    if case.is_well(LayerName.LISTENING):
        told = (
            f"{_observed(case)}, yet {case.rows[LayerName.LISTENING].summary}, and its rules let it in: "
            f"is {case.result.target.address} this server's address?"
        )
        return _conclusion(case, "CONTRADICTION", None, told, strange=strange)
    return _conclusion(case, word, case.rows.get(LayerName.CONNECTIVITY), _observed(case), strange=strange)


def _stopped(case: _Case) -> Conclusion:
    """Nothing of the target was heard: the first on the way that does not let it pass."""
    word = _WORDS[case.result.verdict.state]
    causes = [row for row in case.broken if row.name is not LayerName.LISTENING or case.server_looked_at]
    well = _well(case)
    if causes:
        first = causes[0]
        told = f"layer {first.number} ({first.name}): {_observed(case)}"
        if first.name is not LayerName.PATH:
            told = f"{_observed(case)}; layer {first.number} ({first.name}) is why: {first.summary}"
        return _conclusion(case, word, first, told + well, others=causes[1:])
    connectivity = case.rows.get(LayerName.CONNECTIVITY)
    unclear = connectivity if connectivity and connectivity.status is Status.FAIL else None
    return _conclusion(case, word, unclear, _observed(case) + well)


def _well(case: _Case) -> str:
    """What was looked at and has nothing against it: whom not to ask."""
    told = ""
    if case.is_well(LayerName.CLOUD):
        told += "; the cloud's rules let it in"
    if case.server_looked_at and all(case.is_well(name) for name in _SERVERS if name in case.rows):
        told += "; the server serves it and lets it in"
    return told


def _observed(case: _Case) -> str:
    return wording.finding(case.result)


def _unclear(case: _Case) -> list[Layer]:
    return [row for row in case.rows.values() if row.status is Status.UNKNOWN]


def _conclusion(
    case: _Case,
    word: str,
    cause: Layer | None,
    told: str,
    *,
    others: Sequence[Layer] = (),
    strange: Sequence[Layer] = (),
) -> Conclusion:
    told += "".join(f"; layer {row.number} ({row.name}) would stop it next" for row in others)
    told += "".join(f"; layer {row.number} ({row.name}) is said to stop it, and did not" for row in strange)
    return Conclusion(
        layer=cause.number if cause else None, word=word, summary=told, next_steps=_steps(case, cause, others)
    )


def _steps(case: _Case, cause: Layer | None, others: Sequence[Layer]) -> tuple[str, ...]:
    """How to mend each broken layer, in this order; whom to ask where none can be mended here."""
    fixes = [row.fix[0] for row in (cause, *others) if row is not None and row.fix]
    if fixes and cause is not None and cause.fix:
        return (*fixes, "Then diagnose again.")
    asked = next_steps(case.result)
    if not case.server_looked_at:
        return (*fixes, *asked)
    # The server was looked at: what would be done there by hand is done.
    return (*fixes, *(step for step in asked if "pathprobe host" not in step))

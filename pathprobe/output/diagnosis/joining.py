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
from pathprobe.output.diagnosis import steps

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

#: Those whose answer depends on who asks.
_BY_CLIENT = (LayerName.CLOUD, LayerName.KERNEL, LayerName.FIREWALL)

#: The target answers, some of the packets at least.
_ANSWERED = (State.OPEN, State.INTERMITTENT)

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
class Vantage:
    """From where was it looked at?

    ``client``: whom the layers were asked about, where that is another than who probed. ``stranger``: the machine that
    was looked at as the server, where it does not have the target's address. ``notes``: what else is to be known.
    """

    client: str | None = None
    stranger: str | None = None
    notes: tuple[str, ...] = ()


_HERE = Vantage()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    rows: Mapping[LayerName, Layer]
    result: Result
    vantage: Vantage

    def failed(self, name: LayerName) -> Layer | None:
        row = self.rows.get(name)
        return row if row is not None and row.status is Status.FAIL else None

    def of(self, status: Status) -> list[Layer]:
        return [row for row in self.rows.values() if row.status is status]

    @property
    def word(self) -> str:
        return _WORDS[self.result.verdict.state]

    @property
    def seen(self) -> str:
        """What the probes say."""
        return wording.finding(self.result)

    @property
    def server(self) -> list[Layer]:
        """What was looked at on the server."""
        return [self.rows[name] for name in _SERVERS if name in self.rows and self.rows[name].status is not Status.SKIP]

    @property
    def server_is_well(self) -> bool:
        return bool(self.server) and all(row.status in (Status.PASS, Status.WARN) for row in self.server)

    @property
    def server_hides(self) -> bool:
        """Something on the server that might be the cause could not be told."""
        return any(row.status is Status.UNKNOWN for row in self.server)

    @property
    def broken(self) -> list[Layer]:
        """On the way, without the row that another one explains: who may not bind a port does not listen on it."""
        found = [row for name in _ON_THE_WAY if (row := self.failed(name))]
        denied = self.failed(LayerName.SELINUX) is not None
        return [row for row in found if not (denied and row.is_absent)]


def conclude(layers: Sequence[Layer], result: Result, vantage: Vantage = _HERE) -> Conclusion:
    """One conclusion from the rows of all layers; ``result`` is what the probes said."""
    case = _Case(rows={row.name: row for row in layers}, result=result, vantage=vantage)
    if result.verdict.state in _ANSWERED:
        return _answered(case)
    if result.verdict.location.where is Where.TARGET:
        return _refused(case)
    return _stopped(case)


def _answered(case: _Case) -> Conclusion:
    """Who is answered has passed every layer: what stops it all the same stops others, or is not what it seems."""
    if case.result.verdict.state is State.INTERMITTENT:
        return _at_times(case)
    against = [row for row in case.broken if row.name is not LayerName.APPLICATION and not row.is_mistaken]
    theirs = [row for row in against if case.vantage.client and row.name in _BY_CLIENT]
    strange = [row for row in against if row not in theirs]
    broken = [row for row in case.broken if row not in against]
    if theirs:
        source = case.result.source
        told = f"open from here ({source}); {_why(case, theirs[0])}"
        return _conclusion(case, "BLOCKED", theirs[0], told, steps.mend(*theirs), others=theirs[1:], strange=strange)
    if strange:
        first = strange[0]
        told = f"open on the wire, though {_named(first)} says: {first.summary}; {_whose_answer(case, first)}"
        return _conclusion(
            case, "CONTRADICTION", first, told, steps.resolve(case.result, first.name), strange=strange[1:]
        )
    if broken:
        told = f"open on the wire, and {_named(broken[0])} is broken: {broken[0].summary}"
        return _conclusion(case, "BROKEN", broken[0], told, steps.mend(*broken), others=broken[1:])
    return _open(case)


def _at_times(case: _Case) -> Conclusion:
    """Some are answered, by a service or by a refusal: what drops all of them, or lets none in, is not in force."""
    strange = [row for row in case.broken if row.is_silent or row.name in (LayerName.CLOUD, LayerName.KERNEL)]
    broken = [row for row in case.broken if row not in strange][:1]
    told = case.seen + "".join(f"; {_named(row)} is broken too: {row.summary}" for row in broken)
    remedies = (*steps.of_probes(case.result, look_there=not case.server), *steps.mend(*broken))
    return _conclusion(case, case.word, case.rows.get(LayerName.PATH), told, remedies, strange=strange)


def _open(case: _Case) -> Conclusion:
    unclear = case.of(Status.UNKNOWN)
    # What the cloud's rules leave open is answered: this packet came in.
    warned = [row for row in case.of(Status.WARN) if row.name is not LayerName.CLOUD]
    if not unclear and not warned:
        return _conclusion(case, "HEALTHY", None, "open, and every layer that was looked at is well", ())
    told = "open on the wire" + _untold(unclear)
    told += "".join(f"; {_named(row)} deserves a look: {row.summary}" for row in warned)
    looked_at = any(row.name in (LayerName.PATH, LayerName.CONNECTIVITY) for row in warned)
    of_path = steps.of_open_path(case.result) if looked_at else ()
    return _conclusion(case, "OPEN", None, told, (*of_path, *steps.find_out(case.result, (*unclear, *warned))))


def _whose_answer(case: _Case, row: Layer) -> str:
    address = case.result.target.address
    if row.name is LayerName.LISTENING:
        return f"something else answers for {address}: a proxy, a load balancer or a translation in front of it"
    if row.name is LayerName.CLOUD:
        return "other groups or rules apply than those that were given, or they were changed since"
    return f"the probe came in by another rule or interface, or another machine answers for {address}"


def _refused(case: _Case) -> Conclusion:
    """The target's own word: what lies before it was passed, and a rule that drops does not refuse."""
    passed = [row for row in case.broken if row.name in _PASSED_BY_THEN or row.is_silent]
    causes = [row for row in case.broken if row not in passed]
    theirs = [row for row in passed if case.vantage.client and row.name in _BY_CLIENT]
    strange = [row for row in passed if row not in theirs]
    if causes:
        told = f"{case.seen}; {_why(case, causes[0])}"
        remedies = steps.mend(*causes, *theirs)
        return _conclusion(case, case.word, causes[0], told, remedies, others=[*causes[1:], *theirs], strange=strange)
    listening = case.rows.get(LayerName.LISTENING)
    if listening is not None and listening.status in (Status.PASS, Status.WARN) and not case.server_hides:
        claim = "" if strange else ", and its rules let it in"
        address = case.result.target.address
        told = f"{case.seen}, yet {listening.summary}{claim}: is {address} this server's address?"
        remedies = steps.resolve(case.result, LayerName.LISTENING)
        return _conclusion(case, "CONTRADICTION", None, told, remedies, strange=strange)
    unclear = [row for row in _looked_for(case) if row.name not in _PASSED_BY_THEN]
    find_out = steps.find_out(case.result, unclear)
    remedies = (*find_out, *steps.of_probes(case.result, look_there=not case.server))
    told = case.seen + _untold(unclear)
    connectivity = case.rows.get(LayerName.CONNECTIVITY)
    return _conclusion(case, case.word, connectivity, told, remedies, others=theirs, strange=strange)


def _stopped(case: _Case) -> Conclusion:
    """Nothing of the target was heard: the first on the way that does not let it pass."""
    causes, more = case.broken, _well(case) + _untold(_looked_for(case))
    if causes:
        first = causes[0]
        told = f"{_named(first)}: {case.seen}" if first.name is LayerName.PATH else f"{case.seen}; {_why(case, first)}"
        remedies = steps.mend(*causes)
        if not first.fix:
            remedies = (*steps.of_probes(case.result, look_there=not case.server), *remedies)
        return _conclusion(case, case.word, first, told + more, remedies, others=causes[1:])
    unclear = steps.find_out(case.result, _looked_for(case))
    if case.server_is_well:
        remedies = (*steps.of_what_is_left(case.result), *unclear)
        return _conclusion(case, case.word, case.rows.get(LayerName.PATH), case.seen + more, remedies)
    connectivity = case.failed(LayerName.CONNECTIVITY)
    remedies = (*unclear, *steps.of_probes(case.result, look_there=not case.server))
    return _conclusion(case, case.word, connectivity, case.seen + more, remedies)


def _looked_for(case: _Case) -> list[Layer]:
    """What might have said why, and could not be told."""
    return [row for row in case.of(Status.UNKNOWN) if row.name in (*_SERVERS, LayerName.CLOUD)]


def _well(case: _Case) -> str:
    """What was looked at and has nothing against it: whom not to ask, and what is left."""
    told, cloud = "", case.rows.get(LayerName.CLOUD)
    if cloud is not None and cloud.status is Status.PASS:
        told += "; the cloud's rules let it in"
    elif cloud is not None and cloud.status is Status.WARN:
        told += f"; layer 6 (cloud) has nothing against it as far as was seen: {cloud.summary}"
    if case.server_is_well:
        told += "; the server serves it and lets it in"
        location = case.result.verdict.location
        if location.where is Where.TARGET_EDGE and location.last_good is not None and not case.broken:
            told += f": what is left is the way out of {wording.place(location.last_good)}, and the way back"
    return told


def _untold(rows: Sequence[Layer]) -> str:
    """Each reason once, with the layers that it hides."""
    reasons: dict[str, list[Layer]] = {}
    for row in rows:
        reasons.setdefault(row.summary, []).append(row)
    return "".join(
        f"; {' and '.join(map(_named, hidden))} could not be told: {reason}" for reason, hidden in reasons.items()
    )


def _named(row: Layer) -> str:
    return f"layer {row.number} ({row.name})"


def _why(case: _Case, row: Layer) -> str:
    if case.vantage.client and row.name in _BY_CLIENT:
        return f"for {case.vantage.client} {_named(row)} stops it: {row.summary}"
    return f"{_named(row)} is why: {row.summary}"


def _conclusion(
    case: _Case,
    word: str,
    cause: Layer | None,
    told: str,
    next_steps: tuple[str, ...],
    *,
    others: Sequence[Layer] = (),
    strange: Sequence[Layer] = (),
) -> Conclusion:
    told += "".join(f"; {_named(row)} would stop it next" for row in others)
    told += "".join(f"; {_named(row)} should have stopped it by its rules, but did not" for row in strange)
    vantage, address = case.vantage, case.result.target.address
    if vantage.stranger:
        told += f"; {vantage.stranger} does not have the address {address}: another machine, unless it is translated"
        if cause is not None and cause.name in _SERVERS:
            next_steps = (f"Make sure first that {address} leads to {vantage.stranger}.", *next_steps)
    told += "".join(f"; {note}" for note in vantage.notes)
    return Conclusion(
        layer=cause.number if cause else None, word=word, summary=told, next_steps=tuple(dict.fromkeys(next_steps))
    )

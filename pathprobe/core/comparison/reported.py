"""What does a report say, read back from its JSON (schema ``pathprobe/1``)?

Only what can be compared with another report: verdict, path and middleboxes. How often was asked and how long it took
is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pathprobe.core.quotes import Change
from pathprobe.core.report import Clue, Device, Direction, Hop, Location, Mechanism, Middlebox, State, Target, Where

SCHEMA = "pathprobe/1"


#: The kinds of reasons that say how a connection which was accepted failed.
TROUBLES = frozenset(
    {
        "stalled",
        "large-stalled",
        "cut",
        "reset-by-box",
        "reset-midway",
        "request-unanswered",
        "answer-repeated",
        "answer-unheard",
        "window-shut",
        "broken-off",
        "data-lost",
        "large-data-lost",
    }
)


class NotAReport(ValueError):
    """The document is no report that can be compared; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedHop:
    """One TTL: who answered there, or nobody to ``asked`` probes. Several addresses: parallel routers."""

    ttl: int
    addresses: frozenset[str]
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer about one target; ``clause`` is what stops the packet and where, in words.

    ``hops`` are those that were asked, up to the target or the farthest that answered, without the target itself.
    ``asked_by``: the asking host's address. ``troubles``: how connections that were accepted went wrong.
    ``flows``: on how many source ports it was traced. ``mtu``: how many octets pass, where that was asked.
    """

    target: Target
    asked_by: str | None
    state: State
    mechanism: Mechanism | None
    location: Location
    distance: int | None
    clause: str
    troubles: frozenset[str]
    hops: tuple[ReportedHop, ...]
    boxes: tuple[Middlebox, ...]
    flows: int
    mtu: int | None

    @property
    def key(self) -> tuple[str, int | None, str]:
        """What was asked about, however it was written."""
        return self.target.address, self.target.port, self.target.protocol

    @property
    def way(self) -> dict[str, int]:
        """Address -> TTL, in the order of the way."""
        return {address: hop.ttl for hop in reversed(self.hops) for address in sorted(hop.addresses)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One report. ``started`` as it is written (ISO 8601, UTC); ``source`` is the asking host's address."""

    source: str | None
    hostname: str | None
    started: str
    complete: bool
    findings: tuple[Finding, ...]

    @property
    def vantage(self) -> str | None:
        """From where it was asked, as a person would call it."""
        return self.source or self.hostname


def read_report(document: object) -> Account:
    """The account that a parsed JSON document gives. Raises NotAReport."""
    if not isinstance(document, Mapping) or "schema" not in document:
        raise NotAReport("no report of pathprobe: it names no schema (make one with --json)")
    if document["schema"] != SCHEMA:
        raise NotAReport(f"its schema is {document['schema']!r}; only {SCHEMA!r} can be compared")
    try:
        account = _account(document)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise NotAReport(f"it says {SCHEMA} and is not: {type(error).__name__} {error}") from None
    if not account.findings:
        raise NotAReport("there are no results in it")
    return account


def _account(document: Mapping[str, Any]) -> Account:
    vantage = document["vantage"]
    source = _said(str, vantage["source"])
    return Account(
        source=source,
        hostname=_said(str, vantage["hostname"]),
        started=_sure(str, document["started"]),
        complete=_sure(bool, document["complete"]),
        findings=tuple(_finding(result, source) for result in document["results"]),
    )


def _finding(result: Mapping[str, Any], source: str | None) -> Finding:
    mechanism, mtu = _said(str, result["mechanism"]), result.get("path_mtu")
    kinds = frozenset(_sure(str, reason.get("kind", "")) for reason in result["reasons"])
    return Finding(
        target=_target(result["target"]),
        # A capture of others' traffic holds the questions of several hosts.
        asked_by=_said(str, result.get("asked_by", source)),
        state=State(result["state"]),
        mechanism=None if mechanism is None else Mechanism(mechanism),
        location=_location(result["location"]),
        distance=_said(int, result["distance"]),
        clause=_clause(result["summary"], result["state"]),
        troubles=kinds & TROUBLES,
        hops=_hops(result),
        boxes=tuple(_box(box) for box in result["middleboxes"]),
        flows=len(result["paths"]),
        mtu=None if mtu is None else _said(int, mtu["largest"]),
    )


def _target(target: Mapping[str, Any]) -> Target:
    return Target(
        given=_sure(str, target["given"]),
        address=_sure(str, target["address"]),
        port=_said(int, target["port"]),
        protocol=_sure(str, target["protocol"]),
    )


def _clause(summary: str, state: str) -> str:
    """The sentence without its beginning, which names target and state."""
    return summary.partition(f" is {state}")[2].lstrip(":, ").removesuffix(".")


def _location(location: Mapping[str, Any]) -> Location:
    direction, device = _said(str, location["direction"]), location["device"]
    return Location(
        where=Where(location["where"]),
        direction=None if direction is None else Direction(direction),
        last_good=_hop(location["last_good"]),
        first_bad=_hop(location["first_bad"]),
        device=None if device is None else _device(device),
    )


def _hop(hop: Mapping[str, Any] | None) -> Hop | None:
    return None if hop is None else Hop(ttl=_sure(int, hop["ttl"]), address=_said(str, hop["address"]))


def _device(device: Mapping[str, Any]) -> Device:
    by = tuple(Clue(clue) for clue in device["by"])
    return Device(ttl=_sure(int, device["ttl"]), address=_said(str, device["address"]), by=by)


def _box(box: Mapping[str, Any]) -> Middlebox:
    ends = zip(box["between"], box["addresses"], strict=True)
    first, second = (Hop(ttl=_sure(int, ttl), address=_said(str, who)) for ttl, who in ends)
    before, after = (_said(str, box[name]) for name in ("from", "to"))
    return Middlebox(between=(first, second), what=Change(box["what"]), before=before, after=after)


T = TypeVar("T")


def _sure(kind: type[T], value: object) -> T:
    """A value of the kind that the schema promises. Raises TypeError; True is no number."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _said(kind: type[T], value: object) -> T | None:
    """The same where null is allowed."""
    return None if value is None else _sure(kind, value)


# ---- the way


def _hops(result: Mapping[str, Any]) -> tuple[ReportedHop, ...]:
    """Whoever stands at two TTLs is at the nearer one: a router that refuses answers for those behind it too."""
    paths: Sequence[Mapping[str, Any]] = result["paths"] if len(result["paths"]) > 1 else ()
    known: set[str | None] = {None, result["target"]["address"]}
    hops = []
    for row in result["hops"]:
        ttl = _sure(int, row["ttl"])
        flows = {path["hops"][ttl - 1] for path in paths if len(path["hops"]) >= ttl}
        addresses = frozenset(_sure(str, one) for one in {row["address"], *flows} - known)
        known |= addresses
        legs = [leg for leg in (row["test"], row["control"]) if leg is not None]
        asked = sum(_sure(int, leg["sent"]) for leg in legs)
        # Silent: nobody in its place answered either, as a router does that refuses what goes farther.
        if addresses or (asked and not any(leg["answered"] for leg in legs)):
            hops.append(ReportedHop(ttl=ttl, addresses=addresses, asked=asked))
    farthest = max((hop.ttl for hop in hops if hop.addresses), default=0)
    last = farthest if result["distance"] is None else result["distance"] - 1
    return tuple(hop for hop in hops if hop.ttl <= last)

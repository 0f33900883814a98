"""What must a capture say beside its packets, so that it alone gives the same verdict?

Three things leave no packet: what was asked, how long one listened, and which probes this host kept back.
They stand as comments on the interface statistics, one line each, written and read here.

    asking tcp 10.9.1.9 10.0.0.5 8080 from 1780000000000000000 flows 40038,40037
    asked tcp 10.9.1.9 10.0.0.5 8080 from 1780000000000000000 until 1780000000600000000 window 0.1500 flows 40038,40037
    not-sent EPERM test tcp 40001 8080 ttl 64 token 305419896 at 1780000000100000000
Where the path's MTU was asked for, what was asked and what one began with follows: `` mtu 1500``; a probe
of a size of its own that was kept back says that: `` size 1500``. What was interrupted ends with `` interrupted``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from pathprobe.core.evidence import Observation
from pathprobe.core.outcomes import NOT_SEEN, NotSent
from pathprobe.core.probes import Kind, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question; times in nanoseconds since 1970, window in seconds, port 0 for echo, mtu in octets.

    ``flows``: the source ports or identifiers of its constant flows. ``complete``: it was not interrupted.
    """

    kind: Kind
    source: str
    target: str
    port: int
    start_ns: int
    end_ns: int
    window: float
    mtu: int | None = None
    flows: tuple[int, ...] = ()
    complete: bool = True

    def __str__(self) -> str:
        return (
            f"asked {self.kind} {self.source} {self.target} {self.port}"
            f" from {self.start_ns} until {self.end_ns} window {self.window:.6f}"
            f"{_octets('mtu', self.mtu)}{_flows(self.flows)}{'' if self.complete else ' interrupted'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBack:
    """A probe that never left this host; its token, for an error message of this host's own may quote it."""

    error: str
    role: Role
    kind: Kind
    source_port: int
    port: int
    ttl: int
    token: int
    time_ns: int
    size: int | None = None

    def __str__(self) -> str:
        return (
            f"not-sent {self.error} {self.role} {self.kind} {self.source_port} {self.port}"
            f" ttl {self.ttl} token {self.token} at {self.time_ns}{_octets('size', self.size)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question as it is put: of a run that was killed it is the only note."""

    kind: Kind
    source: str
    target: str
    port: int
    start_ns: int
    mtu: int | None = None
    flows: tuple[int, ...] = ()

    def __str__(self) -> str:
        more = f"{_octets('mtu', self.mtu)}{_flows(self.flows)}"
        return f"asking {self.kind} {self.source} {self.target} {self.port} from {self.start_ns}{more}"


def _flows(flows: tuple[int, ...]) -> str:
    return f" flows {','.join(map(str, flows))}" if flows else ""


Note = Asked | Asking | KeptBack

_MORE = r"(?: mtu (\d{1,5}))?(?: flows (\d{1,5}(?:,\d{1,5}){0,63}))?"

_ASKED = re.compile(
    r"asked (tcp|udp|icmp) (\S+) (\S+) (\d{1,5}) from (\d{1,20}) until (\d{1,20}) window (\d{1,9}\.\d{6})"
    + _MORE
    + "( interrupted)?"
)
_ASKING = re.compile(r"asking (tcp|udp|icmp) (\S+) (\S+) (\d{1,5}) from (\d{1,20})" + _MORE)
_KEPT_BACK = re.compile(
    r"not-sent (\w+) (test|control) (tcp|udp|icmp) (\d{1,5}) (\d{1,5}) ttl (\d{1,3}) token (\d{1,10}) at (\d{1,20})"
    r"(?: size (\d{1,5}))?"
)


def kept_back_note(seen: Observation, epoch_ns: int) -> KeptBack | None:
    """The note for a probe that did not leave this host; None for any other."""
    if seen.departed:
        return None
    flow = seen.probe.flow
    return KeptBack(
        error=seen.outcome.error if isinstance(seen.outcome, NotSent) else NOT_SEEN,
        role=seen.probe.role,
        kind=flow.kind,
        source_port=flow.source_port,
        port=flow.destination_port,
        ttl=seen.probe.ttl,
        token=seen.probe.token,
        time_ns=epoch_ns + int(seen.sent * 1e9),
        size=seen.probe.size,
    )


def _octets(name: str, number: int | None) -> str:
    return "" if number is None else f" {name} {number}"


def read_note(text: str) -> Note | None:
    """A line of ours; None for anybody else's comment, or one that was damaged."""
    if found := _ASKED.fullmatch(text):
        kind, source, target, port, start, end, window, mtu, flows, interrupted = found.groups()
        if not (_is_address(source) and _is_address(target)):
            return None
        return Asked(
            kind=Kind(kind),
            source=source,
            target=target,
            port=int(port),
            start_ns=int(start),
            end_ns=int(end),
            window=float(window),
            mtu=int(mtu) if mtu else None,
            flows=_numbers(flows),
            complete=interrupted is None,
        )
    if found := _ASKING.fullmatch(text):
        kind, source, target, port, start, mtu, flows = found.groups()
        if not (_is_address(source) and _is_address(target)):
            return None
        return Asking(
            kind=Kind(kind),
            source=source,
            target=target,
            port=int(port),
            start_ns=int(start),
            mtu=int(mtu) if mtu else None,
            flows=_numbers(flows),
        )
    if found := _KEPT_BACK.fullmatch(text):
        error, role, kind, source_port, port, ttl, token, time, size = found.groups()
        return KeptBack(
            error=error,
            role=Role(role),
            kind=Kind(kind),
            source_port=int(source_port),
            port=int(port),
            ttl=int(ttl),
            token=int(token),
            time_ns=int(time),
            size=int(size) if size else None,
        )
    return None


def _numbers(text: str | None) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

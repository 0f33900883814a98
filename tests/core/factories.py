"""Probes, fates and packets with everything filled in, so that a test says only what matters.

The network is that of the packaged scenarios: this host, three routers, the target at hop 4.
A fate is made by ``expired``, ``silent``, ``reset`` ...; ``syn(3, silent())`` is what became of a probe
of the port in question, ``echo(3, expired())`` and ``other(64, reset(), port=443)`` of a control.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

from pathprobe.core.evidence import Evidence, Observation
from pathprobe.core.icmp import explain
from pathprobe.core.ledger import FAREWELL_WINDOW
from pathprobe.core.outcomes import (
    NOT_SEEN,
    Answered,
    Ended,
    NotSent,
    Outcome,
    Refusal,
    Rejected,
    Reply,
    Reset,
    Silent,
    TimeExceeded,
    TooBig,
    Unreachable,
)
from pathprobe.core.packets import Echo, EchoKind, IcmpError, Packet, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.probes import FULL_TTL, Flow, Kind, Probe, Role
from pathprobe.core.report import Claim, Device, Direction, Hop, Mechanism, State, Verdict, Where
from pathprobe.core.situation import Question

SOURCE = {4: "10.9.1.9", 6: "fd00:9:1::9"}
TARGET = {4: "10.0.0.5", 6: "fd00::5"}
ROUTERS = {4: ("10.9.1.1", "10.9.2.2", "10.9.3.2"), 6: ("fd00:9:1::1", "fd00:9:2::2", "fd00:9:3::2")}
ME, THERE = SOURCE[4], TARGET[4]
DISTANCE = len(ROUTERS[4]) + 1
PORT, CLOSED_PORT, SOURCE_PORT = 8080, 30001, 40001
STRANGER = "203.0.113.66"

#: Octets of a UDP probe with its header.
UDP_LENGTH = 40

#: Waited this long, a probe counts as silent, whatever the round trips were.
LONG = 5.0


def router(hop: int, version: int = 4) -> str:
    """From which address hop ``hop`` answers; beyond the target nobody lives, but routes may lead there."""
    known = ROUTERS[version]
    return known[hop - 1] if 1 <= hop <= len(known) else f"10.9.{hop}.2"


def flow(*, version: int = 4, kind: Kind = Kind.TCP, port: int = PORT, source_port: int = SOURCE_PORT) -> Flow:
    return Flow(
        kind=kind,
        source=SOURCE[version],
        destination=TARGET[version],
        source_port=source_port,
        destination_port=0 if kind is Kind.ECHO else port,
    )


def probe(
    *,
    ttl: int = FULL_TTL,
    id: int = 1,
    role: Role = Role.TEST,
    token: int | None = None,
    identification: int | None = None,
    **of_flow: Any,
) -> Probe:
    sent_on = flow(**of_flow)
    if token is None:
        token = {Kind.ECHO: sent_on.source_port << 16 | id, Kind.TCP: 1_000_000 + id, Kind.UDP: 0x4000 + id}[
            sent_on.kind
        ]
    return Probe(
        id=id,
        role=role,
        flow=sent_on,
        flow_number=0,
        ttl=ttl,
        attempt=1,
        token=token,
        identification=id if identification is None else identification,
    )


# ---- fates


def _back(hops: int, start: int) -> int:
    """The TTL with which a reply arrives that began with ``start`` and came over ``hops`` hops."""
    return start - hops + 1


def answered(*, back: int = DISTANCE, start: int = 64, at: str = THERE, rtt: float = 0.01) -> Answered:
    return Answered(source=at, received=rtt, rtt=rtt, ttl=_back(back, start))


def reset(*, back: int = DISTANCE, start: int = 64, at: str = THERE, rtt: float = 0.01) -> Reset:
    return Reset(source=at, received=rtt, rtt=rtt, ttl=_back(back, start))


def expired(at: str = "", *, back: int | None = None, rtt: float = 0.01) -> TimeExceeded:
    """The TTL ran out: at ``at``, else at the hop that the probe's TTL leads to."""
    return _refusal(TimeExceeded, at, (11, 0), back, rtt)


def rejected(
    at: str, code: tuple[int, int] = (3, 13), *, back: int | None = None, start: int = 64, version: int = 4
) -> Rejected:
    return _refusal(Rejected, at, code, back, 0.01, start=start, version=version)


def unreachable(at: str, code: tuple[int, int] = (3, 1), *, back: int | None = None, version: int = 4) -> Unreachable:
    return _refusal(Unreachable, at, code, back, 0.01, version=version)


def _refusal(
    kind: type, at: str, code: tuple[int, int], back: int | None, rtt: float, *, start: int = 64, version: int = 4
) -> Any:
    if back is None:
        back = ROUTERS[version].index(at) + 1 if at in ROUTERS[version] else DISTANCE
    message = explain(version, *code)
    return kind(
        source=at, received=rtt, rtt=rtt, ttl=_back(back, start), message=message, quote=quote(probe(version=version))
    )


def too_big(at: str, mtu: int | None, *, back: int | None = None) -> TooBig:
    """A router cannot pass the probe on whole: its next link takes ``mtu`` octets."""
    told = _refusal(Unreachable, at, (3, 4), back, 0.01)
    return TooBig(
        source=at, received=0.01, rtt=0.01, ttl=told.ttl, message=told.message, quote=told.quote, next_hop_mtu=mtu
    )


def silent(waited: float = LONG) -> Silent:
    return Silent(waited=waited)


def not_seen() -> NotSent:
    return NotSent(error=NOT_SEEN)


def refused_by_kernel(error: str = "EPERM") -> NotSent:
    return NotSent(error=error)


# ---- what became of one probe


def syn(ttl: int, fate: Outcome, *, version: int = 4, sent: float = 0.0) -> Observation:
    """A probe of the port in question."""
    return _seen(Role.TEST, ttl, fate, sent, version=version)


def ping(ttl: int, fate: Outcome, *, version: int = 4, sent: float = 0.0) -> Observation:
    """A probe where echo itself is the question."""
    return _seen(Role.TEST, ttl, fate, sent, kind=Kind.ECHO, version=version)


def echo(ttl: int, fate: Outcome, *, version: int = 4, sent: float = 0.0) -> Observation:
    """A control by echo."""
    return _seen(Role.CONTROL, ttl, fate, sent, kind=Kind.ECHO, version=version)


def other(ttl: int, fate: Outcome, *, port: int = CLOSED_PORT, version: int = 4, sent: float = 0.0) -> Observation:
    """A control on another port of the target; unless told otherwise one that nothing listens on."""
    return _seen(Role.CONTROL, ttl, fate, sent, port=port, version=version)


def _seen(role: Role, ttl: int, fate: Outcome, sent: float, *, version: int = 4, **of_flow: Any) -> Observation:
    if isinstance(fate, Reply) and fate.source == "":
        fate = replace(fate, source=router(ttl, version), ttl=_back(ttl, 64))
    return Observation(probe=probe(role=role, ttl=ttl, version=version, **of_flow), sent=sent, outcome=fate)


def steps(of: Any, last: int, *, first: int = 1, without: Iterable[int] = (), **more: Any) -> list[Observation]:
    """The role's TTL steps, each expired where it should, up to ``last``; hops ``without`` say nothing."""
    return [of(ttl, silent() if ttl in without else expired(), **more) for ttl in range(first, last + 1)]


def clear_echo(*, without: Iterable[int] = (), distance: int = DISTANCE) -> list[Observation]:
    """The control as it should be: every hop and the target answer echo."""
    end = answered(back=distance)
    return [*steps(echo, distance - 1, without=without), echo(distance, end), echo(FULL_TTL, end)]


def evidence(
    *seen: Observation, version: int = 4, source: str | None = None, target: str | None = None, **more: Any
) -> Evidence:
    """All of it together, each probe with a number of its own."""
    numbers = count(1)
    return Evidence(
        target=target or TARGET[version],
        source=source or SOURCE[version],
        observations=tuple(replace(one, probe=replace(one.probe, id=next(numbers))) for one in seen),
        **more,
    )


class Says(NamedTuple):
    """A verdict in short: TTLs instead of hops, no numbers of confidence."""

    state: State
    mechanism: Mechanism | None
    where: Where
    last_good: int | None = None
    first_bad: int | None = None
    device: int | None = None
    direction: Direction | None = None
    distance: int | None = None


def said(verdict: Verdict) -> Says:
    def ttl(place: Hop | Device | None) -> int | None:
        return place.ttl if place else None

    location = verdict.location
    return Says(
        state=verdict.state,
        mechanism=verdict.mechanism,
        where=location.where,
        last_good=ttl(location.last_good),
        first_bad=ttl(location.first_bad),
        device=ttl(location.device),
        direction=location.direction,
        distance=verdict.distance,
    )


def claims(verdict: Verdict) -> list[Claim]:
    return [reason.claim for reason in verdict.reasons]


# ---- packets


def quote(of: Probe, **changes: Any) -> Quote:
    """The first 28 octets of a probe as a router sends them back."""
    version = of.flow.version
    ports = (of.flow.source_port, of.flow.destination_port)
    first, second = (0x0800, 0xBEEF) if of.flow.kind is Kind.ECHO else ports
    facts: dict[str, Any] = {
        "version": version,
        "source": of.flow.source,
        "destination": of.flow.destination,
        "ttl": 1,
        "protocol": of.flow.protocol,
        "identification": of.identification if version == 4 else None,
        "first": first,
        "second": second,
        "word": UDP_LENGTH << 16 | of.token if of.flow.kind is Kind.UDP else of.token,
    }
    return Quote(**{**facts, **changes})


def packet(body: Any, *, source: str, destination: str, ttl: int = 61) -> Packet:
    return Packet(version=6 if ":" in source else 4, source=source, destination=destination, ttl=ttl, body=body)


def departure(of: Probe) -> Packet:
    """The probe itself, as the packet socket sees it leave."""
    body: Tcp | Echo | Udp
    if of.flow.kind is Kind.ECHO:
        body = _echo(of, kind=EchoKind.REQUEST)
    elif of.flow.kind is Kind.UDP:
        body = Udp(
            source_port=of.flow.source_port,
            destination_port=of.flow.destination_port,
            payload=bytes(UDP_LENGTH - 8),
            checksum=of.token,
        )
    else:
        body = Tcp(
            source_port=of.flow.source_port,
            destination_port=of.flow.destination_port,
            sequence=of.token,
            acknowledgement=0,
            flags=TcpFlags.SYN,
            window=64240,
        )
    sent = packet(body, source=of.flow.source, destination=of.flow.destination, ttl=of.ttl)
    return replace(sent, identification=of.identification if of.flow.version == 4 else None)


def _echo(of: Probe, **changes: Any) -> Echo:
    facts: dict[str, Any] = {"identifier": of.token >> 16, "sequence": of.token & 0xFFFF, "payload": b""}
    return Echo(**{**facts, **changes})


def segment(of: Probe, flags: TcpFlags, *, source: str | None = None, ttl: int = 61, **changes: Any) -> Packet:
    """The target's TCP answer to a probe."""
    facts: dict[str, Any] = {
        "source_port": of.flow.destination_port,
        "destination_port": of.flow.source_port,
        "sequence": 77,
        "acknowledgement": (of.token + 1) % 2**32,
        "flags": flags,
        "window": 0,
    }
    body = Tcp(**{**facts, **changes})
    return packet(body, source=source or of.flow.destination, destination=of.flow.source, ttl=ttl)


def syn_ack(of: Probe, **changes: Any) -> Packet:
    return segment(of, TcpFlags.SYN | TcpFlags.ACK, **changes)


def rst(of: Probe, **changes: Any) -> Packet:
    return segment(of, TcpFlags.RST | TcpFlags.ACK, **changes)


def farewell(of: Probe, *, by: Ended = Ended.BY_KERNEL, **changes: Any) -> Packet:
    """The reset with which this host ends what an answered probe left half open."""
    facts: dict[str, Any] = {
        "source_port": of.flow.source_port,
        "destination_port": of.flow.destination_port,
        "sequence": (of.token + 1) % 2**32,
        "acknowledgement": 0,
        "flags": TcpFlags.RST,
        "window": FAREWELL_WINDOW if by is Ended.BY_US else 0,
    }
    body = Tcp(**{**facts, **changes})
    return packet(body, source=of.flow.source, destination=of.flow.destination, ttl=64)


def echo_reply(of: Probe, *, source: str | None = None, ttl: int = 61, **changes: Any) -> Packet:
    body = _echo(of, **{"kind": EchoKind.REPLY, **changes})
    return packet(body, source=source or of.flow.destination, destination=of.flow.source, ttl=ttl)


def udp_answer(of: Probe, *, source: str | None = None, ttl: int = 61, **changes: Any) -> Packet:
    """What a UDP service says to a probe."""
    facts: dict[str, Any] = {"source_port": of.flow.destination_port, "destination_port": of.flow.source_port}
    body = Udp(**{**facts, "payload": b"pong", **changes})
    return packet(body, source=source or of.flow.destination, destination=of.flow.source, ttl=ttl)


TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}


def icmp_error(
    of: Probe,
    code: tuple[int, int] | None = None,
    *,
    at: str | None = None,
    ttl: int = 61,
    mtu: int | None = None,
    **quoted: Any,
) -> Packet:
    """An ICMP error about a probe: unless told otherwise its TTL ran out at the hop that it leads to."""
    version = of.flow.version
    type_, code_ = code or TIME_EXCEEDED[version]
    body = IcmpError(type=type_, code=code_, next_hop_mtu=mtu, quote=quote(of, **quoted))
    return packet(body, source=at or router(of.ttl, version), destination=of.flow.source, ttl=ttl)


def packet_of(of: Probe, fate: Outcome | None) -> Packet | None:
    """The packet that tells the sender of this fate."""
    match fate:
        case Answered() if of.flow.kind is Kind.ECHO:
            return echo_reply(of, source=fate.source, ttl=fate.ttl)
        case Answered() if of.flow.kind is Kind.UDP:
            return udp_answer(of, source=fate.source, ttl=fate.ttl)
        case Answered():
            return syn_ack(of, source=fate.source, ttl=fate.ttl)
        case Reset():
            # Who has nobody listening acknowledges the data of a SYN too (RFC 9293 section 3.10.7.1).
            acknowledgement = (of.token + 1 + of.padding) % 2**32
            return rst(of, source=fate.source, ttl=fate.ttl, acknowledgement=acknowledgement)
        case TooBig():
            return icmp_error(of, (3, 4), at=fate.source, ttl=fate.ttl, mtu=fate.next_hop_mtu)
        case Refusal():
            return icmp_error(of, _CODES[fate.message.name], at=fate.source or None, ttl=fate.ttl)
    return None


_CODES = {explain(4, type_, code).name: (type_, code) for type_ in (3, 11) for code in range(14)}


def question(**changes: Any) -> Question:
    facts: dict[str, Any] = {
        "target": THERE,
        "source": ME,
        "kind": Kind.TCP,
        "port": PORT,
        "closed_port": CLOSED_PORT,
    }
    return Question(**{**facts, **changes})

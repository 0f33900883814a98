"""What does the network say about this target?

One target, from the kernel's route to the finished result: live with raw sockets, or on a simulated network.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random, SystemRandom

from pathprobe.core.branches import most_flows
from pathprobe.core.host_facts import HostFacts
from pathprobe.core.ledger import Ledger
from pathprobe.core.packets import Protocol
from pathprobe.core.probes import Kind
from pathprobe.core.report import Result, Target
from pathprobe.core.results import result_of, suspects_this_host, with_host_facts
from pathprobe.core.session import Session
from pathprobe.core.situation import Question
from pathprobe.engine.asked_as import with_service
from pathprobe.engine.notes import Asking
from pathprobe.engine.options import Options
from pathprobe.engine.recorder import Recorder
from pathprobe.engine.runner import Diagnosis, JumpingNetwork, pump, pump_jumping
from pathprobe.net.host import host_facts
from pathprobe.net.ports import ReservedPorts
from pathprobe.net.raw import RawNetwork
from pathprobe.net.routes import NoRoute, Route, lookup
from pathprobe.wire.craft import Crafter
from pathprobe.wire.payloads import Payload, payload_for

#: Source ports for one diagnosis, beside those of its constant flows: every other probe that is meant to
#: reach the target has its own.
SOURCE_PORTS = 56

#: More of them where sizes are asked about too, for that may have to be done with SYNs.
SOURCE_PORTS_FOR_SIZES = 96

#: What an interface without a known MTU has: Ethernet's (RFC 894).
_USUAL_MTU = 1500

#: The largest datagram that IPv4's total length can say; loopback has one octet more.
_LARGEST_DATAGRAM = 0xFFFF

#: High ports, below Linux's ephemeral range: hardly anything listens there.
_CLOSED_PORTS = range(25000, 32000)

Progress = Callable[[Session, float], None]


async def diagnose(
    target: Target,
    options: Options,
    interrupted: asyncio.Event,
    *,
    recorder: Recorder | None = None,
    progress: Progress | None = None,
) -> tuple[Result, Route | None]:
    """Ask about one target, live. Raises PermissionError without CAP_NET_RAW, OSError for a bad source or interface."""
    options = _through_zone(target, options)
    route = _route(target, options)
    source = route.source if route else ("::" if ":" in target.address else "0.0.0.0")
    scope = _scope(target.address, route)
    mtu = route.mtu if route else _USUAL_MTU
    crafter = _crafter(target, options, mtu)
    rng = Random(SystemRandom().getrandbits(64))
    question = _question(target, source, options, rng, mtu=mtu)
    count = _ports_for(question)
    with ReservedPorts(source, count, scope, udp=target.protocol == Kind.UDP) as ports:
        network = RawNetwork(target.address, interface=options.interface, scope=scope)
        try:
            started = time.time()
            session = Session(question, Ledger(target.address), ports.numbers, rng)
            diagnosis = Diagnosis(session, session.ledger, network, crafter, recorder=recorder, progress=progress)
            if recorder:
                recorder.begin_diagnosis(network.epoch, _asking(session, network.epoch))
            waited = await pump(diagnosis, network, interrupted)
            result = _result(target, session, network.now, started)
            result = replace(result, waited=waited, complete=not interrupted.is_set())
            if suspects_this_host(result):
                result = with_host_facts(result, _host_facts(result, route))
            if recorder:
                result = replace(result, frames=recorder.end_diagnosis(network.epoch, network.now, result))
            return replace(result, frames_lost=network.lost), route
        finally:
            network.close()


def simulate(
    target: Target,
    network: JumpingNetwork,
    source: str,
    options: Options,
    *,
    seed: int = 1,
    recorder: Recorder | None = None,
) -> Result:
    """Ask about one target on a simulated network; the same seed gives the same packets."""
    rng = Random(seed)
    question = _question(target, source, options, rng, mtu=_USUAL_MTU)
    session = Session(question, Ledger(target.address), tuple(range(40001, 40001 + _ports_for(question))), rng)
    if recorder:
        recorder.begin_diagnosis(network.epoch, _asking(session, network.epoch))
    pump_jumping(
        Diagnosis(session, session.ledger, network, Crafter(payloads=_payloads(target, options)), recorder=recorder),
        network,
    )
    result = _result(target, session, network.now, network.epoch)
    if recorder:
        result = replace(result, frames=recorder.end_diagnosis(network.epoch, network.now, result))
    return result


def _crafter(target: Target, options: Options, mtu: int) -> Crafter:
    now = time.monotonic_ns() // 1_000_000 % (1 << 32)
    return Crafter(mtu=mtu, timestamp=now, payloads=_payloads(target, options))


def _result(target: Target, session: Session, now: float, started: float) -> Result:
    evidence = session.evidence(now)
    return with_service(result_of(target, evidence, started=started, duration=now, mtu=session.question.mtu))


def _payloads(target: Target, options: Options) -> dict[int, Payload]:
    """What the tested port is asked, if it is UDP: built before the first probe, for that may take a while."""
    if target.port is None or target.protocol != Kind.UDP:
        return {}
    return {target.port: payload_for(target.port) if options.payload is None else Payload.given(options.payload)}


def _asking(session: Session, epoch: float) -> Asking:
    question = session.question
    return Asking(
        kind=question.kind,
        source=question.source,
        target=question.target,
        port=question.port or 0,
        start_ns=int(epoch * 1e9),
        mtu=question.mtu,
        flows=session.constant,
    )


def _route(target: Target, options: Options) -> Route | None:
    """The kernel's route; None when it has none: then sending will say why."""
    try:
        return lookup(target.address, source=options.source, interface=options.interface)
    except NoRoute:
        return None


def require_one_host(target: Target, options: Options) -> None:
    """Raises NotOneHost for what the kernel takes for a broadcast address; sends nothing."""
    _route(target, _through_zone(target, options))


def _through_zone(target: Target, options: Options) -> Options:
    """A link-local target is on the link that its zone names, unless an interface is named beside it."""
    return replace(options, interface=target.zone) if target.zone and not options.interface else options


def other_way(target: Target, options: Options) -> Route | NoRoute | None:
    """What a policy rule on protocol or port gives to real clients, where it is not the probes' own route.

    The kernel routes a raw socket's packets without a look at their ports (raw_sendmsg in net/ipv4/raw.c).
    """
    options = _through_zone(target, options)
    echo = Protocol.ICMPV6 if ":" in target.address else Protocol.ICMP
    protocol = {Kind.TCP: Protocol.TCP, Kind.UDP: Protocol.UDP, Kind.ECHO: echo}[Kind(target.protocol)]
    try:
        route = lookup(
            target.address, protocol=protocol, port=target.port, source=options.source, interface=options.interface
        )
    except NoRoute as refused:
        return refused if _route(target, options) else None
    return None if route == _route(target, options) else route


def _host_facts(result: Result, route: Route | None) -> HostFacts:
    arrival = next((seen.came_by[-1] for seen in result.observations if seen.strayed), None)
    return host_facts(interface=route.interface if route else None, arrival=arrival)


def _scope(address: str, route: Route | None) -> int:
    """The interface number that a link-local address needs, the target's or our own (RFC 4007)."""
    if route and any(one.lower().startswith("fe80:") for one in (address, route.source)):
        return socket.if_nametoindex(route.interface)
    return 0


def _ports_for(question: Question) -> int:
    return most_flows(question) + (SOURCE_PORTS if question.mtu is None else SOURCE_PORTS_FOR_SIZES)


def _question(target: Target, source: str, options: Options, rng: Random, *, mtu: int) -> Question:
    return Question(
        target=target.address,
        source=source,
        kind=Kind(target.protocol),
        port=target.port,
        closed_port=rng.choice([port for port in _CLOSED_PORTS if port != target.port]),
        max_hops=options.max_hops,
        trace=options.trace,
        longest_wait=options.wait,
        marked=options.payload is None,
        mtu=min(mtu, _LARGEST_DATAGRAM) if options.mtu else None,
        flows=options.flows,
        silent_tries=options.silent_tries,
    )

"""Simulated runs of the packaged scenarios, recorded once and shared: one per scenario and process."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pathprobe.commands.live import WORDS
from pathprobe.core.packets import Echo, IcmpError, Malformed, Packet, Protocol, Tcp, TcpFlags, Udp
from pathprobe.core.probes import Flow, Kind, Probe
from pathprobe.core.report import Result, Target
from pathprobe.engine.diagnose import Options, simulate
from pathprobe.engine.recorder import Recorder
from pathprobe.lab import catalogue
from pathprobe.lab.ask import ask_simulated
from pathprobe.net.scenario import Scenario
from pathprobe.net.simulated import SimulatedNetwork
from pathprobe.wire.dissect import dissect

COMMAND = "pathprobe tcp 10.0.0.5:8080 -w here.pcapng"


def recorder(path: Path) -> Recorder:
    return Recorder(path, WORDS, application="pathprobe 0", command=COMMAND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``killed`` is the file as it was before the end, ``octets`` the finished one."""

    scenario: Scenario
    result: Result
    killed: bytes
    octets: bytes


@functools.cache
def run(name: str) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.pcapng")
        keeper = recorder(path)
        result = ask_simulated(catalogue.load(name), recorder=keeper)
        killed = path.read_bytes()
        keeper.finish((result,))
        return Run(scenario=catalogue.load(name), result=result, killed=killed, octets=path.read_bytes())


def ask_in_turn(names: Iterable[str], keeper: Recorder, *, options: Callable[[], Options] = Options) -> list[Result]:
    """One run about several targets, a minute apart; each stands in a simulated network of its own."""
    results = []
    for number, name in enumerate(names):
        scenario = catalogue.load(name)
        network = SimulatedNetwork(scenario, seed=number)
        network.epoch += 60 * number
        target = Target(
            given="it", address=scenario.destination_address, port=scenario.port, protocol=scenario.protocol
        )
        source = scenario.link_address(0, "left")
        results.append(simulate(target, network, source, options(), seed=number, recorder=keeper))
    return results


def belongs(octets: bytes, probe: Probe) -> bool:
    """Whether a packet is this probe, or carries its token: over UDP an answer has no more than the port."""
    packet = dissect(octets)
    assert not isinstance(packet, Malformed)
    flow = probe.flow
    if isinstance(packet.body, Udp) and packet.body.destination_port == flow.source_port:
        return flow.kind is Kind.UDP
    return identity(packet) == (flow.kind, probe.token, ports(flow))


def identity(packet: Packet) -> tuple[Kind, int, frozenset[int]]:
    """Kind, token and ports of the probe that a packet is, or answers; echo has the port 0."""
    match packet.body:
        case Tcp() as segment:
            departs = TcpFlags.ACK not in segment.flags
            token = segment.sequence if departs else segment.acknowledgement - 1
            if departs and TcpFlags.RST in segment.flags:
                token -= 1  # the reset that ends what an answered probe left half open
            token %= 1 << 32
            return Kind.TCP, token, frozenset({segment.source_port, segment.destination_port})
        case Udp() as datagram:
            return Kind.UDP, datagram.checksum, frozenset({datagram.source_port, datagram.destination_port})
        case Echo() as echo:
            return Kind.ECHO, echo.identifier << 16 | echo.sequence, frozenset({0})
        case IcmpError(quote=quote) if quote and quote.word is not None:
            quoted_ports = frozenset({quote.first or 0, quote.second or 0})
            if quote.protocol == Protocol.TCP:
                return Kind.TCP, quote.word, quoted_ports
            if quote.protocol == Protocol.UDP:
                return Kind.UDP, quote.word & 0xFFFF, quoted_ports
            return Kind.ECHO, quote.word, frozenset({0})
    raise AssertionError(packet)


def ports(flow: Flow) -> frozenset[int]:
    return frozenset({0}) if flow.kind is Kind.ECHO else frozenset({flow.source_port, flow.destination_port})

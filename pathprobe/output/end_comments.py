"""What stands beside each packet of two captures: which frame is it at the other end, or what became of it?"""

from __future__ import annotations

from pathprobe.core.ends.crossings import Crossing
from pathprobe.core.evidence import Observation
from pathprobe.core.icmp import explain
from pathprobe.core.packets import IcmpError, Packet, Tcp, TcpFlags
from pathprobe.core.probes import Kind
from pathprobe.core.report import Result

_ASKING = {Kind.TCP: "SYN to {label}", Kind.UDP: "datagram to {label}", Kind.ECHO: "echo request"}


def at_client(about: str, crossing: Crossing, packet: Packet, result: Result) -> str:
    """``about``: what is said of it from the client's end alone."""
    ran = result.both_ends is not None and result.both_ends.running.is_known
    if crossing.forward:
        missing = "never arrived at the server" if ran else "not in the server's capture"
        fate = missing if crossing.server is None else f"arrived as frame {crossing.server} at the server"
    elif crossing.server is not None:
        fate = f"the server sent it as its frame {crossing.server}"
    elif packet.source != result.target.address:
        fate = "made on the way, not by the server"
    else:
        fate = "the server never sent it" if ran else "not in the server's capture"
    return f"{about}; {fate}"


def at_server(seen: Observation | None, crossing: Crossing, packet: Packet) -> str:
    """``seen``: the probe of the client to which it belongs; None where nothing tells."""
    if crossing.forward:
        known = f"arrived here, frame {crossing.client} at the client"
        fate = "not in the client's capture" if crossing.client is None else known
    else:
        known = f"sent here, came to the client as its frame {crossing.client}"
        fate = "sent here, never came to the client" if crossing.client is None else known
    return fate if seen is None else f"{_what(seen, packet, forward=crossing.forward)}: {fate}"


def _what(seen: Observation, packet: Packet, *, forward: bool) -> str:
    probe = seen.probe
    number = f"probe {probe.id} of the client"
    asked = f"{number} ({_ASKING[probe.flow.kind].format(label=probe.flow.label)})"
    match packet.body:
        case IcmpError(type=type_, code=code):
            return f"ICMP {explain(packet.version, type_, code).name}, about {asked}"
        case Tcp(flags=flags) if not flags & (TcpFlags.SYN | TcpFlags.RST):
            return f"of the connection that {number} began"
    return asked if forward else f"answer to {asked}"

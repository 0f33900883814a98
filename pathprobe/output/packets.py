"""What is a packet, in one line of a table? And which packets prove a reason?"""

from __future__ import annotations

from pathprobe.core.icmp import explain
from pathprobe.core.packets import Echo, EchoKind, IcmpError, OtherPayload, Packet, Protocol, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.report import Result
from pathprobe.core.sightings import Sighting

#: More packets than these prove a reason no better, and make its line unreadable.
MOST_NAMED = 12

#: Flags in the order in which people say them.
_SPOKEN = (TcpFlags.SYN, TcpFlags.RST, TcpFlags.FIN, TcpFlags.PSH, TcpFlags.ACK)


def ends(packet: Packet) -> tuple[str, str]:
    """From where and whereto, with ports where there are any: ``10.9.1.9:40001``, ``[fd00::5]:8080``."""
    match packet.body:
        case Tcp() | Udp() as body:
            return _end(packet.source, body.source_port), _end(packet.destination, body.destination_port)
    return packet.source, packet.destination


def kind(packet: Packet) -> str:
    """``SYN, TTL 3``; ``ICMP time to live exceeded in transit, quoting the packet to 10.0.0.5:8080, TTL 62``."""
    return f"{_body(packet)}, TTL {packet.ttl}"


def direction(seen: Sighting) -> str:
    """Which way it crossed the interface."""
    if seen.outgoing is None:
        return "not told"
    return "sent" if seen.outgoing else "received"


def frames_of(result: Result, probes: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers of the packets by which these probes and their answers are seen, in order."""
    return tuple(sorted({number for probe in probes for number in result.frames.get(probe, ())}))


def server_frames_of(result: Result, probes: tuple[int, ...]) -> tuple[int, ...]:
    """The same in the server's capture, where there is one."""
    frames = result.both_ends.server_frames if result.both_ends else {}
    return tuple(sorted({number for probe in probes for number in frames.get(probe, ())}))


def proving(result: Result) -> tuple[int, ...]:
    """The packets on which the verdict's reasons rest."""
    return frames_of(result, _reasons_probes(result))


def proving_at_server(result: Result) -> tuple[int, ...]:
    """The same in the server's capture."""
    return server_frames_of(result, _reasons_probes(result))


def _reasons_probes(result: Result) -> tuple[int, ...]:
    return tuple({probe for one in result.verdict.reasons for probe in one.probes})


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _body(packet: Packet) -> str:
    match packet.body:
        case Tcp(flags=flags):
            return "-".join(flag.name or "" for flag in _SPOKEN if flag in flags) or "TCP without flags"
        case Udp(payload=payload):
            return f"datagram of {len(payload)} octets"
        case Echo(kind=which):
            return "echo request" if which is EchoKind.REQUEST else "echo reply"
        case IcmpError(type=type_, code=code, quote=quote):
            return f"ICMP {explain(packet.version, type_, code).name}{_quoting(quote)}"
        case OtherPayload(protocol=protocol):
            return f"IP protocol {protocol}"


def _quoting(quote: Quote | None) -> str:
    if quote is None:
        return ""
    has_ports = quote.protocol in (Protocol.TCP, Protocol.UDP) and quote.second is not None
    return f", quoting the packet to {_end(quote.destination, quote.second or 0) if has_ports else quote.destination}"

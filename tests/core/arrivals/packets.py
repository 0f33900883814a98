"""Packets as a watcher at 10.0.0.5 port 8080 sees them, and what is known of them: what is not said is usual."""

from __future__ import annotations

from dataclasses import replace

from pathprobe.core.arrivals.facts import Dropped, Seen, Step, Traced
from pathprobe.core.packets import IcmpError, Packet, Protocol, Quote, Tcp, TcpFlags, Udp

ASKER, SERVER, INNER, PORT = "10.9.1.9", "10.0.0.5", "172.17.0.2", 8080
SECOND = 1_000_000_000


def syn(
    number: int = 7, *, source_port: int = 40001, port: int = PORT, to: str = SERVER, source: str = ASKER
) -> Packet:
    body = Tcp(
        source_port=source_port,
        destination_port=port,
        sequence=number,
        acknowledgement=0,
        flags=TcpFlags.SYN,
        window=64240,
    )
    return Packet(version=4, source=source, destination=to, ttl=61, body=body)


def answer(
    number: int = 7,
    flags: TcpFlags = TcpFlags.SYN | TcpFlags.ACK,
    *,
    source_port: int = 40001,
    port: int = PORT,
    source: str = SERVER,
) -> Packet:
    body = Tcp(
        source_port=port,
        destination_port=source_port,
        sequence=99,
        acknowledgement=number + 1 & 0xFFFFFFFF,
        flags=flags,
        window=0,
    )
    return Packet(version=4, source=source, destination=ASKER, ttl=64, body=body)


def reset(number: int = 7) -> Packet:
    return answer(number, TcpFlags.RST | TcpFlags.ACK)


def datagram(*, back: bool = False, source_port: int = 40001, port: int = PORT) -> Packet:
    ports = (port, source_port) if back else (source_port, port)
    ends = (SERVER, ASKER) if back else (ASKER, SERVER)
    body = Udp(source_port=ports[0], destination_port=ports[1], payload=b"")
    return Packet(version=4, source=ends[0], destination=ends[1], ttl=64, body=body)


def refusal(of: Packet, code: int = 13, *, by: str = SERVER) -> Packet:
    body = of.body
    assert isinstance(body, Tcp | Udp)
    is_tcp = isinstance(body, Tcp)
    quote = Quote(
        version=4,
        source=of.source,
        destination=of.destination,
        ttl=61,
        protocol=Protocol.TCP if is_tcp else Protocol.UDP,
        first=body.source_port,
        second=body.destination_port,
        word=body.sequence if isinstance(body, Tcp) else 0,
    )
    return Packet(version=4, source=by, destination=ASKER, ttl=64, body=IcmpError(type=3, code=code, quote=quote))


def comes(packet: Packet, at: float = 0.0, interface: str = "eth0") -> Seen:
    return Seen(time_ns=int(at * SECOND), packet=packet, interface=interface, outgoing=False)


def leaves(packet: Packet, at: float = 0.001, interface: str = "eth0") -> Seen:
    return replace(comes(packet, at, interface), outgoing=True)


def loops(packet: Packet, at: float = 0.0) -> Seen:
    return replace(comes(packet, at, "lo"), looped=True)


def dropped(
    packet: Packet, reason: str = "NETFILTER_DROP", function: str = "nft_do_chain", *, elsewhere: bool = False
) -> Dropped:
    return Dropped(time_ns=1, packet=packet, reason=reason, function=function, elsewhere=elsewhere)


def step(chain: str, verdict: str, handle: int | None = None, target: str = "", text: str = "") -> Step:
    return Step(family="inet", table="filter", chain=chain, verdict=verdict, target=target, handle=handle, text=text)


def traced(packet: Packet, *steps: Step) -> Traced:
    return Traced(packet=packet, steps=steps)

"""Others' packets as a capture shows them: a builder that keeps the time, so that a test says only what matters.

The host that asks is ME with TTL 64, the target THERE, four hops away; ``passes`` seconds between packets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pathprobe.core.packets import Body, Echo, EchoKind, IcmpError, Packet, Protocol, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.sightings import Sighting
from tests.core.factories import ME, THERE, router

START = 1_780_000_000_000_000_000
SYN, ACK, RST, FIN, PUSH = TcpFlags.SYN, TcpFlags.ACK, TcpFlags.RST, TcpFlags.FIN, TcpFlags.PSH
OPTIONS = bytes.fromhex("020405b40402080a000000010000000003030700")
BACK = 61


class Capture:
    """Sightings in their order."""

    def __init__(self, *, ttl: int = 64, back: int = BACK) -> None:
        self.seen: list[Sighting] = []
        self.now = START
        self.ttl, self.back = ttl, back
        self._identification = 0

    def passes(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)

    def packet(self, source: str, destination: str, ttl: int, body: Body, size: int, **more: Any) -> Packet:
        self._identification += 1
        facts = {"identification": self._identification, "transport": b"", **more}
        packet = Packet(
            version=4, source=source, destination=destination, ttl=ttl, body=body, total_length=20 + size, **facts
        )
        self.seen.append(Sighting(number=len(self.seen) + 1, time_ns=self.now, packet=packet))
        self.now += 1_000_000
        return packet

    # ---- the host that asks

    def syn(self, *, port: int = 80, source_port: int = 4000, sequence: int = 1000, **more: Any) -> Packet:
        to, ttl = more.pop("to", THERE), more.pop("ttl", self.ttl)
        options = more.pop("options", OPTIONS)
        body = _tcp(source_port, port, sequence, 0, SYN, options=options)
        return self.packet(more.pop("source", ME), to, ttl, body, 20 + len(options), **more)

    def says(
        self,
        flags: TcpFlags = ACK,
        *,
        sequence: int = 1001,
        acknowledges: int = 5001,
        size: int = 0,
        port: int = 80,
        source_port: int = 4000,
        window: int = 500,
    ) -> Packet:
        body = _tcp(source_port, port, sequence, acknowledges, flags, window=window)
        return self.packet(ME, THERE, self.ttl, body, 20 + size)

    def datagram(self, *, port: int = 53, source_port: int = 4000, **more: Any) -> Packet:
        body = Udp(source_port=source_port, destination_port=port, payload=b"q" * 20, checksum=more.pop("checksum", 7))
        return self.packet(ME, more.pop("to", THERE), more.pop("ttl", self.ttl), body, 28, **more)

    def ping(self, sequence: int = 1, *, ttl: int | None = None, to: str = THERE, **more: Any) -> Packet:
        body = Echo(kind=EchoKind.REQUEST, identifier=9, sequence=sequence, payload=b"")
        return self.packet(ME, to, self.ttl if ttl is None else ttl, body, 8, **more)

    # ---- the target

    def answers(
        self,
        flags: TcpFlags = SYN | ACK,
        *,
        sequence: int = 5000,
        acknowledges: int = 1001,
        size: int = 0,
        port: int = 80,
        source_port: int = 4000,
        ttl: int | None = None,
        window: int = 500,
    ) -> Packet:
        body = _tcp(port, source_port, sequence, acknowledges, flags, window=window)
        return self.packet(THERE, ME, self.back if ttl is None else ttl, body, 20 + size)

    def resets(self, **more: Any) -> Packet:
        return self.answers(RST | ACK, **more)

    def replies(self, *, port: int = 53, source_port: int = 4000) -> Packet:
        body = Udp(source_port=port, destination_port=source_port, payload=b"a" * 20, checksum=8)
        return self.packet(THERE, ME, self.back, body, 28)

    def pong(self, sequence: int = 1, *, of: str = THERE) -> Packet:
        body = Echo(kind=EchoKind.REPLY, identifier=9, sequence=sequence, payload=b"")
        return self.packet(of, ME, self.back, body, 8)

    def handshake(self, **more: Any) -> None:
        self.syn(**more)
        self.answers(**{name: value for name, value in more.items() if name != "sequence"})
        self.says(**{name: value for name, value in more.items() if name != "sequence"})

    # ---- routers

    def error(
        self,
        about: Packet,
        *,
        hop: int = 2,
        type_: int = 11,
        code: int = 0,
        source: str | None = None,
        cut: bool = False,
        **more: Any,
    ) -> Packet:
        """``cut``: the capture kept no more of it than the quoted IP header."""
        quote = _quote(about)
        if cut:
            quote = replace(quote, first=None, second=None, word=None)
        body = IcmpError(type=type_, code=code, quote=quote)
        return self.packet(source or router(hop), ME, 65 - hop, body, 56, **more)


def _tcp(
    source_port: int,
    port: int,
    sequence: int,
    acknowledges: int,
    flags: TcpFlags,
    *,
    options: bytes = b"",
    window: int = 500,
) -> Tcp:
    return Tcp(
        source_port=source_port,
        destination_port=port,
        sequence=sequence,
        acknowledgement=acknowledges,
        flags=flags,
        window=window,
        options=options,
    )


def _quote(about: Packet) -> Quote:
    match about.body:
        case Tcp() as segment:
            protocol, words = Protocol.TCP, (segment.source_port, segment.destination_port, segment.sequence)
        case Udp() as datagram:
            protocol = Protocol.UDP
            words = datagram.source_port, datagram.destination_port, 28 << 16 | datagram.checksum
        case Echo() as echo:
            protocol, words = Protocol.ICMP, (0x0800, 0, echo.identifier << 16 | echo.sequence)
        case _:
            raise AssertionError("nobody quotes that")
    return Quote(
        version=4,
        source=about.source,
        destination=about.destination,
        ttl=1,
        protocol=protocol,
        identification=about.identification,
        first=words[0],
        second=words[1],
        word=words[2],
    )

"""Two captures of one network that is written down packet by packet, and what is said of them.

``Network`` hands each packet to the client's capture and, unless it is lost, to the server's as it arrives there:
later, with less TTL, by another clock, and changed by whatever box lies between.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pathprobe.core.ends.conversations import conversations
from pathprobe.core.ends.joining import join
from pathprobe.core.ends.running import Watch
from pathprobe.core.ends.two_ended import judge
from pathprobe.core.packets import Echo, EchoKind, IcmpError, Packet, Protocol, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.report import Result
from pathprobe.core.sightings import Sighting

CLIENT, SERVER, ROUTER = "10.9.1.9", "10.0.0.5", "10.9.2.2"
CLIENT6, SERVER6 = "fd00:9:1::9", "fd00::5"
PORT, SOURCE_PORT, ISN, SERVERS_ISN = 8080, 40001, 1_000_000, 7_000_000

#: Nanoseconds from end to end, and the routers in between.
DELAY, ROUTERS = 10_000_000, 3
SECOND = 1_000_000_000
START = 1_780_000_000 * SECOND

SYN, SYN_ACK, ACK, RST = TcpFlags.SYN, TcpFlags.SYN | TcpFlags.ACK, TcpFlags.ACK, TcpFlags.RST | TcpFlags.ACK

Box = Callable[[Packet], Packet]


def options(clock: int, *, mss: int = 1460) -> bytes:
    """MSS, SACK permitted, timestamps, padding, window scale: 20 octets, as Linux sends them."""
    return struct.pack("!BBHBBBBIIBBBB", 2, 4, mss, 4, 2, 8, 10, clock, 0, 1, 3, 3, 7)


def tcp(
    flags: TcpFlags,
    *,
    sequence: int = ISN,
    acknowledgement: int = 0,
    octets: int = 0,
    source: str = CLIENT,
    destination: str = SERVER,
    ports: tuple[int, int] = (SOURCE_PORT, PORT),
    identification: int | None = 0,
    clock: int | None = None,
    ttl: int = 64,
    mss: int = 1460,
    window: int = 64240,
    traffic_class: int = 0,
) -> Packet:
    carried = options(clock, mss=mss) if clock is not None else b""
    offset = (20 + len(carried)) // 4 << 4
    header = struct.pack("!HHIIBBHHH", *ports, sequence, acknowledgement, offset, int(flags), window, 0, 0)
    version = 6 if ":" in source else 4
    return Packet(
        version=version,
        source=source,
        destination=destination,
        ttl=ttl,
        body=Tcp(
            source_port=ports[0],
            destination_port=ports[1],
            sequence=sequence,
            acknowledgement=acknowledgement,
            flags=flags,
            window=window,
            options=carried,
        ),
        identification=identification if version == 4 else None,
        traffic_class=traffic_class,
        total_length=(40 if version == 6 else 20) + 20 + len(carried) + octets,
        transport=header + carried + bytes(octets),
    )


def syn(**changes: Any) -> Packet:
    return tcp(SYN, **{"clock": 5000, **changes})


def answer_to(asked: Packet, flags: TcpFlags = SYN_ACK, **changes: Any) -> Packet:
    """What the server says to a SYN as it got it."""
    assert isinstance(asked.body, Tcp)
    facts: dict[str, Any] = {
        "source": asked.destination,
        "destination": asked.source,
        "ports": (asked.body.destination_port, asked.body.source_port),
        "sequence": SERVERS_ISN,
        "acknowledgement": asked.body.sequence + 1 & 0xFFFFFFFF,
    }
    return tcp(flags, **{**facts, **changes})


def datagram(payload: bytes = b"a question", *, back: bool = False, **changes: Any) -> Packet:
    ends = {"source": SERVER, "destination": CLIENT} if back else {"source": CLIENT, "destination": SERVER}
    ports = (5353, SOURCE_PORT) if back else (SOURCE_PORT, 5353)
    header = struct.pack("!HHHH", *ports, 8 + len(payload), 0)
    body = Udp(source_port=ports[0], destination_port=ports[1], payload=payload)
    facts: dict[str, Any] = {
        "version": 4,
        "ttl": 64,
        "body": body,
        "identification": 77,
        "total_length": 28 + len(payload),
        "transport": header + payload,
        **ends,
    }
    return Packet(**{**facts, **changes})


def ping(number: int, *, back: bool = False) -> Packet:
    kind = EchoKind.REPLY if back else EchoKind.REQUEST
    payload = b"ping number %d" % number
    return Packet(
        version=4,
        source=SERVER if back else CLIENT,
        destination=CLIENT if back else SERVER,
        ttl=64,
        body=Echo(kind=kind, identifier=9, sequence=number, payload=payload),
        identification=900 + number,
        total_length=28 + len(payload),
        transport=struct.pack("!BBHHH", 0 if back else 8, 0, 0, 9, number) + payload,
    )


def refusal(asked: Packet, *, source: str = ROUTER, code: tuple[int, int] = (3, 13), ttl: int = 63) -> Packet:
    """An ICMP error that gives a packet back."""
    quoted = asked.transport[:8]
    quote = Quote(
        version=4,
        source=asked.source,
        destination=asked.destination,
        ttl=1,
        protocol=Protocol.UDP if isinstance(asked.body, Udp) else Protocol.TCP,
        identification=asked.identification,
        first=int.from_bytes(quoted[0:2], "big"),
        second=int.from_bytes(quoted[2:4], "big"),
        word=int.from_bytes(quoted[4:8], "big"),
        transport=quoted,
    )
    body = IcmpError(type=code[0], code=code[1], quote=quote)
    return Packet(version=4, source=source, destination=asked.source, ttl=ttl, body=body, total_length=56)


def source_nat(address: str = "192.0.2.7", port: int | None = None) -> Box:
    """Rewrites the client's address, and turns it back in what comes home."""

    def box(packet: Packet) -> Packet:
        if packet.source != CLIENT:
            return _with_ends(packet, destination=CLIENT, destination_port=SOURCE_PORT if port else None)
        return _with_ends(packet, source=address, source_port=port)

    return box


def destination_nat(address: str = "172.16.0.5") -> Box:
    def box(packet: Packet) -> Packet:
        if packet.destination == SERVER:
            return _with_ends(packet, destination=address)
        return _with_ends(packet, source=SERVER)

    return box


def sequence_shift(shift: int = 123_456_789) -> Box:
    """A firewall that gives the client's connections other sequence numbers."""

    def box(packet: Packet) -> Packet:
        assert isinstance(packet.body, Tcp)
        body = packet.body
        if packet.source == CLIENT:
            body = replace(body, sequence=body.sequence + shift & 0xFFFFFFFF)
        else:
            body = replace(body, acknowledgement=body.acknowledgement - shift & 0xFFFFFFFF)
        numbers = struct.pack("!II", body.sequence, body.acknowledgement)
        return replace(packet, body=body, transport=packet.transport[:4] + numbers + packet.transport[12:])

    return box


def after_another(*boxes: Box) -> Box:
    """Several boxes on one way, the client's first."""

    def box(packet: Packet) -> Packet:
        for one in boxes if packet.source == CLIENT else reversed(boxes):
            packet = one(packet)
        return packet

    return box


def _with_ends(
    packet: Packet, *, source_port: int | None = None, destination_port: int | None = None, **ends: str
) -> Packet:
    body = packet.body
    assert isinstance(body, Tcp | Udp)
    changed = replace(
        body,
        source_port=source_port or body.source_port,
        destination_port=destination_port or body.destination_port,
    )
    ports = struct.pack("!HH", changed.source_port, changed.destination_port)
    return replace(packet, body=changed, transport=ports + packet.transport[4:], **ends)


def unchanged(packet: Packet) -> Packet:
    return packet


class Network:
    """``offset``: nanoseconds that the server's clock is ahead; ``box``: what lies between."""

    def __init__(self, *, offset: int = 0, box: Box = unchanged, back: int = DELAY) -> None:
        self.offset, self.box, self.back = offset, box, back
        self.client: list[Sighting] = []
        self.server: list[Sighting] = []
        self.now = START

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    def there(self, packet: Packet, *, lost: bool = False, delay: int = DELAY) -> Packet:
        """From the client; what the server gets, or would have got."""
        self.seen_by_client(packet, outgoing=True)
        arrived = self.box(replace(packet, ttl=packet.ttl - ROUTERS))
        if not lost:
            self.seen_by_server(arrived, after=delay)
        self.now += DELAY
        return arrived

    def home(self, packet: Packet, *, lost: bool = False) -> None:
        """From the server."""
        self.seen_by_server(packet, outgoing=True)
        self.now += self.back
        if not lost:
            self.seen_by_client(self.box(replace(packet, ttl=packet.ttl - ROUTERS)))

    def seen_by_client(self, packet: Packet, *, outgoing: bool = False) -> None:
        self.client.append(
            Sighting(number=len(self.client) + 1, time_ns=self.now, packet=packet, outgoing=outgoing, interface="eth0")
        )

    def seen_by_server(self, packet: Packet, *, outgoing: bool = False, after: int = 0) -> None:
        time = self.now + after + self.offset
        self.server.append(
            Sighting(number=len(self.server) + 1, time_ns=time, packet=packet, outgoing=outgoing, interface="eth0")
        )

    def pings(self, *numbers: int) -> None:
        """The control: echo gets through and is answered, so both captures ran."""
        for number in numbers:
            self.there(ping(number))
            self.home(ping(number, back=True))

    def handshake(self, **changes: Any) -> None:
        arrived = self.there(syn(**changes))
        self.home(answer_to(arrived))

    def results(self) -> tuple[Result, ...]:
        joined = join(conversations(self.client), conversations(self.server))
        return judge(joined, client=watch(self.client), server=watch(self.server))

    def result(self, protocol: str = "tcp") -> Result:
        (found,) = (one for one in self.results() if one.target.protocol == protocol)
        return found


def watch(seen: list[Sighting]) -> Watch:
    times = [one.time_ns for one in seen]
    return Watch(first_ns=min(times, default=None), last_ns=max(times, default=None), packets=len(seen))

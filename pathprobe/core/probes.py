"""What is asked of the network, and by which token is its answer recognised?

A probe is one packet. Its flow is what routers hash on (RFC 2992) and stays the same for a whole
TTL sweep, as paris-traceroute does, so that every step walks the same path. Its token lies in the
first 28 octets, which every ICMP error quotes (RFC 792), and in what a direct answer echoes:
for TCP the sequence number, for echo identifier, sequence and payload. UDP has no such field: there the
checksum is the token, which the payload is tweaked for, and in IPv4 the IP-ID (Augustin et al., IMC 2006;
Dublin traceroute). An answer carries neither, so a probe that is meant to be answered has a port of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pathprobe.core.packets import Protocol

#: The initial TTL of Linux (net.ipv4.ip_default_ttl): a probe with it is sent as a real client would.
FULL_TTL = 64

#: Octets of a SYN with Linux's options, and of our echo request, by IP version: what padding is counted from.
NATURAL_SIZE = {4: 60, 6: 80}

#: The window in a reset of ours; the kernel's own has 0 (net/ipv4/tcp_ipv4.c, tcp_v4_send_reset).
FAREWELL_WINDOW = 1


class Role(StrEnum):
    """Whether a probe asks about the port in question, or shows what the path does for others."""

    TEST = "test"
    CONTROL = "control"


class Kind(StrEnum):
    """What a probe is made of."""

    TCP = "tcp"
    UDP = "udp"
    ECHO = "icmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What stays constant in a sweep. For echo, ``source_port`` is the ICMP identifier and ``destination_port`` 0."""

    kind: Kind
    source: str
    destination: str
    source_port: int
    destination_port: int

    @property
    def version(self) -> int:
        return 6 if ":" in self.destination else 4

    @property
    def protocol(self) -> Protocol:
        match self.kind:
            case Kind.TCP:
                return Protocol.TCP
            case Kind.UDP:
                return Protocol.UDP
            case Kind.ECHO:
                return Protocol.ICMPV6 if self.version == 6 else Protocol.ICMP

    @property
    def label(self) -> str:
        """What operators call it: ``tcp/8080``, ``udp/53`` or ``icmp echo``."""
        return "icmp echo" if self.kind is Kind.ECHO else f"{self.kind}/{self.destination_port}"

    @property
    def port(self) -> int | None:
        """The port that is asked about; None for echo."""
        return None if self.kind is Kind.ECHO else self.destination_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One packet to send.

    ``token`` is the 32-bit word at transport offset 4: the TCP sequence number, for echo
    ``identifier << 16 | sequence``; for UDP it is the checksum, 16 bits. ``identification`` is the IPv4
    IP-ID (never 0: the kernel would replace it). ``attempt`` counts from 1 for one role, kind, port, TTL
    and size. ``size`` is what the whole datagram was padded to, in octets; None for a probe that asks about no size.
    """

    id: int
    role: Role
    flow: Flow
    flow_number: int
    ttl: int
    attempt: int
    token: int
    identification: int
    size: int | None = None

    @property
    def padding(self) -> int:
        """Octets behind the probe's natural end. A stack counts those of a SYN as data (RFC 9293 section 3.4)."""
        return 0 if self.size is None else self.size - NATURAL_SIZE[self.flow.version]

    @property
    def is_direct(self) -> bool:
        """Sent with a full TTL, to reach the target and not to die on the way."""
        return self.ttl >= FULL_TTL

"""Which probe does this packet belong to?

Every probe that was sent, found again by what its answers carry:

==============================  ===========================================================================
an answer of the target         TCP: the acknowledged sequence and both ports; echo: identifier and
                                sequence; UDP: the port it was sent from, whatever port the answer has
an ICMP error's quote           the 32-bit word at transport offset 4, for UDP its 16 bits of checksum and one
                                of the ports; where a box rewrote that word, the IP-ID and the ports (one of
                                them for UDP, whose checksum a NAT always rewrites)
our own packet, leaving         the same as a quote, with nothing rewritten; a datagram that has neither IP-ID nor
                                room for a token by both ports of a flow that carried no other probe
==============================  ===========================================================================

A stranger can forge an ICMP error, but would have to guess 32 bits of ours. So a sequence number needs no port
beside it, and both may be rewritten: source NAT and destination NAT in one path. core.rewritten knows what is
left when less than this is.
"""

from __future__ import annotations

from collections import defaultdict

from pathprobe.core.packets import Echo, EchoKind, Packet, Protocol, Quote, Tcp, TcpFlags, Udp
from pathprobe.core.probes import Kind, Probe

_KINDS: dict[int, Kind] = {
    Protocol.TCP: Kind.TCP,
    Protocol.UDP: Kind.UDP,
    Protocol.ICMP: Kind.ECHO,
    Protocol.ICMPV6: Kind.ECHO,
}

_SEQUENCE_SPACE = 1 << 32
_CHECKSUM = 0xFFFF


class Register:
    """The probes of one diagnosis."""

    def __init__(self) -> None:
        self._by_token: dict[tuple[Kind, int], Probe] = {}
        self._by_identification: dict[tuple[Kind, int], Probe] = {}
        self._by_source_port: dict[tuple[Kind, int], list[Probe]] = defaultdict(list)

    def add(self, probe: Probe) -> None:
        flow = probe.flow
        self._by_token[flow.kind, probe.token] = probe
        if flow.kind is Kind.TCP and probe.padding:
            # Who has nobody listening acknowledges the padding too (RFC 9293 section 3.10.7.1).
            self._by_token[Kind.TCP, (probe.token + probe.padding) % _SEQUENCE_SPACE] = probe
        self._by_source_port[flow.kind, flow.source_port].append(probe)
        if flow.version == 4:
            self._by_identification[flow.kind, probe.identification] = probe

    def leaving(self, packet: Packet) -> Probe | None:
        """The probe that a packet to the target is."""
        match packet.body:
            case Tcp(flags=flags) as syn if flags & (TcpFlags.SYN | TcpFlags.ACK) == TcpFlags.SYN:
                return self._by_token.get((Kind.TCP, syn.sequence))
            case Echo(kind=EchoKind.REQUEST) as echo:
                return self._by_token.get((Kind.ECHO, echo.identifier << 16 | echo.sequence))
            case Udp() as datagram:
                ports = datagram.source_port, datagram.destination_port
                return self._udp(packet.identification, datagram.checksum, ports) or self._alone(ports)
        return None

    def ended_by(self, reset: Tcp) -> Probe | None:
        """The probe whose half-open connection a reset of this host's own ends."""
        probe = self._by_token.get((Kind.TCP, (reset.sequence - 1) % _SEQUENCE_SPACE))
        return probe if probe and probe.flow.source_port == reset.source_port else None

    def acknowledged(self, segment: Tcp) -> Probe | None:
        """The SYN that a segment acknowledges (RFC 9293 section 3.10.7.3)."""
        probe = self._by_token.get((Kind.TCP, (segment.acknowledgement - 1) % _SEQUENCE_SPACE))
        if probe is None:
            return None
        ports = probe.flow.destination_port, probe.flow.source_port
        return probe if (segment.source_port, segment.destination_port) == ports else None

    def echoed(self, echo: Echo) -> Probe | None:
        """The request that an echo reply repeats."""
        return self._by_token.get((Kind.ECHO, echo.identifier << 16 | echo.sequence))

    def sent_from(self, port: int) -> tuple[Probe, ...]:
        """The datagrams from a source port: an answer does not say to which of them it is."""
        return tuple(self._by_source_port.get((Kind.UDP, port), ()))

    def quoted(self, quote: Quote) -> Probe | None:
        """The probe that an ICMP error gives back."""
        if quote.word is None or quote.protocol not in _KINDS:
            return None
        kind, ports = _KINDS[quote.protocol], (quote.first or 0, quote.second or 0)
        if kind is Kind.UDP:
            return self._udp(quote.identification, quote.word & _CHECKSUM, ports)
        probe = self._by_token.get((kind, quote.word))
        if probe or kind is Kind.ECHO:
            return probe
        # Firewalls that randomise sequence numbers leave the IP-ID and the ports alone.
        found = self._identified(kind, quote.identification, ports)
        return found if found and (found.flow.source_port, found.flow.destination_port) == ports else None

    def _udp(self, identification: int | None, checksum: int, ports: tuple[int, int]) -> Probe | None:
        """A datagram has 16 bits of its own in either place; the ports make them as many as a sequence number.

        The IP-ID goes first: a payload that nothing may be changed in has the same checksum every time.
        """
        if probe := self._identified(Kind.UDP, identification, ports):
            return probe
        probe = self._by_token.get((Kind.UDP, checksum))
        return probe if probe and _shares_a_port(probe, ports) else None

    def _alone(self, ports: tuple[int, int]) -> Probe | None:
        """The datagram that leaves from a port of its own: this host's other programs can not send from there."""
        alone = [one for one in self.sent_from(ports[0]) if one.flow.destination_port == ports[1]]
        return alone[0] if len(alone) == 1 else None

    def _identified(self, kind: Kind, identification: int | None, ports: tuple[int, int]) -> Probe | None:
        if identification is None:
            return None
        probe = self._by_identification.get((kind, identification))
        return probe if probe and _shares_a_port(probe, ports) else None


def _shares_a_port(probe: Probe, ports: tuple[int, int]) -> bool:
    return probe.flow.source_port == ports[0] or probe.flow.destination_port == ports[1]

"""Which octets carry this probe?

Every flow has one datagram, made from scapy's own headers (headers.py). Every probe is a copy of it with the TTL, the
IP-ID and the token patched in, and the checksums adjusted by what changed (RFC 1624 equation 3).

- A SYN looks like this kernel's own: some boxes drop SYNs without options, and then the verdict
  would be about the probe and not about the port. Options and their order are those of Linux
  tcp_syn_options(), the window that of tcp_select_initial_window().
- Routers may hash a flow on its ICMP checksum (Augustin et al., "Avoiding traceroute anomalies with
  Paris traceroute", IMC 2006) or on the IPv6 flow label (RFC 6438). Both stay the same in a flow.
- A probe that asks whether its size passes is the same with padding behind it: a SYN may carry data, which
  a listener leaves to be sent again (RFC 9293 section 3.10.7.2).
- A UDP datagram carries what the service behind the port would answer. Two octets of it are free, and chosen
  so that the checksum becomes the probe's token: it stays right, and every quote shows it (RFC 792).
- Echo, and UDP to a port of no known service, say who asks, for the operator who finds it in a capture.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from pathprobe.core.packets import Protocol
from pathprobe.core.probes import FAREWELL_WINDOW, FULL_TTL, Flow, Kind, Probe
from pathprobe.wire.headers import IPV4_SIZE, IPV6_SIZE, TCP_SIZE, datagram, echo, reset, syn, udp
from pathprobe.wire.payloads import Payload, payload_for

_WORD = struct.Struct("!H")

#: Behind the two octets that balance the checksum it makes 32, so an IPv4 echo is as long as an IPv4 SYN.
ECHO_TEXT = b" pathprobe reachability check "

#: What Linux offers before it knows the peer: as many whole segments as fit 65535 octets (64240 on Ethernet).
_LARGEST_WINDOW = 65535

#: What Linux chooses for a receive buffer that may grow to 6 MiB (net.ipv4.tcp_rmem), long its default.
_WINDOW_SCALE = 7

# Offsets in the datagram. The IPv4 TTL is patched as the 16-bit word it shares with the protocol.
_IPV4_ID, _IPV4_TTL, _IPV4_CHECKSUM, _IPV6_HOP_LIMIT = 4, 8, 10, 7

# Offsets in the transport header.
_TCP_SEQUENCE, _TCP_CHECKSUM = 4, 16
_UDP_CHECKSUM, _UDP_SIZE = 6, 8
_ECHO_SEQUENCE, _ECHO_BALANCE = 6, 8


class Crafter:
    """Probes as whole IP datagrams; one template is kept per flow."""

    def __init__(self, mtu: int = 1500, timestamp: int = 1, payloads: Mapping[int, Payload] | None = None) -> None:
        """``mtu`` of the interface in octets; ``timestamp`` for the TCP option, in milliseconds as Linux counts;
        ``payloads`` for UDP ports that shall carry something else than their service's own."""
        self._mtu = mtu
        self._timestamp = timestamp
        self._payloads = payloads or {}
        self._templates: dict[tuple[Flow, int], bytes] = {}

    def craft(self, probe: Probe) -> bytes:
        """The datagram of a probe, IP header included.

        Raises ValueError when an echo's token is not of its flow, or the probe's size is less than it naturally has.
        """
        if probe.padding < 0:
            raise ValueError(f"size {probe.size}: a probe has {-probe.padding} octets more without any padding")
        packet = bytearray(self._template(probe.flow, probe.padding))
        if probe.flow.version == 4:
            transport = IPV4_SIZE
            _replace(packet, _IPV4_ID, probe.identification, checksum=_IPV4_CHECKSUM)
            _replace(packet, _IPV4_TTL, probe.ttl << 8 | packet[_IPV4_TTL + 1], checksum=_IPV4_CHECKSUM)
        else:
            transport = IPV6_SIZE
            packet[_IPV6_HOP_LIMIT] = probe.ttl
        match probe.flow.kind:
            case Kind.TCP:
                _set_tcp_sequence(packet, transport, probe.token)
            case Kind.UDP:
                _set_udp_checksum(packet, transport, probe.token, self._payload(probe.flow).nonce_at)
            case Kind.ECHO:
                _set_echo_sequence(packet, transport, probe)
        return bytes(packet)

    def farewell(self, probe: Probe) -> bytes:
        """The reset that ends the half-open connection which an answered SYN left (RFC 9293 section 3.5.2)."""
        header = reset(probe.flow, sequence=(probe.token + 1) % (1 << 32), window=FAREWELL_WINDOW)
        return datagram(probe.flow, header, ttl=FULL_TTL, label=flow_label(probe.flow))

    def _template(self, flow: Flow, padding: int) -> bytes:
        """The flow's datagram with TTL, IP-ID, sequence and echo balance still 0."""
        template = self._templates.get((flow, padding))
        if template is None:
            transport = self._transport(flow) + _padding(flow, padding)
            template = datagram(flow, transport, ttl=0, label=flow_label(flow))
            self._templates[flow, padding] = template
        return template

    def _transport(self, flow: Flow) -> bytes:
        match flow.kind:
            case Kind.TCP:
                return self._syn(flow)
            case Kind.UDP:
                return udp(flow, _without_nonce(self._payload(flow)))
            case Kind.ECHO:
                return echo(flow, bytes(_WORD.size) + ECHO_TEXT)

    def _payload(self, flow: Flow) -> Payload:
        return self._payloads.get(flow.destination_port) or payload_for(flow.destination_port)

    def _syn(self, flow: Flow) -> bytes:
        size = self._segment_size(flow.version)
        window = _LARGEST_WINDOW // size * size
        return syn(flow, window=window, segment_size=size, timestamp=self._timestamp, scale=_WINDOW_SCALE)

    def _segment_size(self, version: int) -> int:
        """What an MTU leaves beside the headers; the 65536 octets of loopback are more than IPv4 can count."""
        if version == 4:
            return min(self._mtu, 0xFFFF) - IPV4_SIZE - TCP_SIZE
        return min(self._mtu - IPV6_SIZE - TCP_SIZE, 0xFFFF)


def _without_nonce(payload: Payload) -> bytes:
    octets = bytearray(payload.octets)
    if payload.nonce_at is not None:
        _WORD.pack_into(octets, payload.nonce_at, 0)
    return bytes(octets)


def _padding(flow: Flow, octets: int) -> bytes:
    """What makes a probe longer and leaves an echo's checksum, which routers may hash on, as it is.

    Zeros add nothing; ICMPv6 also sums its length up (RFC 4443 section 2.3), so there a word takes that away again.
    """
    if flow.protocol is not Protocol.ICMPV6 or octets < _WORD.size:
        return bytes(octets)
    return _WORD.pack(0xFFFF - octets) + bytes(octets - _WORD.size)


def flow_label(flow: Flow) -> int:
    """The IPv6 flow label: 20 bits, never 0 (RFC 6437), the same in every run so that runs compare."""
    name = f"{flow.kind} {flow.source} {flow.source_port} {flow.destination} {flow.destination_port}"
    return zlib.crc32(name.encode()) % 0xFFFFF + 1


def _set_tcp_sequence(packet: bytearray, transport: int, sequence: int) -> None:
    checksum = transport + _TCP_CHECKSUM
    _replace(packet, transport + _TCP_SEQUENCE, sequence >> 16, checksum=checksum)
    _replace(packet, transport + _TCP_SEQUENCE + 2, sequence & 0xFFFF, checksum=checksum)


def _set_udp_checksum(packet: bytearray, transport: int, checksum: int, nonce_at: int | None) -> None:
    """Choose the nonce, 0 until now, that makes ``checksum`` the right one; without a nonce it is what it is."""
    if nonce_at is None:
        return
    (before,) = _WORD.unpack_from(packet, transport + _UDP_CHECKSUM)
    total = before + (checksum ^ 0xFFFF)
    nonce = (total & 0xFFFF) + (total >> 16)
    if nonce_at % 2:  # its octets stand in two words: ones' complement sums do not mind the order (RFC 1071, 2B)
        nonce = (nonce & 0xFF) << 8 | nonce >> 8
    _WORD.pack_into(packet, transport + _UDP_SIZE + nonce_at, nonce)
    _WORD.pack_into(packet, transport + _UDP_CHECKSUM, checksum)


def _set_echo_sequence(packet: bytearray, transport: int, probe: Probe) -> None:
    """Sequence and balance always add up to 0xFFFF, a zero of ones' complement: the checksum stays as it is."""
    identifier, sequence = probe.token >> 16, probe.token & 0xFFFF
    if identifier != probe.flow.source_port:
        raise ValueError(f"echo token has identifier {identifier}: use flow.source_port << 16 | sequence")
    _WORD.pack_into(packet, transport + _ECHO_SEQUENCE, sequence)
    _WORD.pack_into(packet, transport + _ECHO_BALANCE, 0xFFFF - sequence)


def _replace(packet: bytearray, at: int, word: int, *, checksum: int) -> None:
    """Write a 16-bit word and adjust the checksum at offset ``checksum``: RFC 1624, HC' = ~(~HC + ~m + m')."""
    (before,) = _WORD.unpack_from(packet, at)
    (header_checksum,) = _WORD.unpack_from(packet, checksum)
    total = (header_checksum ^ 0xFFFF) + (before ^ 0xFFFF) + word
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    _WORD.pack_into(packet, at, word)
    _WORD.pack_into(packet, checksum, total ^ 0xFFFF)

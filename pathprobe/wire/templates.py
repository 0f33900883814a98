"""How is one probe after the other made from a template?

scapy builds the template (craft.py) once for a source address, with destination, ports and token of zero. A probe is a
copy of it with these patched in, and checksums that follow from the template's own (RFC 1624 equation 3, where all that
is replaced was 0). Ones' complement sums are sums modulo 65535, in which an address or a pair of ports counts as its
words do; the result lies below 0xFFFF, which is the form that RFC 1071 gives a checksum.
"""

from __future__ import annotations

import struct

from pathprobe.core.probes import FULL_TTL, Flow, Kind, Probe, Role
from pathprobe.wire.craft import Crafter
from pathprobe.wire.payloads import Payload

_MODULUS = 0xFFFF
_WORD = struct.Struct("!H")

#: From the IP-ID to the end of the addresses, and from the ports to the TCP checksum: constants stand between.
_V4 = struct.Struct("!H4sH4sI")
_V4_START, _V4_SIZE = 4, 20
_V6_LABEL, _V6_DESTINATION, _V6_SIZE = struct.Struct("!I"), 24, 40
_TCP = struct.Struct("!HHI8sH")
_UDP = struct.Struct("!HHHH")
_ECHO = struct.Struct("!HHH")
_ECHO_START = 2

_ANYBODY = {4: "0.0.0.0", 6: "::"}


class Template:
    """One datagram for all destinations that are asked in the same way."""

    def __init__(self, kind: Kind, source: str, *, mtu: int, timestamp: int, payload: Payload | None = None) -> None:
        """``mtu`` in octets and ``timestamp`` as for Crafter; ``payload`` for UDP."""
        self.version = 6 if ":" in source else 4
        self._nonce_at = payload.nonce_at if payload else None
        self.octets = _octets(kind, source, self.version, Crafter(mtu, timestamp, {0: payload} if payload else None))
        self._start = _V4_SIZE if self.version == 4 else _V6_SIZE
        self._patch_transport = {Kind.TCP: self._tcp, Kind.UDP: self._udp, Kind.ECHO: self._echo}[kind]
        self._counts_destination = not (kind is Kind.ECHO and self.version == 4)
        self._remember_constants()

    @property
    def is_marked(self) -> bool:
        """Whether a UDP datagram's checksum is the one that was asked for: it has two octets to balance it with."""
        return self._nonce_at is not None

    def _remember_constants(self) -> None:
        octets, start = self.octets, self._start
        _, self._fragment_ttl, self._header_checksum, self._source, _ = (
            _V4.unpack_from(octets, _V4_START) if self.version == 4 else (0, b"", 0, b"", 0)
        )
        if self._patch_transport == self._tcp:
            _, _, _, self._tcp_middle, self._checksum = _TCP.unpack_from(octets, start)
        elif self._patch_transport == self._udp:
            _, _, self._udp_length, self._checksum = _UDP.unpack_from(octets, start)
            self._nonce = _read_nonce(octets, start + _UDP.size, self._nonce_at)
        else:
            self._checksum, _, _ = _ECHO.unpack_from(octets, start + _ECHO_START)

    def patch(
        self, buffer: bytearray, at: int, destination: int, ports: tuple[int, int], token: int, checksum: int
    ) -> None:
        """Make a probe of the copy of the template that is in ``buffer`` from ``at`` on.

        ``ports``: source and destination. ``token``: sequence number, or identifier and sequence of an echo.
        ``checksum``: what a UDP datagram's shall be, not 0.
        """
        if self.version == 4:
            identification = token % _MODULUS + 1
            header = (self._header_checksum - identification - destination) % _MODULUS
            _V4.pack_into(buffer, at + _V4_START, identification, self._fragment_ttl, header, self._source, destination)
        else:
            _V6_LABEL.pack_into(buffer, at, 6 << 28 | token % 0xFFFFF + 1)
            buffer[at + _V6_DESTINATION : at + _V6_SIZE] = destination.to_bytes(16, "big")
        self._patch_transport(buffer, at + self._start, destination, ports, token, checksum)

    def _tcp(
        self, buffer: bytearray, at: int, destination: int, ports: tuple[int, int], token: int, _checksum: int
    ) -> None:
        source_port, destination_port = ports
        checksum = (self._checksum - destination - source_port - destination_port - token) % _MODULUS
        _TCP.pack_into(buffer, at, source_port, destination_port, token, self._tcp_middle, checksum)

    def _udp(
        self, buffer: bytearray, at: int, destination: int, ports: tuple[int, int], _token: int, checksum: int
    ) -> None:
        source_port, destination_port = ports
        rest = self._checksum - destination - source_port - destination_port
        if self._nonce_at is None:
            checksum = rest % _MODULUS or _MODULUS
        else:
            _write_nonce(buffer, at + _UDP.size, self._nonce_at, (self._nonce + rest - checksum) % _MODULUS)
        _UDP.pack_into(buffer, at, source_port, destination_port, self._udp_length, checksum)

    def _echo(
        self, buffer: bytearray, at: int, destination: int, _ports: tuple[int, int], token: int, _checksum: int
    ) -> None:
        pseudo = destination if self._counts_destination else 0
        checksum = (self._checksum - pseudo - token) % _MODULUS
        _ECHO.pack_into(buffer, at + _ECHO_START, checksum, token >> 16, token & 0xFFFF)


def _octets(kind: Kind, source: str, version: int, crafter: Crafter) -> bytes:
    flow = Flow(kind=kind, source=source, destination=_ANYBODY[version], source_port=0, destination_port=0)
    token = 1 if kind is Kind.UDP else 0
    probe = Probe(
        id=0, role=Role.TEST, flow=flow, flow_number=0, ttl=FULL_TTL, attempt=1, token=token, identification=0
    )
    return crafter.craft(probe)


def _read_nonce(octets: bytes, payload: int, nonce_at: int | None) -> int:
    if nonce_at is None:
        return 0
    (nonce,) = _WORD.unpack_from(octets, payload + nonce_at)
    return _swapped(nonce) if nonce_at % 2 else int(nonce)


def _write_nonce(buffer: bytearray, payload: int, nonce_at: int, nonce: int) -> None:
    _WORD.pack_into(buffer, payload + nonce_at, _swapped(nonce) if nonce_at % 2 else nonce)


def _swapped(word: int) -> int:
    """Octets at an odd offset stand in two words: ones' complement sums do not mind the order (RFC 1071, 2B)."""
    return (word & 0xFF) << 8 | word >> 8

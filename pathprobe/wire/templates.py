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
        self.octets = _octets(kind, source, self.version, Crafter(mtu, timestamp, {0: payload} if payload else None))
        self._start = _V4_SIZE if self.version == 4 else _V6_SIZE
        transport = self.octets[self._start :]
        self._transport: _Syn | _Datagram | _Echo
        match kind:
            case Kind.TCP:
                self._transport = _Syn(transport)
            case Kind.UDP:
                self._transport = _Datagram(transport, payload.nonce_at if payload else None)
            case Kind.ECHO:
                self._transport = _Echo(transport, counts_destination=self.version == 6)
        _, self._fragment_ttl, self._header_checksum, self._source, _ = _V4.unpack_from(self.octets, _V4_START)

    def patch(
        self, buffer: bytearray, at: int, destination: int, ports: tuple[int, int], token: int, checksum: int
    ) -> None:
        """Make a probe of the copy of the template that is in ``buffer`` from ``at`` on.

        ``ports``: source and destination. ``token``: sequence number, or identifier and sequence of an echo.
        ``checksum``: what that of a UDP datagram shall be, not 0, if its payload has two octets to balance it with.
        """
        if self.version == 4:
            identification = token % _MODULUS + 1
            header = (self._header_checksum - identification - destination) % _MODULUS
            _V4.pack_into(buffer, at + _V4_START, identification, self._fragment_ttl, header, self._source, destination)
        else:
            _V6_LABEL.pack_into(buffer, at, 6 << 28 | token % 0xFFFFF + 1)
            buffer[at + _V6_DESTINATION : at + _V6_SIZE] = destination.to_bytes(16, "big")
        self._transport.patch(buffer, at + self._start, destination, ports, token, checksum)


class _Syn:
    def __init__(self, octets: bytes) -> None:
        _, _, _, self._middle, self._checksum = _TCP.unpack_from(octets)

    def patch(
        self, buffer: bytearray, at: int, destination: int, ports: tuple[int, int], token: int, _checksum: int
    ) -> None:
        source_port, destination_port = ports
        checksum = (self._checksum - destination - source_port - destination_port - token) % _MODULUS
        _TCP.pack_into(buffer, at, source_port, destination_port, token, self._middle, checksum)


class _Datagram:
    def __init__(self, octets: bytes, nonce_at: int | None) -> None:
        _, _, self._length, self._checksum = _UDP.unpack_from(octets)
        self._nonce_at = None if nonce_at is None else _UDP.size + nonce_at
        if self._nonce_at is not None:
            self._checksum += _swapped_if_odd(_WORD.unpack_from(octets, self._nonce_at)[0], self._nonce_at)

    def patch(
        self, buffer: bytearray, at: int, destination: int, ports: tuple[int, int], _token: int, checksum: int
    ) -> None:
        source_port, destination_port = ports
        rest = (self._checksum - destination - source_port - destination_port) % _MODULUS
        if self._nonce_at is None:
            checksum = rest or _MODULUS  # 0 would say that there is none (RFC 768)
        else:
            nonce = _swapped_if_odd((rest - checksum) % _MODULUS, self._nonce_at)
            _WORD.pack_into(buffer, at + self._nonce_at, nonce)
        _UDP.pack_into(buffer, at, source_port, destination_port, self._length, checksum)


class _Echo:
    def __init__(self, octets: bytes, *, counts_destination: bool) -> None:
        """``counts_destination``: ICMPv6 sums addresses up as well (RFC 4443 section 2.3)."""
        self._checksum, _, _ = _ECHO.unpack_from(octets, _ECHO_START)
        self._counts_destination = counts_destination

    def patch(
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


def _swapped_if_odd(word: int, at: int) -> int:
    """Octets at an odd offset stand in two words: ones' complement sums do not mind the order (RFC 1071, 2B)."""
    return (word & 0xFF) << 8 | word >> 8 if at % 2 else word

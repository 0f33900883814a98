"""Does this packet carry another network's packets?

What a tunnel carries is no conversation of the hosts at its ends, so its packets are told apart and counted.
"""

from __future__ import annotations

from pathprobe.core.packets import OtherPayload, Packet, Udp

#: IANA protocol numbers, by the name that operators use.
_PROTOCOLS = {
    4: "IP-in-IP",  # RFC 2003
    41: "6in4",  # RFC 4213
    47: "GRE",  # RFC 2784
    50: "ESP",  # RFC 4303
    94: "IP-in-IP",  # as older BSDs number it
    97: "EtherIP",  # RFC 3378
    115: "L2TPv3",  # RFC 3931
    137: "MPLS-in-IP",  # RFC 4023
}

_VXLAN, _GENEVE = 4789, 6081
#: Ethernet, IPv4 and IPv6, as Geneve names what it carries: RFC 8926 section 3.4.
_CARRIED = frozenset({0x6558, 0x0800, 0x86DD})
#: Header of either, RFC 7348 section 5 and RFC 8926 section 3.4.
_HEADER = 8


def tunnel_of(packet: Packet) -> str | None:
    """The tunnel's name, or None; a datagram to a tunnel's port counts only with that tunnel's header in it."""
    match packet.body:
        case OtherPayload(protocol=protocol):
            return _PROTOCOLS.get(protocol)
        case Udp(destination_port=port, payload=payload) if port in (_VXLAN, _GENEVE) and len(payload) >= _HEADER:
            return _in_udp(port, payload)
    return None


def _in_udp(port: int, payload: bytes) -> str | None:
    """VXLAN: the flag that its number is valid, and the last octet, which none of its extensions uses.

    Geneve: version 0 and what it carries.
    """
    if port == _VXLAN:
        return "VXLAN" if payload[0] & 0x08 and payload[7] == 0 else None
    carried = int.from_bytes(payload[2:4], "big")
    return "Geneve" if payload[0] >> 6 == 0 and carried in _CARRIED else None

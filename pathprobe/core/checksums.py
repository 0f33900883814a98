"""Does the checksum in a quote fit what is quoted?

A box that rewrites an address or a port adjusts the transport checksum (RFC 1624). On the way home a NAT turns
the fields in the quote back; one that forgets the checksum there gives itself away by it (Dublin traceroute
finds NAT so). The 28 octets that every router quotes are enough for UDP and echo: what is not quoted counts as
unchanged, and the sums of the two packets must be the same.

Nothing is concluded from a checksum of 0, which UDP and some routers use for "none"; from a packet whose length
was changed; or where the packet that left had none yet, as the kernel's own have that leave it to the network card.
"""

from __future__ import annotations

from ipaddress import ip_address

from pathprobe.core.packets import Packet, Protocol, Quote

#: Where in the transport header it lies.
_OFFSETS: dict[int, int] = {Protocol.TCP: 16, Protocol.UDP: 6, Protocol.ICMP: 2, Protocol.ICMPV6: 2}

#: Ones' complement arithmetic is arithmetic modulo this.
_MODULUS = 0xFFFF


def checksum_fit(departed: Packet, quote: Quote) -> tuple[int, int] | None:
    """The checksum that the quoted fields call for and the one that is quoted; None when nothing can be concluded."""
    offset = _OFFSETS.get(quote.protocol)
    there = min(len(departed.transport), len(quote.transport))
    if offset is None or there < offset + 2 or quote.total_length != departed.total_length:
        return None
    found = int.from_bytes(quote.transport[offset : offset + 2], "big")
    if not found or not _is_sound(departed, quote.protocol, offset):
        return None
    before, after = _sum(departed, there, quote.protocol), _sum(quote, there, quote.protocol)
    return (found + before - after) % _MODULUS, found % _MODULUS


def _is_sound(departed: Packet, protocol: int, offset: int) -> bool:
    """The checksum was there and right when the packet left; the pseudo-header counts length and protocol too."""
    length = len(departed.transport)
    pseudo = 0 if protocol == Protocol.ICMP else length + protocol
    return any(departed.transport[offset : offset + 2]) and (_sum(departed, length, protocol) + pseudo) % _MODULUS == 0


def _sum(head: Packet | Quote, length: int, protocol: int) -> int:
    """The sum of RFC 1071 over the addresses, where they count, and the first octets of the transport header."""
    octets = head.transport[:length]
    if protocol != Protocol.ICMP:
        octets = ip_address(head.source).packed + ip_address(head.destination).packed + octets
    octets += bytes(len(octets) % 2)
    return sum(int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2)) % _MODULUS

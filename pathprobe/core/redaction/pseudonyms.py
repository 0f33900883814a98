"""By what is an address or a name replaced where others shall not see it?

Addresses that share their first k bits share the first k bits afterwards, and no others do: whether bit k is turned
over depends on a key and on the k bits before it (Xu, Fan, Ammar, Moon, "Prefix-preserving IP address anonymization",
ICNP 2002; their AES is a keyed BLAKE2 here, RFC 7693). So neighbours stay neighbours and networks stay networks.

What kind of address it is stays to be seen: private stays private, link-local link-local, multicast multicast. For that
no bit is turned over on the way to such a block. What is nobody's own (loopback, ff02::1) stays as it is.
An interface identifier made of a MAC address (RFC 4291 appendix A) is as unreadable afterwards as any other bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

#: Octets of the key: as many as make guessing hopeless.
KEY_SIZE = 32

_IPV4_SIZE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Addresses that stay in their block, and keep their first ``kept`` bits as they are."""

    network: IPv4Network | IPv6Network
    kept: int

    def keeps(self, length: int, prefix: int) -> bool:
        """The bit behind these ``length`` bits leads to the block, or is one of those that it keeps."""
        own, bits = self.network.prefixlen, self.network.max_prefixlen
        block = int(self.network.network_address) >> (bits - own)
        if length < own:
            return block >> (own - length) == prefix
        return length < self.kept and prefix >> (length - own) == block


def _block(text: str, kept: int | None = None) -> _Block:
    network = ip_network(text)
    return _Block(network=network, kept=network.prefixlen if kept is None else kept)


#: IANA's special-purpose registries (RFC 6890), as far as a reader can tell from them what an address is for.
_BLOCKS: dict[int, tuple[_Block, ...]] = {
    4: (
        _block("0.0.0.0/8", 32),
        _block("10.0.0.0/8"),
        _block("100.64.0.0/10"),
        _block("127.0.0.0/8", 32),
        _block("169.254.0.0/16"),
        _block("172.16.0.0/12"),
        _block("192.168.0.0/16"),
        _block("224.0.0.0/4"),
        _block("224.0.0.0/24", 32),
        _block("240.0.0.0/4"),
        _block("255.255.255.255/32"),
    ),
    6: (
        _block("::/96", 128),
        _block("::ffff:0:0/96"),
        _block("64:ff9b::/96"),
        _block("2000::/3"),
        _block("fc00::/8"),
        _block("fd00::/8"),
        _block("fe80::/10", 64),
        _block("ff00::/8", 16),
        _block("ff02::/112", 128),
    ),
}

#: Behind these an IPv4 address stands: RFC 4291 section 2.5.5.2, RFC 6052 section 2.1.
_EMBEDDING = tuple(IPv6Address(text).packed[:12] for text in ("::ffff:0:0", "64:ff9b::"))

_IN_TEXT = re.compile(
    r"(?<![\w.])(?<!\w:)(?:[0-9A-Fa-f]{0,4}:){2,8}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w])"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w])(?!\.\w)"
)


class Pseudonyms:
    """What stands for which address and which name, the same wherever it is asked for.

    ``key``: KEY_SIZE random octets; whoever does not have them cannot turn it back.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._names: dict[str, str] = {}
        self._known: dict[bytes, bytes] = {}

    def packed(self, address: bytes) -> bytes:
        """What stands for an address of 4 or 16 octets."""
        if address not in self._known:
            self._known[address] = self._replaced(address)
        return self._known[address]

    def address(self, text: str) -> str:
        """What stands for an address, in its canonical form. Raises ValueError when the text is none."""
        return str(ip_address(self.packed(ip_address(text).packed)))

    def name(self, name: str) -> str:
        """``host-1``, ``host-2``: in the order in which they are first asked for, whatever their case."""
        return self._names.setdefault(name.casefold().rstrip("."), f"host-{len(self._names) + 1}")

    def host(self, text: str) -> str:
        """What stands for an address, with or without its zone, or for a name."""
        address, percent, zone = text.partition("%")
        try:
            return self.address(address) + percent + zone
        except ValueError:
            return self.name(text)

    def target(self, given: str) -> str:
        """A target as it was given, ``web1:8080``, ``[fd00::5]:80,443``, ``10.0.0.5``, with its host replaced."""
        if given.startswith("["):
            host, rest = given[1:].partition("]")[0], given[1:].partition("]")[2]
            return f"[{self.host(host)}]{rest}"
        host, colon, ports = given.partition(":") if given.count(":") == 1 else (given, "", "")
        return self.host(host) + colon + ports

    def text(self, text: str) -> str:
        """The text with every address in it replaced."""
        return _IN_TEXT.sub(lambda found: self._found(found.group()), text)

    def number(self, number: int, bits: int) -> int:
        """What stands for a number that was made of addresses, such as a flow label; 0 says nothing and stays."""
        if number == 0:
            return 0
        return int.from_bytes(self._hash(b"number", number.to_bytes(8, "big"))[:8], "big") % ((1 << bits) - 1) + 1

    def _found(self, text: str) -> str:
        colon = ":" if text.endswith(":") and not text.endswith("::") else ""
        try:
            return self.address(text.removesuffix(":") if colon else text) + colon
        except ValueError:
            return text

    def _replaced(self, address: bytes) -> bytes:
        if address[:12] in _EMBEDDING:
            return address[:12] + self.packed(address[12:])
        bits, version = len(address) * 8, 4 if len(address) == _IPV4_SIZE else 6
        value, mask = int.from_bytes(address, "big"), 0
        for length in range(bits):
            prefix = value >> (bits - length)
            if not any(block.keeps(length, prefix) for block in _BLOCKS[version]):
                mask |= self._bit(version, length, prefix) << (bits - 1 - length)
        return (value ^ mask).to_bytes(len(address), "big")

    def _bit(self, version: int, length: int, prefix: int) -> int:
        return self._hash(bytes([version, length]), prefix.to_bytes(16, "big"))[0] & 1

    def _hash(self, *parts: bytes) -> bytes:
        return blake2b(b"".join(parts), key=self._key, digest_size=8).digest()

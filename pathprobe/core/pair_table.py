"""Which of very many pairs is this one?

Pairs are kept as numbers in flat arrays, about 150 octets each with the way back from an answer to its pair: an object
for each would be several times that. A pair is known by its index here, in the order in which pairs were given.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from ipaddress import IPv6Address

from pathprobe.core.pairs import Pair
from pathprobe.core.probes import Kind

#: How a kind is written in a key.
KINDS = (Kind.TCP, Kind.UDP, Kind.ECHO)
TCP, UDP, ECHO = range(len(KINDS))

#: Neighbours that share a way, a firewall and its limits: a /24, and the /64 of one link (RFC 4291 section 2.5.1).
_HOST_BITS = {4: 8, 6: 64}

_CODES = {kind: code for code, kind in enumerate(KINDS)}


def key_of(version: int, kind: int, address: int, port: int) -> int:
    """One number for a pair, to look it up by: address as a number, port 0 for echo."""
    return (address << 16 | port) << 3 | kind << 1 | (version == 6)


def address_number(address: str) -> int:
    """The number behind an address in canonical text; IPv4 by hand, for there may be very many of them."""
    if ":" in address:
        return int(IPv6Address(address))
    first, second, third, fourth = address.split(".")
    return int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)


class PairTable:
    """Pairs by index; one that is given twice is kept once."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.hosts: list[str] = []
        self.numbers: list[int] = []
        self.network_of_host = array("I")
        self.host = array("I")
        self.port = array("H")
        self.kind = bytearray()
        self.by_key: dict[int, int] = {}
        self._host_index: dict[str, int] = {}
        self._network_index: dict[tuple[int, int], int] = {}
        for pair in pairs:
            self._add(pair)
        self._host_index.clear()

    def __len__(self) -> int:
        return len(self.host)

    @property
    def networks(self) -> int:
        """How many different /24 and /64 there are."""
        return len(self._network_index)

    def pair(self, index: int) -> Pair:
        return Pair(kind=KINDS[self.kind[index]], address=self.hosts[self.host[index]], port=self.port[index])

    def _add(self, pair: Pair) -> None:
        host = self._host_index.get(pair.address)
        if host is None:
            host = self._add_host(pair.address)
        kind = _CODES[pair.kind]
        key = key_of(6 if ":" in pair.address else 4, kind, self.numbers[host], pair.port)
        if self.by_key.setdefault(key, len(self.host)) == len(self.host):
            self.host.append(host)
            self.port.append(pair.port)
            self.kind.append(kind)

    def _add_host(self, address: str) -> int:
        version = 6 if ":" in address else 4
        number = address_number(address)
        network = (version, number >> _HOST_BITS[version])
        self.network_of_host.append(self._network_index.setdefault(network, len(self._network_index)))
        self.hosts.append(address)
        self.numbers.append(number)
        self._host_index[address] = len(self.hosts) - 1
        return len(self.hosts) - 1

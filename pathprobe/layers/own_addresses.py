"""Is an address this machine's own, so that what is to be asked of its server is to be asked here?

In the network namespace that this process is in: what its routing tables take in (ip(8)), or where that cannot be
asked, what the kernel lists as its own addresses (/proc/net/fib_trie, if_inet6).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from pathprobe.layers import network_reading
from pathprobe.layers.listening import behind
from pathprobe.layers.system import System


def is_this_machine(system: System, address: str) -> bool:
    """Whether packets to the address stay here; an IPv6 address may have a zone. Raises ValueError for no address."""
    asked = _plain(address)
    # Linux connects to the unspecified address as to the loopback.
    if asked.is_loopback or asked.is_unspecified:
        return True
    here = network_reading.read(system)
    if here.routes:
        return here.has(int(asked), asked.version)
    table = system.read(behind.own_addresses("self", asked.version))
    return asked in map(ip_address, behind.listed(table, asked.version))


def _plain(address: str) -> IPv4Address | IPv6Address:
    parsed = ip_address(address.partition("%")[0])
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed

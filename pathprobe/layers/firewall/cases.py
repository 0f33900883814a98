"""Which packets have to be led through the rules, to know whether a port can be reached?

One for each interface by which somebody else's packet may come in, and each IP version, to the address there. With a
sender given it is the one interface to which the routes send what is for him.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from pathprobe.layers.firewall.evaluation.journey import EVERYBODY, Question
from pathprobe.layers.firewall.evaluation.packet import exactly
from pathprobe.layers.network import Address, Interface, Network

PROTOCOLS = {"tcp": 6, "udp": 17}

#: The name of an interface, and the address that is asked there.
_Way = tuple[str, Address]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def questions(
    network: Network,
    *,
    protocol: str,
    port: int,
    source: IpAddress | None = None,
    bound_to: frozenset[str] = frozenset(),
) -> tuple[Question, ...]:
    """What to ask about ``port``; ``bound_to``: the only addresses at which somebody listens, empty for all."""
    found = list(_from(network, source) if source else _from_anybody(network))
    if bound_to:
        found = list(dict.fromkeys(_to(bound_to, found, network)))
    return tuple(
        Question(
            version=address.version,
            protocol=PROTOCOLS[protocol],
            destination=address.number,
            port=port,
            interface=interface,
            sources=exactly(int(source)) if source else EVERYBODY[address.version],
        )
        for interface, address in found
    )


def _to(wanted: frozenset[str], found: Sequence[_Way], network: Network) -> Iterator[_Way]:
    """By the interface that has the address; one that no such interface has is asked for by any of them."""
    ways = {interface for interface, _ in found}
    for interface in network.interfaces:
        for address in interface.addresses:
            if address.text not in wanted:
                continue
            by = [interface.name] if interface.name in ways else [one for one in ways if _speaks(one, address, found)]
            yield from ((one, address) for one in by)


def _speaks(interface: str, address: Address, found: Sequence[_Way]) -> bool:
    return any(name == interface and one.version == address.version for name, one in found)


def _from_anybody(network: Network) -> Iterator[_Way]:
    for interface in network.interfaces:
        for version in (4, 6):
            address = _address(interface, version)
            if address and _leads_out(interface, network):
                yield interface.name, address


def _leads_out(interface: Interface, network: Network) -> bool:
    """Whether others than this machine's own containers and virtual machines may come in by it.

    A bridge without a gateway behind it is theirs.
    """
    if interface.loopback or not interface.up or not interface.addresses:
        return False
    return interface.kind != "bridge" or any(one.device == interface.name and one.gateway for one in network.routes)


def _from(network: Network, source: IpAddress) -> Iterator[_Way]:
    """By loopback from this machine's own address; by any interface from where no route leads back."""
    version, number = source.version, int(source)
    if network.has(number, version):
        known = [one for interface in network.interfaces for one in interface.addresses if one.number == number]
        itself = known[0] if known else Address(text=str(source), version=version, number=number, prefix=0)
        yield from ((one.name, itself) for one in network.interfaces if one.loopback)
        return
    route = network.route(number, version)
    interface = network.interface(route.device) if route and route.device else None
    if interface is None:
        yield from (one for one in _from_anybody(network) if one[1].version == version)
    elif address := _address(interface, version):
        yield interface.name, address


def _address(interface: Interface, version: int) -> Address | None:
    """Its address for the world. Of IPv4 any will do where it has no global one; link-local ones of IPv6 do not."""
    own = [one for one in interface.addresses if one.version == version]
    return next((one for one in own if one.scope == "global"), own[0] if version == 4 and own else None)

"""On which addresses of this machine is a port served?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from pathprobe.layers.listening.facts import HostAddress, Socket

#: Interfaces that engines make for their own containers and machines: to listen there or not matters to no client.
_INNER = (
    "docker",
    "br-",
    "virbr",
    "veth",
    "cni",
    "flannel",
    "cali",
    "lxcbr",
    "lxdbr",
    "podman",
    "tunl",
    "kube-",
    "nodelocal",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Addresses of this machine that strangers use: ``served``, ``unserved``, and ``doubtful`` ones (IPv6-only?)."""

    served: tuple[str, ...]
    unserved: tuple[str, ...]
    doubtful: tuple[str, ...] = ()


def reach(sockets: Iterable[Socket], addresses: Iterable[HostAddress], version: int | None = None) -> Reach:
    """Without the addresses of containers' bridges, loopback and links; ``version`` 4 or 6: of that family alone."""
    wanted = [one for one in addresses if _matters(one) and version in (None, one.version)]
    sockets = tuple(sockets)
    fates = {one.address: [serves(socket, one) for socket in sockets] for one in wanted}
    return Reach(
        served=tuple(address for address, fate in fates.items() if True in fate),
        unserved=tuple(address for address, fate in fates.items() if True not in fate and None not in fate),
        doubtful=tuple(address for address, fate in fates.items() if True not in fate and None in fate),
    )


def _matters(one: HostAddress) -> bool:
    return one.is_outside and not is_inner(one.interface)


def is_inner(interface: str) -> bool:
    """It leads to this machine's own containers and virtual machines."""
    return interface.startswith(_INNER)


def serves(socket: Socket, here: HostAddress) -> bool | None:
    """Would a packet to this address, coming in by its interface, find the socket? None: it depends on IPV6_V6ONLY."""
    if socket.device is not None and socket.device != here.interface:
        return False
    return takes(socket, here.address)


def takes(socket: Socket, address: str) -> bool | None:
    """The same, whatever the interface."""
    if socket.is_any:
        return socket.takes_v4 if ip_address(address).version == 4 else socket.takes_v6
    return ip_address(socket.address) == ip_address(address)

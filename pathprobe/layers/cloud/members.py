"""Whose addresses does a rule mean that names a group or a mark (tag, service account) of machines?"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from pathprobe.layers.cloud.model import ALL_V6, INNER, Interface, IpNetwork, Peers


def members(
    label: str,
    what: str,
    interfaces: Iterable[Interface],
    belongs: Callable[[Interface], bool],
    *,
    ask: str,
    is_complete: bool = False,
) -> Peers:
    """The private addresses of those that belong to it; of the others that are known surely not.

    A public IPv4 address is nobody's within: a member that is spoken to by its public address is met by its public one.
    Whose address nobody told may belong to it, unless ``is_complete``. ``ask``: the command that tells.
    """
    inside: list[IpNetwork] = []
    outside: list[IpNetwork] = []
    for one in interfaces:
        (inside if belongs(one) else outside).extend(ipaddress.ip_network(address) for address in one.addresses)
    return Peers(
        label=label,
        networks=tuple(inside),
        never=tuple(one for one in outside if one not in inside),
        perhaps=() if is_complete else (*INNER, ALL_V6),
        doubt=f"whether the client belongs to {what} ({ask})",
    )

"""From where may a run ask, and may it at all?"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import netifaces

from pathprobe.core.report import Target

NO_PRIVILEGE = (
    "raw sockets need CAP_NET_RAW: run it with sudo (to try it without root: pathprobe demo, pathprobe lab run NAME)"
)


class CannotProbe(Exception):
    """One line that says why, and what to do."""


def check_vantage(interface: str | None, source: str | None, targets: Sequence[Target]) -> str | None:
    """The source in its canonical form; raises CannotProbe for one that cannot be, or no such interface."""
    known = netifaces.interfaces()
    for name in (interface, *(target.zone for target in targets)):
        if name is not None and name not in known:
            raise CannotProbe(f"there is no interface {name!r} here; there are {', '.join(known)}")
    if source is None:
        return None
    try:
        address = ip_address(source)
    except ValueError:
        raise CannotProbe(f"{source} is not an address of this host; ip -br address shows them") from None
    if str(address) not in _addresses():
        raise CannotProbe(f"{source} is not an address of this host; ip -br address shows them")
    for target in (ip_address(target.address) for target in targets):
        if target.version != address.version:
            raise CannotProbe(f"{source} is an IPv{address.version} address and {target} is IPv{target.version}")
        if address.is_loopback and not target.is_loopback:
            raise CannotProbe(f"packets from {source} do not leave this host and cannot reach {target}")
    return str(address)


def _addresses() -> set[str]:
    return {
        str(entry["addr"]).partition("%")[0]
        for name in netifaces.interfaces()
        for family, entries in netifaces.ifaddresses(name).items()
        if family in (netifaces.AF_INET, netifaces.AF_INET6)
        for entry in entries
    }

"""How is a socket, and whoever holds it, called in a sentence?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pathprobe.layers.listening.cgroup import Container, Home, Unit
from pathprobe.layers.listening.facts import Process, Socket, processes_of
from pathprobe.layers.listening.servers import bracketed, published

#: So many are named one by one.
_NAMED = 3

#: Who may have a socket that no process is seen to have.
_INVISIBLE = "(the kernel: NFS, WireGuard; or another container)"


def endpoint(socket: Socket) -> str:
    device = f"%{socket.device}" if socket.device else ""
    return f"{bracketed(socket.address)}{device}:{socket.port}"


def endpoints(sockets: Sequence[Socket]) -> str:
    """Each place once, a wildcard of both families told from one of IPv6 alone."""
    return listed(dict.fromkeys(endpoint(one) + _families(one, sockets) for one in sockets))


def _families(socket: Socket, beside: Sequence[Socket]) -> str:
    if socket.address != "::":
        return ""
    if any(one.address == "0.0.0.0" for one in beside):
        return ""
    return {True: " (IPv6 only)", False: " (IPv6 and IPv4)", None: " (IPv6, and IPv4 unless it is IPv6-only)"}[
        socket.v6only
    ]


def clause(sockets: Sequence[Socket], *, sees_all: bool, only: bool = False) -> str:
    """``nginx (pid 7) listens on 0.0.0.0:80``; where nobody is seen to hold the socket, that is said behind."""
    places = endpoints(sockets) + (" only" if only else "")
    if _is_nobodys(sockets, sees_all=sees_all):
        return f"something {verb(sockets)} {places}, but no visible process holds the socket {_INVISIBLE}"
    return f"{holder(sockets, sees_all=sees_all)} {verb(sockets)} {places}"


def holder(sockets: Sequence[Socket], *, sees_all: bool) -> str:
    """``nginx (pid 4711 and 4 more, user www-data, nginx.service)``; what is known, where no process may be seen."""
    groups = _programs(sockets)
    if groups:
        return listed(_called(group) for group in groups.values())
    return _unseen(sockets, sees_all=sees_all)


def verb(sockets: Sequence[Socket]) -> str:
    """What its holder, or its holders, do."""
    several = len(_programs(sockets)) > 1
    if sockets[0].protocol == "tcp":
        return "listen on" if several else "listens on"
    return "take UDP on" if several else "takes UDP on"


def _programs(sockets: Sequence[Socket]) -> Mapping[str, Sequence[Process]]:
    """By name; without systemd where it has handed the socket on."""
    groups: dict[str, list[Process]] = {}
    for process in processes_of(sockets):
        groups.setdefault(process.name, []).append(process)
    return {name: group for name, group in groups.items() if name != "systemd"} or groups


def _called(group: Sequence[Process]) -> str:
    first = group[0]
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    parts = [f"pid {first.pid}{more}"]
    parts += [f"user {first.user}"] if first.user else []
    parts += [home(first.home)] if first.home else []
    inner = published(first)
    parts += [f"for the container's {inner}"] if inner else []
    return f"{first.name} ({', '.join(parts)})"


def _is_nobodys(sockets: Sequence[Socket], *, sees_all: bool) -> bool:
    """Somebody has the socket, and root sees no process that does."""
    told = _programs(sockets) or all(one.is_systemds for one in sockets)
    return sees_all and not told and any(one.inode for one in sockets)


def _unseen(sockets: Sequence[Socket], *, sees_all: bool) -> str:
    if all(one.is_systemds for one in sockets):
        return "systemd"
    if not any(one.inode for one in sockets):
        return "no process any more"
    if sees_all:
        return f"something that no visible process holds {_INVISIBLE}"
    unit = next((one.home for one in sockets if one.home), None)
    user = next((one.user for one in sockets if one.user), None)
    parts = [f"of user {user}"] if user else []
    parts += [home(unit)] if unit else []
    told = f" {', '.join(parts)}" if parts else ""
    return f"a process{told} (run as root to see which)"


def home(of: Home) -> str:
    match of:
        case Container():
            engine = "" if of.engine == "container" else f"{of.engine} "
            pod = f" of pod {of.pod}" if of.pod else ""
            return f"{engine}container {of.short}{pod}"
        case Unit(user=None):
            return of.name
        case Unit():
            return f"{of.name} of uid {of.user}'s own systemd"


def counted(number: int, what: str) -> str:
    """``1 packet``, ``2 packets``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def listed(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b, c and 4 more``."""
    found = list(words)
    if len(found) > _NAMED + 1:
        return f"{', '.join(found[:_NAMED])} and {len(found) - _NAMED} more"
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else "".join(found)

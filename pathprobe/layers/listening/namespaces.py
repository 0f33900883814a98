"""Who serves this port in another network namespace, and what is that one called?

/proc/PID/ns/net points to ``net:[INODE]``, the same for all that share it, and /proc/PID/net/tcp lists what is open in
there. A name is a mount of such an inode on a file (ip-netns(8); container engines do the same): /proc/self/mountinfo
has it. A named one without a process has no /proc/PID; ``ss -N NAME`` looks into it, which only root may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from pathprobe.layers.listening import proc_net, ss
from pathprobe.layers.listening.facts import Elsewhere, Socket
from pathprobe.layers.listening.wording import listed
from pathprobe.layers.system import Said, System, Unread, link_each, read_each

MOUNTS = "/proc/self/mountinfo"

#: Where ip(8) keeps names, and so where ``ss -N`` looks.
_NAMED_BY_IP = ("/run/netns", "/var/run/netns")

#: Columns of mountinfo: root within the file system, and where it is mounted.
_ROOT, _MOUNTED = 3, 4


def read(system: System, port: int, protocol: str) -> tuple[tuple[Elsewhere, ...], tuple[str, ...]]:
    """What serves the port elsewhere, and in words what could not be looked at."""
    own = system.link("/proc/self/ns/net")
    inhabited, hidden = members(system)
    paths = names(system)
    found: list[Elsewhere] = []
    others = sorted(inhabited.keys() - {own})
    lists = _listed(system, [inhabited[namespace][0] for namespace in others], port, protocol)
    for namespace, first in zip(others, lists, strict=True):
        path = paths.get(namespace)
        sockets = serving(system, inhabited[namespace][1:], port, protocol) if first is None else first
        found += [Elsewhere(socket=socket, namespace=name(path), path=path) for socket in sockets]
    for namespace in sorted(paths.keys() - inhabited.keys() - {own}):
        found += _in_empty(system, paths[namespace], port, protocol)
    return tuple(found), (_unread(hidden),) if hidden else ()


def _unread(pids: Sequence[int]) -> str:
    """``the network namespaces of 5 processes could not be read (pid 1, 7, 8 and 2 more)``."""
    what = "namespace of 1 process" if len(pids) == 1 else f"namespaces of {len(pids)} processes"
    return f"the network {what} could not be read (pid {listed(map(str, pids))})"


def names(system: System) -> Mapping[str, str]:
    """Namespace -> the file that stands for it."""
    mounts = system.read(MOUNTS)
    return parse_mounts("" if isinstance(mounts, Unread) else mounts)


def members(system: System) -> tuple[Mapping[str, list[int]], list[int]]:
    """Namespace -> its processes, and the processes of which that could not be seen."""
    found: dict[str, list[int]] = {}
    hidden: list[int] = []
    entries = system.names("/proc")
    pids = [] if isinstance(entries, Unread) else [entry for entry in entries if entry.isdecimal()]
    for pid, namespace in zip(pids, link_each(system, [f"/proc/{pid}/ns/net" for pid in pids]), strict=True):
        if isinstance(namespace, Unread):
            hidden += [] if namespace.is_missing else [int(pid)]
        else:
            found.setdefault(namespace, []).append(int(pid))
    return found, hidden


def parse_mounts(text: str) -> Mapping[str, str]:
    """``net:[INODE]`` -> the file that stands for it; of several the one that ip(8) made."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > _MOUNTED and words[_ROOT].startswith("net:["):
            earlier = found.get(words[_ROOT], "")
            if not earlier.startswith(_NAMED_BY_IP):
                found[words[_ROOT]] = words[_MOUNTED]
    return found


def name(path: str | None) -> str | None:
    return PurePosixPath(path).name if path else None


def serving(system: System, members: Sequence[int], port: int, protocol: str) -> list[Socket]:
    """In the namespace of these processes."""
    lists = (_listed(system, [pid], port, protocol)[0] for pid in members)
    return next((found for found in lists if found is not None), [])


def _listed(system: System, pids: Sequence[int], port: int, protocol: str) -> list[list[Socket] | None]:
    """What serves in the namespace of each process; None where that one ended meanwhile."""
    folders = [f"/proc/{pid}/net/" for pid in pids]
    texts = read_each(system, [folder + proc_net.FILES[protocol, version] for folder in folders for version in (4, 6)])
    lists: list[list[Socket] | None] = []
    for folder, *both in zip(folders, texts[::2], texts[1::2], strict=True):
        found: list[Socket] = []
        for version, text in zip((4, 6), both, strict=True):
            if isinstance(text, str):  # a kernel without IPv6 has one of them
                source = folder + proc_net.FILES[protocol, version]
                found += proc_net.parse(text, protocol=protocol, version=version, port=port, source=source)
        lists.append(None if isinstance(both[0], Unread) else [one for one in found if one.serves])
    return lists


def _in_empty(system: System, path: str, port: int, protocol: str) -> Iterator[Elsewhere]:
    called = PurePosixPath(path).name
    if str(PurePosixPath(path).parent) not in _NAMED_BY_IP:
        return
    for version in (4, 6):
        command = ("ss", "-N", called, *ss_options(version, f"sport = :{port}"))
        said = system.run(*command)
        if isinstance(said, Said) and said.worked:
            for socket in ss.parse(said.out, version=version, source=" ".join(command)):
                if socket.serves and socket.protocol == protocol:
                    yield Elsewhere(socket=socket, namespace=called, path=path)


def ss_options(version: int, selection: str = "", *, all_states: bool = False) -> tuple[str, ...]:
    """-e inode, user, IPV6_V6ONLY and control group, -m memory and drops; the filter is one word."""
    which = "-a" if all_states else "-l"
    return (f"-{version}", which, "-t", "-u", "-n", "-e", "-m", *([selection] if selection else []))

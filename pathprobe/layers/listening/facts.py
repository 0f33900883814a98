"""What is known of a port's sockets, and of who holds them?

A socket "serves" when strangers can reach it: in TCP one that listens, in UDP one that has no peer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from pathprobe.core.layers import Evidence
from pathprobe.layers.listening.cgroup import Home, Unit

#: Octets of a receive buffer that even the smallest datagram takes up (skb->truesize).
SMALLEST_DATAGRAM = 768


class State(StrEnum):
    LISTENING = "listening"
    UNCONNECTED = "unconnected"
    CONNECTED = "connected"
    TIME_WAIT = "time-wait"
    OTHER = "other"  # on its way to or from a connection


class Condition(StrEnum):
    """What a process is up to; RUNS where it does or could (it sleeps until something comes)."""

    RUNS = "runs"
    STOPPED = "stopped"
    TRACED = "traced"
    STUCK = "stuck"  # waits for a disk or the like and hears no signal
    ZOMBIE = "zombie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """``command``: its command line, the words separated by spaces, secrets masked. ``started``: in seconds since 1970.

    None: not to be seen.
    """

    pid: int
    name: str
    command: str = ""
    user: str | None = None
    condition: Condition = Condition.RUNS
    parent: int | None = None
    home: Home | None = None
    started: float | None = None


_NOWHERE = Evidence(source="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """``version`` 4 or 6 is the socket's own; ``v6only`` None: not told (of a v4 socket it means nothing).

    ``queued``: connections that nobody accepted yet, or octets that nobody read. ``room``: how many may wait (backlog,
    receive buffer in octets). ``drops``: how many packets it turned away since it was opened. None: not told.
    ``pids``: who holds it, as far as may be seen; ``user``: whose it is; ``inode`` 0: nobody's any more.
    ``device``: the interface that it is bound to. ``home``: the control group that opened it.
    """

    protocol: str
    version: int
    address: str
    port: int
    state: State
    device: str | None = None
    peer: str | None = None
    v6only: bool | None = None
    queued: int | None = None
    room: int | None = None
    drops: int | None = None
    inode: int = 0
    uid: int | None = None
    pids: tuple[int, ...] = ()
    processes: tuple[Process, ...] = ()
    home: Home | None = None
    user: str | None = None
    seen: Evidence = _NOWHERE

    @property
    def serves(self) -> bool:
        return self.state in (State.LISTENING, State.UNCONNECTED)

    @property
    def is_any(self) -> bool:
        """It takes packets to every address of this machine."""
        return self.address in ("0.0.0.0", "::")

    @property
    def is_loopback(self) -> bool:
        return self.device == "lo" or ip_address(self.address).is_loopback

    @property
    def takes_v4(self) -> bool | None:
        """None: a v6 socket for all addresses that may be IPv6-only or not."""
        if self.version == 6 and self.address == "::":
            return None if self.v6only is None else not self.v6only
        return ip_address(self.address).version == 4

    @property
    def takes_v6(self) -> bool:
        return ip_address(self.address).version == 6

    @property
    def is_full(self) -> bool:
        """The next one is turned away: sk_acceptq_is_full() has more waiting than the backlog."""
        if self.queued is None or self.room is None:
            return False
        return self.queued + (SMALLEST_DATAGRAM if self.protocol == "udp" else 0) > self.room

    @property
    def is_systemds(self) -> bool:
        """systemd opened it, for a service that may not have been started yet."""
        if self.processes:
            return any(process.name == "systemd" for process in self.processes)
        return isinstance(self.home, Unit) and self.home.name.endswith(".socket")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddress:
    interface: str
    address: str

    @property
    def version(self) -> int:
        return ip_address(self.address).version

    @property
    def is_outside(self) -> bool:
        """Strangers could send to it: neither loopback nor for this link alone."""
        address = ip_address(self.address)
        return not (address.is_loopback or address.is_link_local)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """systemd listens, and starts ``unit`` when somebody comes: a line of ``systemctl list-sockets``."""

    listen: str
    socket: str
    unit: str
    seen: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A socket that serves the port in another network namespace; ``namespace``: its name, None where it has none."""

    socket: Socket
    namespace: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """What was found on a port of this machine's present network namespace.

    ``sockets``: of the protocol asked for; where one of them serves, the others were not looked for. ``across``: what
    serves the same port of the other protocol. ``kin``: what serves other ports under the expected name. ``foreign``:
    addresses that a socket is bound to and this machine does not have. ``counters``: TcpExt of /proc/net/netstat,
    of the namespace since it began. ``sees_all``: whose a socket is may be seen of every process. ``has_ss``: ss(8)
    is installed and works. ``unseen``: what could not be looked at, in words.
    """

    port: int
    protocol: str
    sockets: tuple[Socket, ...] = ()
    across: tuple[Socket, ...] = ()
    kin: tuple[Socket, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    addresses: tuple[HostAddress, ...] = ()
    foreign: frozenset[str] = frozenset()
    activations: tuple[Activation, ...] = ()
    failed: tuple[Evidence, ...] = ()
    counters: tuple[tuple[str, int], ...] = ()
    sees_all: bool = True
    has_ss: bool = True
    unseen: tuple[str, ...] = ()

    @property
    def serving(self) -> tuple[Socket, ...]:
        """Empty: nothing listens here (status 3 of the command, unless the packet is handed on before)."""
        return tuple(one for one in self.sockets if one.serves)

    def counter(self, name: str) -> int | None:
        return dict(self.counters).get(name)


def since(sockets: Iterable[Socket]) -> float | None:
    """When the first of the processes that hold them was started, in seconds since 1970; None: not known.

    They listen for that long at the most.
    """
    return min((one.started for one in processes_of(sockets) if one.started is not None), default=None)


def processes_of(sockets: Iterable[Socket]) -> tuple[Process, ...]:
    """Each process once, the one that started others before these."""
    found = {one.pid: one for socket in sockets for one in socket.processes}
    return tuple(sorted(found.values(), key=lambda one: (one.parent in found, one.pid)))

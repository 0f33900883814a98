"""What does this machine say of the sockets on a port?

ss where it is installed, else /proc/net. Cheap questions come first: only where nothing serves the port is it asked
what else has to do with it (other states, other namespaces, failed units).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pathprobe.layers.counters import NETSTAT, tcp_extensions
from pathprobe.layers.listening import addresses, behind, namespaces, proc_net, ss, starting, systemd
from pathprobe.layers.listening.cgroup import Container, Home, belongs
from pathprobe.layers.listening.containers import named
from pathprobe.layers.listening.descriptors import Descriptors
from pathprobe.layers.listening.facts import Activation, Elsewhere, HostAddress, Process, Socket, Sockets
from pathprobe.layers.listening.holders import is_called
from pathprobe.layers.listening.processes import Processes, ThisMachinesProcesses
from pathprobe.layers.listening.secrets import masked
from pathprobe.layers.listening.told_processes import ToldProcesses
from pathprobe.layers.system import Said, System, Unread, is_live

#: Bit of CAP_SYS_PTRACE, without which the files of other users' processes are not to be seen (capabilities(7)).
_PTRACE = 19

_COUNTERS = ("ListenOverflows", "ListenDrops")


def read(
    system: System, port: int, protocol: str, *, expected: str | None = None, processes: Processes | None = None
) -> Sockets:
    """The sockets on ``port`` of ``protocol`` ("tcp", "udp") in this network namespace, and who holds them.

    ``expected``: a program whose sockets on other ports are looked for too, should nothing serve this one.
    ``processes``: where processes are asked for; by default psutil of this machine, and of another one its /proc.
    """
    return _reading(system, processes).sockets(port, protocol, expected)


def read_behind(
    system: System, address: str, port: int, protocol: str, *, processes: Processes | None = None
) -> tuple[Elsewhere, ...] | None:
    """What serves ``port`` in the network namespace that has ``address``, and who holds it; None: none is known to."""
    found = behind.read(system, address, port, protocol)
    reading = _reading(system, processes)
    return None if found is None else tuple(map(reading.with_holder, found))


def _reading(system: System, processes: Processes | None) -> _Reading:
    asking = processes or (ThisMachinesProcesses() if is_live(system) else ToldProcesses(system=system))
    return _Reading(system=system, processes=asking, descriptors=Descriptors(system=system))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One look at a port; nobody is asked about the same process or container twice."""

    system: System
    processes: Processes
    descriptors: Descriptors
    known: dict[int, Process | None] = field(default_factory=dict)
    homes: dict[str, Home | None] = field(default_factory=dict)
    boots: list[float | None] = field(default_factory=list)

    def sockets(self, port: int, protocol: str, expected: str | None) -> Sockets:
        both, unseen = self._on(port)
        own = tuple(one for one in both if one.protocol == protocol)
        facts = Sockets(
            port=port,
            protocol=protocol,
            sockets=own,
            across=tuple(one for one in both if one.protocol != protocol and one.serves),
            sees_all=self._sees_all(),
            counters=self._counters(),
            has_ss=not unseen,
            unseen=unseen,
        )
        return self._placed(facts) if facts.serving else self._where_nothing_serves(facts, expected)

    def _placed(self, facts: Sockets) -> Sockets:
        """On which addresses of this machine they serve, and whether systemd only keeps the place."""
        known, unseen = self._addresses()
        activations, more = self._activations(facts)
        bound = {one.address for one in facts.serving}
        return replace(
            facts,
            addresses=known,
            foreign=addresses.foreign(self.system, bound, known) if known else frozenset(),
            activations=activations,
            unseen=(*facts.unseen, *unseen, *more),
        )

    def _where_nothing_serves(self, facts: Sockets, expected: str | None) -> Sockets:
        others, _ = self._on(facts.port, all_states=True)
        elsewhere, unseen = namespaces.read(self.system, facts.port, facts.protocol)
        kin = self._kin(facts.protocol, expected) if expected else ()
        failed = systemd.read_failed(self.system)
        more = (f"systemd's failed units ({failed.reason})",) if isinstance(failed, Unread) else ()
        return replace(
            facts,
            sockets=tuple(one for one in others if one.protocol == facts.protocol),
            elsewhere=tuple(map(self.with_holder, elsewhere)),
            kin=kin,
            failed=() if isinstance(failed, Unread) else failed,
            unseen=(*facts.unseen, *unseen, *more),
        )

    def with_holder(self, found: Elsewhere) -> Elsewhere:
        return replace(found, socket=self._with_processes(found.socket))

    def _on(self, port: int, *, all_states: bool = False) -> tuple[tuple[Socket, ...], tuple[str, ...]]:
        sockets, unseen = self._listed(port, all_states=all_states)
        return tuple(map(self._with_processes, sockets)), unseen

    def _listed(self, port: int | None, *, all_states: bool = False) -> tuple[tuple[Socket, ...], tuple[str, ...]]:
        """Of both protocols; without ``all_states`` those that serve."""
        found: list[Socket] = []
        selection = "" if port is None else f"sport = :{port}"
        for version in (4, 6):
            command = ("ss", *namespaces.ss_options(version, selection, all_states=all_states))
            said = self.system.run(*command)
            if not (isinstance(said, Said) and said.worked):
                reason = said.reason if isinstance(said, Unread) else f"ss: {said.error.strip()}"
                return self._from_proc(port, all_states=all_states), (f"backlogs and IPv6-only sockets ({reason})",)
            found += ss.parse(said.out, version=version, source=" ".join(command))
        return tuple(found), ()

    def _from_proc(self, port: int | None, *, all_states: bool) -> tuple[Socket, ...]:
        found: list[Socket] = []
        for (protocol, version), name in proc_net.FILES.items():
            path = f"/proc/net/{name}"
            text = self.system.read(path)
            if not isinstance(text, Unread):
                rows = proc_net.parse(text, protocol=protocol, version=version, port=port, source=path)
                found += [one for one in rows if all_states or one.serves]
        return tuple(found)

    def _with_processes(self, socket: Socket) -> Socket:
        pids = self.descriptors.pids(socket.inode)
        user = None if socket.uid is None else self.processes.user(socket.uid)
        known = tuple(one for one in map(self._process, pids) if one)
        return replace(socket, pids=pids, processes=known, user=user)

    def _process(self, pid: int) -> Process | None:
        if pid not in self.known:
            found = self.processes.process(pid)
            self.known[pid] = self._completed(found) if found else None
        return self.known[pid]

    def _completed(self, process: Process) -> Process:
        command = " ".join(masked(process.command.split(" ")))
        return replace(process, home=self._home(process.pid), command=command, started=self._started(process.pid))

    def _started(self, pid: int) -> float | None:
        if not self.boots:
            self.boots.append(starting.boot(self._text("/proc/stat")))
        booted = self.boots[0]
        return None if booted is None else starting.started(self._text(f"/proc/{pid}/stat"), booted)

    def _text(self, path: str) -> str:
        text = self.system.read(path)
        return "" if isinstance(text, Unread) else text

    def _home(self, pid: int) -> Home | None:
        text = self.system.read(f"/proc/{pid}/cgroup")
        if isinstance(text, Unread):
            return None
        if text not in self.homes:
            home = belongs(text)
            self.homes[text] = named(self.system, home) if isinstance(home, Container) else home
        return self.homes[text]

    def _kin(self, protocol: str, expected: str) -> tuple[Socket, ...]:
        sockets, _ = self._listed(None)
        known = map(self._with_processes, (one for one in sockets if one.protocol == protocol))
        return tuple(one for one in known if any(is_called(process, expected) for process in one.processes))

    def _addresses(self) -> tuple[tuple[HostAddress, ...], Iterable[str]]:
        found = addresses.read(self.system)
        return ((), (f"this machine's addresses ({found.reason})",)) if isinstance(found, Unread) else (found, ())

    def _activations(self, facts: Sockets) -> tuple[tuple[Activation, ...], Iterable[str]]:
        if not any(one.is_systemds for one in facts.serving):
            return (), ()
        found = systemd.read_activations(self.system, facts.port)
        return ((), (f"systemd's sockets ({found.reason})",)) if isinstance(found, Unread) else (found, ())

    def _counters(self) -> tuple[tuple[str, int], ...]:
        text = self.system.read(NETSTAT)
        counted: Mapping[str, int] = {} if isinstance(text, Unread) else tcp_extensions(text)
        return tuple((name, counted[name]) for name in _COUNTERS if name in counted)

    def _sees_all(self) -> bool:
        text = self.system.read("/proc/self/status")
        return not isinstance(text, Unread) and may_trace(text)


def may_trace(status: str) -> bool:
    """Does ``CapEff`` of a /proc/PID/status hold CAP_SYS_PTRACE?"""
    digits = next((line.split()[-1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    try:
        return bool(int(digits, 16) >> _PTRACE & 1)
    except ValueError:
        return False

"""Is it who should serve the port, is it one program, and does it run?"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.findings import Finding
from pathprobe.layers.listening.cgroup import Container, Unit
from pathprobe.layers.listening.facts import Condition, Process, Sockets, processes_of
from pathprobe.layers.listening.looking import look
from pathprobe.layers.listening.servers import again
from pathprobe.layers.listening.wording import holder, listed

#: What stands in for somebody else: whom, is not to be read from its name.
_STAND_INS = ("docker-proxy", "rootlessport", "conmon", "slirp4netns", "pasta", "systemd")

#: What is wrong with a process that does not run -> status, in words, why, what helps.
_TROUBLES = {
    Condition.STOPPED: (Status.FAIL, "is stopped", "kill -CONT {pid}"),
    Condition.ZOMBIE: (Status.FAIL, "is a zombie", "ps -o pid,ppid,stat,cmd -p {pid}"),
    Condition.TRACED: (Status.WARN, "is halted by a debugger", "grep TracerPid /proc/{pid}/status"),
    Condition.STUCK: (Status.WARN, "waits for a disk or the like (state D)", "cat /proc/{pid}/stack"),
}
_UNATTENDED = "The kernel goes on to complete handshakes until the accept queue is full; nobody answers what is sent."
_SHARED = "The kernel gives each connection to one of them by a hash of its addresses: some clients meet the wrong one."
_BY_FAMILY = "Clients that come by IPv4 and by IPv6 meet different programs."
_TAKEN = "The service that should have the port could not bind it: Address already in use."


def find(facts: Sockets, expected: str | None) -> Iterator[Finding]:
    yield from _condition(processes_of(facts.serving))
    yield from _several(facts)
    if expected is not None:
        yield from _in_the_way(facts, expected)


def _condition(processes: tuple[Process, ...]) -> Iterator[Finding]:
    """As long as one of those who share the socket runs, connections are accepted."""
    # systemd keeps the sockets that it handed on.
    workers = [one for one in processes if one.name != "systemd"] or processes
    if any(one.condition is Condition.RUNS for one in workers):
        return
    for process in workers:
        status, told, help_ = _TROUBLES[process.condition]
        seen = Evidence(source=f"/proc/{process.pid}/status", ref="State", text=process.condition.value)
        yield Finding(
            status=status,
            sentence=f"{process.name} (pid {process.pid}) {told}",
            evidence=(seen,),
            why=_UNATTENDED,
            fix=(help_.format(pid=process.pid), *again(process.home)),
        )


def _several(facts: Sockets) -> Iterator[Finding]:
    """Different programs on one port; workers of one are no news."""
    names: dict[tuple[str, str | None], set[str]] = {}
    for socket in facts.serving:
        here = names.setdefault((socket.address, socket.device), set())
        here |= {process.name for process in socket.processes if process.name != "systemd"}
    shared = next((found for found in names.values() if _lead(facts, found)), None)
    wildcards = [names.get((any_, None), set()) for any_ in ("0.0.0.0", "::")]
    if shared:
        sentence = f"{listed(sorted(shared))} share it (SO_REUSEPORT)"
        yield Finding(status=Status.WARN, sentence=sentence, why=_SHARED, fix=(look(facts),))
    elif all(wildcards) and not wildcards[0] & wildcards[1]:
        four, six = (listed(sorted(one)) for one in wildcards)
        sentence = f"IPv4 clients meet {four}, IPv6 clients {six}"
        yield Finding(status=Status.WARN, sentence=sentence, why=_BY_FAMILY, fix=(look(facts),))


def _lead(facts: Sockets, names: set[str]) -> bool:
    """More than one program at a place, each with a socket of its own: forks of one process share the same."""
    inodes: dict[str, set[int]] = {}
    for socket in facts.serving:
        for process in socket.processes:
            inodes.setdefault(process.name, set()).add(socket.inode)
    sets = [inodes[name] for name in names]
    return len(sets) > 1 and not set.intersection(*sets)


def _in_the_way(facts: Sockets, expected: str) -> Iterator[Finding]:
    processes = processes_of(facts.serving)
    named = {activation.unit for activation in facts.activations} | {
        activation.socket for activation in facts.activations
    }
    if any(is_called(one, expected) for one in processes) or any(_stem(one) == _stem(expected) for one in named):
        return
    if not processes:
        sentence = f"whether that is {expected} could not be told"
        yield Finding(status=Status.UNKNOWN, sentence=sentence, fix=(look(facts),))
    elif all(one.name in _STAND_INS for one in processes):
        yield Finding(status=Status.WARN, sentence=f"whether it stands in for {expected} could not be told")
    else:
        who = holder(facts.serving, sees_all=facts.sees_all)
        sentence = f"{who} holds the port that {expected} should have"
        fix = _stop(processes[0])
        yield Finding(status=Status.FAIL, sentence=sentence, why=_TAKEN, fix=fix, is_mistaken=True)


def _stop(process: Process) -> tuple[str, ...]:
    match process.home:
        case Unit(name=name, user=None) if name.endswith(".service"):
            return (f"systemctl disable --now {quote(name)}",)
        case Container(engine="docker" | "podman") as container:
            return (f"{container.engine} stop {quote(container.short)}",)
        case _:
            return (f"kill {process.pid}",)


def is_called(process: Process, name: str) -> bool:
    """By the program, the first word of its command line, its unit or its container."""
    program = process.command.split(" ", 1)[0].rpartition("/")[2]
    match process.home:
        case Unit(name=unit):
            house = _stem(unit)
        case Container() as container:
            house = container.short
        case None:
            house = ""
    return _stem(name) in (process.name, program, house)


def _stem(name: str) -> str:
    return name.removesuffix(".service").removesuffix(".socket")

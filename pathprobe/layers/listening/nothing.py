"""Nothing serves the port: what does a client get, and what is near enough to be meant?"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from pathprobe.core.layers import Status
from pathprobe.layers.findings import Finding
from pathprobe.layers.listening.cgroup import Container
from pathprobe.layers.listening.facts import Elsewhere, Socket, Sockets, State, processes_of
from pathprobe.layers.listening.looking import look
from pathprobe.layers.listening.wording import clause, counted, endpoint, holder, listed, verb

_ANSWER = {
    "tcp": "a client's SYN is answered with a reset (connection refused)",
    "udp": "a client's datagram is answered with ICMP port unreachable",
}
_WHY = "Without a socket the kernel has nobody to give the packet to; no firewall rule makes up for that."
_NAMESPACE = (
    "A network namespace has its own ports: what listens in another one is reached by that one's addresses, "
    "or through a published port."
)
_ONE_PEER = "A UDP socket with a peer takes what comes from this peer, and nothing from anybody else."
_TAKEN = (
    "As long as a socket has the port, a server that binds it may be told Address already in use: one without "
    "SO_REUSEADDR always."
)

#: Failed units are listed by name up to here.
_FEW = 4


def find(facts: Sockets, expected: str | None) -> list[Finding]:
    told = f"nothing listens on {facts.protocol.upper()} port {facts.port}: {_ANSWER[facts.protocol]}"
    return [
        Finding(status=Status.FAIL, sentence=told, why=_WHY),
        *_across(facts),
        *(_elsewhere(one, facts) for one in facts.elsewhere),
        *_kin(facts, expected),
        *_taken(facts),
        *_failed(facts, expected),
        Finding(status=Status.FAIL, fix=(_start(facts, expected), look(facts, every=True))),
    ]


def _across(facts: Sockets) -> Iterator[Finding]:
    if facts.across:
        other = facts.across[0].protocol.upper()
        sentence = f"{holder(facts.across, sees_all=facts.sees_all)} has {other} port {facts.port} instead"
        yield Finding(status=Status.FAIL, sentence=sentence, evidence=tuple(one.seen for one in facts.across))


def _elsewhere(found: Elsewhere, facts: Sockets) -> Finding:
    socket = found.socket
    who = holder([socket], sees_all=facts.sees_all)
    sentence = f"{who} {verb([socket])} {endpoint(socket)} in {_place(found)}"
    return Finding(status=Status.FAIL, sentence=sentence, evidence=(socket.seen,), why=_NAMESPACE, fix=_visit(found))


def _place(found: Elsewhere) -> str:
    home = next((one.home for one in found.socket.processes), None)
    if isinstance(home, Container):
        return "its own network namespace"
    return f"the network namespace {found.namespace}" if found.namespace else "another network namespace"


def _visit(found: Elsewhere) -> tuple[str, ...]:
    options = "-ltn" if found.socket.protocol == "tcp" else "-lun"
    selection = f"'sport = :{found.socket.port}'"
    process = next(iter(processes_of([found.socket])), None)
    match process and process.home:
        case Container(engine="docker" | "podman") as container:
            return (f"{container.engine} port {quote(container.short)}",)
        case _ if process:
            return (f"nsenter -t {process.pid} -n ip -br address",)
        case _ if found.namespace:
            return (f"ip netns exec {quote(found.namespace)} ss {options}p {selection}",)
        case _:
            return ()


def _kin(facts: Sockets, expected: str | None) -> Iterator[Finding]:
    """The expected program serves other ports: the configuration has another number in it."""
    if facts.kin:
        sentence = f"{clause(facts.kin, sees_all=facts.sees_all)} instead"
        yield Finding(status=Status.FAIL, sentence=sentence, evidence=tuple(one.seen for one in facts.kin))
    elif expected:
        yield Finding(
            status=Status.FAIL, sentence=f"no {expected} to be seen here listens on any {facts.protocol.upper()} port"
        )


def _taken(facts: Sockets) -> Iterator[Finding]:
    waiting = [one for one in facts.sockets if one.state is State.TIME_WAIT]
    others = [one for one in facts.sockets if not one.serves and one.state is not State.TIME_WAIT]
    if others:
        yield _held(facts, others)
    if waiting:
        sentence = f"{counted(len(waiting), 'ended connection')} on this port in TIME_WAIT"
        seen = tuple(one.seen for one in waiting[:_FEW])
        yield Finding(status=Status.FAIL, sentence=sentence, evidence=seen, why=_TAKEN)


def _held(facts: Sockets, sockets: list[Socket]) -> Finding:
    seen = tuple(one.seen for one in sockets[:_FEW])
    peers = listed(dict.fromkeys(one.peer or "?" for one in sockets))
    who = holder(sockets, sees_all=facts.sees_all and any(one.inode for one in sockets))
    if facts.protocol == "udp":
        sentence = f"{who} has a socket on it that is connected to {peers} and hears nobody else"
        return Finding(status=Status.FAIL, sentence=sentence, evidence=seen, why=_ONE_PEER)
    sentence = f"{who} has {counted(len(sockets), 'connection')} with this local port, to {peers}"
    return Finding(status=Status.FAIL, sentence=sentence, evidence=seen, why=_TAKEN)


def _failed(facts: Sockets, expected: str | None) -> Iterator[Finding]:
    """A failed unit is named in the sentence when it is the expected one; others are evidence."""
    own = [one for one in facts.failed if expected and one.ref.partition(".")[0] == expected.removesuffix(".service")]
    if own:
        unit = own[0].ref
        fix = (f"journalctl -u {quote(unit)} -n 50 --no-pager", f"systemctl restart {quote(unit)}")
        yield Finding(status=Status.FAIL, sentence=f"{unit} has failed", evidence=tuple(own), fix=fix)
    else:
        yield Finding(status=Status.PASS, evidence=tuple(facts.failed[:_FEW]))


def _start(facts: Sockets, expected: str | None) -> str:
    where = f"{facts.port}/{facts.protocol}"
    return (
        f"systemctl start {quote(expected)}"
        if expected and not facts.kin
        else f"# start what should listen on {where}, or correct its port"
    )

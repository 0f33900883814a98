"""Is the port served, where strangers can reach it, by a process that is well?

Pure: facts in, one row out. What is looked at, in this order: is the packet handed on before any socket is asked; does
anything serve the port; on which addresses; is it who should; is it alive; has it room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pathprobe.core.layers import Evidence, Layer, LayerName, Status
from pathprobe.layers.findings import Finding, layer
from pathprobe.layers.listening import holders, nothing, placing, queues
from pathprobe.layers.listening.facts import Elsewhere, Socket, Sockets, processes_of
from pathprobe.layers.listening.wording import clause, endpoints, holder

_NOTHING_BEHIND = "What the rules send on is answered there as on any machine: by a reset where nothing listens."
_LOOPBACK_BEHIND = "A container has a loopback of its own; what comes from outside the container never arrives there."
_BEHIND_FIX = (
    "# let the program in the container listen on 0.0.0.0 and this port, or publish the port that it listens on",
)


def judge(
    facts: Sockets,
    *,
    expected: str | None = None,
    forwarded_to: str | None = None,
    behind: Sequence[Elsewhere] | None = None,
    address: str | None = None,
    version: int | None = None,
    is_local: bool = False,
) -> Layer:
    """The row of layer 1.

    ``expected``: the program (or unit, or container) that should serve the port. ``forwarded_to``: "172.17.0.2:80",
    where the firewall's rules send the packet on before a socket is looked for; ``behind``: what serves it there, None
    where that could not be looked at. ``address``: the address of this
    machine that clients use; ``version``: 4 or 6, the family that they use. None: any. ``is_local``: the client is
    this machine itself, which may use its loopback addresses.
    """
    if forwarded_to is not None:
        found = [_handed_on(facts, forwarded_to, behind)]
    elif facts.serving:
        used = _used(facts, address, version)
        found = [
            placing.find(facts, used, address=address, version=version, is_local=is_local),
            *holders.find(used, expected),
            *queues.find(used),
            Finding(status=Status.PASS, evidence=tuple(_seen(used))),
        ]
    else:
        found = nothing.find(facts, expected)
    found.append(Finding(status=Status.PASS, evidence=tuple(_not_seen(facts))))
    return layer(LayerName.LISTENING, found)


def _used(facts: Sockets, address: str | None, version: int | None) -> Sockets:
    """Without the sockets that such clients never meet; all of them where none is met."""
    met = tuple(one for one in facts.serving if placing.meets(one, address, version) is not False)
    return replace(facts, sockets=met or facts.serving)


def _handed_on(facts: Sockets, forwarded_to: str, behind: Sequence[Elsewhere] | None) -> Finding:
    if behind is not None and all(one.socket.is_loopback for one in behind):
        return _unserved_behind(facts, forwarded_to, behind)
    told = f"{facts.protocol.upper()} port {facts.port} is handed on to {forwarded_to} before any socket is asked"
    if facts.serving:
        who = holder(facts.serving, sees_all=facts.sees_all)
        told += f", so that {who} on {endpoints(facts.serving)} gets only what comes from this machine itself"
    if behind:
        sockets = [one.socket for one in behind]
        told += f"; there {clause(sockets, sees_all=facts.sees_all)}"
        return Finding(status=Status.PASS, sentence=told, evidence=(*_seen(facts), *(one.seen for one in sockets)))
    return Finding(
        status=Status.UNKNOWN,
        sentence=f"{told}; whether it is served there cannot be seen from here",
        evidence=tuple(_seen(facts)),
        why="No container of this machine that may be looked into has that address.",
        fix=(f"sudo pathprobe {facts.protocol} {forwarded_to}",),
    )


def _unserved_behind(facts: Sockets, forwarded_to: str, behind: Sequence[Elsewhere]) -> Finding:
    """The usual faults of a published port: the program in the container is not there, or listens for itself alone."""
    told = f"{facts.protocol.upper()} port {facts.port} is handed on to {forwarded_to}, where "
    sockets = [one.socket for one in behind]
    if not sockets:
        told += "nothing listens"
        return Finding(status=Status.FAIL, sentence=told, why=_NOTHING_BEHIND, fix=_BEHIND_FIX)
    told += clause(sockets, sees_all=facts.sees_all, only=True)
    seen = tuple(one.seen for one in sockets)
    return Finding(status=Status.FAIL, sentence=told, evidence=seen, why=_LOOPBACK_BEHIND, fix=_BEHIND_FIX)


def _seen(facts: Sockets) -> Iterable[Evidence]:
    """The sockets' lines, then the processes'."""
    yield from (one.seen for one in facts.sockets)
    yield from (one.seen for one in facts.activations)
    yield from _commands(facts.sockets)


def _commands(sockets: Iterable[Socket]) -> Iterable[Evidence]:
    for process in processes_of(sockets):
        if process.command:
            yield Evidence(source=f"/proc/{process.pid}/cmdline", ref=f"pid {process.pid}", text=process.command)


def _not_seen(facts: Sockets) -> Iterable[Evidence]:
    for what in facts.unseen:
        yield Evidence(source="not seen", text=what)
    if not facts.sees_all and not all(one.pids for one in facts.sockets):
        yield Evidence(source="not seen", text="the processes of other users (run as root to see whose a socket is)")

"""Has the socket room for the next connection or datagram, and did it turn any away?"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.findings import Finding
from pathprobe.layers.listening.facts import Socket, Sockets
from pathprobe.layers.listening.servers import again
from pathprobe.layers.listening.wording import endpoint

#: Share of an accept queue from which on it is worth a word, and how few waiting are none.
_NEARLY, _FEW = 0.75, 8

_FULL = (
    "The kernel drops the SYNs and the last ACKs of further clients without a word: to these the port looks filtered. "
    "The program accepts too slowly, or does not accept at all."
)
_FULL_UDP = "The kernel drops further datagrams: the program reads too slowly, or does not read at all."
_DROPPED = "The accept queue was full at times; clients then waited a second or more, or gave up."
_ANYWHERE = "It may have been any listener of this machine: only ss -m tells which."
_DROPPED_UDP = "The receive buffer was full at times: the program reads too slowly, or the buffer is too small."


def find(facts: Sockets) -> Iterator[Finding]:
    for socket in facts.serving:
        yield from _present(socket)
    yield from _past_udp(facts) if facts.protocol == "udp" else _past_tcp(facts)


def _present(socket: Socket) -> Iterator[Finding]:
    is_tcp = socket.protocol == "tcp"
    where = f"{endpoint(socket)}'s {'accept queue' if is_tcp else 'receive queue'}"
    if socket.is_full:
        waiting = f"{socket.queued} connections wait, {socket.room} may" if is_tcp else f"{socket.queued} octets wait"
        sentence = f"{where} is full ({waiting})"
        yield Finding(status=Status.FAIL, sentence=sentence, why=_FULL if is_tcp else _FULL_UDP, fix=_fix(socket))
    elif is_tcp and socket.queued and socket.room and socket.queued >= max(_FEW, _NEARLY * socket.room):
        sentence = f"{where} is nearly full ({socket.queued} of {socket.room})"
        yield Finding(status=Status.WARN, sentence=sentence, why=_FULL, fix=_fix(socket))


def _fix(socket: Socket) -> tuple[str, ...]:
    """What the program does instead of accepting, then the restart."""
    if not socket.processes:
        return (f"sudo ss -ltunp 'sport = :{socket.port}'",)
    first = socket.processes[0]
    return f"cat /proc/{first.pid}/wchan; top -b -n 1 -p {first.pid}", *again(first.home)


def _past_tcp(facts: Sockets) -> Iterator[Finding]:
    """The socket's own count has stray segments in it too, so that the namespace's overflows must speak as well."""
    overflows = facts.counter("ListenOverflows")
    if not overflows:
        return
    counted = f"ListenOverflows {overflows}, ListenDrops {facts.counter('ListenDrops')}"
    seen = Evidence(source="/proc/net/netstat", ref="TcpExt", text=counted)
    known = [one.drops for one in facts.serving if one.drops is not None]
    if len(known) < len(facts.serving):
        sentence = f"listeners of this machine turned {overflows} connections away since it started"
        yield Finding(status=Status.WARN, sentence=sentence, evidence=(seen,), why=_ANYWHERE)
    elif sum(known):
        sentence = f"it turned {sum(known)} packets away since it was opened"
        fix = ("sysctl net.core.somaxconn", f"ss -ltnm 'sport = :{facts.port}'")
        yield Finding(status=Status.WARN, sentence=sentence, evidence=(seen,), why=_DROPPED, fix=fix)


def _past_udp(facts: Sockets) -> Iterator[Finding]:
    drops = sum(one.drops or 0 for one in facts.serving)
    if drops:
        sentence = f"{drops} datagrams were dropped since the socket was opened"
        fix = ("sysctl net.core.rmem_default net.core.rmem_max", f"ss -lunm 'sport = :{facts.port}'")
        yield Finding(status=Status.WARN, sentence=sentence, why=_DROPPED_UDP, fix=fix)

"""Has the socket room for the next connection or datagram, and did it turn any away?"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Evidence, Status
from pathprobe.layers.findings import Finding
from pathprobe.layers.listening.facts import Socket, Sockets
from pathprobe.layers.listening.looking import look
from pathprobe.layers.listening.servers import again
from pathprobe.layers.listening.wording import counted, endpoint

#: Share of an accept queue from which on it is worth a word, and how few waiting are none.
_NEARLY, _FEW = 0.75, 8

_FULL = (
    "The kernel drops the SYNs and the last ACKs of further clients without a word: to these the port looks filtered. "
    "The program accepts too slowly, or does not accept at all."
)
_FULL_UDP = "The kernel drops further datagrams: the program reads too slowly, or does not read at all."
_DROPPED = "Clients whose packet is dropped wait a second or more, or give up."
_ANYWHERE = "It may have been any listener of this machine: only ss -m tells which."
_DROPPED_UDP = "The receive buffer was full at times: the program reads too slowly, or the buffer is too small."


def find(facts: Sockets) -> Iterator[Finding]:
    for socket in facts.serving:
        yield from _present(socket, look(facts))
    yield from _past_udp(facts) if facts.protocol == "udp" else _past_tcp(facts)


def _present(socket: Socket, looking: str) -> Iterator[Finding]:
    is_tcp = socket.protocol == "tcp"
    where = f"{endpoint(socket)}'s {'accept queue' if is_tcp else 'receive queue'}"
    if socket.is_full:
        waiting = f"{_waiting(socket)}, {socket.room} may" if is_tcp else f"{socket.queued} octets wait"
        sentence = f"{where} is full ({waiting})"
        why = _FULL if is_tcp else _FULL_UDP
        yield Finding(status=Status.FAIL, sentence=sentence, why=why, fix=_fix(socket, looking))
    elif is_tcp and socket.queued and socket.room and socket.queued >= max(_FEW, _NEARLY * socket.room):
        sentence = f"{where} is nearly full ({socket.queued} of {socket.room})"
        yield Finding(status=Status.WARN, sentence=sentence, why=_FULL, fix=_fix(socket, looking))


def _waiting(socket: Socket) -> str:
    return f"{counted(socket.queued or 0, 'connection')} {'waits' if socket.queued == 1 else 'wait'}"


def _fix(socket: Socket, looking: str) -> tuple[str, ...]:
    """What the program does instead of accepting, then the restart."""
    if not socket.processes:
        return (f"sudo {looking}",)
    first = socket.processes[0]
    return f"cat /proc/{first.pid}/wchan; top -b -n 1 -p {first.pid}", *again(first.home)


def _past_tcp(facts: Sockets) -> Iterator[Finding]:
    """The socket's own count has stray segments in it too, so that the namespace's overflows must speak as well."""
    overflows = facts.counter("ListenOverflows")
    if not overflows:
        return
    counters = f"ListenOverflows {overflows}, ListenDrops {facts.counter('ListenDrops')}"
    seen = Evidence(source="/proc/net/netstat", ref="TcpExt", text=counters)
    known = [one.drops for one in facts.serving if one.drops is not None]
    if len(known) < len(facts.serving):
        sentence = f"listeners of this machine turned {counted(overflows, 'connection')} away since it started"
        yield Finding(status=Status.WARN, sentence=sentence, evidence=(seen,), why=_ANYWHERE)
    elif sum(known):
        sentence = f"it dropped {counted(sum(known), 'packet')} since it was opened ({_reason(facts)})"
        fix = ("sysctl net.core.somaxconn", look(facts, more="m"))
        yield Finding(status=Status.WARN, sentence=sentence, evidence=(seen,), why=_DROPPED, fix=fix)


def _reason(facts: Sockets) -> str:
    """tcp_conn_request() counts all its reasons at the socket alike; overflows are those of any listener here."""
    if any(one.is_full for one in facts.serving):
        return "its accept queue is full"
    return "a full accept queue at the time, or no route for the answer"


def _past_udp(facts: Sockets) -> Iterator[Finding]:
    drops = sum(one.drops or 0 for one in facts.serving)
    if drops:
        were = "was" if drops == 1 else "were"
        sentence = f"{counted(drops, 'datagram')} {were} dropped since the socket was opened"
        fix = ("sysctl net.core.rmem_default net.core.rmem_max", look(facts, more="m"))
        yield Finding(status=Status.WARN, sentence=sentence, why=_DROPPED_UDP, fix=fix)

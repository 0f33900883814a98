"""Do the kernel's limits keep new TCP connections out?

listen(2) gets at most net.core.somaxconn; half-open connections are bounded by tcp_max_syn_backlog, beyond which
SYN cookies stand in where they are allowed (tcp_conn_request()).
"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Status
from pathprobe.layers.counters import NETSTAT
from pathprobe.layers.findings import Finding
from pathprobe.layers.kernel.facts import Kernel, counted
from pathprobe.layers.kernel.question import Question
from pathprobe.layers.listening.facts import Socket

_SOMAXCONN = "net/core/somaxconn"
_COOKIES, _HALF_OPEN = "net/ipv4/tcp_syncookies", "net/ipv4/tcp_max_syn_backlog"
_ABORT, _RECYCLE = "net/ipv4/tcp_abort_on_overflow", "net/ipv4/tcp_tw_recycle"

#: What the kernel's default has been since Linux 5.4.
_ROOMY = 4096

_CAPPED = "Whatever the program asks of listen(2), its accept queue is no longer than net.core.somaxconn."
_NO_COOKIES = "Without SYN cookies SYNs are dropped as soon as too many handshakes are half done."
_ABORTS = "With tcp_abort_on_overflow a full accept queue answers with resets: it looks as if nothing listened."
_RECYCLES = "With tcp_tw_recycle the SYNs of clients behind one address are dropped when their clocks differ."


def find(facts: Kernel, question: Question) -> Iterator[Finding]:
    if question.protocol != "tcp" or question.forwarded:
        return
    yield from _recycling(facts)
    yield from _cookies(facts)
    listeners = question.sockets.serving if question.sockets else ()
    for socket in listeners:
        yield from _capped(facts, socket, overflows=facts.tcp.get("ListenOverflows", 0))
    if facts.number(_ABORT) == 1:
        yield from _aborting(facts, listeners)


def _capped(facts: Kernel, socket: Socket, *, overflows: int) -> Iterator[Finding]:
    most = facts.number(_SOMAXCONN)
    if most is None or socket.room is None or socket.room < most:
        return
    if socket.is_full or (overflows and socket.drops):
        # Overflows are the whole machine's, and the socket's own drops have other reasons too.
        short = "is too short" if socket.is_full else "may have been too short"
        yield Finding(
            status=Status.WARN,
            sentence=f"its accept queue {short} and is as long as net.core.somaxconn allows ({most})",
            evidence=facts.seen(_SOMAXCONN),
            why=_CAPPED,
            fix=(
                f"sysctl -w net.core.somaxconn={max(_ROOMY, most * 2)}",
                "# then restart the program, with a larger backlog",
            ),
        )
    else:
        yield Finding(status=Status.PASS, evidence=facts.seen(_SOMAXCONN))


def _cookies(facts: Kernel) -> Iterator[Finding]:
    dropped = facts.tcp.get("TCPReqQFullDrop", 0)
    if facts.number(_COOKIES) == 0 and dropped:
        yield Finding(
            status=Status.WARN,
            sentence=f"{dropped} SYNs were dropped since the start, for too many handshakes were half done",
            evidence=(*facts.seen(_COOKIES, _HALF_OPEN), counted(NETSTAT, TCPReqQFullDrop=dropped)),
            why=_NO_COOKIES,
            fix=("sysctl -w net.ipv4.tcp_syncookies=1",),
        )


def _aborting(facts: Kernel, listeners: tuple[Socket, ...]) -> Iterator[Finding]:
    if any(one.is_full for one in listeners):
        sentence = "the full accept queue answers clients with a reset"
        fix = ("sysctl -w net.ipv4.tcp_abort_on_overflow=0",)
        yield Finding(status=Status.WARN, sentence=sentence, evidence=facts.seen(_ABORT), why=_ABORTS, fix=fix)
    else:
        yield Finding(status=Status.PASS, evidence=facts.seen(_ABORT))


def _recycling(facts: Kernel) -> Iterator[Finding]:
    if facts.number(_RECYCLE) == 1:
        sentence = "tcp_tw_recycle is on: of several clients behind one NAT some are not heard"
        fix = ("sysctl -w net.ipv4.tcp_tw_recycle=0",)
        yield Finding(status=Status.WARN, sentence=sentence, evidence=facts.seen(_RECYCLE), why=_RECYCLES, fix=fix)

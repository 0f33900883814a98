"""May an outgoing connection take the port before its server does?

The kernel gives outgoing connections ports of ip_local_port_range, save those in ip_local_reserved_ports; both stand
for IPv6 too.
"""

from __future__ import annotations

from collections.abc import Iterator

from pathprobe.core.layers import Status
from pathprobe.layers.findings import Finding
from pathprobe.layers.kernel.facts import Kernel
from pathprobe.layers.kernel.question import Question

_RANGE, _RESERVED = "net/ipv4/ip_local_port_range", "net/ipv4/ip_local_reserved_ports"
_PRIVILEGED = "net/ipv4/ip_unprivileged_port_start"

_WHY = "A connection that got the port by chance keeps the server from binding it: Address already in use."


def find(facts: Kernel, question: Question) -> Iterator[Finding]:
    if question.forwarded or question.sockets is None:
        return
    taken_first = _is_given_away(facts, question.port)
    if question.sockets.serving:
        if taken_first:
            yield Finding(status=Status.PASS, evidence=facts.seen(_RANGE, _RESERVED))
        return
    if taken_first:
        yield _given_away(facts, question.port)
    if question.port < (facts.number(_PRIVILEGED) or 0):
        yield Finding(status=Status.PASS, evidence=facts.seen(_PRIVILEGED))


def _is_given_away(facts: Kernel, port: int) -> bool:
    ends = facts.numbers(_RANGE)
    return len(ends) == 2 and ends[0] <= port <= ends[1] and not is_in(port, facts.settings.get(_RESERVED, ""))


def _given_away(facts: Kernel, port: int) -> Finding:
    first, last = facts.numbers(_RANGE)
    reserved = facts.settings.get(_RESERVED, "")
    return Finding(
        status=Status.WARN,
        sentence=f"port {port} is one of those for outgoing connections ({first}-{last}) and not reserved: "
        "one of these may take it before its server does",
        evidence=facts.seen(_RANGE, _RESERVED),
        why=_WHY,
        fix=(f"sysctl -w net.ipv4.ip_local_reserved_ports={reserved}{',' if reserved else ''}{port}",),
    )


def is_in(port: int, text: str) -> bool:
    """``text``: ports and ranges as in ``8080,9148-9150``."""
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdecimal() and int(first) <= port <= int(last if last.isdecimal() else first):
            return True
    return False

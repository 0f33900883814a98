"""Something arrived, and nothing else was seen of it: what does this machine itself say about that?

A SYN that finds the listener's queue full, and one whose SYN-ACK has no route, are forgotten without a drop that the
kernel would tell of (tcp_conn_request). So both are looked at once, at the end.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping

from pathprobe.core.arrivals.facts import Attempt, Fate, Queue
from pathprobe.layers.listening import ss
from pathprobe.net import program
from pathprobe.net.program import NoAnswer
from pathprobe.net.routes import NoRoute, NotOneHost, lookup

#: Seconds that ss has, and sources whose way back is looked at.
_PATIENCE, _MOST_SOURCES = 2.0, 64

#: What a route that refuses is, by the error that it makes (net/ipv4/fib_semantics.c, fib_props).
_REFUSALS = {
    "ENETUNREACH": "this host has no route to it",
    "EHOSTUNREACH": "its route is of type unreachable",
    "EACCES": "its route is of type prohibit",
    "EINVAL": "its route is of type blackhole",
}


def queues(protocol: str, port: int, attempts: Iterable[Attempt]) -> tuple[Queue, ...]:
    """Of who listens on the port, where an attempt to connect was not answered; none where ss cannot tell."""
    place = program.place_of("ss")
    if protocol != "tcp" or place is None or not any(map(_is_forgotten, attempts)):
        return ()
    found: list[Queue] = []
    for version in (4, 6):
        words = (place, f"-{version}", "-l", "-t", "-u", "-n", "-e", "-m", f"sport = :{port}")
        try:
            said = program.ask(*words, patience=_PATIENCE)
        except NoAnswer:
            break
        found += (
            Queue(address=one.address, waiting=one.queued, room=one.room)
            for one in ss.parse(said.out, version=version, source="ss")
            if one.protocol == protocol and one.queued is not None and one.room is not None
        )
    return tuple(found)


def ways_back(attempts: Iterable[Attempt]) -> Mapping[str, str]:
    """Source -> why this host would not send there, "" where it would; left out where that is not known."""
    found: dict[str, str] = {}
    for one in filter(_is_forgotten, attempts):
        if len(found) < _MOST_SOURCES and one.source not in found:
            why = _why_not(one)
            if why is not None:
                found[one.source] = why
    return found


def _is_forgotten(attempt: Attempt) -> bool:
    return attempt.fate is Fate.UNANSWERED


def _why_not(attempt: Attempt) -> str | None:
    """As the answer would go, and then from any address: one that this host does not have itself is refused too."""
    for own in (attempt.destination, None):
        try:
            lookup(attempt.source, source=own, interface=_interface(attempt))
            return ""
        except NoRoute as error:
            if own is None or error.error != errno.errorcode[errno.EINVAL]:
                return _REFUSALS.get(error.error, f"the kernel says {error.error}")
        except (NotOneHost, OSError):
            return None
    return None


def _interface(attempt: Attempt) -> str | None:
    """A link-local address means nobody without it."""
    return attempt.interface if attempt.source.lower().startswith("fe80:") else None

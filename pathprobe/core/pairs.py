"""What is asked of very many ports, and what is known of each afterwards?

A pair is one port of one address. The first pass over very many of them asks the least that tells open from closed
from silent; where and why a port dies is another question, asked later of those that are not open.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pathprobe.core.probes import Kind


class PairState(StrEnum):
    """What became of a pair.

    ``CLOSED``: the target itself said so, with a reset or, for UDP, port unreachable. ``REFUSED``: an ICMP error that
    is no proof of that. ``SILENT``: no answer to any try. ``NOT_SENT``: this host would not send it.
    """

    OPEN = "open"
    CLOSED = "closed"
    REFUSED = "refused"
    SILENT = "silent"
    NOT_SENT = "not sent"


class Pair(NamedTuple):
    """One port of one address: canonical text without a zone. For echo the port is 0.

    A named tuple, for hundreds of thousands are kept and looked up by: it is hashed and compared in a third of the
    time that a dataclass takes.
    """

    kind: Kind
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of a pair.

    ``rtt`` in seconds. ``source`` and ``ttl`` are those of the packet that decided; all three are None when there was
    none. ``message``: the ICMP error's name for REFUSED, the errno's name for NOT_SENT, else None.
    """

    pair: Pair
    state: PairState
    rtt: float | None = None
    source: str | None = None
    ttl: int | None = None
    message: str | None = None

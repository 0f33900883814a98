"""What can become of a TCP connection after its SYN?

Worst first where several are true:

===============  ====================================================================================================
stalled          data was sent again and again and never acknowledged
cut              octets are missing in what an end sent, later ones arrived, and nobody filled the hole
reset by a box   an end's reset came with another TTL than that end's other packets
reset            the end that was asked reset it in the middle
unanswered       the request was acknowledged, and no answer to it came
repeated         SYN-ACK after SYN-ACK, though the host that asked had acknowledged
unheard          SYN-ACK after SYN-ACK, or SYN after SYN, and the host that asked never reacted to an answer
shut             an end closed its window and did not open it again: its program does not read
disowned         the host that asked met the SYN-ACK with a reset, as port scanners do
fine             none of these
===============  ====================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What came of the SYN."""

    SILENT = "silent"
    ANSWERED = "answered"
    RESET = "reset"
    REFUSED = "refused"


class Course(StrEnum):
    """What came of the connection, in the order of trouble."""

    STALLED = "stalled"
    CUT = "cut"
    RESET_BY_BOX = "reset-by-box"
    RESET = "reset"
    UNANSWERED = "unanswered"
    REPEATED = "repeated"
    UNHEARD = "unheard"
    SHUT = "shut"
    DISOWNED = "disowned"
    FINE = "fine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The course of one connection and its numbers.

    ``by_asker``: the data, hole or window is of the host that asked. ``size``: octets of the segment that stuck, of the
    hole, or of the request; ``passed``: of the largest segment of that end that was acknowledged; ``octets``: of all
    data that was, in both directions, before a reset of all that was sent. ``tries``: sendings. ``seconds`` it lasted.
    ``ttl`` of the reset, ``usual`` of that end's other packets.
    """

    course: Course
    by_asker: bool = False
    size: int = 0
    passed: int = 0
    octets: int = 0
    tries: int = 0
    seconds: float = 0.0
    ttl: int = 0
    usual: int = 0

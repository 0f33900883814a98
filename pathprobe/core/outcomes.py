"""What became of one probe?

Different fates are different classes: nothing came (Silent), it was never sent (NotSent), a router
let it expire (TimeExceeded), a box refused it (Rejected, Unreachable), the port answered (Answered,
Reset). Times are seconds on the session's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pathprobe.core.icmp import Message
from pathprobe.core.packets import Extension, Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A packet that carried the probe's token: from whom, when, and with which TTL it arrived."""

    source: str
    received: float
    rtt: float
    ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Reply):
    """SYN-ACK or echo reply: what a working service says."""

    name: ClassVar[str] = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Reply):
    """A TCP RST that acknowledges our SYN."""

    name: ClassVar[str] = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Reply):
    """An ICMP error that ends the probe; ``message`` says in which words, ``extensions`` what else it says."""

    message: Message
    quote: Quote
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Refusal):
    """An ICMP error that says "not allowed" or "no such port"."""

    name: ClassVar[str] = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable(Refusal):
    """An ICMP error that says "cannot get there"."""

    name: ClassVar[str] = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeExceeded(Refusal):
    """The TTL ran out at ``source``: proof that the probe got that far."""

    name: ClassVar[str] = "time-exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class TooBig(Refusal):
    """A router could not pass it on whole: its next link takes ``next_hop_mtu`` octets.

    None from a router older than RFC 1191, which gives no number.
    """

    name: ClassVar[str] = "too-big"

    next_hop_mtu: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """Nothing came in ``waited`` seconds."""

    name: ClassVar[str] = "silent"

    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """This host did not send it. ``error`` is an errno name, or NOT_SEEN when the kernel took
    the packet and it never left the interface (an egress rule: tc, netdev)."""

    name: ClassVar[str] = "not-sent"

    error: str


class Ended(StrEnum):
    """Who ended the half-open connection that a SYN-ACK leaves (RFC 9293 section 3.10.7.1).

    The kernel does when the SYN-ACK gets through to its TCP. We do when it did not.
    """

    BY_KERNEL = "kernel"
    BY_US = "us"


#: NotSent.error of a packet that send() accepted and that no tap saw leave.
NOT_SEEN = "NOT_SEEN"

Outcome = Answered | Reset | Rejected | Unreachable | TimeExceeded | TooBig | Silent | NotSent

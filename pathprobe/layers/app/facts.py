"""What was seen when a service was asked in its own protocol?

Facts alone: which step came how far, what the peer said, what its certificate holds. Texts of the network are bounded
and printable before they come here (``printable``), octets are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pathprobe.layers.app.certificate import Certificate
from pathprobe.layers.app.target import Question


class Step(StrEnum):
    """The steps of a conversation, in their order."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "TLS"
    FIRST_BYTE = "first byte"
    ANSWER = "answer"


class How(StrEnum):
    """How a step ended that did not succeed."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"
    UNREACHABLE = "unreachable"
    #: This machine itself does not let it out (EACCES, EPERM).
    DENIED = "denied"
    #: The peer ended it by a TLS alert.
    ALERT = "alert"
    #: What came is not of the protocol that was asked for.
    OTHER_PROTOCOL = "other protocol"
    #: The TLS library of this machine does not go on with what came.
    UNACCEPTED = "unaccepted"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a conversation. ``alert``: the number of the peer's TLS alert (RFC 8446 section 6)."""

    how: How
    detail: str = ""
    alert: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """Seconds that a step took."""

    step: Step
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A connection that was tried. ``ended``: None where it came about."""

    address: str
    seconds: float
    ended: Ended | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelView:
    """What the kernel knows of a TCP connection (tcp_info), in segments; ``path_mtu`` and ``largest_sent`` in octets.

    ``unacknowledged``: sent and not confirmed; ``sent_again``: of ours; ``out_of_order``: came while an earlier one
    was missing.
    """

    unacknowledged: int
    sent_again: int
    out_of_order: int
    path_mtu: int
    largest_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A step that was begun and did not succeed.

    ``head``: the first octets that came in clear; ``sent`` and ``received`` count octets on the wire.
    ``offered``: the version that the server chose in its ServerHello, such as "TLS 1.0". ``wants_certificate``: it had
    asked for one of the client. ``speaks_tls``: asked in clear it hung up, and TLS it answers.
    """

    step: Step
    ended: Ended
    seconds: float
    head: bytes = b""
    sent: int = 0
    received: int = 0
    offered: str | None = None
    wants_certificate: bool = False
    speaks_tls: bool = False
    kernel: KernelView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrust:
    """Why this machine does not trust a chain: OpenSSL's number (x509_vfy.h) and words."""

    code: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """A TLS handshake that came to its end.

    ``name``: the one that the certificate should have; ``sent_name``: whether it was sent (SNI), which an address
    is not. ``chain``: as the server sent it, its own first; ``distrust``: None where this machine trusts it.
    ``octets``: received until then. ``anchor``: the certificate that this machine trusts and the chain ends at, in PEM.
    """

    name: str
    sent_name: bool
    version: str
    cipher: str
    alpn: str | None
    chain: tuple[Certificate, ...]
    distrust: Distrust | None
    wants_certificate: bool
    octets: int = 0
    anchor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """``version``: "1.1"; ``body``: its beginning, printable; ``length``: octets of it that were read."""

    version: str
    status: int
    reason: str
    location: str | None = None
    server: str | None = None
    strict_transport: str | None = None
    authenticate: str | None = None
    body: str = ""
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A gRPC call: its status ("OK", "UNIMPLEMENTED") and what came with it, the peer's words or the answer."""

    code: str
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcAnswer:
    """``health``: the word of the health service, where it gave one; ``services``: the list of the reflection.

    ``missing``: what there is to install before more can be asked.
    """

    health: Call | None = None
    serving: str | None = None
    reflection: Call | None = None
    services: tuple[str, ...] = ()
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What a server said before anybody asked; empty where it waits for its client."""

    octets: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """One answer of a DNS server, over ``transport`` "UDP" or "TCP"; ``ended`` where none came.

    ``code``: RCODE (RFC 1035 section 4.1.1); ``addresses``: of the A and AAAA records among the answers.
    """

    transport: str
    seconds: float
    ended: Ended | None = None
    code: int = 0
    is_truncated: bool = False
    is_authoritative: bool = False
    recursion: bool = False
    answers: int = 0
    addresses: tuple[str, ...] = ()
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """All of it. ``withheld``: the request was not sent, for the certificate does not hold."""

    question: Question
    addresses: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    times: tuple[Took, ...] = ()
    handshake: Handshake | None = None
    http: HttpAnswer | None = None
    grpc: GrpcAnswer | None = None
    banner: Banner | None = None
    dns: tuple[DnsAnswer, ...] = ()
    broken: Broken | None = None
    withheld: bool = False

    @property
    def address(self) -> str | None:
        """The one that was connected to."""
        return next((one.address for one in self.attempts if one.ended is None), None)

    @property
    def total(self) -> float:
        return sum(one.seconds for one in self.times)


_MOST_SHOWN = 200


def printable(text: str | bytes, most: int = _MOST_SHOWN) -> str:
    """A text of the network, harmless on a terminal: nothing but printable characters, at most so many."""
    if isinstance(text, bytes):
        text = text[: most * 4].decode("utf-8", "replace")
    shown = "".join(
        one
        if one.isprintable()
        else " "
        if one.isspace() and one in "\t\r\n"
        else one.encode("unicode_escape").decode()
        for one in text[: most + 1]
    )
    shown = shown.rstrip()
    return shown if len(shown) <= most else shown[:most] + "..."

"""What is a firewall's owner asked, and what does it say?

An owner is whoever writes the kernel's rules for somebody: firewalld, ufw, Docker, a person with nft. It keeps a
configuration of its own, which may say other things than the rules that are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pathprobe.core.layers import Evidence, Status

FIREWALLD = "firewalld"
UFW = "ufw"
DOCKER = "Docker"

#: Stands in a command for the client's address.
CLIENT = "CLIENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A packet to this port. None: of either version, by whatever interface, from anybody. ``protocol``: tcp or udp.

    ``only_source``: the port is to be opened for this client alone, for it is open to some clients only.
    """

    port: int
    protocol: str = "tcp"
    version: int | None = None
    interface: str | None = None
    source: str | None = None
    only_source: bool = False

    @property
    def named(self) -> str:
        return f"{self.port}/{self.protocol}"

    @property
    def client(self) -> str:
        """The source; a word to put it in for where it is not known."""
        return self.source or CLIENT

    @property
    def of_ipv6(self) -> bool:
        return self.version == 6 or ":" in (self.source or "")


class Answer(StrEnum):
    ALLOWS = "allows"
    DENIES = "denies"
    NOTHING = "nothing"  # it does not speak of the port, and what is not allowed is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a configuration says of a port, and ``by`` which of its lines.

    ``allows_some``, ``denies_some``: lines before that one which decide for some packets only: from one network, of
    one IP version, to one address.
    """

    answer: Answer
    by: str = ""
    allows_some: tuple[str, ...] = ()
    denies_some: tuple[str, ...] = ()


class Kind(StrEnum):
    """How an owner's configuration stands to a port."""

    LETS_IN = "lets in"  # now and after the next reload
    NOT_KEPT = "not kept"  # now, and not after the next reload
    NOT_LOADED = "not loaded"  # written, and not in force yet
    NOT_LET_IN = "not let in"
    ONLY_SOME = "only some"
    NOT_IN_FORCE = "not in force"  # the owner does not run
    NOT_PUBLISHED = "not published"  # to this machine only
    NOT_SEEN = "not seen"


STATUS = {
    Kind.LETS_IN: Status.PASS,
    Kind.NOT_KEPT: Status.WARN,
    Kind.NOT_LOADED: Status.FAIL,
    Kind.NOT_LET_IN: Status.FAIL,
    Kind.ONLY_SOME: Status.WARN,
    Kind.NOT_IN_FORCE: Status.SKIP,
    Kind.NOT_PUBLISHED: Status.FAIL,
    Kind.NOT_SEEN: Status.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What an owner's configuration says by itself; where the kernel's rules were read, these have the last word.

    ``sentence``: empty where it only says what could not be seen, which is evidence then.
    """

    owner: str
    kind: Kind
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    fix: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        return STATUS[self.kind]


def not_seen(owner: str, what: str) -> Remark:
    """``what``: with the reason in brackets: "ufw's rules (/etc/ufw/ufw.conf: Permission denied)"."""
    seen = (Evidence(source="not seen", text=what),)
    return Remark(owner=owner, kind=Kind.NOT_SEEN, sentence="", evidence=seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whose the rule that stopped a packet is, and how the port is opened there.

    ``owner``: None where nobody is known to keep it. ``sentence``: the cause in the owner's own terms, empty where the
    rule says all there is to say. ``fixes``: the best first; alternatives have OR (findings) between them. ``note``:
    what to mind when doing so.
    """

    owner: str | None = None
    sentence: str = ""
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[str, ...] = ()
    note: str = ""

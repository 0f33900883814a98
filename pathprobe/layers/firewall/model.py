"""What is a ruleset made of, whoever wrote it: nft, iptables in both flavours, or a tool on top of these?

Tables hold chains, chains hold rules, a rule is a row of statements. A statement is a condition (the rule goes on only
where it holds), an effect (it changes the packet or its connection) or a verdict. What no reader understands is kept as
an Opaque condition: it may hold or not, and whoever evaluates it has to say so. Counters, logging and comments decide
nothing and are no statements.

Numbers: addresses, ports, marks and the like are integers in host order; a range has both ends. Names after nft(8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntFlag, StrEnum

#: First and last, both included.
Range = tuple[int, int]
Ranges = tuple[Range, ...]


class Backend(StrEnum):
    NFT = "nft"
    IPTABLES_NFT = "iptables-nft"
    IPTABLES_LEGACY = "iptables-legacy"


class Family(StrEnum):
    """Of a table, as nft names it."""

    INET = "inet"
    IP = "ip"
    IP6 = "ip6"
    NETDEV = "netdev"
    BRIDGE = "bridge"
    ARP = "arp"


class Hook(StrEnum):
    """Where in the kernel a chain is called."""

    INGRESS = "ingress"
    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    OUTPUT = "output"
    POSTROUTING = "postrouting"
    EGRESS = "egress"


class ChainType(StrEnum):
    FILTER = "filter"
    NAT = "nat"
    ROUTE = "route"


class Field(StrEnum):
    """What a condition looks at. Those of one address family or one protocol hold for no other packet: REQUIRES."""

    VERSION = "meta nfproto"  # 4 or 6, unlike the kernel's numbers
    PROTOCOL = "meta l4proto"
    IP_SOURCE = "ip saddr"
    IP_DESTINATION = "ip daddr"
    IP6_SOURCE = "ip6 saddr"
    IP6_DESTINATION = "ip6 daddr"
    TCP_SOURCE_PORT = "tcp sport"
    TCP_DESTINATION_PORT = "tcp dport"
    UDP_SOURCE_PORT = "udp sport"
    UDP_DESTINATION_PORT = "udp dport"
    SOURCE_PORT = "th sport"  # of whatever protocol has ports
    DESTINATION_PORT = "th dport"
    TCP_FLAGS = "tcp flags"  # the octet of the header: fin 1, syn 2, rst 4, psh 8, ack 16, urg 32
    ICMP_TYPE = "icmp type"
    ICMP_CODE = "icmp code"
    ICMP6_TYPE = "icmpv6 type"
    ICMP6_CODE = "icmpv6 code"
    TTL = "ip ttl"
    HOP_LIMIT = "ip6 hoplimit"
    LENGTH = "meta length"
    INPUT_INTERFACE = "iifname"
    OUTPUT_INTERFACE = "oifname"
    CT_STATE = "ct state"  # a CtState
    CT_STATUS = "ct status"  # a CtStatus
    CT_MARK = "ct mark"
    CT_DIRECTION = "ct direction"  # 0 original, 1 reply
    CT_ORIGINAL_SOURCE = "ct original saddr"
    CT_ORIGINAL_DESTINATION = "ct original daddr"
    CT_ORIGINAL_SOURCE_PORT = "ct original proto-src"
    CT_ORIGINAL_DESTINATION_PORT = "ct original proto-dst"
    MARK = "meta mark"
    PACKET_TYPE = "meta pkttype"  # 0 host, 1 broadcast, 2 multicast (linux/if_packet.h)
    SOURCE_TYPE = "fib saddr type"  # an AddressType
    DESTINATION_TYPE = "fib daddr type"


class CtState(IntFlag):
    """As in ``ct state`` (nf_conntrack_common.h, NF_CT_STATE_BIT)."""

    INVALID = 1
    ESTABLISHED = 2
    RELATED = 4
    NEW = 8
    UNTRACKED = 64


class CtStatus(IntFlag):
    """As in ``ct status`` (enum ip_conntrack_status)."""

    EXPECTED = 1
    SEEN_REPLY = 2
    ASSURED = 4
    CONFIRMED = 8
    SNAT = 16
    DNAT = 32


class AddressType(Enum):
    """What the routing tables say of an address (RTN_*, linux/rtnetlink.h)."""

    UNSPEC = 0
    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    ANYCAST = 4
    MULTICAST = 5
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What a packet must be to have a field at all; None: of any kind."""

    version: int | None = None
    protocols: tuple[int, ...] | None = None


_TCP, _UDP, _SCTP, _DCCP, _UDPLITE, _ICMP, _ICMP6 = 6, 17, 132, 33, 136, 1, 58
_WITH_PORTS = Requirement(protocols=(_TCP, _UDP, _UDPLITE, _SCTP, _DCCP))

REQUIRES: Mapping[Field, Requirement] = {
    Field.IP_SOURCE: Requirement(version=4),
    Field.IP_DESTINATION: Requirement(version=4),
    Field.TTL: Requirement(version=4),
    Field.IP6_SOURCE: Requirement(version=6),
    Field.IP6_DESTINATION: Requirement(version=6),
    Field.HOP_LIMIT: Requirement(version=6),
    Field.TCP_SOURCE_PORT: Requirement(protocols=(_TCP,)),
    Field.TCP_DESTINATION_PORT: Requirement(protocols=(_TCP,)),
    Field.TCP_FLAGS: Requirement(protocols=(_TCP,)),
    Field.UDP_SOURCE_PORT: Requirement(protocols=(_UDP,)),
    Field.UDP_DESTINATION_PORT: Requirement(protocols=(_UDP,)),
    Field.SOURCE_PORT: _WITH_PORTS,
    Field.DESTINATION_PORT: _WITH_PORTS,
    Field.ICMP_TYPE: Requirement(protocols=(_ICMP,)),
    Field.ICMP_CODE: Requirement(protocols=(_ICMP,)),
    Field.ICMP6_TYPE: Requirement(protocols=(_ICMP6,)),
    Field.ICMP6_CODE: Requirement(protocols=(_ICMP6,)),
}

#: The fields whose values are names and not numbers.
NAMES = frozenset({Field.INPUT_INTERFACE, Field.OUTPUT_INTERFACE})


# Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """The field, of which only the bits of ``mask`` count, lies within one of the ranges (none: it never does).

    A packet that does not have the field does not match, negated or not. ``ct state new,related`` reads "some of these
    bits": mask 12, ranges ((0, 0),), negated.
    """

    field: Field
    ranges: Ranges
    mask: int | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An interface has one of these names; a ``*`` at the end stands for any rest."""

    field: Field
    patterns: tuple[str, ...]
    negated: bool = False


#: One value of each of several fields: a range, or a name's pattern.
Element = tuple[Range | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """Several fields together are in a set (a concatenation). ``elements`` may be very many."""

    fields: tuple[Field, ...]
    elements: tuple[Element, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteBack:
    """Packets to the source would leave by some interface (``loose``) or by the one it came in by.

    ``fib saddr . iif oif missing`` and ``-m rpfilter --invert`` are the same, negated.
    """

    loose: bool = False
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A condition that may hold or not: ``text`` as its owner wrote it.

    ``at_first``: of a limit, whether it holds as long as little came: yes for "limit rate", no for "limit rate over".
    None: it depends on something else.
    """

    text: str
    at_first: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least one of these holds: ``--ctstate NEW,DNAT`` looks at a connection's state and at its status."""

    conditions: tuple[Condition, ...]


Condition = Compare | Named | Combined | RouteBack | Opaque | AnyOf


# Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """The field becomes (itself & ``keep``) ^ ``flip``; ``flip`` None: to what is not known."""

    field: Field
    keep: int = 0
    flip: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The field takes the value of another: ``CONNMARK --restore-mark``."""

    field: Field
    source: Field


@dataclass(frozen=True, slots=True)
class Untrack:
    """No connection is kept for the packet: notrack."""


Effect = Assign | Copy | Untrack


# Verdicts


class Ending(StrEnum):
    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    CONTINUE = "continue"
    HANDED = "handed"  # to a program or proxy, which decides: queue, tproxy, synproxy


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """``detail``: with which answer it is rejected ("tcp reset", "icmp port-unreachable"), to whom it is handed."""

    ending: Ending
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """On in another chain of the same table; with ``goto`` it does not come back here."""

    chain: str
    goto: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictMap:
    """The verdict that stands beside the packet's first fitting element; none of them: the rule ends (NFT_BREAK).

    Behind CONTINUE the rule goes on with its next statement.
    """

    fields: tuple[Field, ...]
    entries: tuple[tuple[Element, End | Jump], ...]


class Nat(StrEnum):
    DNAT = "dnat"
    SNAT = "snat"
    REDIRECT = "redirect"
    MASQUERADE = "masquerade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Translate:
    """Address, port or both are rewritten; None: they stay (of REDIRECT and MASQUERADE the address is the host's own).

    With more than one address or port in a range the kernel takes any of them. It ends the chain as accept does.
    """

    kind: Nat
    addresses: Range | None = None
    ports: Range | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslateMap:
    """The translation that stands beside the packet's first fitting element; none of them: the rule ends."""

    fields: tuple[Field, ...]
    entries: tuple[tuple[Element, Translate], ...]


Verdict = End | Jump | VerdictMap | Translate | TranslateMap

Statement = Condition | Effect | Verdict


# Rules, chains, tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``number``: its place in the chain, from 1 on; ``handle``: nft's; ``text``: as its tool prints it.

    ``packets``: how many it met so far, None where it does not count.
    """

    number: int
    text: str
    statements: tuple[Statement, ...]
    handle: int | None = None
    packets: int | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What makes a chain one that the kernel calls. ``devices``: of a chain that belongs to some interfaces only.

    ``policy`` is what becomes of a packet at its end: ACCEPT or DROP.
    """

    hook: Hook
    priority: int
    policy: Ending = Ending.ACCEPT
    type: ChainType = ChainType.FILTER
    devices: tuple[str, ...] = ()
    packets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """``handle``: nft's."""

    name: str
    rules: tuple[Rule, ...] = ()
    base: Base | None = None
    handle: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A dormant one is not called. An iptables table's family says whose it is: IP or IP6."""

    backend: Backend
    family: Family
    name: str
    chains: Mapping[str, Chain] = field(default_factory=dict)
    dormant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    tables: tuple[Table, ...] = ()

"""Rules as people write them, loaded into a real kernel, and what the JSON of nft makes of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest

from pathprobe.lab import netns
from pathprobe.layers.firewall.model import (
    Assign,
    Chain,
    Combined,
    Compare,
    Copy,
    End,
    Ending,
    Field,
    Jump,
    Named,
    Nat,
    Opaque,
    Range,
    RouteBack,
    Rule,
    Ruleset,
    Statement,
    Translate,
    TranslateMap,
    Untrack,
    VerdictMap,
)
from pathprobe.layers.firewall.nft.read import NftReading, read
from pathprobe.layers.system import ThisMachine

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab_host")]

F = Field
ACCEPT, DROP, RETURN = End(ending=Ending.ACCEPT), End(ending=Ending.DROP), End(ending=Ending.RETURN)
CONTINUE = End(ending=Ending.CONTINUE)


def at(text: str) -> Range:
    """One address, or a network."""
    network = ip_network(text)
    return int(network[0]), int(network[-1])


def to(first: str, last: str) -> Range:
    return int(ip_address(first)), int(ip_address(last))


def one(value: int) -> Range:
    return value, value


def is_(field: Field, *ranges: Range | int, mask: int | None = None) -> Compare:
    return Compare(field=field, ranges=tuple(one(r) if isinstance(r, int) else r for r in ranges), mask=mask)


def not_(field: Field, *ranges: Range | int, mask: int | None = None) -> Compare:
    plain = is_(field, *ranges, mask=mask)
    return Compare(field=field, ranges=plain.ranges, mask=mask, negated=True)


def some(field: Field, bits: int) -> Compare:
    return not_(field, 0, mask=bits)


def named(field: Field, *patterns: str, negated: bool = False) -> Named:
    return Named(field=field, patterns=patterns, negated=negated)


def opaque(text: str) -> Opaque:
    return Opaque(text=text)


V4, V6 = is_(F.VERSION, 4), is_(F.VERSION, 6)
NEVER = is_(F.VERSION)
TCP_PORT, IN, OUT = F.TCP_DESTINATION_PORT, F.INPUT_INTERFACE, F.OUTPUT_INTERFACE

SETS = """
  set nets { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9, 1.1.1.1 } }
  set timed { type ipv4_addr; flags timeout; elements = { 10.0.0.2 timeout 1h comment "x", 10.0.0.1 timeout 1h } }
  set empty { type ipv4_addr; }
  set recent { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1m; }
  set limited { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1m; }
  set pairs { type ipv4_addr . inet_proto . inet_service; flags interval; elements = { 10.0.0.0/24 . tcp . 80-90 } }
  set links { type ifname; flags interval; elements = { "lo", "veth*" } }
  map verdicts { type inet_service : verdict; flags interval; elements = { * : drop, 22 : accept, 80-90 : jump other } }
  counter counted { packets 5 bytes 6 }
  limit slow { rate 10/second; }
  limit fast { rate over 10/second; }
"""

#: What has to hold, in front of "accept".
CONDITIONS: dict[str, tuple[Statement, ...]] = {
    "tcp dport 22": (is_(TCP_PORT, 22),),
    "tcp dport ssh": (is_(TCP_PORT, 22),),
    "tcp dport != 22": (not_(TCP_PORT, 22),),
    "tcp dport 1-1024": (is_(TCP_PORT, (1, 1024)),),
    "tcp dport > 1024": (is_(TCP_PORT, (1025, 65535)),),
    "tcp dport >= 1024": (is_(TCP_PORT, (1024, 65535)),),
    "tcp dport < 1024": (is_(TCP_PORT, (0, 1023)),),
    "tcp dport <= 1024": (is_(TCP_PORT, (0, 1024)),),
    "tcp dport { 443, 80-90, 22, 23 }": (is_(TCP_PORT, (22, 23), (80, 90), 443),),
    "tcp dport != { 22, 80 }": (not_(TCP_PORT, 22, 80),),
    "tcp dport & 1 == 1": (is_(TCP_PORT, 1, mask=1),),
    "tcp sport 22": (is_(F.TCP_SOURCE_PORT, 22),),
    "udp dport 53": (is_(F.UDP_DESTINATION_PORT, 53),),
    "udp sport 53": (is_(F.UDP_SOURCE_PORT, 53),),
    "th dport 53": (is_(F.DESTINATION_PORT, 53),),
    "@th,0,16 53": (is_(F.SOURCE_PORT, 53),),
    "@th,16,16 { 53, 55 }": (is_(F.DESTINATION_PORT, 53, 55),),
    "@nh,96,32 0x0a000001": (opaque("@nh,96,32 167772161"),),
    "meta nfproto ipv4 @nh,96,32 0x0a000001": (is_(F.IP_SOURCE, at("10.0.0.1")),),
    "meta nfproto ipv4 @nh,128,32 0x0a000001": (is_(F.IP_DESTINATION, at("10.0.0.1")),),
    "meta l4proto { tcp, udp } th dport 53": (is_(F.PROTOCOL, 6, 17), is_(F.DESTINATION_PORT, 53)),
    "sctp dport != 53": (is_(F.PROTOCOL, 132), not_(F.DESTINATION_PORT, 53)),
    "udplite sport 53": (is_(F.PROTOCOL, 136), is_(F.SOURCE_PORT, 53)),
    # addresses
    "ip saddr 10.0.0.1": (is_(F.IP_SOURCE, at("10.0.0.1")),),
    "ip saddr != 10.0.0.0/8": (not_(F.IP_SOURCE, at("10.0.0.0/8")),),
    "ip daddr 10.0.0.1-10.0.0.9": (is_(F.IP_DESTINATION, to("10.0.0.1", "10.0.0.9")),),
    "ip saddr < 10.0.0.9": (is_(F.IP_SOURCE, to("0.0.0.0", "10.0.0.8")),),
    "ip saddr & 0.0.0.255 == 0.0.0.1": (is_(F.IP_SOURCE, 1, mask=255),),
    "ip saddr & 255.255.0.0 != { 10.1.0.0, 10.3.0.0 }": (
        not_(F.IP_SOURCE, at("10.1.0.0"), at("10.3.0.0"), mask=0xFFFF0000),
    ),
    "ip saddr @nets": (is_(F.IP_SOURCE, at("1.1.1.1"), at("10.0.0.0/8"), to("192.168.1.1", "192.168.1.9")),),
    "ip saddr @timed": (is_(F.IP_SOURCE, to("10.0.0.1", "10.0.0.2")),),
    "ip saddr @empty": (is_(F.IP_SOURCE),),
    "ip saddr != @empty": (not_(F.IP_SOURCE),),
    "ip6 saddr fe80::/10": (is_(F.IP6_SOURCE, at("fe80::/10")),),
    "ip6 daddr { ::1, 2001:db8::1-2001:db8::9 }": (
        is_(F.IP6_DESTINATION, at("::1"), to("2001:db8::1", "2001:db8::9")),
    ),
    "ip protocol tcp": (V4, is_(F.PROTOCOL, 6)),
    "ip6 nexthdr { tcp, ipv6-icmp }": (V6, is_(F.PROTOCOL, 6, 58)),
    "ip ttl < 5": (is_(F.TTL, (0, 4)),),
    "ip6 hoplimit 255": (is_(F.HOP_LIMIT, 255),),
    "ip length 1-100": (V4, is_(F.LENGTH, (1, 100))),
    "ip frag-off & 0x1fff != 0": (NEVER,),
    "exthdr frag exists": (NEVER,),
    "exthdr frag missing": (V6,),
    "rt type 0": (NEVER,),
    "ip dscp cs1": (V4, opaque("ip dscp cs1")),
    "tcp option maxseg size 500": (is_(F.PROTOCOL, 6), opaque("tcp option maxseg size 500")),
    "ether saddr 00:11:22:33:44:55": (opaque("ether saddr 00:11:22:33:44:55"),),
    # meta
    "meta nfproto ipv4": (V4,),
    "meta nfproto != ipv6": (not_(F.VERSION, 6),),
    "meta protocol ip6": (V6,),
    "meta protocol { ip, ip6 }": (is_(F.VERSION, 4, 6),),
    "meta protocol vlan": (NEVER,),
    "meta l4proto 47": (is_(F.PROTOCOL, 47),),
    "meta l4proto { tcp, udp, esp, icmpv6, 253 }": (is_(F.PROTOCOL, 6, 17, 50, 58, 253),),
    "meta l4proto > 17": (is_(F.PROTOCOL, (18, 255)),),
    'iif "lo"': (named(IN, "lo"),),
    'iifname != "eth*"': (named(IN, "eth*", negated=True),),
    'iifname { "eth0", "wlan*" }': (named(IN, "eth0", "wlan*"),),
    "iifname @links": (named(IN, "lo", "veth*"),),
    'iifname "a\\*"': (opaque('iifname "a\\*"'),),
    'oifname "eth0"': (named(OUT, "eth0"),),
    "meta mark 0x10": (is_(F.MARK, 16),),
    "meta mark { 1, 2, 5-9 }": (is_(F.MARK, (1, 2), (5, 9)),),
    "meta mark & 0xff == 1": (is_(F.MARK, 1, mask=255),),
    "meta mark & 0xf0 > 0x50": (is_(F.MARK, (0x51, 0xFFFFFFFF), mask=0xF0),),
    "meta mark | 0x10 == 0x11": (is_(F.MARK, 1, mask=0xFFFFFFEF),),
    "meta length > 1000": (is_(F.LENGTH, (1001, 0xFFFFFFFF)),),
    "meta pkttype { broadcast, multicast }": (is_(F.PACKET_TYPE, (1, 2)),),
    "meta skuid 0": (opaque("meta skuid 0"),),
    # connections
    "ct state new": (some(F.CT_STATE, 8),),
    "ct state established,related": (some(F.CT_STATE, 6),),
    "ct state { established, related }": (is_(F.CT_STATE, 2, 4),),
    "ct state != new": (not_(F.CT_STATE, 8),),
    "ct state != established,related": (not_(F.CT_STATE, 6),),
    "ct state ! new": (is_(F.CT_STATE, 0, mask=8),),
    "ct state == new": (is_(F.CT_STATE, 8),),
    "ct state & (new|related) == new": (is_(F.CT_STATE, 8, mask=12),),
    "ct state invalid,untracked": (some(F.CT_STATE, 65),),
    "ct status dnat": (some(F.CT_STATUS, 32),),
    "ct status & dnat == dnat": (is_(F.CT_STATUS, 32, mask=32),),
    "ct mark & 0xff00 != 0x500": (not_(F.CT_MARK, 0x500, mask=0xFF00),),
    "ct direction reply": (is_(F.CT_DIRECTION, 1),),
    "ct original ip saddr 10.0.0.0/8": (V4, is_(F.CT_ORIGINAL_SOURCE, at("10.0.0.0/8"))),
    "ct original ip6 daddr ::1": (V6, is_(F.CT_ORIGINAL_DESTINATION, 1)),
    "meta l4proto tcp ct original proto-dst 80": (is_(F.PROTOCOL, 6), is_(F.CT_ORIGINAL_DESTINATION_PORT, 80)),
    "meta l4proto tcp ct reply proto-dst 80": (is_(F.PROTOCOL, 6), opaque("ct reply proto-dst 80")),
    "ct zone 1": (opaque("ct zone 1"),),
    # flags of TCP
    "tcp flags syn": (some(F.TCP_FLAGS, 2),),
    "tcp flags == syn": (is_(F.TCP_FLAGS, 2),),
    "tcp flags != syn,ack": (not_(F.TCP_FLAGS, 18),),
    "tcp flags { syn, syn|ack }": (is_(F.TCP_FLAGS, 2, 18),),
    "tcp flags & (fin|syn|rst|ack) == syn": (is_(F.TCP_FLAGS, 2, mask=23),),
    "tcp flags & syn == 0": (is_(F.TCP_FLAGS, 0, mask=2),),
    "tcp flags & syn != 0": (some(F.TCP_FLAGS, 2),),
    "tcp flags syn / syn,ack": (is_(F.TCP_FLAGS, 2, mask=18),),
    "tcp flags != syn / syn,ack": (not_(F.TCP_FLAGS, 2, mask=18),),
    "tcp flags & (fin|syn) == fin|syn": (is_(F.TCP_FLAGS, 3, mask=3),),
    "tcp flags ! fin,rst": (is_(F.TCP_FLAGS, 0, mask=5),),
    "tcp flags 0x0": (some(F.TCP_FLAGS, 0),),
    # icmp
    "icmp type echo-request": (is_(F.ICMP_TYPE, 8),),
    "icmp type { echo-reply, destination-unreachable, 200 }": (is_(F.ICMP_TYPE, 0, 3, 200),),
    "icmp code frag-needed": (is_(F.ICMP_CODE, 4),),
    "icmpv6 type { nd-neighbor-solicit, mld2-listener-report, 200 }": (is_(F.ICMP6_TYPE, 135, 143, 200),),
    "icmpv6 type 1-4": (is_(F.ICMP6_TYPE, (1, 4)),),
    "icmpv6 code port-unreachable": (is_(F.ICMP6_CODE, 4),),
    # routes
    "fib daddr type local": (is_(F.DESTINATION_TYPE, 2),),
    "fib daddr type != { local, multicast }": (not_(F.DESTINATION_TYPE, 2, 5),),
    "fib saddr type != unicast": (not_(F.SOURCE_TYPE, 1),),
    "fib daddr . iif type local": (opaque("fib daddr . iif type local"),),
    "fib saddr . iif oif missing": (RouteBack(negated=True),),
    "fib saddr . mark . iif oif exists": (RouteBack(),),
    "fib saddr oif missing": (RouteBack(loose=True, negated=True),),
    "fib saddr . iif oif != 0": (RouteBack(),),
    'fib saddr oif "lo"': (opaque("fib saddr oif lo"),),
    # concatenations
    "ip saddr . tcp dport { 10.0.0.1 . 22, 10.1.0.0/24 . 80-90 }": (
        Combined(
            fields=(F.IP_SOURCE, TCP_PORT),
            elements=((at("10.0.0.1"), one(22)), (at("10.1.0.0/24"), (80, 90))),
        ),
    ),
    "ip saddr . ip protocol . th dport @pairs": (
        V4,
        Combined(
            fields=(F.IP_SOURCE, F.PROTOCOL, F.DESTINATION_PORT),
            elements=((at("10.0.0.0/24"), one(6), (80, 90)),),
        ),
    ),
    'iifname . ip saddr != { "lo" . 127.0.0.1 }': (
        Combined(fields=(IN, F.IP_SOURCE), elements=(("lo", at("127.0.0.1")),), negated=True),
    ),
    "meta nfproto . ct state { ipv4 . new }": (Combined(fields=(F.VERSION, F.CT_STATE), elements=((one(4), one(8)),)),),
    "ip saddr . meta mark & 0xff { 10.1.0.0 . 22 }": (
        is_(F.IP_SOURCE, (0, 2**32 - 1)),
        opaque("ip saddr . meta mark & 255 { 10.1.0.0 . 22 }"),
    ),
    # what says nothing, and what limits
    "counter": (),
    'counter name "counted"': (),
    'log prefix "x "': (),
    "limit rate 10/second": (Opaque(text="limit rate 10/second burst 5 packets", at_first=True),),
    "limit rate over 10/second": (Opaque(text="limit rate over 10/second burst 5 packets", at_first=False),),
    'limit name "slow"': (Opaque(text='limit name "slow"', at_first=True),),
    'limit name "fast"': (Opaque(text='limit name "fast"', at_first=False),),
    "quota 10 mbytes": (Opaque(text="quota 10 mbytes", at_first=True),),
    "numgen random mod 10 < 5": (opaque("numgen random mod 10 < 5"),),
    "update @recent { ip saddr }": (is_(F.IP_SOURCE, (0, 2**32 - 1)),),
    "update @limited { ip saddr limit rate 10/minute }": (
        is_(F.IP_SOURCE, (0, 2**32 - 1)),
        Opaque(text="update @limited { ip saddr limit rate 10/minute burst 5 packets }", at_first=True),
    ),
    # effects
    "meta mark set 5": (Assign(field=F.MARK, flip=5),),
    "meta mark set meta mark & 0xff": (Assign(field=F.MARK, keep=255),),
    "meta mark set meta mark | 0xff": (Assign(field=F.MARK, keep=0xFFFFFF00, flip=255),),
    "meta mark set meta mark ^ 0xff": (Assign(field=F.MARK, keep=0xFFFFFFFF, flip=255),),
    "meta mark set ct mark": (Copy(field=F.MARK, source=F.CT_MARK),),
    "ct mark set meta mark & 0xff": (Copy(field=F.CT_MARK, source=F.MARK), Assign(field=F.CT_MARK, keep=255)),
    "meta mark set tcp dport map { 22 : 1, 80 : 2 }": (is_(TCP_PORT, 22, 80), Assign(field=F.MARK, flip=None)),
    "ct mark set numgen inc mod 2": (Assign(field=F.CT_MARK, flip=None),),
    "ip ttl set 5": (is_(F.TTL, (0, 255)), Assign(field=F.TTL, flip=5)),
    "ip dscp set cs1": (V4,),
    "meta priority set 1:2": (),
    "notrack": (Untrack(),),
}

#: Whole rules that decide.
VERDICTS: dict[str, tuple[Statement, ...]] = {
    "drop": (DROP,),
    "return": (RETURN,),
    "continue": (CONTINUE,),
    "jump other": (Jump(chain="other"),),
    "goto other": (Jump(chain="other", goto=True),),
    "reject": (End(ending=Ending.REJECT, detail="icmpx port-unreachable"),),
    "reject with icmpx admin-prohibited": (End(ending=Ending.REJECT, detail="icmpx admin-prohibited"),),
    "reject with icmp host-prohibited": (V4, End(ending=Ending.REJECT, detail="icmp host-prohibited")),
    "reject with icmpv6 no-route": (V6, End(ending=Ending.REJECT, detail="icmpv6 no-route")),
    "meta l4proto tcp reject with tcp reset": (is_(F.PROTOCOL, 6), End(ending=Ending.REJECT, detail="tcp reset")),
    "tcp dport vmap @verdicts": (
        VerdictMap(
            fields=(TCP_PORT,),
            entries=(
                ((one(22),), ACCEPT),
                (((80, 90),), Jump(chain="other")),
                (((0, 65535),), DROP),
            ),
        ),
    ),
    'iifname vmap { "lo" : accept, "eth*" : goto other }': (
        VerdictMap(fields=(IN,), entries=((("eth*",), Jump(chain="other", goto=True)), (("lo",), ACCEPT))),
    ),
    "ip saddr . tcp dport vmap { 10.0.0.1 . 22 : accept }": (
        VerdictMap(fields=(F.IP_SOURCE, TCP_PORT), entries=(((at("10.0.0.1"), one(22)), ACCEPT),)),
    ),
    # A lookup in vain ends the rule.
    "tcp dport vmap { 22 : accept } drop": (VerdictMap(fields=(TCP_PORT,), entries=(((one(22),), ACCEPT),)),),
    "tcp dport vmap { 22 : continue } drop": (
        is_(TCP_PORT, 22),
        VerdictMap(fields=(TCP_PORT,), entries=(((one(22),), CONTINUE),)),
        DROP,
    ),
}

#: Whole rules that the model needs several rules for.
APART: dict[str, list[tuple[Statement, ...]]] = {
    "meta mark & 0xff vmap { 1 : accept, 2 : drop }": [
        (is_(F.MARK, 1, mask=255), ACCEPT),
        (is_(F.MARK, 2, mask=255), DROP),
    ],
    "numgen inc mod 2 vmap { 0 : goto other, 1 : drop }": [
        (opaque("numgen inc mod 2 == 0"), Jump(chain="other", goto=True)),
        (DROP,),
    ],
    "numgen inc mod 3 vmap { 0 : accept, 1 : drop }": [
        (opaque("numgen inc mod 3 == 0"), ACCEPT),
        (opaque("numgen inc mod 3 == 1"), DROP),
    ],
}


def dnat(addresses: Range | None = None, ports: Range | None = None) -> Translate:
    return Translate(kind=Nat.DNAT, addresses=addresses, ports=ports)


HOST = at("10.0.0.1")
PREROUTING: dict[str, tuple[Statement, ...]] = {
    "dnat to 10.0.0.1": (dnat(HOST),),
    "tcp dport 80 dnat to 10.0.0.1:8080": (is_(TCP_PORT, 80), dnat(HOST, one(8080))),
    "tcp dport 80 dnat to 10.0.0.1-10.0.0.9:80-90 random": (
        is_(TCP_PORT, 80),
        dnat(to("10.0.0.1", "10.0.0.9"), (80, 90)),
    ),
    "tcp dport 80 dnat to :8080": (is_(TCP_PORT, 80), dnat(None, one(8080))),
    "dnat to tcp dport map { 80 : 10.0.0.1 }": (TranslateMap(fields=(TCP_PORT,), entries=(((one(80),), dnat(HOST)),)),),
    "dnat ip to tcp dport map { 80 : 10.0.0.1 . 8080 }": (
        TranslateMap(fields=(TCP_PORT,), entries=(((one(80),), dnat(HOST, one(8080))),)),
    ),
    "dnat to ip daddr . tcp dport map @places": (
        TranslateMap(fields=(F.IP_DESTINATION, TCP_PORT), entries=(((at("192.0.2.1"), one(80)), dnat(HOST)),)),
    ),
    "tcp dport 80 dnat to 10.0.0.1:tcp dport map { 80 : 8080 }": (
        is_(TCP_PORT, 80),
        TranslateMap(fields=(TCP_PORT,), entries=(((one(80),), dnat(HOST, one(8080))),)),
    ),
    "redirect": (Translate(kind=Nat.REDIRECT),),
    "tcp dport 80 redirect to :8080": (is_(TCP_PORT, 80), Translate(kind=Nat.REDIRECT, ports=one(8080))),
    "ct original saddr 10.0.0.1 accept": (V4, is_(F.CT_ORIGINAL_SOURCE, HOST), ACCEPT),
    "@nh,96,32 0x0a000001 accept": (is_(F.IP_SOURCE, HOST), ACCEPT),
    "reject": (End(ending=Ending.REJECT, detail="icmp port-unreachable"),),
}

POSTROUTING: dict[str, tuple[Statement, ...]] = {
    'oifname "eth0" masquerade': (named(OUT, "eth0"), Translate(kind=Nat.MASQUERADE)),
    "meta l4proto tcp masquerade to :1024-2048 random": (
        is_(F.PROTOCOL, 6),
        Translate(kind=Nat.MASQUERADE, ports=(1024, 2048)),
    ),
    "snat ip to 10.0.0.1": (V4, Translate(kind=Nat.SNAT, addresses=HOST)),
}


def _lines(rules: object) -> str:
    return "".join(f"    {rule}\n" for rule in rules)  # type: ignore[attr-defined]


RULESET = (
    "table inet t {\n"
    + SETS
    + "  chain other {\n    accept\n  }\n"
    + "  chain conditions {\n    type filter hook input priority filter - 5; policy drop\n"
    + _lines(f"{text} accept" for text in CONDITIONS)
    + "  }\n  chain verdicts {\n"
    + _lines(VERDICTS)
    + "  }\n  chain apart {\n"
    + _lines(APART)
    + "  }\n  chain postrouting {\n    type nat hook postrouting priority srcnat\n"
    + _lines(POSTROUTING)
    + "  }\n}\ntable ip n {\n"
    + "  map places { type ipv4_addr . inet_service : ipv4_addr; elements = { 192.0.2.1 . 80 : 10.0.0.1 } }\n"
    + "  chain prerouting {\n    type nat hook prerouting priority dstnat\n"
    + _lines(PREROUTING)
    + "  }\n}\n"
)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    netns.add("nftjson")
    netns.run_ip("nftjson", 4, ["link set lo up"])
    yield "nftjson"
    netns.delete("nftjson")


@pytest.fixture(scope="module")
def ruleset(host: str) -> Ruleset:
    netns.run_nft(host, f"flush ruleset\n{RULESET}")
    with netns.inside(host):
        found = read(ThisMachine())
    assert isinstance(found, NftReading)
    assert found.unseen == ()
    return found.ruleset


def chain_of(ruleset: Ruleset, name: str) -> Chain:
    return next(table.chains[name] for table in ruleset.tables if name in table.chains)


def nth(ruleset: Ruleset, chain: str, place: int) -> list[Rule]:
    return [rule for rule in chain_of(ruleset, chain).rules if rule.number == place + 1]


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_is_what_the_kernel_was_told(text: str, ruleset: Ruleset) -> None:
    (rule,) = nth(ruleset, "conditions", list(CONDITIONS).index(text))
    assert rule.statements == (*CONDITIONS[text], ACCEPT)


@pytest.mark.parametrize("text", VERDICTS)
def test_a_verdict_is_what_the_kernel_was_told(text: str, ruleset: Ruleset) -> None:
    (rule,) = nth(ruleset, "verdicts", list(VERDICTS).index(text))
    assert rule.statements == VERDICTS[text]


@pytest.mark.parametrize("text", APART)
def test_a_rule_that_looks_up_what_the_model_can_not_is_taken_apart(text: str, ruleset: Ruleset) -> None:
    rules = nth(ruleset, "apart", list(APART).index(text))
    assert [rule.statements for rule in rules] == APART[text]
    assert len({(rule.handle, rule.text) for rule in rules}) == 1


@pytest.mark.parametrize("text", PREROUTING)
def test_a_destination_translation_is_read(text: str, ruleset: Ruleset) -> None:
    (rule,) = nth(ruleset, "prerouting", list(PREROUTING).index(text))
    assert rule.statements == PREROUTING[text]


@pytest.mark.parametrize("text", POSTROUTING)
def test_a_source_translation_is_read(text: str, ruleset: Ruleset) -> None:
    (rule,) = nth(ruleset, "postrouting", list(POSTROUTING).index(text))
    assert rule.statements == POSTROUTING[text]


def test_every_rule_has_the_text_that_nft_prints(ruleset: Ruleset) -> None:
    place = list(CONDITIONS).index("tcp flags & (fin|syn|rst|ack) == syn")
    (rule,) = nth(ruleset, "conditions", place)
    assert rule.text == "tcp flags syn / fin,syn,rst,ack accept"
    (marked,) = nth(ruleset, "conditions", list(CONDITIONS).index("meta mark 0x10"))
    assert marked.text == "meta mark 0x00000010 accept"


# ---- flags against the kernel: which packets of a refused connection each rule counts

FLAG_RULES = [
    *(text for text in CONDITIONS if text.startswith(("tcp flags", "ct state"))),
    "tcp flags { rst|ack }",
    "tcp flags rst,ack",
    "ct state vmap { established : continue }",
    "ct state established",
    "ct state invalid",
]

#: (TCP flags, ct state) of the SYN and of the RST that answers it, both through the input hook of lo.
PACKETS = ({F.TCP_FLAGS: 0x02, F.CT_STATE: 8}, {F.TCP_FLAGS: 0x14, F.CT_STATE: 2})


def holds(statement: Statement, packet: dict[Field, int]) -> bool:
    match statement:
        case Compare(field=field, ranges=ranges, mask=mask, negated=negated):
            value = packet[field] if mask is None else packet[field] & mask
            return any(low <= value <= high for low, high in ranges) is not negated
        case VerdictMap(fields=(field,), entries=entries):
            return any(
                low <= packet[field] <= high
                for (element,), _ in entries
                if not isinstance(element, str)
                for low, high in [element]
            )
        case _:
            raise AssertionError(statement)


def test_flags_hold_for_the_packets_that_the_kernel_counts(host: str) -> None:
    rules = _lines(f"ip daddr 127.0.0.1 {text} counter" for text in FLAG_RULES)
    netns.run_nft(
        host, f"flush ruleset\ntable inet f {{\n chain c {{\n type filter hook input priority 0\n{rules} }}\n}}\n"
    )
    with netns.inside(host):
        with socket.socket() as knocking, suppress(ConnectionRefusedError):
            knocking.connect(("127.0.0.1", 9))
        found = read(ThisMachine())
    assert isinstance(found, NftReading)
    rules_read = chain_of(found.ruleset, "c").rules
    assert len(rules_read) == len(FLAG_RULES)
    for rule in rules_read:
        expected = sum(all(holds(one, packet) for one in rule.statements[1:]) for packet in PACKETS)
        assert rule.packets == expected, rule.text

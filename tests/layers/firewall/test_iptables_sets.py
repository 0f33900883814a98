"""When is a packet in an ipset?"""

from __future__ import annotations

from pathlib import Path

import pytest

from pathprobe.layers.firewall.iptables import ipset_save
from pathprobe.layers.firewall.iptables.iptables_save import parse
from pathprobe.layers.firewall.model import (
    AnyOf,
    Backend,
    Combined,
    Compare,
    Condition,
    Element,
    Family,
    Field,
    Opaque,
    Statement,
)
from tests.layers.firewall.iptables_rules import NEVER, compare, net, opaque

RECORDED = Path(__file__).parent / "iptables"

#: What ipset 7.17 printed, each kind with its options.
SETS = ipset_save.parse((RECORDED / "ipset-all-kinds.txt").read_text())

SOURCE, TARGET = Field.IP_SOURCE, Field.IP_DESTINATION
PROTOCOL, SPORT, DPORT = Field.PROTOCOL, Field.SOURCE_PORT, Field.DESTINATION_PORT
TCP, UDP = (6, 6), (17, 17)
#: Of no other protocol is a port known; ipset itself takes those of DCCP for 0.
PORTLESS = compare(PROTOCOL, 6, 17, 33, 132, 136, negated=True)


def asked(match: str, family: Family = Family.IP) -> tuple[Statement, ...]:
    """The conditions of a rule with this set match."""
    text = f"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set {match}\nCOMMIT\n"
    (table,) = parse(text, backend=Backend.IPTABLES_NFT, family=family, sets=SETS)
    return table.chains["INPUT"].rules[0].statements


def combined(fields: tuple[Field, ...], *elements: Element, negated: bool = False) -> Combined:
    return Combined(fields=fields, elements=elements, negated=negated)


def either(*conditions: Condition) -> AnyOf:
    return AnyOf(conditions=conditions)


def one(number: int) -> tuple[int, int]:
    return number, number


#: 10.0.0.1,tcp:80 and 10.0.0.2,udp:53; then ICMP's echo-request.
ADDRESS_PORTS = combined((SPORT, PROTOCOL, SOURCE), (one(80), TCP, net("10.0.0.1")), (one(53), UDP, net("10.0.0.2")))
ADDRESS_PING = combined((Field.ICMP_TYPE, Field.ICMP_CODE, PROTOCOL, SOURCE), (one(8), one(0), one(1), net("10.0.0.1")))


@pytest.mark.parametrize(
    ("match", "conditions"),
    [
        ("--match-set addresses src", (compare(SOURCE, "10.0.0.1"),)),
        ("--match-set addresses dst,src", (compare(TARGET, "10.0.0.1"),)),
        ("! --match-set addresses src", (compare(SOURCE, "10.0.0.1", negated=True),)),
        ("--match-set with_timeout src", (compare(SOURCE, "192.0.2.4"),)),
        ("--match-set by_24 src", (compare(SOURCE, "10.0.3.0/24"),)),
        ("--match-set bitmap_by_24 src", (compare(SOURCE, "10.0.4.0/24"),)),
        ("--match-set by_pattern dst", (compare(TARGET, "10.0.9.0", mask=0xFF00FF00),)),
        ("--match-set bitmap dst", (compare(TARGET, "10.0.0.4"),)),
        # 0.0.0.0/1 and 10.0.0.0/8 but for 10.1.0.0/16.
        (
            "--match-set networks src",
            (compare(SOURCE, "0.0.0.0-10.0.255.255", "10.2.0.0-127.255.255.255"),),
        ),
        ("--match-set ports dst", (combined((DPORT, PROTOCOL), ((22, 22), TCP), ((22, 22), UDP)),)),
        (
            "! --match-set ports dst",
            (either(PORTLESS, combined((DPORT, PROTOCOL), ((22, 22), TCP), ((22, 22), UDP), negated=True)),),
        ),
        ("--match-set address_ports src,src", (either(ADDRESS_PORTS, ADDRESS_PING),)),
        ("--match-set address_ports src", (NEVER,)),
        ("! --match-set address_ports src", ()),
        (
            "--match-set network_ports dst,dst",
            (combined((DPORT, PROTOCOL, TARGET), (one(53), UDP, net("10.0.0.0/8"))),),
        ),
        (
            "! --match-set network_ports src,dst",
            (
                either(
                    PORTLESS,
                    combined((DPORT, PROTOCOL, SOURCE), (one(53), UDP, net("10.0.0.0/8")), negated=True),
                ),
            ),
        ),
        (
            "--match-set interfaces src,src",
            (combined((SOURCE, Field.INPUT_INTERFACE), (net("10.0.0.0/8"), "eth0"), (net("192.0.2.0/24"), "veth*")),),
        ),
        (
            "--match-set interfaces dst,dst",
            (combined((TARGET, Field.OUTPUT_INTERFACE), (net("10.0.0.0/8"), "eth0"), (net("192.0.2.0/24"), "veth*")),),
        ),
        (
            "--match-set three src,dst,dst",
            (combined((DPORT, PROTOCOL, SOURCE, TARGET), (one(80), TCP, net("10.0.0.1"), net("10.0.0.2"))),),
        ),
        (
            "--match-set list src",
            (either(compare(SOURCE, "10.0.0.1"), compare(SOURCE, "0.0.0.0-10.0.255.255", "10.2.0.0-127.255.255.255")),),
        ),
        (
            "! --match-set list src",
            (
                compare(SOURCE, "10.0.0.1", negated=True),
                compare(SOURCE, "0.0.0.0-10.0.255.255", "10.2.0.0-127.255.255.255", negated=True),
            ),
        ),
        ("--match-set empty src", (NEVER,)),
        ("! --match-set empty src", ()),
        ("--match-set of_ipv6 src", (NEVER,)),
        ("--match-set addresses src ! --update-counters", (compare(SOURCE, "10.0.0.1"),)),
    ],
    ids=str,
)
def test_a_packet_is_in_a_set_as_the_kernel_looks_it_up(match: str, conditions: tuple[Statement, ...]) -> None:
    assert asked(match) == conditions


def test_a_set_of_ipv6_is_asked_of_ipv6() -> None:
    assert asked("--match-set of_ipv6 src", Family.IP6) == (compare(Field.IP6_SOURCE, "2001:db8::/32"),)
    assert asked("--match-set addresses src", Family.IP6) == (NEVER,)


@pytest.mark.parametrize(
    "match",
    [
        "--match-set nobody_has_it src",
        "! --match-set nobody_has_it src",
        "--match-set addresses both",
        "--match-set addresses",
        "--match-set with_timeout src --packets-gt 3",
        "--match-set networks src --return-nomatch",
        "--match-set bridge_ports src,src",
        "--match-set exceptions_with_ports src,src",
        "--match-set macs src,src",
        "--match-set list_of_nobody src",
        "--match-set odd src",
    ],
)
def test_a_set_that_can_not_be_told_exactly_is_a_doubt(match: str) -> None:
    assert asked(match) == (opaque(f"-m set {match}"),)


def test_docker_28_0_knows_its_bridges_by_a_set() -> None:
    sets = ipset_save.parse((RECORDED / "docker-28.0.0-ipset.txt").read_text())
    text = (RECORDED / "docker-28.0.0-nft-v4.txt").read_text()
    (table,) = parse(text, backend=Backend.IPTABLES_NFT, family=Family.IP, sets=sets)
    rules = table.chains["FORWARD"].rules
    assert rules[3].statements[0] == compare(TARGET, "172.17.0.0/16")
    assert not any(isinstance(statement, Opaque) for rule in rules for statement in rule.statements)


def test_the_narrowest_network_decides() -> None:
    text = "create nested hash:net family inet\n" + "".join(
        f"add nested {line}\n"
        for line in (
            "10.0.0.0/8",
            "10.1.0.0/16 nomatch",
            "10.1.2.0/24",
            "10.1.2.128/25 nomatch",
            "192.0.2.0/24 nomatch",
            "10.1.2.0/26 nomatch",
        )
    )
    save = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set nested src\nCOMMIT\n"
    (table,) = parse(save, backend=Backend.IPTABLES_NFT, family=Family.IP, sets=ipset_save.parse(text))
    (condition,) = table.chains["INPUT"].rules[0].statements
    assert isinstance(condition, Compare)
    assert condition.ranges == (
        net("10.0.0.0-10.0.255.255"),
        net("10.1.2.64-10.1.2.127"),
        net("10.2.0.0-10.255.255.255"),
    )


def test_lines_of_no_set_say_nothing() -> None:
    assert ipset_save.parse("nonsense\nadd nobody 10.0.0.1\ncreate x\n\n") == {}


def test_a_comment_says_nothing_about_its_element() -> None:
    lines = (
        "create s hash:net family inet",
        'add s 10.0.0.0/8 comment "nomatch  wildcard"',
        "add s 10.1.0.0/16 nomatch",
    )
    plain, exception = ipset_save.parse("\n".join(lines))["s"].entries
    assert (plain.nomatch, plain.wildcard, exception.nomatch) == (False, False, True)
